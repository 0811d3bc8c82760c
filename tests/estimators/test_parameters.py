"""Parameters: every rule refuses what it should, and records are open to a grid."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sklearn.base import clone

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import ChainruleError
from chainrule.estimators.parameters import RULES
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BOTH = [MLPClassifier, MLPRegressor]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("estimator", BOTH)
def test_bad_values_are_refused_in_fit(estimator: Any, name: str) -> None:
    X, y = data.classes(2)
    for value in RULES[name].bad_values():
        model = estimator(**{name: value})  # says nothing yet
        with pytest.raises(ValueError, match=name):
            model.fit(X, y)


@pytest.mark.parametrize("estimator", BOTH)
def test_every_parameter_is_checked(estimator: Any) -> None:
    elsewhere = {"hidden_layer_sizes", "loss", "class_weight", "network"}
    assert set(estimator().get_params()) - set(RULES) <= elsewhere


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ({"activation": "rleu"}, "did you mean relu"),
        ({"activation": "logistc"}, "did you mean logistic?"),
        ({"activation": ["relu", "thanh"]}, "did you mean tanh?"),
        ({"solver": "lbgfs"}, "did you mean lbfgs?"),
        ({"optimizer": cr.Adam}, r"call it: Adam\(...\)"),
        ({"penalties": ["l1", "weight_decai"]}, "did you mean weight_decay?"),
        ({"learning_rate": "adaptativ"}, "did you mean adaptive?"),
        ({"batch_size": "aut"}, "did you mean auto?"),
        ({"loss": "log_los"}, "did you mean log_loss?"),
        ({"solver": 3}, ""),
    ],
    ids=str,
)
def test_what_was_meant(parameters: dict[str, Any], advice: str) -> None:
    X, y = data.classes(2)
    with pytest.raises(ChainruleError) as caught:
        MLPClassifier(**parameters).fit(X, y)
    assert re.match(advice or "$", caught.value.do)


@pytest.mark.parametrize("sizes", [0, (3, 0), (-1,), (2.5,), "many", (True,)])
def test_layer_sizes(sizes: Any) -> None:
    X, y = data.classes(2)
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
        MLPClassifier(hidden_layer_sizes=sizes).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": ["relu"], "hidden_layer_sizes": (3, 3)}, "does not fit the hidden layers"),
        ({"dropout": [0.1, 0.1]}, "does not fit the hidden layers"),
        ({"network": cr.nn.Dense(5)}, "does not fit the loss"),
        ({"loss": "huber"}, "does not fit the estimator"),
        ({"loss": "no such loss"}, "there is no loss"),
        ({"solver": "lbfgs", "clip": 1.0}, "acts on single updates"),
        ({"solver": "lbfgs", "schedule": "cosine"}, "acts on single updates"),
        ({"class_weight": {7: 1.0}}, "label"),
    ],
    ids=str,
)
def test_what_does_not_fit_together(parameters: dict[str, Any], message: str) -> None:
    X, y = data.classes(2)
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, y)


def test_fields_of_records() -> None:
    model = MLPClassifier(optimizer=cr.Adam(0.1), schedule=cr.Warmup(3, then="cosine"))
    deep = model.get_params()
    assert deep["optimizer__learning_rate"] == 0.1
    assert deep["schedule__then__end"] == 0.0
    assert not any("__" in key for key in model.get_params(deep=False))
    before = model.optimizer
    model.set_params(optimizer__beta1=0.5, schedule__then__end=0.25)
    assert (model.optimizer.beta1, model.optimizer.learning_rate) == (0.5, 0.1)
    assert model.schedule.then.end == 0.25
    assert before.beta1 == 0.9


def test_a_record_and_its_field_together() -> None:
    model = MLPRegressor().set_params(optimizer__momentum=0.5, optimizer=cr.Momentum(0.3))
    assert model.optimizer == cr.Momentum(0.3, momentum=0.5)


def test_a_name_becomes_a_record() -> None:
    model = MLPRegressor(loss="huber").set_params(loss__delta=2.0)
    assert model.loss == cr.Huber(delta=2.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optimizer__beta3", "has no field"),
        ("optimizer__learning_rate__x", "has no fields"),
        ("alpha__x", "has no fields"),
        ("no_such__x", "Invalid parameter"),
        ("no_such", "Invalid parameter"),
    ],
)
def test_wrong_fields(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(optimizer="adam").set_params(**{name: 1})


def test_a_bad_field_is_refused() -> None:
    with pytest.raises(ValueError, match="beta1"):
        MLPClassifier(optimizer="adam").set_params(optimizer__beta1=2.0)


def test_a_clone_is_equal_and_apart() -> None:
    model = MLPClassifier(
        optimizer=cr.AdamW(weight_decay=0.2),
        network=cr.nn.Sequential(cr.nn.Dense(3, "relu"), cr.nn.Dense(1)),
        penalties=[cr.L1(0.1)],
        schedule="cosine",
    )
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert repr(twin) == repr(model)
