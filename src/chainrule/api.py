"""`train`: from data to a trained model in one call; and `load`, to have a saved one again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.engine.protocol import Observer
from chainrule.maths.class_weights import ClassWeight
from chainrule.maths.clipping import Clipping
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.metric import METRICS, Metric
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.maths.schedule import Schedule
from chainrule.nn.layer import Layer
from chainrule.plan.plan import Group, make_plan
from chainrule.storage.model import Model
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.course import Course, choose_metrics
from chainrule.training.data import prepare
from chainrule.training.events import Listener
from chainrule.training.history import History
from chainrule.training.loop import run_course
from chainrule.training.names import column_names
from chainrule.training.session import Outcome
from chainrule.training.stopping import STOPPINGS, Stopping

__all__ = ["DEFAULT_EPOCHS", "Run", "TableModel", "load", "train"]

DEFAULT_EPOCHS = 100
_RECORDED_ROWS = 1_000
"""Rows of the history that a model's record keeps; a longer one is thinned out evenly."""


@dataclass(frozen=True)
class Run:
    """What a training run leaves behind.

    Parameters
    ----------
    model : Model
        Predicts, and saves itself; the weights are the best epoch's, or the last one's.
    history : History
        One row for each epoch.
    stop_reason : str
        Why the run ended: one of `chainrule.training.REASONS`.
    best_epoch : int
        The epoch with the best monitored score, counted from 1; 0 if none has a score.
    fault : str
        Where a run diverged, and which number was not finite; empty for others.
    """

    model: Model
    history: History = field(repr=False)
    stop_reason: str
    best_epoch: int
    fault: str = ""


def train(
    network: Layer | str | Mapping[str, object],
    X: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    schedule: Schedule | str | None = None,
    penalties: Penalty | str | Sequence[Penalty | str] = (),
    clip: Clipping | str | float | Sequence[Clipping | str] | None = None,
    batch_size: int | None = 32,
    epochs: int | None = None,
    validation: tuple[Any, ...] | None = None,
    validation_share: float | None = None,
    sample_weight: Any = None,
    class_weight: ClassWeight = None,
    metrics: Sequence[Metric | str] | None = None,
    stopping: Stopping | None = None,
    restore_best: bool = True,
    shuffle: bool = True,
    seed: int = 0,
    dtype: str = "float32",
    reduction: Reduction = "mean",
    groups: Sequence[Group] = (),
    train_metrics: bool = True,
    on_event: Listener | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: str | os.PathLike[str] | None = None,
    observer: Observer | None = None,
) -> Run:
    r"""Train a network by gradient descent on the mean (or sum) of a loss over the rows.

    Minimises :math:`J = \sum_i w_i J_i / \sum_i w_i + R`, with :math:`J_i` = `loss` of row i,
    :math:`w_i` = `sample_weight` times the weight of its class, and R = `penalties`; each update
    sees `batch_size` rows. The same arguments give the same bits.

    Parameters
    ----------
    network : Layer
        Its last width must be what the loss needs: the number of classes for
        `softmax_cross_entropy`, of target columns for most others.
    X : array-like, (N, d) or (N, T, d)
        Finite numbers. An array of the run's type is read where it is, without a copy. The names
        of a data frame's columns are kept, and a frame with others, or in another order, is refused
        by the model.
    y : array-like, (N,) or (N, K)
        For a classification loss, labels of any kind (strings, whole numbers, truth values), or a
        matrix, one-hot or soft; for others, numbers.
    loss : Loss or str
    optimizer : Optimizer or str
        `"lbfgs"` uses the whole data at once; one of its iterations counts as an epoch, and
        `batch_size` and `shuffle` are not read.
    schedule : Schedule or str, optional
        Factor on the learning rate. A plateau watches the monitored score.
    penalties : Penalty, or several
    clip : Clipping, or several; a number limits the norm of the whole gradient
    batch_size : int or None
        Rows of one update; None for all of them. A short last batch is used.
    epochs : int, optional
        The most passes over the data; 100, or on `resume` the number that was planned.
    validation : (X, y) or (X, y, weights), optional
        Rows that are scored after each epoch and never trained on.
    validation_share : float, optional
        Instead: share of the rows in (0, 1) that is held back, class by class.
    sample_weight : (N,), optional
        Weights from 0; a row of weight 0 is left out.
    class_weight : "balanced", or dict of label to weight, optional
    metrics : sequence of Metric or str, optional
        Columns of the history; by default the loss's own metrics, `()` for none.
    stopping : Stopping, optional
        When to end before the last epoch, and which score is watched.
    restore_best : bool
        Return the weights (and running moments) of the epoch with the best monitored score.
    shuffle : bool
        Draw a new order of the rows for each epoch.
    seed : int
        Of first weights, orders, dropout and the held-back rows.
    dtype : "float32" or "float64"
    reduction : "mean" or "sum"
    groups : sequence of Group
        Factors on learning rate and decay for parameters by name.
    train_metrics : bool
        Score the training rows too after each epoch, at the cost of one pass forward.
    on_event : function of one event, optional
        Told of the run's progress; what it raises ends the run.
    checkpoint : path, optional
        Save the state there, so that a stopped run can go on. An existing file is not replaced
        unless it is the one of `resume`; on `resume`, that file is the default.
    checkpoint_every : int
        Epochs between two saves.
    resume : path, optional
        Go on from this checkpoint, with the same arguments, to the same bits. `epochs` and
        `stopping` may change, as far as that would not have changed what is done already.
    observer : Observer, optional
        Receives every tensor of every step.

    Returns
    -------
    Run
        Also after Ctrl-C (`stop_reason` is "interrupted") and after a divergence ("diverged"), with
        the best weights, or the last that were finite.

    Raises
    ------
    DataError, TargetError
        X or y cannot be used; names the first bad row and column.
    ShapeError
        The network's output does not fit loss and targets.
    InvalidParameterError, UnknownNameError, UsageError
        An argument is not what it should be.
    CheckpointError
        `resume` belongs to another run; names what differs.
    OutputExistsError
        `checkpoint` exists and belongs to another run.
    DivergenceError
        Numbers stopped being finite before one epoch was done.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> y = ["same", "different", "different", "same"]
    >>> net = nn.Sequential(nn.Dense(8, "tanh"), nn.Dense(1))
    >>> run = cr.train(net, X, y, loss="binary_cross_entropy", optimizer=cr.Adam(0.05), epochs=200)
    >>> run.stop_reason, run.model.predict(X).tolist()
    ('epochs', ['same', 'different', 'different', 'same'])
    """
    record = LOSSES.make(loss)
    saved = None if resume is None else read_checkpoint(resume)
    data = prepare(
        X,
        y,
        record,
        dtype=dtype,
        seed=seed,
        sample_weight=sample_weight,
        class_weight=class_weight,
        validation=validation,
        validation_share=validation_share,
    )
    method = (optimizer, schedule, penalties, clip, reduction, groups)
    plan = make_plan(network, data.sample_shape, record, data.targets.width, *method)
    course = Course(
        plan,
        data.rows,
        data.validation,
        epochs=_planned(epochs, None if saved is None else saved.epochs),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        dtype=dtype,
        metrics=choose_metrics(metrics, record),
        train_metrics=train_metrics,
        stopping=Stopping() if stopping is None else stopping,
        restore_best=restore_best,
    )
    outcome = run_course(course, on_event, checkpoint, checkpoint_every, saved, observer)
    return _run(course, outcome, data.classes, column_names(X))


def load(path: str | os.PathLike[str]) -> Model:
    """Return the model of a file, validated wholly before it is used.

    A model that was trained on a table file (`chainrule train`) reads data frames: `TableModel`.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, hostile, or newer than this library.

    Example
    -------
    >>> import chainrule as cr
    >>> cr.load("no-such-model.safetensors")
    Traceback (most recent call last):
    chainrule.errors.FileFormatError: there is no such model file
      where:    no-such-model.safetensors
    """
    model = Model.load(path)
    if model.encoder is None:
        return model
    return TableModel(
        model.plan,
        model.weights,
        model.state,
        encoder=model.encoder,
        classes=model.classes,
        record=model.record,
        dtype=model.dtype,
        feature_names=model.feature_names,
    )


class TableModel(Model):
    """A model of `chainrule train`: it reads data frames too, and predicts in the target's units.

    A frame (pandas, polars, PyArrow) needs the columns of training by name, in any order and beside
    others; `predict` then gives what `chainrule predict` writes. An array holds the encoded
    features, and gives what the network says of them.
    """

    def raw(self, X: Any) -> np.ndarray:
        return super().raw(self._features(X))

    def predict(self, X: Any) -> np.ndarray:
        if column_names(X) is None:
            return super().predict(X)
        from chainrule.tabular.predict import predict_table

        return predict_table(self, self._table(X)).values

    def _features(self, X: Any) -> Any:
        if column_names(X) is None:
            return X
        from chainrule.tabular.predict import encoder_of

        return encoder_of(self).encode(self._table(X))

    def _table(self, frame: Any) -> Any:
        from chainrule.tabular.frames import table_of
        from chainrule.tabular.predict import encoder_of

        return table_of(frame, encoder_of(self).expects())


def _planned(epochs: int | None, before: int | None) -> int:
    if epochs is not None:
        return epochs
    return DEFAULT_EPOCHS if before is None else before


def _run(
    course: Course,
    outcome: Outcome,
    classes: list[Any] | None,
    names: tuple[str, ...] | None,
) -> Run:
    progress = outcome.progress
    kept = progress.chosen(course.restore_best)
    model = Model(
        course.plan,
        kept.weights,
        kept.running,
        classes=classes,
        record=_record(course, outcome),
        dtype=course.dtype,
        feature_names=names,
    )
    best_epoch = 0 if progress.best is None else progress.best.epoch
    history = History([dict(row) for row in progress.rows])
    return Run(model, history, outcome.reason, best_epoch, outcome.fault)


def _record(course: Course, outcome: Outcome) -> dict[str, Any]:
    """Return what a model file tells of its training: the same for the same bits, so no times."""
    progress = outcome.progress
    rows = progress.rows
    stride = -(-len(rows) // _RECORDED_ROWS) or 1
    kept = [row for row in rows if (row["epoch"] - len(rows)) % stride == 0]
    return {
        "library": __version__,
        "seed": int(course.seed),
        "rows": len(course.rows),
        "validation_rows": 0 if course.validation is None else len(course.validation),
        "batch_size": course.batch,
        "shuffle": bool(course.shuffle),
        "epochs_planned": course.epochs,
        "epochs": len(rows),
        "updates": progress.buffers.step,
        "stop_reason": outcome.reason,
        "best_epoch": 0 if progress.best is None else progress.best.epoch,
        "restore_best": bool(course.restore_best),
        "stopping": STOPPINGS.document(course.stopping),
        "metrics": [METRICS.document(metric) for metric in course.metrics],
        "history": [
            {name: value for name, value in row.items() if name != "seconds"} for row in kept
        ],
    }
