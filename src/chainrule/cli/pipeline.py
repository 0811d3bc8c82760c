"""From a table to a trained, scored and written model: what `train` and `demo` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chainrule import nn
from chainrule.api import Run, load, train
from chainrule.cli.augment import augmentations_of
from chainrule.cli.judge import (
    SCORES,
    Judgement,
    Scores,
    fit_linear,
    guess_of,
    guessed,
    judge,
    scored,
)
from chainrule.errors import ChainruleError, UsageError
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.storage import Model
from chainrule.tabular import Encoder, Table, predict_table, split_rows
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.split import Split
from chainrule.tabular.table import require_ignored
from chainrule.tabular.target import TargetCode, Task, drop_missing_target, require_target
from chainrule.training import Stopping

__all__ = [
    "Checkpoints",
    "Learnable",
    "Prepared",
    "Settings",
    "batch_of",
    "batch_rows",
    "fit",
    "loss_of",
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


@frozen
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
    patience: int = 10
    validation_share: float = 0.2
    test_share: float = 0.2
    seed: int = 0
    dtype: str = "float32"
    drop_missing_target: bool = False
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    memory: str | None = None
    augment: tuple[str, ...] = ()
    image_size: tuple[int, int] | None = None
    ignore: tuple[str, ...] = ()

    def dialect(self) -> Dialect:
        """Return how the table is written, as far as it was stated."""
        return Dialect(self.delimiter, self.encoding, self.decimal)


class Learnable(Protocol):
    """What a training needs of its data, whether it is a table or pictures."""

    @property
    def target(self) -> TargetCode:
        """How the target became numbers."""
        ...

    @property
    def loss(self) -> Loss:
        """What is minimised."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are reported; the first is shown while it trains."""
        ...

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of a picture; None for other rows."""
        ...

    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Return features and targets of the training rows."""
        ...

    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return those of the validation rows, if there are any."""
        ...


@frozen
class Prepared:
    """A table on its way into a network."""

    table: Table
    split: Split
    encoder: Encoder
    loss: Loss
    dropped: int
    """Rows left out because their target is missing."""
    ignored: tuple[str, ...] = ()
    """Columns that the network was not to see."""

    def part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features and targets of some rows."""
        table = self.table.take(rows)
        target = self.encoder.target
        return self.encoder.encode(table), target.encode(table.column(target.name))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are reported."""
        return SCORES[self.encoder.target.task]

    @property
    def target(self) -> TargetCode:
        """How the target became numbers."""
        return self.encoder.target

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of a picture; None, because rows of a table are none."""
        return None

    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Return features and targets of the training rows."""
        return self.part(self.split.training)

    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return those of the validation rows, if there are any."""
        return self.part(self.split.validation) if len(self.split.validation) else None


def prepare(table: Table, settings: Settings) -> Prepared:
    """Split the rows and fit the encoder on the training rows.

    Raises
    ------
    TargetError, DataError, UsageError
        The target or the table cannot be learned from, or the loss is for another task.
    """
    complete, names = table, (*table.names, *table.ignored)
    require_ignored(settings.ignore, settings.target, names, table.source)
    if settings.drop_missing_target:
        complete = drop_missing_target(table, settings.target)
    column = require_target(complete, settings.target)
    whole = TargetCode.fit(column, settings.task, table=complete)
    loss = loss_of(settings, whole)
    split = split_rows(
        complete.rows,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        seed=settings.seed,
        classes=whole.encode(column) if whole.classes else None,
    )
    training = complete.without(*settings.ignore).take(split.training)
    # A loss with a domain of its own (counts, say) gets the targets as they are.
    standardise = loss.targets == Loss.targets
    encoder = Encoder.fit(training, settings.target, whole.task, standardise)
    encoder.encode(complete.take(split.test))  # a row that cannot be used is named before training
    dropped = table.rows - complete.rows
    return Prepared(complete, split, encoder, loss, dropped, settings.ignore)


def loss_of(settings: Settings, target: TargetCode) -> Loss:
    """Return the loss that was chosen, or that of the task.

    Raises
    ------
    UsageError
        It is for another task, or for fewer classes.
    """
    loss = LOSSES.make(settings.loss or DEFAULT_LOSSES[target.task])
    if loss.task != target.task:
        raise UsageError(
            f"the loss {loss.name} is for {loss.task}, and the target means {target.task}",
            where="--loss",
            do="leave --loss out" + _other_task(target),
        )
    if target.classes and loss.link.elementwise and len(target.classes) > 2:
        raise UsageError(
            f"the loss {loss.name} tells two classes apart",
            where="--loss",
            got=f"{len(target.classes)} classes",
            do=f"use --loss {DEFAULT_LOSSES['classification']}",
        )
    return loss


def _other_task(target: TargetCode) -> str:
    """Return the option that makes another task of a target, if it can be one."""
    if target.task == "regression":
        return ", or pass --task classification if the numbers are classes"
    return ", or pass --task regression" if target.kind == "number" else ""


def batch_rows(prepared: Prepared, settings: Settings) -> int:
    """Return the rows of a batch: those chosen, or about a hundred batches an epoch, 16 to 256."""
    return batch_of(len(prepared.split.training), settings)


def batch_of(training_rows: int, settings: Settings) -> int:
    """Return the rows of a batch for so many training rows."""
    rows = max(training_rows // 100, 1)
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


@frozen
class Checkpoints:
    """Where the state of a run is saved, how often, with what beside, and from where it goes on."""

    save: Path | None = None
    every: int | None = None
    resume: Path | None = None
    note: Mapping[str, Any] | None = None


def fit(
    prepared: Learnable,
    settings: Settings,
    listener: Callable[[Any], object],
    checkpoints: Checkpoints,
    record: bool = False,
) -> Run:
    """Train the network; `listener` takes the events."""
    classes, loss = prepared.target.classes, prepared.loss
    targets = len(classes) if classes and not loss.link.elementwise else 1
    X, y = prepared.training()
    held = prepared.validation()
    return train(
        network(settings, loss.raw_width(targets)),
        X,
        y,
        loss=loss,
        optimizer=optimizer_of(settings),
        schedule=settings.schedule,
        batch_size=batch_of(len(X), settings),
        epochs=settings.epochs,
        validation=held,
        metrics=(prepared.metrics[0],),
        stopping=Stopping(patience=None if held is None else settings.patience or None),
        seed=settings.seed,
        dtype=settings.dtype,
        train_metrics=held is None,
        on_event=listener,
        checkpoint=checkpoints.save,
        checkpoint_every=checkpoints.every,
        resume=checkpoints.resume,
        note=checkpoints.note,
        record=record,
        augment=augmentations_of(settings.augment, prepared.shape),
    )


def score(prepared: Prepared, model: Model, linear: bool = True) -> tuple[Judgement, Scores]:
    """Score a model on the test rows, in the units of the target, beside what needs no network."""
    names = prepared.metrics
    judged = judge(model, prepared.encoder, prepared.table.take(prepared.split.test))
    guess, name = guessed(_guess(prepared), judged)
    scores = Scores(
        len(judged), scored(judged.P, judged, names), scored(guess, judged, names), name
    )
    if not linear:
        return judged, scores
    training = prepared.part(prepared.split.training)
    predict, name, note = fit_linear(*training, prepared.encoder.target)
    found = scored(predict(judged.X), judged, names)
    return judged, replace(scores, linear=found, linear_name=name, linear_note=note)


def _guess(prepared: Prepared) -> dict[str, Any]:
    target = prepared.encoder.target
    column = prepared.table.column(target.name).take(prepared.split.training)
    return guess_of(target, column.values if target.classes is None else target.encode(column))


def with_record(
    prepared: Prepared, settings: Settings, model: Model, scores: Scores | None
) -> Model:
    """Return the trained model with its encoder, its labels, and the record of its training.

    No times or dates: the same table and settings give the same file.
    """
    split = prepared.split
    record = {
        **model.record,
        "table": Path(prepared.table.source).name,
        "reading": None if prepared.table.reading is None else prepared.table.reading.document(),
        "split": {
            "training": len(split.training),
            "validation": len(split.validation),
            "test": len(split.test),
            "without_target": prepared.dropped,
        },
        "settings": asdict(settings),
        "guess": _guess(prepared),
        "scores": None if scores is None else asdict(scores),
    }
    return model.described(
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
