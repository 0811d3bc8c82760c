"""A table on its way into a sweep: one test part, and an encoder of its own for each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.cli.judge import SCORES
from chainrule.cli.pipeline import Settings, batch_of, loss_of, network
from chainrule.errors import UsageError
from chainrule.experiments.material import Material, Part, SplitPlan
from chainrule.experiments.splits import Scheme, fold_rows
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES, Loss
from chainrule.tabular import Encoder, Table, split_rows
from chainrule.tabular.table import require_ignored
from chainrule.tabular.target import TargetCode, Task, drop_missing_target, require_target

__all__ = ["SweepData", "fixed_arguments", "pairs_of", "sweep_data"]


@frozen
class SweepData:
    """The encoded splits of a table, and what was understood of it.

    Parameters
    ----------
    material : Material
    task : Task
    classes : sequence or None
    rows, features : int
    test_rows : int
    loss : str
        That of the task, or the one that was chosen.
    batch : int
        Rows of a batch where nothing is said.
    noun : str
        What one row is.
    shape : tuple of int, optional
        Of a picture.
    """

    material: Material
    task: Task
    classes: Sequence[Any] | None
    rows: int
    features: int
    test_rows: int
    loss: str
    batch: int
    noun: str = "row"
    shape: tuple[int, ...] | None = None

    @property
    def metric(self) -> str:
        """The first metric of the task."""
        return SCORES[self.task][0]

    def network(self, hidden: Any, activation: str, dropout: float, loss: Any) -> nn.Sequential:
        """Return the network of a setting, as wide at its end as the loss needs."""
        criterion = LOSSES.make(loss)
        alone = not self.classes or criterion.link.elementwise
        targets = 1 if alone else len(self.classes or ())
        settings = Settings("", hidden=hidden, activation=activation, dropout=dropout)
        return network(settings, criterion.raw_width(targets))

    def facts(self, scheme: Scheme) -> dict[str, str]:
        """Return in words how the rows are used."""
        training, held = (self.material.count(0, part) for part in ("training", "validation"))
        way = f"{scheme.folds} folds" if scheme.folds else "one split"
        return {
            f"{self.noun}s": f"{training:,} to train, {held:,} to compare by, "
            f"{self.test_rows:,} to test",
            "repeats": f"{scheme.repeats}, each with {way} and a seed of its own",
            "pixels" if self.noun == "picture" else "features": f"{self.features:,}",
        }


def sweep_data(
    table: Table, settings: Settings, scheme: Scheme, losses: Sequence[str | None]
) -> SweepData:
    """Hold the test rows back once, and cut and encode the others for each split.

    The encoder of a split is fitted on its training rows alone, as `chainrule train` does it.

    Parameters
    ----------
    table : Table
    settings : Settings
    scheme : Scheme
    losses : sequence of str or None
        All losses of the sweep.

    Raises
    ------
    TargetError, DataError, UsageError
        The table or the target cannot be learned from, or a loss does not fit.
    """
    names = (*table.names, *table.ignored)
    require_ignored(settings.ignore, settings.target, names, table.source)
    if settings.drop_missing_target:
        table = drop_missing_target(table, settings.target)
    column = require_target(table, settings.target)
    seen = table.without(*settings.ignore)
    whole = TargetCode.fit(column, settings.task, table=table)
    chosen = [loss_of(replace(settings, loss=loss), whole) for loss in losses]
    standardise = _one_scale(chosen)
    codes = whole.encode(column) if whole.classes else None
    parts = split_rows(
        table.rows,
        validation_share=0.0,
        test_share=settings.test_share,
        seed=scheme.seed,
        classes=codes,
    )
    pairs = pairs_of(parts.training, settings, scheme, codes)
    arrays: dict[str, np.ndarray] = {}
    plans: list[SplitPlan] = []
    for training, validation in pairs:
        encoder = Encoder.fit(seen.take(training), settings.target, whole.task, standardise)
        found = {"training": training, "validation": validation, "test": parts.test}
        named = {
            name: _part(arrays, f"{name}_{len(plans)}", encoder, table.take(rows), settings.dtype)
            for name, rows in found.items()
            if len(rows)
        }
        plans.append(SplitPlan(named["training"], named["validation"], named.get("test")))
    return SweepData(
        Material(arrays, plans),
        whole.task,
        whole.classes,
        table.rows,
        arrays[plans[0].training.X].shape[1],
        len(parts.test),
        chosen[0].name,
        batch_of(len(pairs[0][0]), settings),
    )


def _one_scale(losses: Sequence[Loss]) -> bool:
    """Return whether the target is standardised.

    Raises
    ------
    UsageError
        Some of the losses need it as it is, and others do not.
    """
    scaled = {loss.name: loss.targets == Loss.targets for loss in losses}
    if len(set(scaled.values())) > 1:
        raise UsageError(
            "these losses read the target in different units, so they are not compared",
            where="--loss",
            got=", ".join(scaled),
        )
    return all(scaled.values())


def pairs_of(
    pool: np.ndarray, settings: Settings, scheme: Scheme, codes: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return training and validation rows of each split of the rows in `pool`."""
    own = None if codes is None else codes[pool]
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for repeat in range(scheme.repeats):
        seed = scheme.seed + repeat
        if scheme.folds is None:
            share = min(settings.validation_share / (1 - settings.test_share), 0.99)
            found = split_rows(
                len(pool), validation_share=share, test_share=0.0, seed=seed, classes=own
            )
            pairs.append((pool[found.training], pool[found.validation]))
        else:
            held = fold_rows(len(pool), scheme.folds, seed, own)
            pairs += [(np.setdiff1d(pool, pool[rows]), pool[rows]) for rows in held]
    return pairs


def _part(
    arrays: dict[str, np.ndarray], name: str, encoder: Encoder, rows: Table, dtype: str
) -> Part:
    arrays[f"{name}_X"] = np.ascontiguousarray(encoder.encode(rows), dtype)
    arrays[f"{name}_y"] = encoder.target.encode(rows.column(encoder.target.name))
    return Part(f"{name}_X", f"{name}_y")


def fixed_arguments(values: Mapping[str, Any], data: SweepData, record: bool) -> dict[str, Any]:
    """Return what is the same for all settings, as arguments of `chainrule.sweep`.

    Parameters
    ----------
    values : mapping
        Of the options that have one value; None where nothing was said.
    data : SweepData
    record : bool
    """
    unsaid = {"augment": ()}  # as if the option were not there
    stated = {
        name: value
        for name, value in values.items()
        if value is not None and value != unsaid.get(name)
    }
    return {
        "loss": data.loss,
        "batch_size": data.batch,
        "metrics": (data.metric,),
        "train_metrics": False,
        **({"record": True} if record else {}),
        **stated,
    }
