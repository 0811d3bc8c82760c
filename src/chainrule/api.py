"""`train`: from data to a trained model in one call; and `load`, to have a saved one again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import AnyOf, Boolean, NoneValue, check_parameters
from chainrule.engine.protocol import Observer
from chainrule.frozen import frozen
from chainrule.images.code import PixelCode
from chainrule.maths.augmentation import Augmentation
from chainrule.maths.class_weights import ClassWeight
from chainrule.maths.clipping import Clipping
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.metric import Metric
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.maths.schedule import Schedule
from chainrule.nn.layer import Layer
from chainrule.plan.plan import Group, make_plan
from chainrule.storage.model import Model
from chainrule.training.arguments import (
    JSONDocument,
    clear_arguments,
    described,
    require_array,
    require_readable,
)
from chainrule.training.augmentation import choose_augmentations
from chainrule.training.blocks import Blocks, dataset_of
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.course import Course, choose_metrics
from chainrule.training.events import Listener
from chainrule.training.history import History
from chainrule.training.loop import run_course
from chainrule.training.names import column_names
from chainrule.training.record import record_of
from chainrule.training.recording import Recording
from chainrule.training.recording_run import Recorder
from chainrule.training.session import Outcome
from chainrule.training.stopping import Stopping

if TYPE_CHECKING:
    from chainrule.glass.doctor import Diagnosis
    from chainrule.glass.trace import Trace
    from chainrule.glass.trace.during import StepTracer

__all__ = ["DEFAULT_EPOCHS", "Run", "TableModel", "load", "train"]

DEFAULT_EPOCHS = 100
_RULES = {"record": Boolean(), "note": AnyOf(NoneValue(), JSONDocument())}


@frozen
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
    recording : Recording, optional
        What was observed, if the run was recorded.
    traces : mapping of int to Trace
        The steps of `trace_steps`, by the number of the update.
    """

    model: Model
    history: History = field(repr=False)
    stop_reason: str
    best_epoch: int
    fault: str = ""
    recording: Recording | None = field(default=None, repr=False)
    traces: Mapping[int, Trace] = field(default_factory=dict, repr=False)

    def diagnose(self) -> Diagnosis:
        """Say what is wrong with the run, and what to change; see `chainrule.diagnose`.

        Raises
        ------
        UsageError
            The run was not recorded.
        """
        from chainrule.glass.doctor import diagnose

        return diagnose(self)


@clear_arguments
def train(
    network: Layer | str | Mapping[str, object],
    X: Any,
    y: Any = None,
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
    checkpoint_every: int | None = 1,
    resume: str | os.PathLike[str] | None = None,
    observer: Observer | None = None,
    note: Mapping[str, Any] | None = None,
    record: bool = False,
    trace_steps: Sequence[int] | None = None,
    augment: Augmentation | str | Sequence[Augmentation | str] = (),
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
        by the model. Data larger than memory comes as `chainrule.Blocks`, which bring their targets
        and validation rows.
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
    checkpoint_every : int or None
        Epochs between two saves; None to save by time, of which saving then takes 3 % at most.
    resume : path, optional
        Go on from this checkpoint, with the same arguments, to the same bits. `epochs` and
        `stopping` may change, as far as that would not have changed what is done already.
    observer : Observer, optional
        Receives every tensor of every step.
    note : dict, optional
        A JSON document that the checkpoints keep for you: `read_checkpoint(path).note`.
    record : bool
        Look at a few dozen steps, so that `run.diagnose()` can say what is wrong. The weights are
        the same, to the bit.
    trace_steps : sequence of int, optional
        Updates, counted from 1, whose every number is kept in `run.traces`. The bits are the same.
    augment : Augmentation, or several, optional
        Change the training rows anew in each epoch, one after the other; each row as its position
        in the epoch draws it, so that the same arguments still give the same bits. Scores are of
        the rows as they were given.

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
    _check(X, y, record, note)
    criterion = LOSSES.make(loss)
    saved = None if resume is None else read_checkpoint(resume)
    data = dataset_of(
        X,
        y,
        criterion,
        dtype=dtype,
        seed=seed,
        sample_weight=sample_weight,
        class_weight=class_weight,
        validation=validation,
        validation_share=validation_share,
    )
    method = (optimizer, schedule, penalties, clip, reduction, groups)
    plan = make_plan(described(network), data.sample_shape, criterion, data.targets.width, *method)
    course = Course(
        plan,
        data.rows,
        data.validation,
        epochs=_planned(epochs, None if saved is None else saved.epochs),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        dtype=dtype,
        metrics=choose_metrics(metrics, criterion),
        train_metrics=train_metrics,
        stopping=Stopping() if stopping is None else stopping,
        restore_best=restore_best,
        augment=choose_augmentations(augment),
    )
    recorder = Recorder(course, column_names(X)) if record else None
    saving = (checkpoint, checkpoint_every, saved)
    tracer = None if trace_steps is None else _tracer(course, trace_steps)
    around = None if tracer is None else tracer.around
    outcome = run_course(course, on_event, *saving, observer, note, recorder, around)
    run = _run(course, outcome, data.classes, column_names(X), recorder)
    return run if tracer is None else replace(run, traces=tracer.traces)


def load(path: str | os.PathLike[str]) -> Model:
    """Return the model of a file, validated wholly before it is used.

    A model that was trained on a table file (`chainrule train`) reads data frames: `TableModel`.
    One that was trained on pictures takes `chainrule.read_images(...).X`.

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
    if model.encoder is None or PixelCode.describes(model.encoder):
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
        from chainrule.tabular.predict import of_one_type, predict_table

        return of_one_type(predict_table(self, self._table(X)).values)

    def _features(self, X: Any) -> Any:
        if column_names(X) is None:
            return X
        from chainrule.tabular.predict import encoder_of

        return encoder_of(self).encode(self._table(X))

    def _table(self, frame: Any) -> Any:
        from chainrule.tabular.frames import table_of
        from chainrule.tabular.predict import encoder_of

        return table_of(frame, encoder_of(self).expects())


def _check(X: Any, y: Any, record: object, note: object) -> None:
    """Refuse what nothing below would name in the words of the caller."""
    check_parameters(_RULES, {"record": record, "note": note}, str)
    if not isinstance(X, Blocks):
        require_array(X)
        require_readable(y, "y")


def _tracer(course: Course, steps: Sequence[int]) -> StepTracer:
    from chainrule.glass.trace.during import StepTracer

    return StepTracer(course, steps)


def _planned(epochs: int | None, before: int | None) -> int:
    if epochs is not None:
        return epochs
    return DEFAULT_EPOCHS if before is None else before


def _run(
    course: Course,
    outcome: Outcome,
    classes: list[Any] | None,
    names: tuple[str, ...] | None,
    recorder: Recorder | None,
) -> Run:
    progress = outcome.progress
    recording = None
    if recorder is not None:
        recording = recorder.recording(progress, outcome.reason, outcome.fault)
    described = {} if recording is None else {"recording": recording.to_document()}
    kept = progress.chosen(course.restore_best)
    model = Model(
        course.plan,
        kept.weights,
        kept.running,
        classes=classes,
        record={**record_of(course, outcome), **described},
        dtype=course.dtype,
        feature_names=names,
    )
    best_epoch = 0 if progress.best is None else progress.best.epoch
    history = History([dict(row) for row in progress.rows])
    return Run(model, history, outcome.reason, best_epoch, outcome.fault, recording)
