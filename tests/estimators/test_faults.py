"""Calls that fail: one error of the family, and an estimator as it was before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import NotFittedError

from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import ChainruleError, DataError, InvalidParameterError
from chainrule.nn import Dense
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = data.classes(2)
TEXT: Any = "a word"


class Breaks:
    """An object that cannot say what it holds."""

    def __repr__(self) -> str:
        return "Breaks()"

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise RuntimeError("no array")


class ResultOf:
    """A function of anything that gives back one value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"ResultOf({self.value!r})"

    def __call__(self, *rest: Any) -> Any:
        return self.value


class AfterSomeEvents:
    """A listener that raises."""

    def __init__(self, error: BaseException) -> None:
        self.left, self.error = 4, error

    def __call__(self, event: object) -> None:
        self.left -= 1
        if not self.left:
            raise self.error


def with_(position: Any, value: Any) -> np.ndarray:
    """Return X with one other cell."""
    changed = X.astype(object)
    changed[position] = value
    return changed


BAD_DATA: dict[str, tuple[Any, Any]] = {
    "a gap": (np.where(X > 1, np.nan, X), LABELS),
    "too large": (np.where(X > 1, np.inf, X), LABELS),
    "words": (np.full(X.shape, "twelve"), LABELS),
    "a dict in a cell": (with_((0, 0), {"a": 1}), LABELS),
    "a dict": ({"a": 1}, LABELS),
    "one column": (X[:, 0], LABELS),
    "three dimensions": (X[:, :, None], LABELS),
    "no rows": (X[:0], LABELS[:0]),
    "no features": (X[:, :0], LABELS),
    "complex": (X + 0j, LABELS),
    "ragged": ([[1.0, 2.0], [3.0]], [0, 1]),
    "structured": (np.zeros(90, dtype=[("a", float)]), LABELS),
    "durations": (X.astype("m8[D]"), LABELS),
    "dates": (np.datetime64("2020-01-01") + X.astype("m8[D]"), LABELS),
    "too few labels": (X, LABELS[:9]),
    "no labels": (X, None),
    "labels of two kinds": (X, np.array([1, "a"], dtype=object)[LABELS]),
    "a label is missing": (X, np.array([1, None], dtype=object)[LABELS]),
    "bytes": (X, np.array([b"a", b"b"])[LABELS]),
    "fractions": (X, LABELS + 0.5),
    "a number": (X, 3),
    "too large a number": (with_((0, 0), 10**400), LABELS),
    "an object that breaks": (Breaks(), LABELS),
    "labels that break": (X, Breaks()),
}
if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7):
    del BAD_DATA["bytes"]  # taken for labels, with a warning that this ends


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_give_an_error_of_the_family(case: str) -> None:
    rows, labels = BAD_DATA[case]
    with pytest.raises(DataError):
        MLPClassifier(max_iter=1).fit(rows, labels)
    with pytest.raises(DataError):
        MLPClassifier(max_iter=1).partial_fit(rows, labels, classes=[0, 1])
    if labels is LABELS:
        fitted = MLPClassifier(max_iter=1).fit(X, LABELS)
        with pytest.raises(DataError):
            fitted.predict(rows)


def test_kinds_are_type_errors_too() -> None:
    """scikit-learn's contract asks for them."""
    with pytest.raises(TypeError, match="argument must be"):
        MLPClassifier().fit(*BAD_DATA["a dict in a cell"])


@pytest.mark.parametrize(
    "parameters",
    [
        {"random_state": -1},
        {"random_state": 2**32},
        {"random_state": TEXT},
        {"scoring": "no such scorer", "early_stopping": True},
        {"hidden_layer_sizes": Breaks()},
        {"hidden_layer_sizes": (10**12,)},
        {"hidden_layer_sizes": (10**40,)},
        {"network": 3},
        {"network": Dense},
        {"network": ResultOf(None)},
        {"scoring": "no such scorer"},
        {"scoring": "accurate", "early_stopping": True},
        {"scoring": "r2 ", "solver": "lbfgs"},
    ],
    ids=str,
)
def test_bad_parameters_give_an_error_of_the_family(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        MLPClassifier(**parameters).fit(X, LABELS)
    assert caught.value.where
    assert len(str(caught.value)) < 600


def test_a_scorer_that_does_not_fit() -> None:
    model = MLPRegressor(scoring="roc_auc", early_stopping=True)
    with pytest.raises(InvalidParameterError, match="cannot score this MLPRegressor") as caught:
        model.fit(X, X[:, 0])
    assert "predict_proba" in caught.value.got


def test_what_an_own_scorer_raises_is_its_own() -> None:
    def score(*rows: Any) -> float:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        MLPRegressor(scoring=score, early_stopping=True).fit(X, X[:, 0])
    assert not isinstance(caught.value, ChainruleError)


def test_why_there_is_no_partial_fit() -> None:
    model = MLPRegressor(solver="lbfgs")
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'") as caught:
        model.partial_fit(X, X[:, 0])
    assert "only available for stochastic optimizers" in str(caught.value.__cause__)


@pytest.mark.parametrize("score", [None, "high", np.zeros(3), 1j, 10**400], ids=str)
def test_a_scorer_that_gives_no_number(score: Any) -> None:
    model = MLPClassifier(scoring=lambda *rows: score)
    with pytest.raises(InvalidParameterError, match="no number"):
        model.fit(X, LABELS, X_val=X, y_val=LABELS)


def test_too_large_a_weight() -> None:
    with pytest.raises(DataError):
        MLPClassifier().fit(X, LABELS, sample_weight=10**400)


def test_too_few_rows_to_split() -> None:
    with pytest.raises(DataError, match="n_samples=1"):
        MLPRegressor(early_stopping=True).fit(X[:1], LABELS[:1])


def test_short_of_memory() -> None:
    told = AfterSomeEvents(MemoryError("Unable to allocate 9 GiB"))
    with pytest.raises(ChainruleError, match="not enough memory") as caught:
        MLPClassifier(on_event=told).fit(X, LABELS)
    assert "9 GiB" in caught.value.got


WAYS: dict[str, dict[str, Any]] = {
    "a listener raises": {"on_event": AfterSomeEvents(RuntimeError("enough"))},
    "a listener leaves": {"on_event": AfterSomeEvents(SystemExit())},
    "a listener of lbfgs": {"solver": "lbfgs", "on_event": AfterSomeEvents(StopIteration())},
    "diverged": {"solver": "sgd", "learning_rate_init": 1e300},
    "bad scorer": {"scoring": "no such scorer", "early_stopping": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_call_that_fails_changes_nothing(way: str) -> None:
    """Classes and features of new rows beside the old weights would predict nonsense."""
    model = MLPClassifier(hidden_layer_sizes=4, max_iter=5, random_state=0).fit(X, LABELS)
    before = model.predict_proba(X)
    attributes = {key: value for key, value in vars(model).items() if key.endswith("_")}
    model.set_params(**WAYS[way])
    with pytest.raises((Exception, SystemExit)):
        model.fit(X[:, :3], np.array([*"abc"] * 30))
    assert {key for key in vars(model) if key.endswith("_")} == set(attributes)
    assert all(getattr(model, key) is value for key, value in attributes.items())
    assert np.array_equal(model.predict_proba(X), before)


def test_bad_rows_between_good_ones_leave_no_trace() -> None:
    """The generator of the orders stands where it stood, too."""
    models = [MLPClassifier(4, batch_size=8, random_state=0) for _ in range(2)]
    for model in models:
        model.partial_fit(X, LABELS, classes=[0, 1])
    interrupted = models[1].set_params(on_event=AfterSomeEvents(RuntimeError("enough")))
    interrupted.on_event.left = 2  # the order is drawn, the epoch done
    with pytest.raises(RuntimeError):
        interrupted.partial_fit(X, LABELS)
    interrupted.set_params(on_event=None)
    with pytest.raises(DataError):
        interrupted.partial_fit(X, LABELS + 1)
    for model in models:
        model.partial_fit(X, LABELS)
    assert np.array_equal(models[0].coefs_[0], models[1].coefs_[0])


def test_what_never_succeeded_is_not_fitted() -> None:
    seen = []

    def look(event: object) -> None:
        with pytest.raises(NotFittedError):
            model.predict(X)
        seen.append(event)
        raise RuntimeError("enough")

    model = MLPClassifier(on_event=look)
    with pytest.raises(RuntimeError):
        model.fit(X, LABELS)
    assert seen
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(NotFittedError):
        model.to_model()
