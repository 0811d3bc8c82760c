"""The marker: what it says of right programs, of mutants, of gradients, of the unknown."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine import ReferenceEngine, Rows
from chainrule.errors import DataError, InvalidParameterError, UsageError
from chainrule.glass.marker import KINDS, Exercise, mark
from chainrule.glass.marker.exercise import Convention
from chainrule.glass.marker.kinds import all_hypotheses
from chainrule.glass.marker.points import make_point, make_points, square_points
from chainrule.glass.marker.search import Case, Judge, predicted
from chainrule.glass.marker.textbook import gradients, run_pass
from chainrule.nn import Activation, Dense, Sequential
from chainrule.plan import make_plan
from tests.glass.marker_mutants_more import MUTATIONS
from tests.glass.marker_rights import STYLES, write_style
from tests.glass.marker_sources import Setting, draw_setting, write_program
from tools.proof_marker import differs, mark_mutant, mark_right, namespace

NOTE_CLASS = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class SimpleNN:
    def __init__(self, inputs, hidden, outputs, lr=0.1):
        self.W1 = np.random.randn(hidden, inputs)
        self.b1 = np.zeros((hidden, 1))
        self.W2 = np.random.randn(outputs, hidden)
        self.b2 = np.zeros((outputs, 1))
        self.lr = lr

    def forward(self, X):
        self.a1 = sigmoid(self.W1 @ X + self.b1)
        self.a2 = sigmoid(self.W2 @ self.a1 + self.b2)
        return self.a2

    def backward(self, X, y):
        m = X.shape[1]
        dz2 = self.a2 - y
        dW2, db2 = dz2 @ self.a1.T / m, dz2.sum(axis=1, keepdims=True) / m
        dz1 = self.W2.T @ dz2 * self.a1 * (1 - self.a1)
        dW1, db1 = dz1 @ X.T / m, dz1.sum(axis=1, keepdims=True) / m
        self.W2 -= self.lr * dW2
        self.b2 -= self.lr * db2
        self.W1 -= self.lr * dW1
        self.b1 -= self.lr * db1
"""
"""The class of the course notes, whose gradient is cross-entropy's while it reports squares."""


@pytest.mark.parametrize(
    ("loss", "output", "penalty"),
    [
        ("squared_error", "identity", None),
        ("binary_cross_entropy", "sigmoid", "l2"),
        ("softmax_cross_entropy", "softmax", "l1"),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_textbook_step_is_the_reference_engine_s(
    loss: str, output: str, penalty: str | None, reduction: Any
) -> None:
    exercise = Exercise((3, 4, 5, 2), ("tanh", "softplus"), loss, output, reduction, penalty)
    point = make_point(exercise, 6, seed=1)
    layers = [Dense(4), Activation("tanh"), Dense(5), Activation("softplus"), Dense(2)]
    penalties = () if penalty is None else (penalty,)
    plan = make_plan(Sequential(*layers), (3,), loss, 2, penalties=penalties, reduction=reduction)
    engine = ReferenceEngine(plan, "float64")
    buffers = engine.buffers(0)
    tensors = {f"dense_{n}.{r}": getattr(point, r)[n] for n in (1, 2, 3) for r in "Wb"}
    buffers.weights = plan.parameters.pack(tensors, np.float64)
    truth = plan.parameters.views(engine.evaluate(buffers, Rows(point.X, point.Y)).gradient)
    step = run_pass(point, Convention(reduction))
    assert step is not None
    for name, value in gradients(step).items():
        np.testing.assert_allclose(value, truth[f"dense_{name[1:]}.{name[0]}"], rtol=1e-12)


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "tanh"])
def test_the_textbook_step_is_the_derivative_where_loss_and_output_do_not_match(
    output: str,
) -> None:
    exercise = Exercise((2, 3, 2), "sigmoid", "mse", output)
    point = make_point(exercise, 4, seed=3)
    step = run_pass(point, Convention())
    assert step is not None

    def loss() -> float:
        moved = run_pass(point, Convention())
        assert moved is not None
        return float(np.sum((moved.P - point.Y) ** 2)) / 4

    for index in np.ndindex(2, 3):
        values = []
        for sign in (1, -1):
            point.W[1][index] += sign * 1e-6
            values.append(loss())
            point.W[1][index] -= sign * 1e-6
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(step.dW[1][index], rel=1e-6)


def test_there_are_enough_kinds_and_each_teaches() -> None:
    assert len(KINDS) >= 40
    for kind in KINDS.values():
        assert kind.says
        assert kind.teaches.endswith(".")
        assert kind.wrong != kind.right


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_each_mutation_gets_its_kind(name: str) -> None:
    for attempt in range(300):
        draw = Random(f"test/{name}/{attempt}")
        found = MUTATIONS[name](draw_setting(draw), draw)
        if found is not None and differs(found[0], attempt):
            break
    else:
        pytest.fail("no setting has a place for this mutation")
    marked = mark_mutant(name, *found, seed=7)
    assert set(marked.kinds) == {marked.expected}, marked.source
    assert marked.layer


@pytest.mark.parametrize("task", ["mse", "mse_sigmoid", "mse_softmax", "bce", "cce"])
@pytest.mark.parametrize("layout", ["rows", "columns", "torch"])
def test_right_programs_are_right(task: str, layout: str) -> None:
    outputs = 1 if task == "bce" else 3
    for number in range(3):
        setting = Setting(
            (2, 4, outputs), ("tanh",), task, layout, ("mean", "sum")[number % 2],
            longhand=number == 1, share_late=number == 2, with_loss=number != 1,
            single=number == 2, penalty=0.05 * number,
        )  # fmt: skip
        verdict = mark_right(write_program(setting).source(), setting, number, number == 0)
        assert verdict.right, str(verdict)
        assert verdict.layout.startswith(
            f"samples are {'columns' if layout == 'columns' else 'rows'}"
        )


@pytest.mark.parametrize("style", sorted(STYLES))
def test_right_programs_of_other_styles_are_right(style: str) -> None:
    draw = Random(style)
    setting = draw_setting(draw, "cce" if style == "labels" else "bce")
    verdict = mark_right(write_style(style, setting, draw), setting, 3, open_choices=True)
    assert verdict.right, str(verdict)


def test_the_class_of_the_notes() -> None:
    network = namespace(NOTE_CLASS)["SimpleNN"]
    squares = mark(network, (2, 4, 1), loss="mse", output="sigmoid", reduction="mean")
    assert squares.kinds == ("slope_missing",)
    assert squares.findings[0].place.startswith("layer 2")
    assert mark(network, (2, 4, 1), loss="bce", reduction="mean").right


def test_two_mistakes_are_both_named() -> None:
    setting = Setting((3, 4, 5, 2), ("tanh", "tanh"), "cce", "columns")
    program = write_program(setting)
    program = program.changed(b_dZ1="dZ1 = dH1", b_db3="db3 = dZ3.mean(axis=1, keepdims=True)")
    verdict = mark(namespace(program.source()), setting.widths, **setting.stated())
    assert set(verdict.kinds) == {"slope_missing", "bias_averaged"}
    assert all(finding.after is not None and finding.after < 1e-9 for finding in verdict.findings)


def test_what_it_does_not_know_it_does_not_name() -> None:
    setting = Setting((3, 4, 5, 2), ("tanh", "tanh"), "cce", "rows")
    program = write_program(setting).changed(b_dZ2="dZ2 = np.sin(dH2) * np.cos(3 * Z2) + 0.2 * H2")
    verdict = mark(namespace(program.source()), setting.widths, **setting.stated())
    assert verdict.kinds == ()
    assert not verdict.right
    assert [mark.status for mark in verdict.tensors] == ["right", *["wrong"] * 4, *["right"] * 2]
    assert "from dZ3 to dZ2" in verdict.findings[0].says


def test_a_hypothesis_explains_itself() -> None:
    exercise = Exercise((3, 4, 5, 2), "tanh", "mse", output="softmax")
    points = (*make_points(exercise, 0), *square_points(exercise, 1))
    hypotheses = all_hypotheses(exercise)
    named = 0
    chosen = [hypothesis for hypothesis in hypotheses if hypothesis.fitted is None][::12]
    for hypothesis in chosen:
        given = [(p, predicted(Case(p, {}), Convention(), hypothesis.changes)) for p in points]
        cases = [Case(point, tensors) for point, tensors in given if tensors]
        judge = Judge(cases, exercise, 1e-6, hypotheses=list(hypotheses))
        explanation = judge.explain([Convention()], "singles")
        assert explanation is not None
        kinds = {mistake.kind.name for mistake in explanation.mistakes}
        named += hypothesis.kind.name in kinds or not kinds
    assert named >= 0.9 * len(chosen)


def _gradients(columns: bool = False) -> dict[str, Any]:
    """Return data, parameters and right gradients of a small network."""
    draw = np.random.default_rng(4)
    X, y = draw.normal(size=(6, 3)), draw.normal(size=(6, 1))
    W1, b1, W2, b2 = (draw.normal(size=s) for s in ((3, 4), (4,), (4, 1), (1,)))
    H = np.tanh(X @ W1 + b1)
    dZ2 = (H @ W2 + b2 - y) / 6
    dZ1 = dZ2 @ W2.T * (1 - H**2)
    grads = {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": H.T @ dZ2, "db2": dZ2.sum(0)}
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    if columns:
        X, y = X.T, y.T
        grads = {name: value.T for name, value in grads.items()}
        params = {name: value.T for name, value in params.items()}
    return {"grads": grads, "X": X, "y": y, "params": params}


@pytest.mark.parametrize("columns", [False, True])
def test_gradients_alone(columns: bool) -> None:
    held = _gradients(columns)
    grads = held.pop("grads")
    stated = {"activation": "tanh", "loss": "half_mse", "reduction": "mean"}
    assert cr.mark(grads, (3, 4, 1), **held, **stated).right
    assert cr.mark({"layer1": {"dW": grads["dW1"], "db": grads["db1"]},
                    "layer2": {"dW": grads["dW2"], "db": grads["db2"]}},
                   (3, 4, 1), **held, **stated).right  # fmt: skip
    flipped = {name: -value for name, value in grads.items()}
    assert cr.mark(flipped, (3, 4, 1), **held, **stated).kinds == ("sign",)
    partly = {**grads, "db1": grads["db1"] / 6}
    verdict = cr.mark(partly, (3, 4, 1), **held, **stated)
    assert verdict.kinds == ("bias_averaged",)
    assert verdict.findings[0].place.startswith("layer 1")


def test_what_gradients_alone_cannot_tell_is_said() -> None:
    held = _gradients()
    grads = {name: 2 * value for name, value in held.pop("grads").items()}
    verdict = cr.mark(
        grads, (3, 4, 1), activation="tanh", loss="half_mse", reduction="mean", **held
    )
    named = {*verdict.kinds, *verdict.findings[0].also}  # N = 6 over 3 inputs is 2 as well
    assert named == {"divided_by_wrong_number", "loss_factor", "accumulated"}


def test_open_choices_are_followed_and_said() -> None:
    held = _gradients()
    grads = {name: 12 * value for name, value in held.pop("grads").items()}
    verdict = cr.mark(grads, (3, 4, 1), activation="tanh", loss="mse", **held)
    assert verdict.right
    assert verdict.convention == "sum over the rows, squares as they are"


def test_a_reported_loss_binds_the_gradient() -> None:
    setting = Setting((3, 4, 1), ("tanh",), "mse", "rows", with_loss=True)
    program = write_program(setting)
    open_task = {"activation": "tanh", "loss": "mse"}
    assert mark(namespace(program.source()), (3, 4, 1), **open_task).right
    summed = program.changed(l_return="return np.sum((yhat - y) ** 2)")
    verdict = mark(namespace(summed.source()), (3, 4, 1), **open_task)
    assert verdict.kinds == ("divided_though_summed",)


def test_code_that_stops_is_shown_with_its_shapes() -> None:
    source = """
import numpy as np
def backward(params, X, y):
    error = X @ params["W1"] + params["b1"] - y
    inner = error.T @ error
    return {"dW1": inner @ X[:1, :1] @ np.ones((7, 2)), "db1": error.sum(axis=0)}
"""
    verdict = mark(namespace(source), (3, 2), loss="mse")
    assert verdict.kinds == ("code_stops",)
    assert "error (" in verdict.findings[0].teaches


def test_random_results_are_not_called_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["chainrule.glass.marker.mark"], "PAIR_SECONDS", 0.5)
    source = """
import numpy as np
def backward(params, X, y):
    return {name: np.random.normal(size=value.shape) for name, value in params.items()}
"""
    assert not mark(namespace(source), (3, 2), loss="mse").right


@pytest.mark.parametrize(
    "rubbish", [None, "text", [1], {"a": lambda: 1}, {"W1": "text"}, {}, 5, object]
)
def test_rubbish_from_backward_is_an_answer_not_a_crash(rubbish: object) -> None:
    verdict = mark({"backward": lambda params, X, y: rubbish}, (3, 4, 1), loss="mse")
    assert not verdict.right
    assert verdict.findings


def test_wrong_calls_are_errors_of_the_family() -> None:
    with pytest.raises(InvalidParameterError, match="nothing to mark"):
        mark(5, (2, 1))
    with pytest.raises(UsageError, match="not stated"):
        mark({"backward": lambda params, X, y: {}})
    with pytest.raises(UsageError, match="only where they were taken"):
        mark({"dW1": np.zeros((2, 1))}, (2, 1))
    with pytest.raises(DataError, match="no name"):
        mark({"foo": np.zeros((2, 1))}, (2, 1), X=np.zeros((3, 2)), y=np.zeros(3),
             params={"W1": np.zeros((2, 1))})  # fmt: skip
    with pytest.raises(InvalidParameterError, match="network"):
        mark({"backward": lambda params, X, y: {}}, (2, 0))
    with pytest.raises(InvalidParameterError, match="probabilities"):
        Exercise((2, 3, 1), "tanh", "bce", "tanh")
    with pytest.raises(InvalidParameterError, match="penalty"):
        Exercise((2, 3, 1), penalty="max_norm")


def test_the_verdict_is_json() -> None:
    import json

    setting = Setting((3, 4, 2), ("relu",), "cce", "rows")
    program = write_program(setting).changed(b_dZ1="dZ1 = dH1")
    verdict = mark(namespace(program.source()), setting.widths, **setting.stated())
    document = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert document["findings"][0]["kind"] == "slope_missing"
    assert "slope" in str(verdict)


def test_the_page_lists_every_kind() -> None:
    from tests.house.tree import ROOT

    page = (ROOT / "docs/marker.md").read_text(encoding="utf-8")
    assert [name for name in KINDS if f"| `{name}` |" not in page] == []


def test_numbers_that_are_not_finite_are_wrong_and_no_crash() -> None:
    def backward(params: Any, X: Any, y: Any) -> Any:
        return {name: np.full(value.shape, np.nan) for name, value in params.items()}

    verdict = mark({"backward": backward}, (3, 4, 1), loss="mse")
    assert {tensor.status for tensor in verdict.tensors} == {"wrong"}
    assert verdict.kinds == ("not_finite",)
