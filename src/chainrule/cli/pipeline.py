"""From a table to a trained, scored and written model: what `train` and `demo` have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.api import Run, load, train
from chainrule.errors import ChainruleError, UsageError
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.metric import METRICS
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.storage import Model
from chainrule.tabular import Encoder, Table, predict_table, split_rows
from chainrule.tabular.split import Split
from chainrule.tabular.target import TargetCode, Task, drop_missing_target, require_target
from chainrule.training import Stopping

__all__ = [
    "Checkpoints",
    "Prepared",
    "Scores",
    "Settings",
    "batch_rows",
    "fit",
    "network",
    "optimizer_of",
    "prepare",
    "score",
    "verify",
    "with_record",
]

DEFAULT_LOSSES: dict[Task, str] = {
    "regression": "squared_error",
    "classification": "softmax_cross_entropy",
}
SCORES: dict[Task, tuple[str, ...]] = {
    "regression": ("r2", "rmse", "mae"),
    "classification": ("accuracy", "balanced_accuracy", "log_loss"),
}
"""What is reported on the test rows; the first one also during training."""


@dataclass(frozen=True)
class Settings:
    """What the user chose, checked by the options' own types."""

    target: str
    task: Task | None = None
    loss: str | None = None
    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    dropout: float = 0.0
    optimizer: str = "adam"
    learning_rate: float | None = None
    schedule: str | None = None
    batch_size: int | None = None
    epochs: int = 100
    patience: int | None = 10
    validation_share: float = 0.2
    test_share: float = 0.2
    seed: int = 0
    dtype: str = "float32"
    drop_missing_target: bool = False


@dataclass(frozen=True)
class Prepared:
    """A table on its way into a network."""

    table: Table
    split: Split
    encoder: Encoder
    loss: Loss
    dropped: int
    """Rows left out because their target is missing."""

    def part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features and targets of some rows."""
        table = self.table.take(rows)
        target = self.encoder.target
        return self.encoder.encode(table), target.encode(table.column(target.name))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are reported."""
        return SCORES[self.encoder.target.task]


@dataclass(frozen=True)
class Scores:
    """Metrics on the test rows by name: of the model, and of a guess that ignores the inputs."""

    rows: int
    model: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str


def prepare(table: Table, settings: Settings) -> Prepared:
    """Split the rows and fit the encoder on the training rows.

    Raises
    ------
    TargetError, DataError, UsageError
        The target or the table cannot be learned from, or the loss is for another task.
    """
    complete = table
    if settings.drop_missing_target:
        complete = drop_missing_target(table, settings.target)
    column = require_target(complete, settings.target)
    whole = TargetCode.fit(column, settings.task)
    loss = _loss(settings, whole)
    split = split_rows(
        complete.rows,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        seed=settings.seed,
        classes=whole.encode(column) if whole.classes else None,
    )
    training = complete.take(split.training)
    # A loss with a domain of its own (counts, say) gets the targets as they are.
    standardise = loss.targets == Loss.targets
    encoder = Encoder.fit(training, settings.target, whole.task, standardise)
    return Prepared(complete, split, encoder, loss, table.rows - complete.rows)


def _loss(settings: Settings, target: TargetCode) -> Loss:
    loss = LOSSES.make(settings.loss or DEFAULT_LOSSES[target.task])
    if loss.task != target.task:
        raise UsageError(
            f"the loss {loss.name} is for {loss.task}, and the target means {target.task}",
            where="--loss",
            do=f"leave --loss out, or pass --task {loss.task}",
        )
    if target.classes and loss.link.elementwise and len(target.classes) > 2:
        raise UsageError(
            f"the loss {loss.name} tells two classes apart",
            where="--loss",
            got=f"{len(target.classes)} classes",
            do=f"use --loss {DEFAULT_LOSSES['classification']}",
        )
    return loss


def batch_rows(prepared: Prepared, settings: Settings) -> int:
    """Return the rows of a batch: those chosen, or about a hundred batches an epoch, 16 to 256."""
    rows = max(len(prepared.split.training) // 100, 1)
    return settings.batch_size or min(max(2 ** (rows.bit_length() - 1), 16), 256)


def optimizer_of(settings: Settings) -> Optimizer:
    """Return the optimizer that was chosen, with its learning rate."""
    rate = settings.learning_rate
    return OPTIMIZERS.make(settings.optimizer, **({} if rate is None else {"learning_rate": rate}))


def network(settings: Settings, outputs: int) -> nn.Sequential:
    """Return the network that the settings describe."""
    layers: list[nn.Layer] = []
    for width in settings.hidden:
        layers.append(nn.Dense(width))
        layers.append(nn.Activation(settings.activation))
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
    return nn.Sequential(*layers, nn.Dense(outputs))


@dataclass(frozen=True)
class Checkpoints:
    """Where the state of a run is saved, and from where it goes on."""

    save: Path | None = None
    resume: Path | None = None


def fit(
    prepared: Prepared,
    settings: Settings,
    listener: Callable[[Any], object],
    checkpoints: Checkpoints,
) -> Run:
    """Train the network; `listener` takes the events."""
    classes, loss = prepared.encoder.target.classes, prepared.loss
    targets = len(classes) if classes and not loss.link.elementwise else 1
    X, y = prepared.part(prepared.split.training)
    held = prepared.split.validation
    return train(
        network(settings, loss.raw_width(targets)),
        X,
        y,
        loss=loss,
        optimizer=optimizer_of(settings),
        schedule=settings.schedule,
        batch_size=batch_rows(prepared, settings),
        epochs=settings.epochs,
        validation=prepared.part(held) if len(held) else None,
        metrics=(prepared.metrics[0],),
        stopping=Stopping(patience=settings.patience if len(held) else None),
        seed=settings.seed,
        dtype=settings.dtype,
        train_metrics=not len(held),
        on_event=listener,
        checkpoint=checkpoints.save,
        resume=checkpoints.resume,
    )


def score(prepared: Prepared, model: Model) -> Scores:
    """Score a model on the test rows, in the units of the target."""
    test = prepared.table.take(prepared.split.test)
    target = prepared.encoder.target
    predicted = predict_table(model, test)
    column = prepared.table.column(target.name)
    seen, truth = column.values[prepared.split.training], test.column(target.name)
    if predicted.probabilities is None:
        Y = truth.values[:, None]
        P, guess = predicted.values[:, None], np.full_like(Y, seen.mean())
        name = "always the mean"
    else:
        codes = target.encode(column.take(prepared.split.training))
        shares = np.bincount(codes) / len(codes)
        Y = np.eye(len(shares))[target.encode(truth)]
        P, guess = predicted.probabilities.astype(np.float64), np.tile(shares, (len(Y), 1))
        name = "always the most frequent"
    found = {metric: METRICS.make(metric) for metric in prepared.metrics}
    return Scores(
        len(Y),
        {key: float(metric.score(P, Y)) for key, metric in found.items()},
        {key: float(metric.score(guess, Y)) for key, metric in found.items()},
        name,
    )


def with_record(prepared: Prepared, settings: Settings, run: Run, scores: Scores | None) -> Model:
    """Return the trained model with its encoder, its labels, and the record of its training.

    No times or dates: the same table and settings give the same file.
    """
    split = prepared.split
    record = {
        **run.model.record,
        "table": Path(prepared.table.source).name,
        "split": {
            "training": len(split.training),
            "validation": len(split.validation),
            "test": len(split.test),
            "without_target": prepared.dropped,
        },
        "settings": asdict(settings),
        "scores": None if scores is None else asdict(scores),
    }
    return run.model.described(
        encoder=prepared.encoder.document(), classes=prepared.encoder.target.classes, record=record
    )


def verify(path: Path, model: Model, prepared: Prepared) -> int:
    """Read a model file back and return the number of predictions that have the same bits.

    Raises
    ------
    ChainruleError
        One prediction differs.
    """
    test = prepared.split.test if len(prepared.split.test) else prepared.split.training
    table = prepared.table.take(test)
    X = prepared.encoder.encode(table)
    written = load(path)
    if written.raw(X).tobytes() != model.raw(X).tobytes():
        raise ChainruleError("the model read back predicts other numbers", where=str(path))
    if predict_table(written, table).values.tolist() != predict_table(model, table).values.tolist():
        raise ChainruleError("the encoder read back gives other numbers", where=str(path))
    return len(X)
