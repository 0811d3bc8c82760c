"""The same random_state gives scikit-learn's weights, batch by batch and epoch by epoch."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import chainrule as ours
from chainrule.engine import Rows
from chainrule.engine.select import engine_for
from chainrule.estimators.losses import constant_term
from chainrule.estimators.newton import EngineObjective
from chainrule.estimators.plain_objective import PlainObjective
from tests.estimators import data

TOLERANCE = 1e-9
COMMON: dict[str, Any] = {
    "hidden_layer_sizes": (7, 5),
    "batch_size": 32,  # leaves a short last batch, which feels more of alpha
    "max_iter": 200,
    "n_iter_no_change": np.inf,
    "alpha": 0.01,
    "random_state": 3,
}
SOLVERS: dict[str, dict[str, Any]] = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam, other betas": {"solver": "adam", "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.5,
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "n_iter_no_change": 4,
        "tol": 1e-3,
    },
}
TARGETS = {
    "two classes": ("MLPClassifier", lambda: data.classes(2)),
    "three classes": ("MLPClassifier", lambda: data.classes(3)),
    "labels": ("MLPClassifier", data.labels),
    "a number": ("MLPRegressor", data.numbers),
}


def both(name: str, X: Any, y: Any, *rest: Any, **parameters: Any) -> tuple[Any, Any]:
    """Fit both libraries' estimators."""
    fitted = []
    assert getattr(theirs, name).__module__.startswith("sklearn.")
    for library in (theirs, ours):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.append(getattr(library, name)(**parameters).fit(X, y, *rest))
    return fitted[0], fitted[1]


def theirs_has(parameter: str, method: str) -> bool:
    """Say whether the scikit-learn that is installed knows a parameter: 1.6 lacks some."""
    return parameter in inspect.signature(getattr(theirs.MLPRegressor, method)).parameters


def difference(one: Any, other: Any) -> float:
    """Return the largest difference of two estimators' weights."""
    assert one.n_iter_ == other.n_iter_
    assert one.t_ == other.t_
    pairs = zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_after_200_epochs(solver: str, target: str) -> None:
    name, rows = TARGETS[target]
    one, other = both(name, *rows(), **{**COMMON, **SOLVERS[solver]})
    assert difference(one, other) < TOLERANCE
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=TOLERANCE)
    if solver != "adaptive":
        assert other.n_iter_ == 200


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation(activation: str) -> None:
    one, other = both("MLPClassifier", *data.classes(3), **COMMON, activation=activation)
    assert difference(one, other) < TOLERANCE


@pytest.mark.parametrize("shuffle", [True, False])
def test_sample_weights(shuffle: bool) -> None:
    if not theirs_has("sample_weight", "fit"):
        return  # there are no weights to compare with
    X, y = data.classes(3)
    weights = np.random.default_rng(0).uniform(0.1, 3.0, len(y))
    one, other = both("MLPClassifier", X, y, weights, **COMMON, shuffle=shuffle)
    assert difference(one, other) < TOLERANCE
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("MLPClassifier", lambda: data.classes(2, rows=200)),
        ("MLPClassifier", lambda: data.labels(200)),
        ("MLPRegressor", lambda: data.numbers(rows=200)),
    ],
)
def test_early_stopping(name: str, rows: Any) -> None:
    parameters = {**COMMON, "n_iter_no_change": 5, "early_stopping": True}
    one, other = both(name, *rows(), **parameters, learning_rate_init=0.01)
    assert difference(one, other) < TOLERANCE
    np.testing.assert_allclose(one.validation_scores_, other.validation_scores_, atol=TOLERANCE)
    assert one.best_validation_score_ == pytest.approx(other.best_validation_score_)
    assert other.best_loss_ is None
    assert len(other.validation_loss_curve_) == other.n_iter_


def test_patience_ends_in_the_same_epoch() -> None:
    parameters = {**COMMON, "n_iter_no_change": 3, "tol": 1e-2, "max_iter": 500}
    one, other = both("MLPRegressor", *data.numbers(), **parameters, learning_rate_init=0.01)
    assert 3 < other.n_iter_ < 500
    assert difference(one, other) < TOLERANCE
    assert one.best_loss_ == pytest.approx(other.best_loss_, rel=TOLERANCE)


def test_poisson() -> None:
    if not theirs_has("loss", "__init__"):
        return  # there is no other loss
    parameters = {**COMMON, "loss": "poisson"}
    one, other = both("MLPRegressor", *data.counts(), **parameters)
    assert difference(one, other) < TOLERANCE
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-6)
    assert one.out_activation_ == other.out_activation_ == "exp"


def test_several_outputs() -> None:
    """The weights are scikit-learn's; the loss is that whose derivative was followed."""
    X, y = data.numbers(3)
    one, other = both("MLPRegressor", X, y, **{**COMMON, "alpha": 0.0})
    assert difference(one, other) < TOLERANCE
    np.testing.assert_allclose(3 * np.array(one.loss_curve_), other.loss_curve_, rtol=TOLERANCE)


@pytest.mark.parametrize("method", [{"tol": 0.02}, {**SOLVERS["adaptive"], "tol": 1e-2}])
def test_patience_with_several_outputs(method: dict[str, Any]) -> None:
    """`tol` is what the mean over the outputs must gain, though their sum is reported."""
    parameters = {**COMMON, "alpha": 0.0, "n_iter_no_change": 2, **method}
    one, other = both("MLPRegressor", *data.numbers(3), **parameters)
    assert difference(one, other) < TOLERANCE
    assert 2 < other.n_iter_ < 200


@pytest.mark.parametrize("shuffle", [True, False])
def test_poisson_with_weights_and_patience(shuffle: bool) -> None:
    """The reported loss is a mean of the batches' weighted means, constants included."""
    if not (theirs_has("loss", "__init__") and theirs_has("sample_weight", "fit")):
        return  # there is nothing to compare with
    weights = np.random.default_rng(0).uniform(0.1, 3.0, 90)
    parameters = {**COMMON, "loss": "poisson", "shuffle": shuffle, "n_iter_no_change": 5}
    parameters["tol"] = 1e-3
    one, other = both(
        "MLPRegressor", *data.counts(), weights, **parameters, learning_rate_init=0.03
    )
    assert difference(one, other) < TOLERANCE
    assert 5 < other.n_iter_ < 200
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=TOLERANCE)


LBFGS_TASKS = [
    ("MLPClassifier", lambda: data.classes(2), "relu"),
    ("MLPClassifier", lambda: data.classes(3), "tanh"),
    ("MLPClassifier", data.labels, "logistic"),
    ("MLPRegressor", data.numbers, "tanh"),
    ("MLPRegressor", data.numbers, "relu"),
    ("MLPRegressor", data.numbers, "identity"),
]


@pytest.mark.parametrize(("name", "rows", "activation"), LBFGS_TASKS)
def test_lbfgs_goes_the_same_way_and_further(name: str, rows: Any, activation: str) -> None:
    """The same weights to the bit as long as scikit-learn goes on, and never a higher loss."""
    if not theirs_has("sample_weight", "fit"):
        return  # before it had weights, scikit-learn summed in another order
    X, y = rows()
    with threadpool_limits(1):  # a BLAS sums in another order on another number of threads
        for seed in range(4):
            start = {**COMMON, "random_state": seed, "max_iter": 120, "solver": "lbfgs"}
            one, other = both(name, X, y, **start, activation=activation)
            assert other.loss_ <= one.loss_
            assert other.n_iter_ >= one.n_iter_
            alike = both(name, X, y, **{**start, "max_iter": one.n_iter_}, activation=activation)
            assert difference(*alike) == 0.0
            assert alike[0].loss_ == alike[1].loss_ == alike[1].loss_curve_[-1]


def test_lbfgs_with_weights_and_counts() -> None:
    weights = np.random.default_rng(0).uniform(0.1, 3.0, 90)
    tasks: list[tuple[str, Any, dict[str, Any]]] = []
    if theirs_has("sample_weight", "fit"):
        tasks.append(("MLPClassifier", (*data.classes(3), weights), {}))
    if theirs_has("loss", "__init__"):
        tasks.append(("MLPRegressor", data.counts(), {"loss": "poisson"}))
    for name, rows, more in tasks:
        with threadpool_limits(1):
            one, other = both(name, *rows, **COMMON, **more, solver="lbfgs")
        assert other.loss_ <= one.loss_ * (1 + 1e-12)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        (ours.MLPClassifier, lambda: data.classes(2)),
        (ours.MLPClassifier, lambda: data.classes(3)),
        (ours.MLPClassifier, data.labels),
        (ours.MLPRegressor, data.numbers),
        (ours.MLPRegressor, data.counts),
    ],
)
def test_the_plain_objective_is_the_engines(estimator: Any, rows: Any, activation: str) -> None:
    """What NumPy computes in scikit-learn's order has the value and the gradient of the engine."""
    X, y = rows()
    settings = {"loss": "poisson"} if rows is data.counts else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = estimator(
            hidden_layer_sizes=(4, 3), activation=activation, solver="lbfgs", max_iter=3, **settings
        ).fit(X, y)
    plan, loss = model._plan, model._plan.loss
    encoded = model._encode_more(y, loss).astype(np.float64)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    data_rows = Rows(X, encoded, weights)
    plain = PlainObjective(plan, data_rows, activation, model.alpha)
    constant = constant_term(loss, encoded, weights)
    engine = EngineObjective(engine_for(plan, "float64"), data_rows, np.zeros(0), 0, constant)
    flat = model._optimizer.buffers.weights
    value, slopes = plain(plain.enter(flat))
    expected, gradient = engine(flat)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(plain.leave(slopes), gradient, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("count", [2, 3])
def test_lbfgs_finds_the_one_minimum(count: int) -> None:
    """Without hidden layers the objective is convex."""
    parameters = {**COMMON, "hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-6}
    one, other = both("MLPClassifier", *data.classes(count), **parameters)
    assert other.loss_ <= one.loss_ * (1 + 1e-9)


def half_squares(model: Any, X: np.ndarray, Y: np.ndarray) -> float:
    """Return what a regressor of hyperbolic tangents minimises: the sum over the outputs."""
    H, squares = X, 0.0
    for number, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        H = H @ W + b
        H = np.tanh(H) if number < len(model.coefs_) - 1 else H
        squares += float(np.sum(W * W))
    return float(0.5 * np.sum((H - Y.reshape(H.shape)) ** 2) + 0.5 * model.alpha * squares) / len(X)


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1.0])
def test_lbfgs_with_several_outputs_gets_lower(alpha: float) -> None:
    """scikit-learn's gradient is that of another function than its loss; its end is our start."""
    X, y = data.numbers(4)
    gains = []
    with threadpool_limits(1):
        for seed in range(4):
            start = {**COMMON, "solver": "lbfgs", "activation": "tanh", "alpha": alpha}
            start |= {"random_state": seed, "max_iter": 2000, "hidden_layer_sizes": 3}
            one, other = both("MLPRegressor", X, y, **start)
            losses = [half_squares(fitted, X, y) for fitted in (one, other)]
            # Of an older scikit-learn the way is another, and may end in another minimum.
            room = 1e-12 if theirs_has("sample_weight", "fit") else 1e-3
            assert losses[1] <= losses[0] * (1 + room)
            assert other.loss_ == pytest.approx(losses[1], rel=1e-9)
            gains.append(losses[1] < losses[0])
            if theirs_has("sample_weight", "fit"):
                alike = both("MLPRegressor", X, y, **{**start, "max_iter": one.n_iter_})
                assert difference(*alike) == 0.0
                assert len(alike[1].loss_curve_) == one.n_iter_
    assert any(gains)


@pytest.mark.parametrize(("name", "rows", "activation"), LBFGS_TASKS)
def test_lbfgs_on_float32_begins_where_scikit_learn_ends(
    name: str, rows: Any, activation: str
) -> None:
    """Its way is that of its rounding; what comes after is float64, and rounded at the end."""
    if not theirs_has("sample_weight", "fit"):
        return
    X, y = rows()
    X = X.astype(np.float32)
    with threadpool_limits(1):
        for seed in range(3):
            start = {**COMMON, "random_state": seed, "max_iter": 120, "solver": "lbfgs"}
            one, other = both(name, X, y, **start, activation=activation)
            assert other.loss_ <= one.loss_ * (1 + 1e-6)
            start["max_iter"] = one.n_iter_
            one, other = both(name, X, y, **start, activation=activation)
            assert len(other.loss_curve_) == other.n_iter_ == one.n_iter_
            for expected, found in zip(one.coefs_, other.coefs_, strict=True):
                np.testing.assert_array_equal(expected.astype(np.float32), found)


def test_lbfgs_with_rows_of_weight_zero() -> None:
    """They count nothing, but their zeros stand in scikit-learn's sums, and turn its way."""
    if not theirs_has("sample_weight", "fit"):
        return
    with threadpool_limits(1):
        for seed, activation in enumerate(["relu", "tanh", "logistic"] * 2):
            X, y = data.numbers(rows=25 + 7 * seed)
            weights = np.random.default_rng(seed).integers(0, 3, len(y)).astype(float)
            start = {"hidden_layer_sizes": 8, "random_state": seed, "max_iter": 1000}
            start |= {"solver": "lbfgs", "activation": activation}
            one, other = both("MLPRegressor", X, y, weights, **start)
            assert other.loss_ <= one.loss_ * (1 + 1e-12)
            start["max_iter"] = one.n_iter_
            assert difference(*both("MLPRegressor", X, y, weights, **start)) == 0.0


def test_lbfgs_where_float32_overflows() -> None:
    """What scikit-learn cannot evaluate leads nowhere; float64 begins at the first weights."""
    X, y = data.numbers()
    large, y = (1e20 * X).astype(np.float32), (1e20 * y).astype(np.float32)
    model = ours.MLPRegressor(hidden_layer_sizes=3, solver="lbfgs", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(large, y)
    assert np.isfinite(model.loss_curve_).all()
    assert model.loss_ < 0.9 * model.loss_curve_[0]


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_lbfgs_on_sparse_rows(kind: Any) -> None:
    """A sparse matrix multiplies in another order than a dense one."""
    if not theirs_has("sample_weight", "fit"):
        return
    X, y = data.classes(3)
    X = kind(np.where(np.abs(X) > 0.7, X, 0.0))
    with threadpool_limits(1):
        one, other = both("MLPClassifier", X, y, **COMMON, solver="lbfgs")
        assert other.loss_ <= one.loss_
        alike = both("MLPClassifier", X, y, **{**COMMON, "max_iter": one.n_iter_}, solver="lbfgs")
    assert difference(*alike) == 0.0


def test_what_is_predicted() -> None:
    X, y = data.classes(3)
    one, other = both("MLPClassifier", X, y, **COMMON)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-9)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert one.score(X, y) == other.score(X, y)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_the_same_parameters_and_attributes(name: str) -> None:
    X, y = data.classes(2)
    one, other = both(name, X, y, max_iter=3, early_stopping=True, random_state=0)
    defaults = getattr(ours, name)().get_params()
    for parameter, value in getattr(theirs, name)().get_params().items():
        assert defaults[parameter] == value
    public = {key for key in vars(one) if key.endswith("_") and not key.startswith("_")}
    assert public <= set(vars(other))
    for key in public - {"coefs_", "intercepts_", "classes_", "validation_scores_"}:
        assert getattr(one, key) == pytest.approx(getattr(other, key))
