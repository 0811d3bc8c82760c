"""Calls and parameters that cannot work: each error says where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import ChainruleError
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = data.classes(2, rows=30)
MANY = np.c_[LABELS, 1 - LABELS]
WORDS = pd.DataFrame({"a": ["x", "y", "z"] * 10, "b": X[:, 0]})
SHORT: dict[str, Any] = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}


def fitted(**parameters: Any) -> MLPClassifier:
    """Return a classifier that was trained for two epochs."""
    return MLPClassifier(**{**SHORT, **parameters}).fit(X, LABELS)


def started() -> MLPClassifier:
    """Return a classifier that began with `partial_fit`."""
    return MLPClassifier(**SHORT).partial_fit(X, LABELS, classes=[0, 1])


def classifier(**parameters: Any) -> Callable[[Path], Any]:
    """Return a call of fit."""
    return lambda _: MLPClassifier(**{**SHORT, **parameters}).fit(X, LABELS)


def resumed(path: Path, rows: int, **parameters: Any) -> None:
    """Go on from the checkpoint of two epochs with so many rows."""
    file = path / "run"
    fitted(checkpoint=file)
    MLPClassifier(**{**SHORT, "resume": file, **parameters}).fit(X[:rows], LABELS[:rows])


def damaged(path: Path) -> None:
    """Go on from a file that is none."""
    (path / "run").write_bytes(b"no checkpoint")
    fitted(resume=path / "run")


MISUSES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "partial_fit that stops early": (
        "early_stopping",
        lambda _: MLPClassifier(early_stopping=True).partial_fit(X, LABELS, classes=[0, 1]),
    ),
    "balanced partial_fit": (
        "class_weight",
        lambda _: MLPClassifier(class_weight="balanced").partial_fit(X, LABELS, classes=[0, 1]),
    ),
    "no classes": ("classes", lambda _: MLPClassifier().partial_fit(X, LABELS)),
    "other classes": ("classes", lambda _: started().partial_fit(X, LABELS, classes=[0, 2])),
    "a new class": ("y", lambda _: started().partial_fit(X, LABELS + 1)),
    "a warm start of new classes": ("y", lambda _: fitted(warm_start=True).fit(X, LABELS + 1)),
    "a warm start of new layers": (
        "coefs_",
        lambda _: fitted(warm_start=True).set_params(hidden_layer_sizes=5).fit(X, LABELS),
    ),
    "only X_val": ("y_val", lambda _: MLPClassifier().fit(X, LABELS, X_val=X)),
    "only y_val": ("X_val", lambda _: MLPClassifier().fit(X, LABELS, y_val=LABELS)),
    "a class that validation alone has": (
        "y_val",
        lambda _: MLPClassifier(**SHORT).fit(X, LABELS, X_val=X, y_val=LABELS + 1),
    ),
    "too few rows to validate": (
        "validation_fraction",
        classifier(early_stopping=True, validation_fraction=0.01),
    ),
    "a score that is none": (
        "scoring",
        classifier(early_stopping=True, scoring=lambda *_: None),
    ),
    "weights of other labels": (
        "class_weight",
        lambda _: MLPClassifier(class_weight={0: 1.0}).fit(X, MANY),
    ),
    "two activations for a layer": ("activation", classifier(activation=["relu", "tanh"])),
    "a layer without units": ("hidden_layer_sizes", classifier(hidden_layer_sizes=(3, 0))),
    "a loss for numbers": ("loss", classifier(loss="huber")),
    "a loss for classes": ("loss", lambda _: MLPRegressor(loss="log_loss").fit(X, LABELS)),
    "a field of nothing": ("optimizer", lambda _: MLPClassifier().set_params(optimizer__beta1=0.5)),
    "an unknown field": (
        "optimizer__beta_1",
        lambda _: MLPClassifier(optimizer="adam").set_params(optimizer__beta_1=0.5),
    ),
    "an array for a model of frames": (
        "X",
        lambda _: MLPClassifier(**SHORT).fit(WORDS, LABELS).predict(X),
    ),
    "no spread": (
        "return_std",
        lambda _: MLPRegressor(**SHORT).fit(X, LABELS).predict(X, return_std=True),
    ),
    "a checkpoint of other data": ("data", lambda path: resumed(path, 29)),
    "a checkpoint of another network": ("", lambda path: resumed(path, 30, hidden_layer_sizes=9)),
    "a checkpoint of more epochs": ("run", lambda path: resumed(path, 30, max_iter=1)),
    "no checkpoint": ("run", damaged),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_an_error_says_where_and_what_to_do(misuse: str, tmp_path: Path) -> None:
    where, call = MISUSES[misuse]
    with pytest.raises(ChainruleError) as caught:
        call(tmp_path)
    assert where in caught.value.where
    assert caught.value.where
    assert caught.value.do
