"""All that a run is told: frozen before it starts, the same for every way of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import cached_property

from chainrule.checks import AnyOf, Boolean, Instance, Integer, NoneValue, check_parameters, shown
from chainrule.engine.protocol import Buffers, Rows
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.frozen import frozen
from chainrule.maths.augmentation import Augmentation
from chainrule.maths.loss import Loss
from chainrule.maths.metric import METRICS, Metric
from chainrule.plan.plan import Plan
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.data import DTYPE
from chainrule.training.split import SEED
from chainrule.training.stopping import Stopping, monitored

__all__ = ["Course", "choose_metrics"]

_RULES = {
    "epochs": Integer(1),
    "batch_size": AnyOf(NoneValue(), Integer(1)),
    "shuffle": Boolean(),
    "seed": SEED,
    "dtype": DTYPE,
    "stopping": Instance(Stopping),
    "restore_best": Boolean(),
    "train_metrics": Boolean(),
}


@frozen
class Course:
    """The settings and the data of one run.

    Parameters
    ----------
    plan : Plan
    rows : Rows or BlockRows
        Encoded training rows, in the type `dtype`; in memory, or in a file.
    validation : Rows or BlockRows, optional
    epochs : int
        Epochs planned; schedules are stretched over all of them.
    batch_size : int or None
        Rows of a batch; None, or more than there are, is the whole data. The last batch of an
        epoch is as short as it comes out.
    shuffle : bool
        Draw a new order for each epoch.
    seed : int
        Of first weights, orders and noise.
    dtype : str
    metrics : tuple of Metric
    train_metrics : bool
        Score the training rows too, after each epoch.
    stopping : Stopping
    restore_best : bool
        Return the weights of the best epoch, not those of the last.
    start : Buffers, optional
        First weights and optimizer state, instead of those drawn from the seed.
    augment : tuple of Augmentation
        What happens to the training rows, anew in each epoch.

    Raises
    ------
    InvalidParameterError
        A setting breaks its rule, or `stopping` monitors a column that will not exist.
    """

    plan: Plan
    rows: Rows | BlockRows
    validation: Rows | BlockRows | None = None
    epochs: int = 100
    batch_size: int | None = 32
    shuffle: bool = True
    seed: int = 0
    dtype: str = "float32"
    metrics: tuple[Metric, ...] = ()
    train_metrics: bool = True
    stopping: Stopping = field(default_factory=Stopping)
    restore_best: bool = True
    start: Buffers | None = None
    augment: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.stopping, int) and self.stopping > 0 and self.stopping is not True:
            raise InvalidParameterError(
                "stopping is not a number of epochs",
                where="stopping",
                expected="a Stopping",
                got=shown(self.stopping),
                do=f"pass Stopping(patience={shown(self.stopping, 20)})",
            )
        check_parameters(_RULES, {name: getattr(self, name) for name in _RULES}, lambda name: name)
        _ = self.watched  # refuses a column that will not exist

    @property
    def batch(self) -> int:
        """Rows of a full batch."""
        return len(self.rows) if self.batch_size is None else min(self.batch_size, len(self.rows))

    @property
    def steps_per_epoch(self) -> int:
        """Updates of an epoch."""
        if not self.plan.optimizer.stepwise:
            return 1
        return -(-len(self.rows) // self.batch)

    @property
    def total_steps(self) -> int:
        """Number of the last update as planned; those of `start` count as done."""
        done = 0 if self.start is None else self.start.step
        return done + self.epochs * self.steps_per_epoch

    def loaded(self) -> Rows:
        """Return the training rows, all in memory.

        Raises
        ------
        UsageError
            They stand in a file.
        """
        if isinstance(self.rows, BlockRows):
            raise UsageError("this needs all rows at once, and they stand in blocks", where="X")
        return self.rows

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the history's columns."""
        losses = ["train_loss"] + (["validation_loss"] if self.validation else [])
        names = [metric.name for metric in self.metrics]
        train = [f"train_{name}" for name in names] if self.train_metrics else []
        held = [f"validation_{name}" for name in names] if self.validation else []
        rest = ["learning_rate", "gradient_norm", "seconds"]
        return ("epoch", "step", *losses, *train, *held, *rest)

    @cached_property
    def watched(self) -> tuple[str, float]:
        """The monitored column, and the sign that makes lower better."""
        return monitored(self.stopping.monitor, self.columns, self.metrics)


def choose_metrics(specs: Sequence[Metric | str] | None, loss: Loss) -> tuple[Metric, ...]:
    """Return the metrics of a run: those named, or the loss's own where None are.

    Raises
    ------
    InvalidParameterError
        A metric of the other task, or two with one name.

    Example
    -------
    >>> from chainrule.maths.loss import LOSSES
    >>> from chainrule.training.course import choose_metrics
    >>> [metric.name for metric in choose_metrics(None, LOSSES.make("softmax_cross_entropy"))]
    ['accuracy', 'log_loss']
    """
    if isinstance(specs, (str, Metric)):
        specs = (specs,)
    if not isinstance(specs, (tuple, list, type(None))):
        raise InvalidParameterError(
            "metrics is not understood", expected="names or metrics in a tuple", got=shown(specs)
        )
    metrics = tuple(METRICS.make(spec) for spec in (loss.metrics if specs is None else specs))
    for position, metric in enumerate(metrics):
        if metric.task != loss.task:
            raise InvalidParameterError(
                f"the metric {metric.name} does not fit the loss {loss.name}",
                where="metrics",
                expected=f"a metric for {loss.task}",
                got=f"a metric for {metric.task}",
            )
        if metric.name in (other.name for other in metrics[:position]):
            raise InvalidParameterError(
                "two metrics would share a column", where="metrics", got=metric.name
            )
    return metrics
