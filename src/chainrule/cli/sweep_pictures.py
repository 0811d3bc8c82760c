"""Pictures on their way into a sweep: one array of pixels, and rows of it for each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chainrule.cli.pictures import Pictures, positions, prepare_pictures
from chainrule.cli.pipeline import Settings, batch_of, loss_of
from chainrule.cli.sweep_data import SweepData, pairs_of
from chainrule.experiments.material import Material, Part, SplitPlan
from chainrule.experiments.splits import Scheme

__all__ = ["sweep_pictures"]


def sweep_pictures(
    data: Path, settings: Settings, scheme: Scheme, losses: Sequence[str | None]
) -> SweepData:
    """Hold the test pictures back once, and cut the others for each split.

    Test pictures that lie beside the others are those of the test, as for `chainrule train`.

    Parameters
    ----------
    data : Path
    settings : Settings
    scheme : Scheme
    losses : sequence of str or None
        All losses of the sweep.

    Raises
    ------
    DataError, UsageError
        The pictures cannot be learned from, or a loss does not fit.
    """
    whole = replace(settings, validation_share=0.0, seed=scheme.seed, loss=losses[0])
    pictures = prepare_pictures(data, whole)
    chosen = [loss_of(replace(settings, loss=loss), pictures.target) for loss in losses]
    codes = positions(pictures.target, pictures.images)
    pool = pictures.split.training
    if pictures.apart is not None:
        # The share that is held back for tests need not come out of these pictures.
        settings = replace(settings, test_share=0.0)
    pairs = pairs_of(pool, settings, scheme, codes)
    arrays = {"X": _typed(pictures.images.X, settings.dtype), "y": codes}
    test = _test(pictures, arrays, settings.dtype)
    plans: list[SplitPlan] = []
    for training, validation in pairs:
        names = [f"{part}_{len(plans)}" for part in ("training", "validation")]
        arrays.update(zip(names, (training, validation), strict=True))
        parts = [Part("X", "y", rows=name) for name in names]
        plans.append(SplitPlan(parts[0], parts[1], test))
    counts = pictures.counts()
    return SweepData(
        Material(arrays, plans),
        "classification",
        pictures.target.classes,
        sum(counts.values()),
        arrays["X"].shape[1],
        counts["test"],
        chosen[0].name,
        batch_of(len(pairs[0][0]), settings),
        "picture",
        pictures.shape,
    )


def _typed(X: np.ndarray, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(X, dtype)


def _test(pictures: Pictures, arrays: dict[str, np.ndarray], dtype: str) -> Part | None:
    if pictures.apart is not None:
        arrays["test_X"] = _typed(pictures.apart.X, dtype)
        arrays["test_y"] = positions(pictures.target, pictures.apart)
        return Part("test_X", "test_y")
    if not len(pictures.split.test):
        return None
    arrays["test"] = pictures.split.test
    return Part("X", "y", rows="test")
