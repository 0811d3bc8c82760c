"""What scikit-learn's perceptrons do not have."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.class_weight import compute_sample_weight

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, nn
from chainrule.maths.activations import LeakyReLU
from chainrule.storage import Model
from chainrule.training import EpochEnded, Event, RunEnded, RunStarted
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # a few epochs never converge
)


def classifier(**parameters: Any) -> MLPClassifier:
    """Return a small classifier."""
    return MLPClassifier(
        **{"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 20, **parameters}
    )


def regressor(**parameters: Any) -> MLPRegressor:
    """Return a small regressor that learns fast."""
    common = {"hidden_layer_sizes": 8, "random_state": 0, "learning_rate_init": 0.02}
    return MLPRegressor(**{"max_iter": 150, **common, **parameters})


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": ["gelu", LeakyReLU(0.1)], "hidden_layer_sizes": (8, 6)},
        {"activation": "mish"},
        {"dropout": 0.2},
        {"dropout": (0.0, 0.3), "hidden_layer_sizes": (8, 6)},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"residual": True, "hidden_layer_sizes": (8, 8, 5)},
        {"initialiser": "he_normal"},
        {"hidden_layer_sizes": ()},
        {"network": nn.Sequential(nn.Dense(5, "silu"), nn.LayerNorm(), nn.Dense(3))},
        {"optimizer": cr.AdamW(0.01, weight_decay=0.1)},
        {"optimizer": cr.RMSProp(0.02)},
        {"solver": "adagrad"},
        {"solver": "momentum"},
        {"schedule": cr.warmup_cosine(5)},
        {"clip": 0.5},
        {"clip": cr.ClipValue(0.1)},
        {"weight_decay": 0.1},
        {"penalties": [cr.L1(1e-3), cr.MaxNorm(2.0)]},
        {"loss": cr.SoftmaxCrossEntropy(label_smoothing=0.1)},
        {"loss": "binary_cross_entropy"},
        {"dtype": "float32"},
        {"solver": "lbfgs", "dropout": 0.1},
        {"solver": "lbfgs", "normalization": "batch"},
    ],
    ids=str,
)
def test_options_learn(parameters: dict[str, Any]) -> None:
    X, y = data.classes(3, rows=120)
    rate = {"learning_rate_init": 0.02, "max_iter": 60}
    model = classifier(**{**rate, **parameters}).fit(X, y)
    assert model.score(X, y) > 0.6
    P = model.predict_proba(X)
    assert P.shape == (120, 3)
    np.testing.assert_allclose(P.sum(axis=1), 1.0, rtol=1e-5)
    again = classifier(**{**rate, **parameters}).fit(X, y)
    assert np.array_equal(again.predict_proba(X), P)


def test_class_weight_is_a_sample_weight() -> None:
    X, y = data.classes(3)
    for weight in ("balanced", {0: 3.0, 2: 0.5}):
        one = classifier(class_weight=weight).fit(X, y)
        other = classifier().fit(X, y, compute_sample_weight(weight, y))
        for a, b in zip(one.coefs_, other.coefs_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_class_weights_and_sample_weights_multiply() -> None:
    X, y = data.classes(2)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    one = classifier(class_weight={0: 2.0, 1: 3.0}).fit(X, y, weights)
    other = classifier().fit(X, y, weights * np.where(y == 0, 2.0, 3.0))
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-9)


def test_a_weight_of_two_is_two_rows_to_the_balance() -> None:
    X, y = data.classes(2)
    weights = np.where(y == 0, 2.0, 1.0) * (np.arange(len(y)) % 5 > 0)
    copies = np.repeat(np.arange(len(y)), weights.astype(int))
    one = classifier(class_weight="balanced").fit(X, y, weights)
    other = classifier(class_weight="balanced").fit(X[copies], y[copies])
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], atol=1e-9)


def test_balanced_weights_need_all_rows() -> None:
    X, y = data.classes(2)
    with pytest.raises(ValueError, match="balanced"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])


def test_a_row_of_weight_zero_is_not_there() -> None:
    X, y = data.numbers()
    weights = np.ones(len(y))
    weights[60:] = 0.0
    one = regressor(batch_size=16, max_iter=5).fit(X, y, weights)
    other = regressor(batch_size=16, max_iter=5).fit(X[:60], y[:60], weights[:60])
    assert np.array_equal(one.coefs_[0], other.coefs_[0])
    assert one.t_ == 5 * 60


def test_own_validation_rows() -> None:
    X, y = data.classes(3, rows=200)
    model = classifier(max_iter=40, learning_rate_init=0.05, n_iter_no_change=math.inf)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 40
    assert model.score(X[150:], y[150:]) == max(model.validation_scores_)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ == min(model.loss_curve_)


def test_weights_count_in_validation() -> None:
    X, y = data.numbers(rows=120)
    weights = np.where(np.arange(40) < 10, 1.0, 0.0)
    one = regressor(max_iter=5).fit(
        X[:80], y[:80], X_val=X[80:], y_val=y[80:], sample_weight_val=weights
    )
    other = regressor(max_iter=5).fit(X[:80], y[:80], X_val=X[80:90], y_val=y[80:90])
    assert one.validation_scores_ == other.validation_scores_
    assert one.validation_loss_curve_ == other.validation_loss_curve_


def test_one_of_two_validation_arguments_is_refused() -> None:
    X, y = data.numbers()
    with pytest.raises(ValueError, match="belong together"):
        regressor().fit(X, y, X_val=X)


@pytest.mark.parametrize("weight", ["balanced", [{0: 1.0, 1: 2.0}, {0: 3.0}, {}, {1: 5.0}]])
def test_weights_of_independent_labels_multiply(weight: Any) -> None:
    X, Y = data.labels()
    full = weight if weight == "balanced" else [{0: 1.0, 1: 1.0, **one} for one in weight]
    one = classifier(class_weight=weight).fit(X, Y)
    other = classifier().fit(X, Y, compute_sample_weight(full, Y))
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-9)
    rows = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    classifier(class_weight=weight).fit(X, Y, rows)
    with pytest.raises(ValueError, match="one for each label"):
        classifier(class_weight={0: 1.0}).fit(X, Y)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "loss", lambda model, X, y: -len(y)])
def test_scoring(scoring: Any) -> None:
    X, y = data.classes(3, rows=200)
    model = classifier(scoring=scoring, early_stopping=True, n_iter_no_change=3).fit(X, y)
    scores, losses = model.validation_scores_, model.validation_loss_curve_
    if scoring == "neg_log_loss":
        np.testing.assert_allclose(scores, np.negative(losses), rtol=1e-6)
    elif scoring == "loss":
        assert scores == [-loss for loss in losses]
    else:
        assert model.n_iter_ == 5
        assert scores == [-20.0] * 5


@pytest.mark.parametrize(
    "loss", ["huber", "absolute_error", cr.Pinball(quantile=0.5), "gaussian_nll"], ids=str
)
def test_losses(loss: Any) -> None:
    X, y = data.numbers()
    assert regressor(loss=loss).fit(X, y).score(X, y) > 0.9


def test_a_function_is_a_loss() -> None:
    def quartic(raw: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ((raw - Y) ** 4).sum(axis=1), 4 * (raw - Y) ** 3

    X, y = data.numbers()
    model = regressor(loss=quartic, max_iter=300).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.loss_ < 0.1


def hinge(raw: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and slopes of the hinge loss."""
    side = 2 * Y - 1
    return np.maximum(0, 1 - side * raw).sum(axis=1), np.where(side * raw < 1, -side, 0.0)


@pytest.mark.parametrize("rows", [lambda: data.classes(2), lambda: data.classes(3), data.labels])
def test_a_function_is_a_loss_for_classes(rows: Any) -> None:
    X, y = rows()
    model = classifier(loss=hinge, learning_rate_init=0.02, max_iter=120).fit(X, y)
    assert model.score(X, y) > 0.7
    P = model.predict_proba(X)
    assert ((P >= 0) & (P <= 1)).all()
    if y.ndim == 1:
        np.testing.assert_allclose(P.sum(axis=1), 1.0)
        assert np.array_equal(model.predict(X), P.argmax(axis=1))
    value = hinge(model._raw(X), model._encode_more(y, model._plan.loss).astype(float))[0].mean()
    assert model.fit(X, y).loss_ == pytest.approx(value, abs=0.1)


def test_several_columns_of_classes() -> None:
    X, y = data.classes(3)
    Y = np.c_[y, 2 - y]
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        classifier().fit(X, Y)
    assert MultiOutputClassifier(classifier(max_iter=3)).fit(X, Y).predict(X).shape == Y.shape


def network_for(width: int) -> nn.Layer:
    """Return a network of the user with so many outputs."""
    return nn.Sequential(nn.Dense(9, "silu"), nn.Dense(width))


def test_a_network_for_any_target() -> None:
    X, y = data.classes(3)
    assert classifier(network=network_for).fit(X, y).n_outputs_ == 3
    assert classifier(network=network_for).fit(X, y > 0).n_outputs_ == 1
    model = regressor(network=network_for, loss="gaussian_nll", max_iter=3)
    assert model.fit(X, X[:, :2]).predict(X).shape == (90, 2)
    again = pickle.loads(pickle.dumps(clone(model).fit(X, X[:, :2])))
    assert np.array_equal(again.predict(X), model.predict(X))


def test_counts_have_a_spread() -> None:
    X, y = data.counts()
    means, deviations = regressor(loss="poisson").fit(X, y).predict(X, return_std=True)
    np.testing.assert_allclose(deviations**2, means)


def test_standard_deviations() -> None:
    generator = np.random.default_rng(0)
    X = generator.uniform(-1, 1, (600, 1))
    spread = np.where(X[:, 0] > 0, 1.0, 0.1)
    y = X[:, 0] + spread * generator.normal(size=600)
    model = regressor(loss="gaussian_nll", max_iter=200, hidden_layer_sizes=16).fit(X, y)
    means, deviations = model.predict(X, return_std=True)
    assert means.shape == deviations.shape == (600,)
    assert np.array_equal(means, model.predict(X))
    assert 0.7 < deviations[X[:, 0] > 0.2].mean() < 1.3
    assert deviations[X[:, 0] < -0.2].mean() < 0.3
    means, deviations = regressor(loss="gaussian_nll").fit(X, np.c_[y, y]).predict(X, True)
    assert means.shape == deviations.shape == (600, 2)


def test_a_loss_without_spread_says_so() -> None:
    X, y = data.numbers()
    with pytest.raises(ValueError, match="no standard deviation"):
        regressor(max_iter=2).fit(X, y).predict(X, return_std=True)


def test_decay_does_not_depend_on_the_batch() -> None:
    """With a learning rate that moves nothing else, alpha and weight_decay show alone."""
    X, y = np.zeros((64, 2)), np.zeros(64)
    shrunk = {}
    for batch in (8, 16):
        model = regressor(
            solver="sgd", momentum=0.0, alpha=0.0, weight_decay=0.5, max_iter=1, batch_size=batch
        )
        start = regressor(random_state=0, max_iter=1, learning_rate_init=1e-12).fit(X, y)
        shrunk[batch] = model.fit(X, y).coefs_[0] / start.coefs_[0]
    np.testing.assert_allclose(shrunk[8], (1 - 0.02 * 0.5) ** 8, rtol=1e-6)
    np.testing.assert_allclose(shrunk[16], (1 - 0.02 * 0.5) ** 4, rtol=1e-6)


def test_time_is_limited() -> None:
    X, y = data.numbers()
    model = regressor(max_iter=10**9, n_iter_no_change=math.inf, max_time=0.2).fit(X, y)
    assert model.stop_reason_ == "max_seconds"
    assert model.n_iter_ == len(model.loss_curve_) < 10**9


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_events(solver: str) -> None:
    X, y = data.numbers()
    told: list[Event] = []
    model = regressor(max_iter=4, on_event=told.append, solver=solver)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert isinstance(told[0], RunStarted)
    assert isinstance(told[-1], RunEnded)
    rows = [event.row for event in told if isinstance(event, EpochEnded)]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["train_loss"] for row in rows] == model.loss_curve_
    assert [row["validation_loss"] for row in rows] == model.validation_loss_curve_
    assert told[-1].reason == model.stop_reason_


def test_a_listener_ends_training() -> None:
    X, y = data.numbers()

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        model = regressor(on_event=listen).fit(X, y)
    assert (model.n_iter_, model.stop_reason_) == (3, "interrupted")


def test_divergence_is_an_error() -> None:
    X, y = data.numbers()
    wild = regressor(solver="sgd", learning_rate_init=50.0, activation="identity")
    with pytest.raises(ValueError, match="non-finite"):
        wild.fit(X, y)


def test_divergence_keeps_the_best_weights_if_there_are_any() -> None:
    X, y = data.numbers()
    wild = regressor(solver="sgd", learning_rate_init=1.0, activation="identity")
    wild.set_params(early_stopping=True, n_iter_no_change=math.inf, max_iter=1000)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        wild.fit(X, y)
    assert wild.stop_reason_ == "diverged"
    assert math.isnan(wild.validation_scores_[-1])
    assert np.isfinite(wild.predict(X)).all()
    assert len(wild.validation_scores_) == len(wild.loss_curve_) == wild.n_iter_


def test_what_it_tells_of_itself() -> None:
    X, y = data.classes(3)
    model = classifier().fit(X, y)
    assert "dense_2" in model.summary()
    assert "<div" in model._repr_html_()
    stored = model.to_model()
    assert np.array_equal(stored.predict(X), model.predict(X))
    np.testing.assert_allclose(stored.predict_proba(X), model.predict_proba(X))
    assert stored.record["parameters"] == {
        "hidden_layer_sizes": 8,
        "random_state": 0,
        "max_iter": 20,
    }
    assert [row["train_loss"] for row in stored.record["history"]] == model.loss_curve_
    assert Model.from_bytes(stored.to_bytes()).record == stored.record


def test_names_of_columns_are_stored() -> None:
    X, y = data.classes(3)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = classifier(max_iter=2).fit(frame, y).to_model()
    assert model.feature_names == tuple("abcdef")
    with pytest.raises(ValueError, match="another order"):
        model.predict(frame[list("bacdef")])


def test_two_classes_with_softmax() -> None:
    X, y = data.classes(2)
    names = np.array(["no", "yes"])[y]
    model = classifier(loss="softmax_cross_entropy").fit(X, names)
    assert (model.n_outputs_, model.out_activation_) == (2, "softmax")
    assert model.predict_proba(X).shape == (90, 2)
    assert model.decision_function(X).shape == (90,)
    assert np.array_equal(model.predict(X) == "yes", model.decision_function(X) > 0)
