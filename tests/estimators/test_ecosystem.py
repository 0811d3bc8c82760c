"""Within scikit-learn's world: pipelines, searches, routing, storage, data frames, sparse rows."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.estimators import rows
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**parameters: Any) -> MLPClassifier:
    """Return a small classifier."""
    return MLPClassifier(
        **{"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 20, **parameters}
    )


def test_a_grid_over_the_fields_of_a_record() -> None:
    X, y = data.classes(3, rows=120)
    pipeline = make_pipeline(StandardScaler(), classifier(optimizer=cr.Adam()))
    grid = {"mlpclassifier__optimizer__learning_rate": [1e-5, 0.05], "mlpclassifier__alpha": [0.0]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["mlpclassifier__optimizer__learning_rate"] == 0.05
    assert search.best_estimator_[-1].optimizer == cr.Adam(0.05)


def test_cross_validation_is_repeatable() -> None:
    X, y = data.classes(3, rows=120)
    assert np.array_equal(cross_val_score(classifier(), X, y), cross_val_score(classifier(), X, y))


def test_pandas_out_of_a_pipeline() -> None:
    frame = pandas_frame()
    y = np.arange(len(frame)) % 2
    pipeline = make_pipeline(StandardScaler(), classifier()).set_output(transform="pandas")
    pipeline.fit(frame, y)
    assert list(pipeline[-1].feature_names_in_) == ["a", "b"]
    assert pipeline.predict(frame).shape == y.shape


def pandas_frame() -> Any:
    """Return a frame of two columns."""
    generator = np.random.default_rng(0)
    return pd.DataFrame({"a": generator.normal(size=40), "b": generator.normal(size=40)})


def test_names_of_columns_are_kept_and_compared() -> None:
    frame = pandas_frame()
    y = frame["a"] + frame["b"]
    model = MLPRegressor(max_iter=3, early_stopping=True, scoring="r2", random_state=0)
    model.fit(frame, y, X_val=frame, y_val=y)
    assert list(model.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a"]])


def test_weights_are_routed() -> None:
    X, y = data.classes(2)
    weights = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    with config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
        found = cross_validate(model, X, y, params={"sample_weight": weights}, error_score="raise")
    assert len(found["test_score"]) == 5
    alone = classifier().fit(scaler.fit_transform(X), y, weights)
    assert np.array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])


def test_validation_rows_go_through_a_pipeline() -> None:
    X, y = data.classes(3, rows=120)
    told = {"X_val": X[80:], "y_val": y[80:]}
    with config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("model", model)]
        pipeline = Pipeline(steps, transform_input=["X_val"]).fit(X[:80], y[:80], **told)
    scaler = StandardScaler().fit(X[:80])
    told["X_val"] = scaler.transform(X[80:])
    alone = classifier().fit(scaler.transform(X[:80]), y[:80], **told)
    assert pipeline[-1].validation_loss_curve_ == alone.validation_loss_curve_
    assert np.array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])


def test_in_other_estimators() -> None:
    X, y = data.classes(3)
    vote = VotingClassifier([("a", classifier()), ("b", classifier(solver="lbfgs"))], voting="soft")
    assert vote.fit(X, y).score(X, y) > 0.5
    X, y = data.numbers()
    scaled = TransformedTargetRegressor(MLPRegressor(8, max_iter=20), transformer=StandardScaler())
    with pytest.raises(ValueError, match="loss"):
        scaled.fit(X, y)  # the first positional parameter is the loss, as in scikit-learn
    model = MLPRegressor(hidden_layer_sizes=8, max_iter=20)
    assert (
        TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, y).predict(X).any()
    )


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_storage(how: str, tmp_path: Path) -> None:
    X, y = data.classes(3)
    model = classifier(dropout=0.2, normalization="batch", schedule="cosine").fit(X, y)
    if how == "pickle":
        again = pickle.loads(pickle.dumps(model))
    else:
        joblib.dump(model, tmp_path / "model.joblib")
        again = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(again).fit(X, y).coefs_[0], model.coefs_[0])


def test_several_processes() -> None:
    X, y = data.classes(2, rows=60)
    scores = cross_val_score(classifier(), X, y, cv=2, n_jobs=2)
    assert np.array_equal(scores, cross_val_score(classifier(), X, y, cv=2))


def test_a_grid_in_several_threads() -> None:
    X, y = data.classes(2, rows=60)
    grid = {"optimizer__beta1": [0.5, 0.9], "hidden_layer_sizes": [4, (4, 4)]}
    model = classifier(optimizer=cr.Adam())
    alone = GridSearchCV(model, grid, cv=2).fit(X, y)
    with joblib.parallel_config("threading", n_jobs=4):
        found = GridSearchCV(model, grid, cv=2).fit(X, y)
    for name in ("mean_test_score", "split0_test_score"):
        assert np.array_equal(found.cv_results_[name], alone.cv_results_[name])


def test_a_grid_in_processes_of_a_trained_one() -> None:
    """The engine's threads of this process do not hang those that are started from it."""
    X, y = data.classes(2, rows=400)
    model = classifier(hidden_layer_sizes=(200, 200), max_iter=2, dtype="float32").fit(X, y)
    with joblib.parallel_config("loky", n_jobs=2):
        search = GridSearchCV(model, {"alpha": [0.0, 0.1]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_two_fits_at_once_draw_from_generators_of_their_own() -> None:
    X, y = data.classes(2)
    inside: list[MLPClassifier] = []

    def layers(width: int) -> cr.nn.Layer:
        if not inside:  # another thread may begin at any moment
            inside.append(model)
            model.fit(X, y)
        return cr.nn.Dense(width)

    model = classifier(network=layers)
    expected = clone(model).set_params(network=cr.nn.Dense(1)).fit(X, y)
    assert np.array_equal(model.fit(X, y).coefs_[0], expected.coefs_[0])


def test_several_threads_predict_at_once() -> None:
    X, y = data.classes(3, rows=300)
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.predict_proba(X), range(40)))
    assert all(np.array_equal(one, expected) for one in found)


def test_prediction_changes_nothing() -> None:
    X, y = data.classes(3)
    model = classifier().fit(X, y)
    before = set(vars(model))
    model.predict(X)
    assert set(vars(model)) == before


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("optimizer", [None, cr.LBFGS()])
def test_sparse_rows_are_dense_rows(kind: Any, optimizer: Any) -> None:
    X, y = data.classes(3)
    X = np.where(np.abs(X) > 0.7, X, 0.0)
    model = classifier(optimizer=optimizer)
    dense, thin = clone(model).fit(X, y), clone(model).fit(kind(X), y)
    assert np.array_equal(dense.coefs_[0], thin.coefs_[0])
    assert np.array_equal(dense.predict_proba(X), thin.predict_proba(kind(X)))


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.2}, {"early_stopping": True}], ids=str)
def test_large_sparse_rows_go_by_blocks(
    parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data.classes(3, rows=200)
    X = sparse.csr_array(np.where(np.abs(X) > 0.7, X, 0.0))
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 200)
    whole = classifier(batch_size=16, **parameters).fit(X, y, weights)
    monkeypatch.setattr(rows, "WHOLE_BYTES", 0)
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 3 * 16 * 6 * 8)
    blocks = classifier(batch_size=16, **parameters).fit(X, y, weights)
    assert np.array_equal(whole.coefs_[0], blocks.coefs_[0])
    assert whole.loss_curve_ == blocks.loss_curve_
    assert np.array_equal(whole.predict_proba(X), blocks.predict_proba(X))


def test_what_lbfgs_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data.classes(2)
    monkeypatch.setattr(rows, "WHOLE_BYTES", 0)
    monkeypatch.setattr(rows, "DENSE_BYTES", 100)
    with pytest.raises(ValueError, match="too large to be made dense"):
        classifier(optimizer=cr.LBFGS()).fit(sparse.csr_array(X), y)
    model = classifier(solver="lbfgs").fit(sparse.csr_array(X), y)  # it multiplies sparse rows
    assert model.score(sparse.csr_array(X), y) > 0.9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_number_types(dtype: str) -> None:
    X, y = data.classes(2, dtype=dtype)
    model = classifier().fit(X, y)
    assert model.predict_proba(X).dtype == model.coefs_[0].dtype == dtype
    other = "float64" if dtype == "float32" else "float32"
    assert classifier(dtype=other).fit(X, y).coefs_[0].dtype == other
    assert classifier(solver="lbfgs").fit(X, y).coefs_[0].dtype == dtype


def test_one_class_and_labels_of_any_kind() -> None:
    X, _ = data.classes(2)
    model = classifier().fit(X, ["only"] * len(X))
    assert set(model.predict(X)) == {"only"}
    assert np.array_equal(model.predict_proba(X), np.ones((len(X), 1)))
    Y = sparse.csr_matrix(data.labels()[1])
    assert sparse.issparse(classifier().fit(X, Y).predict(X))
