"""Augmentation in the estimators: scikit-learn's contract, bits that come back, refusals."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import CheckpointError, InvalidParameterError, ShapeError, UsageError
from chainrule.estimators import rows as rows_module
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation
from chainrule.maths.augmentations_table import GROUP
from chainrule.training import EpochEnded, Event
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
MIXED = (cr.Noise(0.2), cr.Mixup(0.4), cr.FeatureDropout(0.2))
SEVERAL = [cr.Noise(0.2), "mixup"]
WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "noise": {"normalization": "batch", "dropout": 0.2, "optimizer": "adamw"},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
}


def made(estimator: Any = MLPClassifier, **parameters: Any) -> Any:
    common: dict[str, Any] = {"hidden_layer_sizes": 6, "random_state": 1, "batch_size": 32}
    return estimator(**{**common, "max_iter": 5, "augment": MIXED, **parameters})


def bits(model: Any) -> list[bytes]:
    return [tensor.tobytes() for tensor in (*model.coefs_, *model.intercepts_)]


@pytest.mark.parametrize("way", WAYS)
def test_the_same_arguments_give_the_same_bits(way: str) -> None:
    X, y = data.classes(3, rows=150)
    one, other = (made(**WAYS[way]).fit(X, y) for _ in range(2))
    assert bits(one) == bits(other)
    assert one.loss_curve_ == other.loss_curve_
    plain = made(augment=None, **WAYS[way]).fit(X, y)
    assert bits(plain) != bits(one)
    assert bits(made(augment=(), **WAYS[way]).fit(X, y)) == bits(plain)


def test_strength_zero_is_the_plain_fit() -> None:
    """First weights and orders are scikit-learn's own: augmentation takes no number from them."""
    X, y = data.numbers(2)
    plain = made(MLPRegressor, augment=None).fit(X, y)
    still = made(MLPRegressor, augment=[cr.Noise(0.0), cr.FeatureDropout(0.0)]).fit(X, y)
    assert bits(plain) == bits(still)


def test_the_rows_are_those_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each position of an epoch is changed as `chainrule.train` changes it."""
    from chainrule.engine.protocol import Rows
    from chainrule.training.augmentation import augmented

    seen: list[tuple[np.ndarray, np.ndarray]] = []
    whole = rows_module.Changes.whole

    def spy(self: Any, rows: Rows, order: np.ndarray, epoch: int) -> Any:
        changed = whole(self, rows, order, epoch)
        seen.append((changed[0].X.copy(), changed[0].Y.copy()))
        expected = augmented(self.members, rows.take(order), self.seed, epoch, 0)
        assert np.array_equal(changed[0].X, expected[0])
        assert np.array_equal(changed[0].Y, expected[1])
        return changed

    monkeypatch.setattr(rows_module.Changes, "whole", spy)
    X, y = data.classes(3)
    before = X.copy()
    made().fit(X, y)
    assert len(seen) == 5
    assert not np.array_equal(seen[0][0], seen[1][0])
    assert ((seen[0][1] > 0.01) & (seen[0][1] < 0.99)).any()  # mixed targets
    assert np.array_equal(X, before)


def test_scores_are_of_the_rows_as_they_were_given() -> None:
    X, y = data.classes(2, rows=200)
    held = data.classes(2, rows=60)
    model = made(augment=cr.Noise(50.0), scoring="accuracy").fit(X, y, X_val=held[0], y_val=held[1])
    chosen = int(np.argmax(model.validation_scores_))
    assert model.validation_scores_[chosen] == model.score(*held)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("augment", ["noise", cr.Mixup(0.4), MIXED, SEVERAL], ids=str)
def test_the_contract_of_parameters(estimator: Any, augment: Any) -> None:
    X, y = data.classes(2) if estimator is MLPClassifier else data.numbers()
    model = made(estimator, augment=augment)
    assert model.get_params()["augment"] is augment
    twin = clone(model)
    assert twin.get_params()["augment"] == augment
    assert repr(twin) == repr(model)
    model.fit(X, y)
    assert model.augment is augment
    assert bits(twin.fit(X, y)) == bits(model)
    assert bits(pickle.loads(pickle.dumps(model))) == bits(model)
    assert np.array_equal(model.to_model().predict(X[:5]), model.predict(X[:5]))


def test_a_grid_reaches_the_strength() -> None:
    X, y = data.classes(2)
    model = made(augment=cr.Noise(0.1))
    assert model.get_params()["augment__deviation"] == 0.1
    assert clone(model).set_params(augment__deviation=0.5).augment == cr.Noise(0.5)
    assert made(augment="noise").set_params(augment__deviation=0.5).augment == cr.Noise(0.5)
    grid = GridSearchCV(model, {"augment__deviation": [0.0, 0.3], "max_iter": [2]}, cv=2)
    assert grid.fit(X, y).best_params_["augment__deviation"] in (0.0, 0.3)


@pytest.mark.parametrize("way", WAYS)
def test_a_stopped_fit_goes_on_to_the_same_bits(way: str, tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] == 2:
            raise RuntimeError("stop")

    whole = made(**WAYS[way]).fit(X, y)
    path = tmp_path / "run"
    with pytest.raises(RuntimeError, match="stop"):
        made(checkpoint=path, on_event=stop, **WAYS[way]).fit(X, y)
    with pytest.raises(CheckpointError, match="augment"):
        made(resume=path, **{**WAYS[way], "augment": MIXED[:1]}).fit(X, y)
    assert bits(made(resume=path, **WAYS[way]).fit(X, y)) == bits(whole)


def test_checkpoints_of_plain_fits_do_not_name_it(tmp_path: Path) -> None:
    from chainrule.estimators.checkpoints import Saved

    X, y = data.classes(2)
    made(augment=(), checkpoint=tmp_path / "plain").fit(X, y)
    made(checkpoint=tmp_path / "changed").fit(X, y)
    names = [Saved.read(tmp_path / name).document["run"] for name in ("plain", "changed")]
    assert "parameter augment" not in names[0]
    assert names[1]["parameter augment"] == repr(MIXED)
    made(augment=None, resume=tmp_path / "plain", max_iter=7).fit(X, y)


def test_calls_of_one_epoch_are_one_call_of_many() -> None:
    X, y = data.numbers()
    whole = made(MLPRegressor, max_iter=3).fit(X, y)
    parts = made(MLPRegressor, max_iter=1, warm_start=True)
    for _ in range(3):
        parts.fit(X, y)
    assert bits(parts) == bits(whole)
    steps = made(MLPRegressor)
    for _ in range(3):
        steps.partial_fit(X, y)
    assert bits(steps) == bits(whole)


@pytest.mark.parametrize("members", [(cr.Noise(0.2), cr.FeatureDropout(0.3)), MIXED], ids=str)
def test_sparse_rows_made_dense_block_by_block(
    members: tuple[Augmentation, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    X = sparse.random(GROUP + 500, 20, 0.2, "csr", np.float64, random_state=0)
    y = (np.asarray(X.sum(axis=1)).ravel() > 2).astype(int)
    weights = generator.random(X.shape[0])
    dense = made(augment=members).fit(X.toarray(), y, weights)
    assert bits(made(augment=members).fit(X, y, weights)) == bits(dense)
    monkeypatch.setattr(rows_module, "WHOLE_BYTES", 0)
    monkeypatch.setattr(rows_module, "_BLOCK_BYTES", 320 * 20 * 8)
    before = X.copy()
    one, other = (made(augment=members).fit(X, y, weights) for _ in range(2))
    assert bits(one) == bits(other)
    assert (bits(one) == bits(dense)) == (members != MIXED)  # a block's end cuts a group for mixing
    assert abs(X - before).nnz == 0


def test_independent_labels_and_several_outputs() -> None:
    X, Y = data.labels()
    assert made().fit(X, Y).predict(X).shape == Y.shape
    X, Y = data.numbers(3)
    assert np.isfinite(made(MLPRegressor).fit(X, Y).predict(X)).all()
    X, y = data.counts()
    assert np.isfinite(made(MLPRegressor, loss="poisson").fit(X, y).loss_)


def test_every_registered_augmentation_is_understood() -> None:
    X, y = data.numbers(rows=40)
    X = np.hstack([X, X[:, :3]])  # nine columns: pictures of 3 x 3
    for member in AUGMENTATIONS:
        assert np.isfinite(made(MLPRegressor, augment=member.name, max_iter=1).fit(X, y).loss_)


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"solver": "lbfgs"}, UsageError, r"lbfgs compares[\s\S]*one fixed objective"),
        ({"optimizer": cr.LBFGS()}, UsageError, r"lbfgs compares[\s\S]*one fixed objective"),
        ({"augment": 3}, InvalidParameterError, "augment"),
        ({"augment": ["noise", 3]}, InvalidParameterError, "augment"),
        ({"augment": "nosie"}, InvalidParameterError, "augment"),
        ({"augment": "shift"}, ShapeError, "rows are none of that shape"),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_what_cannot_be_is_refused_by_fit(
    estimator: Any, parameters: dict[str, Any], error: type[Exception], words: str
) -> None:
    model = made(estimator, **parameters)  # says nothing yet
    X, y = data.classes(2)
    with pytest.raises(error, match=words):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_lbfgs_without_it_is_as_it_was() -> None:
    X, y = data.numbers()
    models = [
        MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", random_state=0, augment=none).fit(X, y)
        for none in (None, ())
    ]
    assert bits(models[0]) == bits(models[1])
