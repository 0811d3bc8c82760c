"""Class weights: scikit-learn's numbers, encoded and soft targets, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from chainrule.errors import InvalidParameterError, ShapeError, TargetError
from chainrule.maths.class_weights import row_weights

LABELS = np.array(["cat", "dog", "dog", "eel", "dog", "cat"])


@pytest.mark.parametrize("rule", ["balanced", {"cat": 2.0, "dog": 0.5}, {"eel": 0}])
def test_labels_weigh_as_in_scikit_learn(rule: Any) -> None:
    np.testing.assert_allclose(row_weights(LABELS, rule), compute_sample_weight(rule, LABELS))


def test_without_a_rule_nothing_is_weighed() -> None:
    assert row_weights(LABELS, None) is None
    np.testing.assert_array_equal(row_weights(LABELS[:2], None, sample_weight=[1, 2]), [1.0, 2.0])


def test_labels_and_encoded_targets_agree() -> None:
    numbers = np.array([0, 1, 1, 2, 1, 0])
    expected = row_weights(numbers, "balanced")
    np.testing.assert_array_equal(row_weights(np.eye(3)[numbers], "balanced"), expected)
    rule = {"cat": 3, "eel": 7}
    np.testing.assert_array_equal(
        row_weights(np.eye(3)[numbers], rule, classes=["cat", "dog", "eel"]),
        row_weights(LABELS, rule),
    )


def test_one_column_is_the_probability_of_the_second_class() -> None:
    Y = np.array([[0.0], [1.0], [1.0], [1.0]])
    np.testing.assert_allclose(row_weights(Y, "balanced"), [2.0, 2 / 3, 2 / 3, 2 / 3])
    np.testing.assert_array_equal(row_weights(Y, {"yes": 5}, classes=["no", "yes"]), [1, 5, 5, 5])
    np.testing.assert_array_equal(row_weights(Y, {1: 5}), [1, 5, 5, 5])


def test_a_sequence_follows_the_order_of_the_classes() -> None:
    for rule in ([1, 2, 3], (1, 2, 3), np.array([1.0, 2.0, 3.0])):
        np.testing.assert_array_equal(row_weights(LABELS, rule), [1, 2, 2, 3, 2, 1])
    np.testing.assert_array_equal(
        row_weights(LABELS, [1, 2, 3], classes=["eel", "dog", "cat"]), [3, 2, 2, 1, 2, 3]
    )


def test_balanced_classes_weigh_the_same_in_total() -> None:
    weights = row_weights(LABELS, "balanced")
    assert weights is not None
    totals = [weights[label == LABELS].sum() for label in ("cat", "dog", "eel")]
    np.testing.assert_allclose(totals, 2.0)
    assert weights.mean() == pytest.approx(1.0)


def test_a_class_without_rows_does_not_disturb_the_balance() -> None:
    np.testing.assert_array_equal(
        row_weights(LABELS, "balanced", classes=["ant", "cat", "dog", "eel"]),
        row_weights(LABELS, "balanced"),
    )


def test_soft_labels_weigh_by_their_shares() -> None:
    np.testing.assert_allclose(row_weights([[0.25, 0.75], [1.0, 0.0]], [2.0, 4.0]), [3.5, 2.0])


def test_sample_weights_multiply() -> None:
    np.testing.assert_allclose(
        row_weights(["a", "b"], {"a": 3.0}, sample_weight=[2.0, 0.5]), [6.0, 0.5]
    )


@pytest.mark.parametrize(
    "labels",
    [[True, False, True], [1.0, 2.0, 1.0], [1, 2, 1], np.array(["x", 3, "x"], dtype=object)],
    ids=str,
)
def test_labels_of_any_type(labels: Any) -> None:
    np.testing.assert_allclose(row_weights(labels, "balanced"), [0.75, 1.5, 0.75])
    first = labels[0]
    np.testing.assert_array_equal(row_weights(labels, {first: 4}), [4, 1, 4])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("balance", "did you mean balanced"),
        ({"cat": -1.0}, r"class_weight\['cat'\]\n  expected: a finite number in \[0, inf\)"),
        ({"cat": np.nan}, "class_weight"),
        ({"cat": "heavy"}, "got:      'heavy'"),
        ({"cta": 2.0}, r"'cta'\n  do:       did you mean cat"),
        ([1.0, 2.0], "one weight for each of"),
        ([1.0, 2.0, -3.0], r"class_weight\['eel'\]"),
        (2.0, "does not fit"),
        ({"cat": 0, "dog": 0, "eel": 0}, "no row to train on"),
    ],
)
def test_bad_rules_are_refused(rule: Any, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        row_weights(LABELS, rule)


def test_bad_targets_are_refused() -> None:
    with pytest.raises(TargetError, match=r"y, row 3\n.*\n  got:      'eel'"):
        row_weights(LABELS, "balanced", classes=["cat", "dog"])
    with pytest.raises(TargetError, match="exclusive classes\n  where:    y, row 1"):
        row_weights([[1.0, 0.0], [1.0, 1.0]], "balanced")
    with pytest.raises(TargetError, match="empty"):
        row_weights([], "balanced")
    with pytest.raises(InvalidParameterError, match="2 labels"):
        row_weights(np.eye(3), "balanced", classes=["a", "b"])


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ([1.0], ShapeError),
        (["a", "b"], ShapeError),
        ([1.0, -1.0], InvalidParameterError),
        ([1.0, np.nan], InvalidParameterError),
    ],
)
def test_bad_sample_weights_are_refused(weights: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="sample_weight"):
        row_weights(["a", "b"], None, sample_weight=weights)
