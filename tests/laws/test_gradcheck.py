"""The public gradient check: what it finds, what it says, what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    ChainruleError,
    DataError,
    InvalidParameterError,
    ShapeError,
    TargetError,
    UsageError,
)
from chainrule.glass import gradcheck
from chainrule.glass.comparison import compare
from chainrule.glass.op_point import op_point
from chainrule.maths.activation import ACTIVATIONS
from chainrule.ops.activate import Activate
from chainrule.ops.affine import Affine
from chainrule.streams import Stream

X = Stream(0, "X").normal((6, 3))
LABELS = np.array([0, 1, 2, 1, 0, 2])
SMOOTH = nn.Sequential(nn.Dense(4, "tanh"), nn.BatchNorm(), nn.Dropout(0.3), nn.Dense(3))
SKIP = nn.Residual(nn.Dense(4), nn.ReLU())
BENT = nn.Sequential(nn.Dense(4, "relu"), nn.LayerNorm(), SKIP, nn.Dense(3))
LOSS = "softmax_cross_entropy"


@pytest.mark.parametrize("network", [SMOOTH, BENT], ids=["smooth", "bent"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_right_gradients_pass(
    network: nn.Layer, full: bool, training: bool, reduction: Any
) -> None:
    report = gradcheck(
        network,
        X,
        LABELS,
        LOSS,
        penalties=("l2", "l1"),
        sample_weight=np.arange(6.0),
        reduction=reduction,
        training=training,
        full=full,
    )
    assert report, str(report)
    assert report.method == ("complex" if network is SMOOTH else "central")
    assert report.error <= report.tolerance == (1e-11 if network is SMOOTH else 1e-7)
    names = [check.tensor for check in report.tensors]
    assert names[-1] == "X"
    assert "dense_1.W" in names
    counts = {check.tensor: check.checks for check in report.tensors}
    assert counts["dense_1.W"] == (12 if full else 1)


@pytest.mark.parametrize("seed", range(5))
def test_both_methods_agree(seed: int) -> None:
    for method in ("complex", "central"):
        assert gradcheck(SMOOTH, X, LABELS, LOSS, seed=seed, method=method).passed


def test_the_package_exports_it() -> None:
    assert cr.gradcheck(SMOOTH, X, LABELS, loss=LOSS).passed


def test_a_wrong_gradient_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Affine.backward

    def wrong(self: Affine, *arguments: Any) -> dict[str, Any]:
        gradients = right(self, *arguments)
        return {**gradients, "b": 1.001 * gradients["b"]}

    monkeypatch.setattr(Affine, "backward", wrong)
    for full in (False, True):
        report = gradcheck(SMOOTH, X, LABELS, LOSS, full=full)
        assert not report
        assert not report.passed
        failed = {check.tensor for check in report.tensors if not check.passed}
        assert failed == {"dense_1.b", "dense_2.b"}
        assert report.worst.tensor in failed
        assert "FAILED" in str(report)


def test_a_gradient_that_is_not_a_number_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Affine.backward

    def wrong(self: Affine, *arguments: Any) -> dict[str, Any]:
        return {**right(self, *arguments), "b": np.full(self.units, np.nan)}

    monkeypatch.setattr(Affine, "backward", wrong)
    report = gradcheck(SMOOTH, X, LABELS, LOSS)
    assert not report.passed
    assert np.isnan(report.error)
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_report_reads_as_a_table_and_as_a_document() -> None:
    report = gradcheck(SMOOTH, X, LABELS, LOSS)
    text = str(report)
    for word in ("passed", "complex step", "training", "tensor", "dense_1.W", "(3, 4)", "total"):
        assert word in text
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["passed"] is True
    assert [row["tensor"] for row in document["tensors"]] == [
        check.tensor for check in report.tensors
    ]


def test_a_point_on_a_corner_is_moved_and_told() -> None:
    network = nn.Sequential(nn.ReLU(), nn.Dense(3))
    report = gradcheck(network, np.zeros((6, 3)), LABELS, LOSS)
    assert report.passed
    assert report.attempts == 2
    assert report.corners == ()
    assert "moved off corners" in str(report)


def test_weights_on_a_corner_are_moved() -> None:
    network = nn.Dense(1)
    weights = np.array([1.0, 0.0, 0.0, 0.0])
    report = gradcheck(network, X, X[:, 0], "absolute_error", weights=weights)
    assert report.passed
    assert report.attempts == 2


def test_on_a_corner_that_is_not_left_one_side_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    on_corner = {"Z": np.array([[0.0, 1.5, -0.7]])}
    relu = Activate(ACTIVATIONS.make("relu"))
    comparison = compare(op_point(relu, on_corner, training=True), "central")
    assert comparison.corners == ("activate.Z",)
    assert comparison.total.passed
    monkeypatch.setattr(
        type(relu.function), "slope", lambda self, Z, H: np.where(H > 0, 1.0, np.where(Z < 0, 0, 2))
    )
    assert not compare(op_point(relu, on_corner, training=True), "central").total.passed


def test_the_given_weights_are_checked() -> None:
    network = nn.Dense(1)
    report = gradcheck(network, X, X[:, 0], "squared_error", weights=np.array([1.0, 0.0, 0.0, 0.0]))
    assert report.objective == pytest.approx(0.0, abs=1e-30)
    assert report.passed


def test_codes_do_not_move() -> None:
    codes = np.array([[0, 1], [2, 0], [1, 1], [2, 2]])
    embedded = nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Dense(1))
    report = gradcheck(embedded, codes, np.arange(4.0), "squared_error", full=True)
    assert report.passed
    assert "X" not in [check.tensor for check in report.tensors]
    mixed = nn.Concat(nn.Columns(0), nn.Sequential(nn.Columns(1), nn.Embedding(3, 2), nn.Flatten()))
    table = np.column_stack([np.array([0.3, -1.2, 0.8, 0.1]), codes[:, 1]])
    for method in ("complex", "central"):
        report = gradcheck(
            nn.Sequential(mixed, nn.Dense(1)),
            table,
            np.arange(4.0),
            "squared_error",
            full=True,
            method=method,
        )
        assert report.passed
        assert {check.tensor: check.checks for check in report.tensors}["X"] == 4


def test_sequences_and_several_targets() -> None:
    network = nn.Sequential(nn.TransformerBlock(2, dropout=0.2), nn.Flatten(), nn.Dense(2))
    sequences = Stream(0, "S").normal((3, 2, 4))
    assert gradcheck(network, sequences, Stream(0, "Y").normal((3, 2)), "squared_error").passed
    two = nn.Dense(4)
    assert gradcheck(two, X, Stream(0, "Y").normal((6, 2)), "gaussian_nll").passed


def test_numbers_of_every_real_kind_are_taken() -> None:
    expected = gradcheck(SMOOTH, np.ones((6, 3)), LABELS, LOSS, sample_weight=np.ones(6))
    for ones in (
        np.ones((6, 3), bool),
        np.ones((6, 3), np.float16),
        [[1, True, 1.0]] * 6,
        np.full((6, 3), Fraction(1), dtype=object),
        np.full((6, 3), Decimal(1), dtype=object),
    ):
        column = np.asarray(ones)[:, 0]
        report = gradcheck(SMOOTH, ones, LABELS, LOSS, sample_weight=column)
        assert report.to_dict() == expected.to_dict()


def test_missing_classes_are_counted_from_the_output() -> None:
    assert gradcheck(nn.Dense(5), X, LABELS, LOSS).passed


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"X": X[:, :, None, None]}, ShapeError, "table"),
        ({"X": [["a", "b"]]}, DataError, "numbers"),
        ({"X": np.full((6, 3), np.inf)}, DataError, "finite"),
        ({"X": np.zeros((0, 3))}, ShapeError, "row"),
        ({"y": LABELS[:4]}, TargetError, "rows"),
        ({"y": np.array([0, 1, 2, 3, 0, 1])}, TargetError, "class number"),
        ({"loss": "no such loss"}, ChainruleError, "no loss"),
        ({"loss": "squared_error"}, TargetError, "columns"),
        ({"sample_weight": [1.0]}, ShapeError, "weight"),
        ({"sample_weight": -np.ones(6)}, DataError, "negative"),
        ({"reduction": "median"}, InvalidParameterError, "reduction"),
        ({"method": "magic"}, InvalidParameterError, "method"),
        ({"weights": np.zeros(3)}, ShapeError, "weights"),
        ({"network": BENT, "method": "complex"}, UsageError, "relu_1"),
        ({"penalties": "spectral", "method": "complex"}, UsageError, "penalty spectral"),
        ({"weights": np.full(39, 1e308)}, DataError, "finite"),
        ({"seed": "0"}, InvalidParameterError, "seed"),
        ({"seed": 1.5}, InvalidParameterError, "seed"),
        ({"seed": None}, InvalidParameterError, "seed"),
        ({"seed": True}, InvalidParameterError, "seed"),
        ({"training": "no"}, InvalidParameterError, "training"),
        ({"training": 1}, InvalidParameterError, "training"),
        ({"full": np.ones(2)}, InvalidParameterError, "full"),
        ({"method": np.array(["auto", "auto"])}, InvalidParameterError, "method"),
        ({"method": None}, InvalidParameterError, "method"),
        *(
            ({name: values}, DataError, name)
            for name, size in (("sample_weight", 6), ("weights", 39), ("X", 6))
            for values in (
                [[1.0], [1.0, 2.0]],
                ["1"] * size,
                np.full(size, 1j),
                np.full(size, 1.0 + 2.0j, dtype=object),
                np.full(size, np.complex128(1.0 + 2.0j), dtype=object),
                np.full(size, "1", dtype=object),
                np.zeros(size, "datetime64[s]"),
                np.zeros(size, "timedelta64[s]"),
                [None] * size,
                [10**400] * size,
                {"a": 1.0},
            )
        ),
        ({"X": X + 0.0j}, DataError, "real"),
        ({"y": LABELS + 1j}, TargetError, "y"),
    ],
)
def test_mistakes_are_explained(
    changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    arguments: dict[str, Any] = {"network": SMOOTH, "X": X, "y": LABELS, "loss": LOSS, **changes}
    with pytest.raises(error) as raised:
        gradcheck(**arguments)
    assert words in str(raised.value)
