"""Misspelt, missing and odd arguments of the public functions: one clear error, nothing bare."""

from __future__ import annotations

import io
import itertools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, UsageError
from chainrule.glass.marker import Exercise
from chainrule.training.arguments import JSONDocument, clear_arguments, require_array

X = np.random.default_rng(0).normal(size=(12, 3))
Y = X @ [1.0, -1.0, 0.5]
NET = nn.Sequential(nn.Dense(4, "tanh"), nn.Dense(1))
GRADIENTS = {"dW1": np.zeros((3, 1)), "db1": np.zeros(1)}
PARAMETERS = {"W1": np.ones((3, 1)), "b1": np.zeros(1)}


class Odd:
    """Something that cannot even be shown, and whose properties raise."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    @property
    def forward(self) -> Any:
        raise KeyError("no property")


def train(**told: Any) -> Any:
    return cr.train(told.pop("network", NET), told.pop("X", X), told.pop("y", Y), **{
        "loss": "squared_error", "epochs": 1, **told
    })  # fmt: skip


def trace(**told: Any) -> Any:
    return cr.trace(
        told.pop("network", NET), told.pop("X", X), told.pop("y", Y),
        **{"loss": "squared_error", **told},
    )  # fmt: skip


def mark(**told: Any) -> Any:
    told = {"loss": "mse", "X": X, "y": Y, "params": PARAMETERS, **told}
    return cr.mark(told.pop("student", GRADIENTS), told.pop("reference", (3, 1)), **told)


def diagnose(**told: Any) -> Any:
    return cr.diagnose(told.pop("run"))


ODD: dict[str, Any] = {
    "none": None, "three": 3, "minus": -1, "half": 1.5, "word": "no such name", "empty": "",
    "list": [], "dict": {}, "odd": Odd(), "nan": float("nan"), "true": True,
    "array": np.array([1.0, 2.0]), "bytes": b"x", "function": len, "class": object,
    "nones": [None], "record": {"record": "loss/nope"},
}  # fmt: skip
ALLOWED = {
    "train": {
        *itertools.product(("schedule", "note", "trace_steps", "validation", "epochs"), ("none",)),
        *itertools.product(("augment", "clip", "penalties", "metrics"), ("none", "list")),
        *itertools.product(("seed", "checkpoint_every", "batch_size", "epochs"), ("three",)),
        *(("groups", "list"), ("batch_size", "none"), ("seed", "minus"), ("resume", "none")),
        *itertools.product(("record", "shuffle", "restore_best", "train_metrics"), ("true",)),
        *(("clip", "three"), ("clip", "half")),
        *(("stopping", "none"), ("checkpoint", "none"), ("sample_weight", "none")),
        ("checkpoint_every", "none"),
        *(("class_weight", "none"), ("note", "dict"), ("note", "record")),
        *(("observer", "none"), ("observer", "function"), ("observer", "class")),
        *(("on_event", "none"), ("on_event", "function"), ("on_event", "class")),
        *(("validation_share", "none"), ("checkpoint", "word")),
    },
    "trace": {
        *itertools.product(("optimizer", "schedule", "groups", "state", "reduction"), ("none",)),
        *itertools.product(("clip", "penalties"), ("none", "list")),
        *(("sample_weight", "none"), ("groups", "list"), ("state", "dict"), ("seed", "three")),
        *(("seed", "minus"), ("digits", "three"), ("title", "word"), ("title", "empty")),
        *(("clip", "three"), ("clip", "half")),
    },
    "mark": {
        *itertools.product(("output", "reduction", "penalty", "layout", "loss"), ("none",)),
        *itertools.product(("targets", "optimizer", "activation"), ("none",)),
        *(("activation", "list"), ("seed", "three"), ("seed", "minus"), ("student", "class")),
    },
    "diagnose": set[tuple[str, str]](),
}
"""Which odd values an argument takes all the same."""
ARGUMENTS = {
    "train": "network X y loss optimizer schedule penalties clip batch_size epochs validation "
    "validation_share sample_weight class_weight metrics stopping restore_best shuffle seed dtype "
    "reduction groups train_metrics on_event checkpoint checkpoint_every resume observer note "
    "record trace_steps augment",
    "trace": "network X y loss optimizer schedule penalties clip groups sample_weight convention "
    "reduction digits seed state title",
    "mark": "student reference X y params activation loss output reduction penalty layout targets "
    "optimizer seed",
    "diagnose": "run",
}
CALLS: dict[str, Callable[..., Any]] = {
    "train": train, "trace": trace, "mark": mark, "diagnose": diagnose
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "argument"),
    [(name, word) for name, words in ARGUMENTS.items() for word in words.split()],
)
@pytest.mark.filterwarnings("ignore::chainrule.errors.ReferenceEngineWarning")
def test_odd_values_are_refused_by_an_error_of_the_family(
    function: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in ODD.items():
        if (argument, name) in ALLOWED[function]:
            continue
        with pytest.raises(ChainruleError) as caught:
            CALLS[function](**{argument: value})
        assert len(caught.value.what) > 8, (argument, name)
        assert any(caught.value.parts().values()), (argument, name)


INPUTS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "X is missing"),
    "path": ("homes.csv", "X is a text"),
    "pathlib": (Path("homes.csv"), "read the file first"),
    "file": (io.StringIO("1,2"), "read the file first"),
    "generator": ((row for row in X), "list\\(rows\\)"),
    "dict": ({"a": [1.0] * 12}, "X is no array"),
    "set": ({1.0}, "X is no array"),
    "number": (3, "X is no array"),
    "empty": ([], "X is empty"),
    "no rows": (np.zeros((0, 3)), "X is empty"),
    "one axis": (X[:, 0], "reshape"),
    "four axes": (np.zeros((2, 2, 2, 2)), "4 dimension"),
    "words": (np.full((12, 3), "1"), "not made of numbers"),
    "complex": (X + 1j, "not made of numbers"),
    "dates": (np.full((12, 3), "2020-01-01", "M8[D]"), "not made of numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], "differ in length"),
    "missing": (np.where(np.arange(36).reshape(12, 3) == 10, np.nan, X), "row 3, column 1"),
    "huge": ([[10**400] * 3] * 12, "row 0, column 0"),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("function", [train, trace], ids=["train", "trace"])
def test_inputs_that_are_none_are_called_what_they_are(function: Any, name: str) -> None:
    value, words = INPUTS[name]
    with pytest.raises(DataError, match=words):
        function(X=value)


def test_a_tensor_that_numpy_cannot_read() -> None:
    class Tensor:
        requires_grad = True
        device = types.SimpleNamespace(type="cuda")

        def detach(self) -> Any:
            return X

    with pytest.raises(DataError, match=r"X\.detach\(\)\.cpu\(\)\.numpy\(\)"):
        train(X=Tensor())
    with pytest.raises(DataError, match=r"y\.detach\(\)\.cpu\(\)\.numpy\(\)"):
        trace(y=Tensor())
    Tensor.requires_grad, Tensor.device.type = False, "cpu"
    with pytest.raises(DataError, match="X is no array"):
        require_array(Tensor())


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ([nn.Dense(2), nn.Dense(1)], r"nn\.Sequential\(Dense"),
        (nn.Dense, r"call it: Dense\(\.\.\.\)"),
        (nn.ReLU, r"call it: ReLU\(\.\.\.\)"),
        ("denes", "dense"),
    ],
    ids=["list", "layer", "function", "name"],
)
@pytest.mark.parametrize("function", [train, trace], ids=["train", "trace"])
def test_what_looks_like_a_network(function: Any, network: Any, words: str) -> None:
    with pytest.raises(InvalidParameterError if network != "denes" else ValueError, match=words):
        function(network=network)


def test_a_model_is_no_network_but_can_be_traced() -> None:
    run = train()
    with pytest.raises(InvalidParameterError, match=r"model\.plan\.network"):
        train(network=run.model)
    assert train(network=run.model.plan.network).stop_reason == "epochs"
    assert cr.trace(run, X, Y).check()
    with pytest.raises(cr.errors.ShapeError, match="the columns that the model was trained on"):
        cr.trace(run.model, X[:, :2], Y)


def test_classes_in_the_place_of_records() -> None:
    with pytest.raises(InvalidParameterError, match=r"call it: Adam\(\.\.\.\)"):
        train(optimizer=cr.Adam)
    with pytest.raises(InvalidParameterError, match=r"call it: Huber\(\.\.\.\)"):
        trace(loss=cr.Huber)
    with pytest.raises(InvalidParameterError, match=r"Stopping\(patience=5\)"):
        train(stopping=5)
    with pytest.raises(InvalidParameterError, match="an instance of Stopping"):
        train(stopping=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cr.train(NET, X, Y, loss="mse", epoch=3), "did you mean epochs"),
        (lambda: cr.train(NET, X, Y, loss="mse", lr=0.1), "train has no argument 'lr'"),
        (lambda: cr.train(NET, X, Y), "train needs the argument loss"),
        (lambda: cr.train(NET, loss="mse"), "train needs the argument X"),
        (lambda: cr.train(NET, X, Y, "mse"), r"takes 3 arguments by position[\s\S]*loss=\.\.\."),
        (lambda: cr.train(NET, X, X=X, loss="mse"), "given twice: X"),
        (lambda: cr.trace(NET, X, Y, loss="mse", convntion="rows"), "did you mean convention"),
        (lambda: cr.trace(NET, X), "trace needs the argument y"),
        (lambda: cr.mark(), "mark needs the argument student"),
        (lambda: cr.mark(GRADIENTS, (3, 1), X, Y), "takes 2 arguments by position"),
        (lambda: mark(actvation="tanh"), "did you mean activation"),
        (lambda: mark(nonsense=None), "mark has no argument 'nonsense'"),
        (lambda: mark(reference={"network": (3, 1), "lss": "mse"}), "did you mean loss"),
        (lambda: cr.diagnose(), "diagnose needs the argument run"),
        (lambda: cr.diagnose(rum=1), "did you mean run"),
    ],
)
def test_misspelt_and_missing_arguments(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_an_error_within_is_left_as_it_is() -> None:
    """What a function of the user raises is his: it ends the run as it was raised."""

    def listener(event: Any) -> None:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        train(on_event=listener)
    with pytest.raises(TypeError, match="no len"):
        train(on_event=len)

    @clear_arguments
    def inner(a: int) -> int:
        return (lambda: a)(1)  # type: ignore[call-arg]

    with pytest.raises(TypeError, match="takes 0 positional"):
        inner(3)
    assert inner.__name__ == "inner"


def test_a_run_without_a_recording_and_what_is_no_run() -> None:
    run = train()
    for one in (run, run.model):
        with pytest.raises(UsageError, match="record=True"):
            cr.diagnose(one)
    with pytest.raises(UsageError, match="this is no run"):
        cr.diagnose(3)


def test_notes_are_json(tmp_path: Path) -> None:
    rule = JSONDocument()
    assert rule.accepts({"a": [1, {"b": None}]})
    assert not any(rule.accepts(value) for value in rule.bad_values())
    with pytest.raises(InvalidParameterError, match="as JSON knows them"):
        train(note={"a": object()}, checkpoint=tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


# What a learner hands in.


def test_gradients_that_are_no_numbers_and_data_that_does_not_fit() -> None:
    for bad in ("abc", X + 1j, Odd(), b"x", np.full((3, 1), "a")):
        with pytest.raises(DataError, match="gradients, dW1"):
            mark(student={**GRADIENTS, "dW1": bad})
        with pytest.raises(DataError, match="params, W1"):
            mark(params={**PARAMETERS, "W1": bad})
    for told in ({"X": X[:, :2]}, {"y": Y[:5]}, {"params": {"W1": np.ones((2, 1))}}):
        with pytest.raises(DataError, match=r"fit no layout[\s\S]*y \("):
            mark(**told)
    with pytest.raises(DataError, match="finite numbers only"):
        mark(X=np.full((12, 3), np.nan))
    with pytest.raises(cr.errors.TargetError, match="differ in length"):
        mark(y=[[1.0, 2.0], [3.0]])
    assert not mark(student={**GRADIENTS, "dW1": np.full((3, 1), np.nan)}).right
    assert not mark(student={**GRADIENTS, "dW1": np.full((3, 1), 10**400, object)}).right


def test_constants_of_a_module_are_checked() -> None:
    wrong: dict[str, Any] = {
        "PENALTY": ("l2",), "NETWORK": "abc", "LEARNING_RATE": "fast", "LAYOUT": 3, "LOSS": 5,
        "ACTIVATION": "tnah", "TARGETS": np.ones(3), "REDUCTION": ["mean"],
    }  # fmt: skip
    for name, value in wrong.items():
        module = types.ModuleType("student")
        held = {"NETWORK": (3, 1), "OPTIMIZER": "sgd", "forward": lambda params, X: X, name: value}
        vars(module).update(held)
        with pytest.raises(ChainruleError):
            cr.mark(module)


def test_whole_numbers_of_numpy_are_widths() -> None:
    assert Exercise((np.int64(3), np.int64(1))).network == (3, 1)
