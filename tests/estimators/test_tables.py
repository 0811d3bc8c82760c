"""Data frames of any kind go straight into `fit`."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import DataError, MissingExtraError
from chainrule.tabular import Encoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ROWS = 120


def homes() -> pd.DataFrame:
    """Return a frame with a column of each kind."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "town": random.choice(["Ghent", "Bruges", "Lier"], ROWS),
            "area": random.normal(90, 30, ROWS),
            "garden": random.random(ROWS) > 0.5,
            "sold": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(random.integers(0, 999, ROWS), "D"),
            "class": pd.Categorical(random.choice([1, 2, 3], ROWS)),
            "same": 1.0,
            "rooms": pd.array(random.integers(1, 7, ROWS), dtype="Int64"),
        }
    )
    frame.loc[3, "town"] = None
    frame.loc[5, "rooms"] = pd.NA
    frame.loc[7, "area"] = np.nan
    return frame


def answers(frame: pd.DataFrame) -> np.ndarray:
    """Return words that the columns tell."""
    return np.where((frame["town"] == "Ghent") | (frame["area"] > 110), "dear", "cheap")


def classifier(**parameters: Any) -> MLPClassifier:
    """Return a small classifier."""
    return MLPClassifier(
        **{"hidden_layer_sizes": 16, "max_iter": 60, "random_state": 0, **parameters}
    ).set_params(learning_rate_init=0.01)


class Bare:
    """The least that a data frame can be: names, a shape, and columns by name."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.columns = list(frame.columns)
        self.shape = frame.shape
        self._columns = {name: frame[name].to_numpy() for name in frame}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]


FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {"pandas": lambda frame: frame, "bare": Bare}
for package, how in (("polars", "from_pandas"), ("pyarrow", "Table.from_pandas")):
    if importlib.util.find_spec(package) is not None:
        maker: Any = importlib.import_module(package)
        for part in how.split("."):
            maker = getattr(maker, part)
        FRAMES[package] = maker


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame(kind: str) -> None:
    frame = homes().drop(columns="class")  # categories of numbers exist in pandas only
    y = answers(frame)
    expected = classifier().fit(frame, y)
    model = classifier().fit(FRAMES[kind](frame), y)
    assert model.score(FRAMES[kind](frame), y) > 0.9
    assert np.array_equal(model.predict_proba(FRAMES[kind](frame)), expected.predict_proba(frame))
    assert model.n_features_in_ == 6


def test_a_lazy_frame_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("narwhals", reason="older versions of scikit-learn do not bring it")
    duckdb, frame = importlib.import_module("duckdb"), homes()[["town", "area"]]
    y = np.arange(ROWS) % 2
    for module in ("pyarrow", "narwhals._arrow.dataframe"):
        monkeypatch.setitem(importlib.import_module("sys").modules, module, None)
    lazy = MLPClassifier(4, max_iter=2, random_state=0).fit(duckdb.from_df(frame), y)
    direct = MLPClassifier(4, max_iter=2, random_state=0).fit(frame, y)
    assert np.array_equal(lazy.predict_proba(frame), direct.predict_proba(frame))


def test_a_lazy_frame_without_narwhals(monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb, frame = importlib.import_module("duckdb"), homes()
    monkeypatch.setitem(importlib.import_module("sys").modules, "narwhals", None)
    with pytest.raises(MissingExtraError, match="pip install narwhals"):
        classifier().fit(duckdb.from_df(frame[["town", "area"]]), answers(frame))


def test_what_the_columns_become() -> None:
    frame = homes()
    model = classifier().fit(frame, answers(frame))
    assert isinstance(model.encoder_, Encoder)
    features = model.encoder_.features
    assert {
        *("town = Bruges", "town = Ghent", "town = Lier", "town is missing"),
        *("area", "area is missing", "garden", "class = 1", "class = 2", "class = 3"),
        *("rooms", "rooms is missing"),
    } < set(features)
    assert any(name.startswith("sold") for name in features)
    assert not any(name.startswith("same") for name in features)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert model.coefs_[0].shape == (len(features), 16)
    again = Encoder.from_document(model.encoder_.document())
    assert again == model.encoder_


def test_unseen_levels_and_gaps_are_read() -> None:
    frame = homes()
    model = classifier().fit(frame, answers(frame))
    strange = frame.assign(town="Oslo", garden=None, sold=pd.NaT)
    assert model.predict(strange).shape == (ROWS,)
    assert np.isfinite(model.predict_proba(strange)).all()


def test_numbers_alone_are_taken_as_scikit_learn_takes_them() -> None:
    frame = homes()[["garden", "same"]].assign(area=np.arange(ROWS) / ROWS)
    y = answers(homes())
    settings: dict[str, Any] = {"max_iter": 20, "random_state": 0}
    one = theirs.MLPClassifier(**settings).fit(frame, y)
    other = MLPClassifier(**settings).fit(frame, y)
    assert other.encoder_ is None
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], atol=1e-9)
    objects = MLPClassifier(**settings).fit(frame.astype(object), y)
    assert np.array_equal(objects.coefs_[0], other.coefs_[0])


def test_names_that_are_numbers() -> None:
    frame, y = homes(), answers(homes())
    expected = classifier().fit(frame, y).predict_proba(frame)
    frame.columns = range(frame.shape[1])
    model = classifier().fit(frame, y)
    assert np.array_equal(model.predict_proba(frame), expected)
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(DataError, match="reads data frames only"):
        model.predict(np.zeros((2, 7)))


def test_in_searches_and_copies() -> None:
    frame, y = homes(), answers(homes())
    assert cross_val_score(classifier(), frame, y, cv=3, error_score="raise").mean() > 0.7
    grid = {"optimizer__beta1": [0.5, 0.9], "alpha": [0.0]}
    search = GridSearchCV(classifier(optimizer=cr.Adam(0.01)), grid, cv=2, error_score="raise")
    model = search.fit(frame, y).best_estimator_
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert np.array_equal(clone(model).fit(frame, y).coefs_[0], model.coefs_[0])


def test_validation_and_going_on() -> None:
    frame, y = homes(), answers(homes())
    model = classifier(max_iter=5, warm_start=True, scoring="neg_log_loss")
    model.fit(frame, y, X_val=frame.assign(town="Oslo"), y_val=y)
    encoder = model.encoder_
    model.fit(frame, y, X_val=frame, y_val=y)
    assert model.encoder_ is encoder
    assert len(model.validation_scores_) == 10
    assert model.partial_fit(frame, y).encoder_ is encoder
    plain = model.set_params(warm_start=False).fit(homes()[["garden"]], y)
    assert plain.encoder_ is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(notes=[{}] * ROWS), "of several kinds"),
        (lambda frame: frame.assign(notes=[1, "a"] * (ROWS // 2)), "of several kinds"),
        (lambda frame: frame.assign(area=np.inf), "infinite"),
        (lambda frame: frame[["same"]].assign(word="x"), "no column to predict from"),
        (lambda frame: pd.concat([frame, frame], axis=1), "the same name"),
    ],
)
def test_frames_that_cannot_be_read(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classifier().fit(change(homes()), answers(homes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.to_numpy(), "reads data frames only"),
        (lambda frame: frame.drop(columns="area"), "no column called 'area'"),
        (lambda frame: frame[list(frame.columns[::-1])], "feature names"),
        (lambda frame: frame.assign(area="wide"), "of another kind"),
    ],
)
def test_frames_that_do_not_fit(change: Any, message: str) -> None:
    frame = homes()
    model = classifier(max_iter=2).fit(frame, answers(frame))
    with pytest.raises(ValueError, match=message):
        model.predict(change(frame))


def test_models_of_frames(tmp_path: Path) -> None:
    frame, y = homes(), answers(homes())
    area = homes()["area"].fillna(0.0).to_numpy() / 100
    targets = {
        "words": (MLPClassifier, y),
        "numbers": (MLPRegressor, area),
        "several numbers": (MLPRegressor, np.c_[area, -area]),
        "labels": (MLPClassifier, np.c_[y == "dear", area > 1, area > 0.5].astype(int)),
    }
    for name, (kind, target) in targets.items():
        model = kind(8, max_iter=5) if kind is MLPClassifier else kind(max_iter=5)
        model.fit(frame, target)
        model.to_model().save(tmp_path / name)
        loaded = cr.load(tmp_path / name)
        np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
        if name == "words":
            np.testing.assert_array_equal(loaded.predict_proba(frame), model.predict_proba(frame))
