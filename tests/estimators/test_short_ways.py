"""What plain arrays are spared gives what scikit-learn's own checks give."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import unique_labels

from chainrule import MLPClassifier, MLPRegressor
from chainrule.estimators import intake, labels
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, _ = data.classes(2)
TARGETS: dict[str, np.ndarray] = {
    "whole": np.arange(len(X)) % 3 - 1,
    "small": (np.arange(len(X)) % 2 * 5).astype(np.uint8),
    "swapped": (np.arange(len(X)) % 3).astype(">i4"),
    "truth": np.arange(len(X)) % 2 == 1,
    "one": np.zeros(len(X), np.int64),
    "many": np.arange(len(X)),
    "words": np.array(["no", "yes"])[np.arange(len(X)) % 2],
    "rounded": np.arange(len(X)) % 3 * 1.0,
}
ROWS: dict[str, Any] = {
    "double": X,
    "single": X.astype(np.float32),
    "half": X.astype(np.float16),
    "swapped": X.astype(">f8"),
    "columns": np.asfortranarray(X),
    "slice": np.repeat(X, 2, axis=1)[:, ::2],
    "whole": np.round(X).astype(int),
    "list": X.tolist(),
    "nan": np.where(np.arange(X.size).reshape(X.shape) == 5, np.nan, X),
    "huge": np.where(np.arange(X.size).reshape(X.shape) == 5, np.inf, X),
    "flat": X[:, 0],
    "none": X[:0],
    "no column": X[:, :0],
    "too many": np.vstack([X, X]),
}


def told(binarizer: LabelBinarizer) -> dict[str, Any]:
    found = vars(binarizer).copy()
    classes = found.pop("classes_")
    return {**found, "classes": (classes.dtype, classes.tolist())}


@pytest.mark.parametrize("name", TARGETS)
def test_the_reader_of_labels_is_scikit_learns(name: str) -> None:
    found: list[Any] = []
    for read in (labels.reading, LabelBinarizer().fit):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            binarizer = read(TARGETS[name])
        found.append((told(binarizer), {str(one.message) for one in said}))
    assert found[0] == found[1]


def test_classes_that_are_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = np.arange(3), []

    def ask(*told: Any) -> np.ndarray:
        asked.append(told)
        return unique_labels(*told)

    monkeypatch.setattr(labels, "unique_labels", ask)
    for told in (None, range(3), [0, 1, 2], known, known.astype(float)):
        assert labels.first_classes(told, [0], known) is None
    assert not asked
    assert labels.first_classes([2, 1, 0, 1], [0], known) is None
    for other in ([0, 1], [0, 1, 2, 3], [1, 2, 3], ["0", "1", "2"]):
        with pytest.raises(ValueError, match="last call"):
            labels.first_classes(other, [0], known)


def outcome(estimator: Any, rows: Any, y: np.ndarray, reset: bool) -> Any:
    """Return what `checked_pair` returns, or says, and what the estimator knows then."""
    numeric = not estimator.has_classes
    try:
        made, target = intake.checked_pair(estimator, rows, y, numeric, reset)
    except ValueError as error:
        found: Any = (type(error), str(error))
    else:
        kinds = (made.dtype, made.flags.c_contiguous, target.dtype)
        found = (kinds, made.tolist(), target.tolist())
    known = ("n_features_in_", "feature_names_in_", "encoder_")
    return found, {name: getattr(estimator, name, "none") for name in known}


@pytest.mark.parametrize("dtype", ["auto", "float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_checked_rows_are_scikit_learns(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimators = [MLPClassifier(dtype=dtype), MLPRegressor(dtype=dtype)]
    targets = [*TARGETS.values(), np.where(np.arange(len(X)) == 3, np.nan, X[:, 0])]
    cases = [
        (estimator, y, reset, features)
        for estimator, y in [(estimators[0], y) for y in targets] + [(estimators[1], targets[-2])]
        for reset in (True, False)
        for features in (X.shape[1], X.shape[1] + 1)
    ]

    def outcomes() -> list[Any]:
        found: list[Any] = []
        for estimator, y, reset, features in cases:
            estimator.n_features_in_, estimator.encoder_ = features, None
            found.append(outcome(estimator, ROWS[name], y, reset))
        return found

    short = outcomes()
    monkeypatch.setattr(intake, "_is_plain", lambda *_: False)
    assert short == outcomes()


def test_names_of_an_earlier_table_are_forgotten() -> None:
    estimator = MLPRegressor(max_iter=1)
    estimator.feature_names_in_ = np.array(["a", "b"], object)
    estimator.fit(X, X[:, 0])
    assert not hasattr(estimator, "feature_names_in_")


def test_a_parameter_that_is_a_property_is_checked() -> None:
    own = type("Own", (MLPRegressor,), {"alpha": property(lambda _: -1.0, lambda *_: None)})
    with pytest.raises(ValueError, match="alpha is not allowed"):
        own().fit(X, X[:, 0])
