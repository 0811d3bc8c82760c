"""Augmented runs: the same bits for the same arguments, whatever threads, stops and blocks do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

import chainrule as cr
from chainrule import nn
from chainrule.engine.protocol import Rows
from chainrule.engine.select import threads_of_engines
from chainrule.errors import CheckpointError, InvalidParameterError, ShapeError, UsageError
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation, Draws
from chainrule.maths.augmentations_image import Geometric
from chainrule.maths.augmentations_table import GROUP
from chainrule.maths.loss import LOSSES
from chainrule.maths.warp import about_centre, composed, warp
from chainrule.training.augmentation import augmented, choose_augmentations
from chainrule.training.checkpoint import read_checkpoint
from tests.training.runs import assert_same_bits, interrupt_after, noisy, numbers, regress

SIDE = 6
EVERY = [example for cls in AUGMENTATIONS for example in cls.examples()]
FITTING = [one for one in EVERY if getattr(one, "shape", None) in (None, (2, 3))]
MIXED = [cr.Noise(0.2), cr.Mixup(0.4), cr.FeatureDropout(0.2)]


def draws(rows: int, first: int = 0, epoch: int = 0, place: int = 0, seed: int = 0) -> Draws:
    return Draws(seed, epoch, place, first, rows)


def rows_of(count: int, width: int = SIDE, dtype: str = "float32") -> Rows:
    generator = np.random.default_rng(0)
    X = generator.random((count, width)).astype(dtype)
    return Rows(X, np.eye(3, dtype=dtype)[generator.integers(0, 3, count)])


def pictures(count: int = 60, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Return bars that lie or stand, at any place."""
    generator = np.random.default_rng(seed)
    images = 0.1 * generator.random((count, SIDE, SIDE))
    labels = []
    for image, stands, place in zip(
        images, generator.integers(0, 2, count), generator.integers(1, SIDE - 1, count), strict=True
    ):
        (image.T if stands else image)[place] += 1.0
        labels.append("stands" if stands else "lies")
    return images.reshape(count, -1), labels


@pytest.mark.parametrize("member", EVERY, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_depends_on_its_position_alone(member: Augmentation, dtype: str) -> None:
    rows = rows_of(2 * GROUP, 9 if getattr(member, "shape", None) is None else 6, dtype)
    before = rows.X.copy(), rows.Y.copy()
    whole = augmented([member], rows, 7, 2, 0)
    later = augmented([member], rows.take(slice(GROUP, None)), 7, 2, GROUP)
    for one, other in zip(whole, later, strict=True):
        assert one.dtype == rows.X.dtype
        assert one[GROUP:].tobytes() == other.tobytes()
    assert np.array_equal(rows.X, before[0])
    assert np.array_equal(rows.Y, before[1])
    assert not np.array_equal(whole[0], rows.X)
    for seed, epoch in ((8, 2), (7, 3)):
        assert not np.array_equal(augmented([member], rows, seed, epoch, 0)[0], whole[0])


def test_two_of_a_kind_draw_different_numbers() -> None:
    rows = rows_of(50)
    zero = Rows(np.zeros_like(rows.X), rows.Y)
    once = augmented([cr.Noise(1.0)], zero, 0, 0, 0)[0]
    twice = augmented([cr.Noise(1.0), cr.Noise(1.0)], zero, 0, 0, 0)[0]
    assert not np.allclose(twice, 2 * once)
    assert np.std(twice) == pytest.approx(np.sqrt(2), rel=0.15)


def test_noise_is_normal_of_its_deviation() -> None:
    X = np.full((4_000, 3), 5.0)
    noise = (cr.Noise(0.5).apply(X, X, draws(4_000))[0] - 5.0).ravel()
    assert stats.kstest(noise / 0.5, "norm").pvalue > 0.01


def test_feature_dropout_has_its_rate_and_value() -> None:
    X = np.ones((4_000, 5))
    found = cr.FeatureDropout(0.3, value=-2.0).apply(X, X, draws(4_000))[0]
    assert set(np.unique(found)) == {-2.0, 1.0}
    assert np.mean(found == -2.0) == pytest.approx(0.3, abs=0.015)


@pytest.mark.parametrize("alpha", [0.2, 0.6, 1.0, 4.0])
def test_the_shares_of_mixup_are_beta_distributed(alpha: float) -> None:
    X = np.arange(3_000.0)[:, None]
    shares = cr.Mixup(alpha)._shares(draws(3_000))
    assert np.isfinite(shares).all()
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert np.isfinite(cr.Mixup(1e-12).apply(X, X, draws(3_000))[0]).all()


def test_mixup_mixes_rows_and_targets_alike_within_the_group() -> None:
    count = GROUP + 10
    X, Y = np.eye(count), np.arange(count, dtype=float)[:, None]
    mixed, soft = cr.Mixup(1.0).apply(X, Y, draws(count))
    assert np.allclose(mixed @ Y, soft)
    assert np.allclose(mixed.sum(axis=1), 1.0)
    assert not mixed[:GROUP, GROUP:].any()
    assert not mixed[GROUP:, :GROUP].any()
    assert np.mean((mixed > 0).sum(axis=1) == 2) > 0.95


def reference(image: np.ndarray, rule: np.ndarray) -> np.ndarray:
    """Return SciPy's picture; its rows come first, and its outside is 0 as ours."""
    pad = 30
    matrix = rule[:, :2][::-1, ::-1]
    offset = rule[::-1, 2] + pad - matrix @ np.array([pad, pad])
    far = ndimage.affine_transform(np.pad(image, pad), matrix, offset=offset, order=1)
    return far[pad:-pad, pad:-pad]


@pytest.mark.parametrize("shape", [(1, 1), (7, 4), (5, 5)])
def test_the_warp_is_scipys(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    images = generator.random((70, *shape))
    maps = generator.normal(size=(70, 2, 3)) * [1.0, 1.0, 3.0]
    found = warp(images, maps)
    for image, rule, mine in zip(images, maps, found, strict=True):
        assert np.allclose(mine, reference(image, rule), atol=1e-12)


def test_whole_numbers_move_pixels_as_they_are() -> None:
    image = np.arange(12.0).reshape(1, 3, 4)
    quarter = about_centre(np.array([[[0.0, -1.0], [1.0, 0.0]]]), np.zeros((1, 2)), 3, 3)
    assert np.allclose(warp(image[:, :, :3], quarter)[0], np.rot90(image[0, :, :3]))
    still = np.eye(2)[None]
    moved = about_centre(still, np.array([[1.0, 0.0]]), 3, 4)
    assert np.array_equal(warp(image, moved)[0, :, :3], image[0, :, 1:])
    assert not warp(image, moved)[0, :, 3].any()
    assert not warp(image, about_centre(still, np.array([[1e9, -1e9]]), 3, 4)).any()


def test_changes_of_pictures_are_resampled_once_in_their_order() -> None:
    rows = rows_of(5, SIDE * SIDE)
    members = [cr.Shift(2), cr.Rotation(40), cr.Scaling(0.3)]
    chain = [one.maps(draws(5, place=place), SIDE, SIDE) for place, one in enumerate(members)]
    maps = composed(composed(chain[0], chain[1]), chain[2])
    found = augmented(members, rows, 0, 0, 0)[0]
    assert np.array_equal(found, warp(rows.X.reshape(5, SIDE, SIDE), maps).reshape(5, -1))
    place = np.array([1.0, 2.0, 1.0])
    step = (chain[2][0] @ place, 1.0)
    step = (chain[1][0] @ [*step[0], 1.0], 1.0)
    assert np.allclose(chain[0][0] @ [*step[0], 1.0], maps[0] @ place)


def test_channels_move_together() -> None:
    X = np.random.default_rng(0).random((4, 2 * 3 * 3))
    shaped = X.reshape(4, 2, 3, 3)
    found = cr.Shift(1, shape=(2, 3, 3)).apply(X, X, draws(4))[0].reshape(4, 2, 3, 3)
    for channel in range(3):
        alone = np.ascontiguousarray(shaped[..., channel]).reshape(4, 6)
        moved = cr.Shift(1, shape=(2, 3)).apply(alone, X, draws(4))[0]
        assert np.array_equal(found[..., channel].reshape(4, 6), moved)


@pytest.mark.parametrize(
    ("member", "low", "high"),
    [(cr.Shift(2), 0.0, 2.0), (cr.Rotation(30), 0.0, 30.0), (cr.Scaling(0.2), 0.8, 1.2)],
    ids=str,
)
def test_ranges_are_kept_and_used(member: Geometric, low: float, high: float) -> None:
    maps = member.maps(draws(2_000), 5, 5)
    if isinstance(member, cr.Shift):
        size = np.abs(maps[:, :, 2]).ravel()
    elif isinstance(member, cr.Rotation):
        size = np.degrees(np.abs(np.arctan2(maps[:, 1, 0], maps[:, 0, 0])))
    else:
        size = 1 / np.stack([maps[:, 0, 0], maps[:, 1, 1]]).ravel()
    assert low <= size.min() < low + 0.02 * high
    assert 0.98 * high < size.max() <= high


def train_pictures(**changed: Any) -> cr.Run:
    X, y = pictures()
    told: dict[str, Any] = {"epochs": 4, "batch_size": 16, "validation_share": 0.25, **changed}
    told.setdefault("augment", ["shift", cr.Rotation(5), "scale", "noise"])
    network = nn.Sequential(nn.Dense(12, "relu"), nn.Dropout(0.1), nn.Dense(1))
    return cr.train(network, X, y, loss="binary_cross_entropy", **told)


def test_a_plain_run_keeps_its_bits_and_an_augmented_one_has_its_own() -> None:
    plain, empty = regress(network=noisy()), regress(network=noisy(), augment=[])
    assert_same_bits(plain, empty)
    assert plain.model.record == empty.model.record
    changed = regress(network=noisy(), augment=MIXED)
    assert changed.model.weights.tobytes() != plain.model.weights.tobytes()
    assert_same_bits(changed, regress(network=noisy(), augment=MIXED))
    assert [one["record"] for one in changed.model.record["augment"]] == [
        "augmentation/noise",
        "augmentation/mixup",
        "augmentation/feature_dropout",
    ]


def test_strength_zero_is_the_plain_run() -> None:
    one = regress(network=noisy())
    other = regress(network=noisy(), augment=[cr.Noise(0.0), cr.FeatureDropout(0.0)])
    assert one.model.weights.tobytes() == other.model.weights.tobytes()


@pytest.mark.parametrize("extra", [{}, {"shuffle": False}, {"batch_size": None}], ids=str)
def test_weights_of_rows_stay_with_their_rows(extra: dict[str, Any]) -> None:
    weights = np.random.default_rng(3).random(40)
    plain = regress(network=noisy(), sample_weight=weights, **extra)
    still = regress(network=noisy(), sample_weight=weights, augment=cr.Noise(0.0), **extra)
    assert plain.model.weights.tobytes() == still.model.weights.tobytes()


def test_threads_change_no_bits() -> None:
    X, y = numbers(3 * GROUP + 5)
    told: dict[str, Any] = {"X": X, "y": y, "epochs": 2, "batch_size": 64, "augment": MIXED}
    with threads_of_engines(1):
        one = regress(**told)
    with threads_of_engines(3):
        assert_same_bits(one, regress(**told))


def test_both_engines_see_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = train_pictures(dtype="float64")
    monkeypatch.setenv("CHAINRULE_ENGINE", "reference")
    reference_run = train_pictures(dtype="float64")
    assert np.allclose(compiled.model.weights, reference_run.model.weights, atol=1e-10)


@pytest.mark.parametrize("at", [1, 3])
def test_a_resumed_run_is_the_run_that_was_never_stopped(at: int, tmp_path: Path) -> None:
    whole = train_pictures()
    path = tmp_path / "state"
    train_pictures(checkpoint=path, on_event=interrupt_after(at))
    assert_same_bits(train_pictures(resume=path), whole)


def test_another_augmentation_is_another_run(tmp_path: Path) -> None:
    path = tmp_path / "state"
    train_pictures(checkpoint=path, epochs=1)
    for other in ([], ["shift"], ["shift", cr.Rotation(6), "scale", "noise"]):
        with pytest.raises(CheckpointError, match="augment"):
            train_pictures(resume=path, augment=other)
    assert "augment" in read_checkpoint(path).document["run"]
    regress(checkpoint=tmp_path / "plain")
    assert "augment" not in read_checkpoint(tmp_path / "plain").document["run"]


def test_scores_are_of_the_rows_as_they_were_given() -> None:
    run = train_pictures(epochs=2, restore_best=False, validation_share=None)
    X, y = pictures()
    accuracy = np.mean(run.model.predict(X) == np.array(y))
    assert run.history.rows[-1]["train_accuracy"] == pytest.approx(accuracy)


def test_it_composes_with_recording_tracing_and_many_runs() -> None:
    recorded = train_pictures(record=True, trace_steps=[3])
    assert_same_bits(recorded, train_pictures())
    assert list(recorded.traces) == [3]
    X, y = pictures()
    job: dict[str, Any] = {"network": nn.Dense(1), "X": X, "y": y, "loss": "binary_cross_entropy"}
    job.update(epochs=2, augment=["shift", "mixup"])
    one, other = cr.train_many([{**job, "seed": 1}, {**job, "seed": 1}])
    assert_same_bits(one, other)


def test_soft_targets_reach_the_loss() -> None:
    rows = rows_of(40)
    _, soft = augmented([cr.Mixup(1.0)], rows, 0, 0, 0)
    assert ((soft > 0.01) & (soft < 0.99)).any()
    assert np.allclose(soft.sum(axis=1), 1.0)
    assert np.isfinite(LOSSES.make("softmax_cross_entropy").value(rows.X[:, :3], soft)).all()


def test_shifts_teach_what_few_pictures_cannot() -> None:
    """Bars at three places in training, at all places in the test."""
    images, labels = pictures(400, seed=1)
    known = [
        int(np.argmax(i.reshape(SIDE, SIDE).sum(axis=1 - (y == "stands")))) in (2, 3)
        for i, y in zip(images, labels, strict=True)
    ]
    X, y = images[known], [label for label, is_known in zip(labels, known, strict=True) if is_known]
    test_X, test_y = pictures(400, seed=2)
    scores = []
    for augment in ([], [cr.Shift(2.5)]):
        network = nn.Sequential(nn.Dense(32, "relu"), nn.Dense(1))
        run = cr.train(network, X, y, loss="binary_cross_entropy", epochs=60, augment=augment)
        scores.append(np.mean(run.model.predict(test_X) == np.array(test_y)))
    assert scores[1] > scores[0] + 0.05


@pytest.mark.parametrize(
    ("augment", "error", "words"),
    [
        (5, InvalidParameterError, "augment is not understood"),
        ([5], InvalidParameterError, "not an augmentation"),
        ("shfit", cr.errors.UnknownNameError, "did you mean shift"),
        ("shift", ShapeError, "rows are none of that shape"),
        (cr.Shift(shape=(2, 2)), ShapeError, r"\(2, 2\)"),
        (cr.Shift(shape=(1, 1, 1, 5)), ShapeError, "rows of shape"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_training(
    augment: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        regress(augment=augment)


def test_methods_over_all_rows_refuse_it() -> None:
    with pytest.raises(UsageError, match=r"lbfgs compares[\s\S]*one fixed objective"):
        regress(optimizer="lbfgs", augment="noise")


def test_choices_become_records() -> None:
    assert choose_augmentations(None) == ()
    assert choose_augmentations("shift") == (cr.Shift(),)
    documents = [AUGMENTATIONS.document(one) for one in FITTING]
    assert [AUGMENTATIONS.make(document) for document in documents] == FITTING


def test_pictures_of_the_size_of_digits_are_fast() -> None:
    rows = rows_of(2_048, 784)
    members = [cr.Shift(2), cr.Rotation(10)]
    augmented(members, rows, 0, 0, 0)
    began = time.process_time()
    augmented(members, rows, 0, 1, 0)
    assert (time.process_time() - began) / 2_048 * 60_000 < 1.5
