"""The learning-rate finder: a short run whose rate rises until the loss breaks out.

Decisions
---------
a) The rate rises by the same factor in each update, over batches in the order of a training run.
   Several such ramps, from the seeds of several runs, cost milliseconds, and their median has no
   hole where one batch was easy.
b) Each ramp's losses are smoothed with bias correction, so that the first ones count fully. A ramp
   ends where its smoothed loss is `stop_factor` times its least one, or not finite.
c) A batch's loss is taken less what the same batch loses with the first weights, plus the mean of
   that: batches differ by more than one update changes, and the difference cancels.
d) Two rates are read off: that of the steepest descent, and a tenth of that of the least loss. The
   first leans high, because the loss falls fastest shortly before it breaks out; the second leans
   low, above all for plain SGD. Their geometric mean is suggested: against sweeps of 24 problems
   it was the only one of the three that was never far off (`tools/proof_recipes.py` repeats that).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.checks import AnyOf, Integer, NoneValue, Real, check_parameters
from chainrule.engine.protocol import Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.engine.select import engine_for
from chainrule.errors import DataError, InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.augmentation import Augmentation
from chainrule.maths.clipping import Clipping
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.nn.layer import Layer
from chainrule.plan.plan import Plan, make_plan
from chainrule.report.figures_canvas import Picture
from chainrule.streams import Stream
from chainrule.training.augmentation import (
    Augmented,
    choose_augmentations,
    require_augmentable,
)
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.course import Course
from chainrule.training.data import prepare

__all__ = ["RateFinding", "lr_find", "read_off"]

_RULES = {
    "batch_size": Integer(1),
    "low": Real(0, closed="neither"),
    "high": Real(0, closed="neither"),
    "steps": AnyOf(NoneValue(), Integer(20, 100_000)),
    "ramps": Integer(1, 1000),
    "smoothing": Real(0, 1, closed="left"),
    "stop_factor": Real(1, closed="neither"),
    "seed": Integer(),
}
_STEPS = 200
_FIRST = 10
"""Updates before a ramp may end: the first losses say little."""


@frozen
class RateFinding:
    """What the ramps showed.

    Parameters
    ----------
    rates : (S,)
        Of the updates, rising; as far as at least half of the ramps came.
    losses : (R, S)
        Loss of each ramp's batches, less what sets the batch apart; NaN after its end.
    smoothed : (S,)
        Median over the ramps of their smoothed losses.
    steepest : float
        Where the smoothed loss falls fastest by the logarithm of the rate.
    tenth : float
        A tenth of the rate with the least smoothed loss.
    suggestion : float
        The geometric mean of both.
    edge : float
        The rate at which half of the ramps had ended; infinite if they did not.
    high : float
        The end of the ramp as it was asked for.
    """

    rates: np.ndarray
    losses: np.ndarray = field(repr=False)
    smoothed: np.ndarray = field(repr=False)
    steepest: float
    tenth: float
    suggestion: float
    edge: float
    high: float

    def words(self) -> str:
        """Return the suggestion with its reason."""
        end = (
            f"half of the ramps had broken out at {self.edge:.2g}"
            if math.isfinite(self.edge)
            else f"no ramp broke out up to {self.high:.2g}"
        )
        return (
            f"{self.suggestion:.2g}: between the steepest descent ({self.steepest:.2g}, leans "
            f"high) and a tenth of the rate with the least loss ({self.tenth:.2g}, leans "
            f"low), their geometric mean; {end}"
        )

    def picture(self) -> Picture:
        """Return loss over rate, with both readings.

        Raises
        ------
        MissingExtraError
            When it is drawn, and matplotlib is not installed.
        """
        from chainrule.experiments.lr_picture import rate_picture

        return rate_picture(self)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "suggestion": self.suggestion,
            "steepest": self.steepest,
            "tenth_of_least": self.tenth,
            "edge": self.edge if math.isfinite(self.edge) else None,
            "rates": self.rates.tolist(),
            "smoothed": [value if math.isfinite(value) else None for value in self.smoothed],
            "ramps": len(self.losses),
        }


def lr_find(
    network: Layer | str | dict[str, object],
    X: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    batch_size: int = 32,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int | None = None,
    ramps: int = 5,
    smoothing: float = 0.9,
    stop_factor: float = 4.0,
    penalties: Penalty | str | Sequence[Penalty | str] = (),
    clip: Clipping | str | float | Sequence[Clipping | str] | None = None,
    augment: Augmentation | str | Sequence[Augmentation | str] = (),
    sample_weight: Any = None,
    dtype: str = "float32",
    seed: int = 0,
) -> RateFinding:
    r"""Raise the learning rate in each update until the loss breaks out, and suggest one.

    .. math::
        \eta_k = \eta_{low} \left(\frac{\eta_{high}}{\eta_{low}}\right)^{k / (S - 1)}, \qquad
        \bar L_k = \frac{(1 - \beta) \sum_{j \le k} \beta^{k - j} L_j}{1 - \beta^{k + 1}}

    with :math:`\eta_{low}, \eta_{high}` = `low`, `high`, :math:`S` = `steps`, :math:`\beta` =
    `smoothing` and :math:`L_k` the loss of the batch before update k, less its loss with the first
    weights, plus the mean of that.

    Parameters
    ----------
    network, X, y, loss, optimizer, penalties, clip, augment, sample_weight, dtype, seed
        As for `chainrule.train`. The optimizer's own rate is not read.
    batch_size : int
        That of the run to come: a larger batch stands a larger rate.
    low, high : float
        Ends of the ramp.
    steps : int, optional
        Updates of the ramp; by default 200, or one epoch if that is shorter but at least 100.
    ramps : int
        Ramps from seeds `seed`, `seed + 1`, ...
    smoothing : float
        Of the losses, in [0, 1).
    stop_factor : float
        A ramp ends where its smoothed loss is so many times its least.

    Raises
    ------
    InvalidParameterError
        An argument breaks its rule, or `low` is not below `high`.
    DataError
        The data cannot be used, or the loss falls nowhere.

    Source: Smith, "Cyclical learning rates for training neural networks" (WACV 2017), section 3.3;
    Smith, Topin, "Super-convergence" (2018).

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X = np.random.default_rng(0).normal(size=(256, 4))
    >>> found = cr.lr_find(nn.Dense(1), X, X.sum(axis=1), loss="squared_error", optimizer="sgd")
    >>> 0.003 < found.suggestion < 0.5
    True
    """
    names = ("batch_size", "low", "high", "steps", "ramps", "smoothing", "stop_factor", "seed")
    values = (batch_size, low, high, steps, ramps, smoothing, stop_factor, seed)
    check_parameters(_RULES, dict(zip(names, values, strict=True)), "lr_find.{}".format)
    if not low < high:
        raise InvalidParameterError(
            "the ramp does not rise", where="lr_find", expected="low < high", got=f"{low}, {high}"
        )
    criterion = LOSSES.make(loss)
    data = prepare(X, y, criterion, dtype=dtype, seed=seed, sample_weight=sample_weight)
    rows = data.rows
    if isinstance(rows, BlockRows):
        raise InvalidParameterError("ramps need all rows in memory", where="lr_find.X")
    chosen = OPTIMIZERS.make(optimizer)
    if not chosen.stepwise:
        raise InvalidParameterError(
            f"{chosen.name} finds its own step lengths", where="lr_find.optimizer"
        )
    plan = make_plan(
        network, data.sample_shape, criterion, data.targets.width, chosen, None, penalties, clip
    )
    batch = min(batch_size, len(rows))
    changes = choose_augmentations(augment)
    require_augmentable(Course(plan, rows, batch_size=batch, augment=changes))
    epoch = -(-len(rows) // batch)
    count = min(_STEPS, max(epoch, _STEPS // 2)) if steps is None else steps
    rates = np.geomspace(low, high, count)
    engine = engine_for(plan, dtype)
    rule = (smoothing, stop_factor)
    losses = np.array(
        [
            _ramp(plan, engine, _Epochs(rows, batch, changes, seed + ramp), rates, rule)
            for ramp in range(ramps)
        ]
    )
    return read_off(rates, losses, smoothing)


class _Epochs:
    """Rows in the order of a training run from that seed, augmented as it would."""

    def __init__(self, rows: Rows, batch: int, changes: Sequence[Augmentation], seed: int) -> None:
        self.rows, self.batch, self.seed = rows, batch, seed
        self.steps = -(-len(rows) // batch)
        self._changed = Augmented(changes, rows, seed) if changes else None

    def epoch(self, epoch: int) -> tuple[Rows, np.ndarray]:
        order = Stream(self.seed, "shuffle", epoch).permutation(len(self.rows))
        return (self.rows, order) if self._changed is None else self._changed.epoch(order, epoch)


def _ramp(
    plan: Plan,
    engine: ReferenceEngine,
    data: _Epochs,
    rates: np.ndarray,
    rule: tuple[float, float],
) -> np.ndarray:
    """Return the loss of each update's batch, NaN from the end of the ramp on."""
    (smoothing, factor), seed, batch = rule, data.seed, data.batch
    losses, still = np.full(len(rates), np.nan), np.zeros(0)
    buffers = engine.buffers(seed)
    start = buffers.copy()
    base = float(plan.optimizer.learning_rate)
    mean, least, level = 0.0, math.inf, 0.0
    rows, order = data.rows, np.zeros(0, np.int64)
    for step, rate in enumerate(rates):
        epoch, place = divmod(step, data.steps)
        if place == 0:
            rows, order = data.epoch(epoch)
            rest = Clock(seed, epoch, 0, len(rates), 0.0)  # at rate 0 the weights stay
            still = engine.epoch(start.copy(), rows, order, batch, rest).objectives
            level = float(still.mean()) if epoch == 0 and len(still) else level
        if place >= len(still):  # not even without a step is this batch's loss finite
            break
        clock = Clock(seed, epoch, place * batch, len(rates), float(rate) / base)
        chosen = order[place * batch : (place + 1) * batch]
        result = engine.epoch(buffers, rows, chosen, batch, clock)
        if not result.finite or not math.isfinite(result.objective):
            break
        losses[step] = result.objective - still[place] + level
        mean = smoothing * mean + (1 - smoothing) * losses[step]
        smooth = mean / (1 - smoothing ** (step + 1))
        least = min(least, smooth)
        if step >= _FIRST and smooth > factor * abs(least):
            break
    return losses


def read_off(rates: np.ndarray, losses: np.ndarray, smoothing: float) -> RateFinding:
    """Return what ramps say: the smoothed loss, the readings and the suggestion.

    Parameters
    ----------
    rates : (S,)
    losses : (R, S)
        NaN from a ramp's end on.
    smoothing : float

    Raises
    ------
    DataError
        The smoothed loss falls nowhere.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.experiments.lr_find import read_off
    >>> rates = np.geomspace(1e-4, 1.0, 81)
    >>> fall = 1 / (1 + np.exp(4 * (np.log10(rates) + 2)))
    >>> found = read_off(rates, (fall + np.where(rates > 0.3, rates, 0))[None], smoothing=0.0)
    >>> round(found.steepest, 4)
    0.01
    """
    weights = 1 - smoothing ** np.arange(1.0, len(rates) + 1)
    mean, smooth = np.zeros(len(losses)), np.empty_like(losses)
    for step in range(len(rates)):
        mean = smoothing * mean + (1 - smoothing) * losses[:, step]
        smooth[:, step] = mean / weights[step]
    alive = np.isfinite(smooth)
    enough = int(np.argmin(np.append(2 * alive.sum(axis=0) > len(losses), False)))
    if enough < _FIRST + 2:
        raise DataError(
            "the loss broke out at once",
            where="lr_find",
            got=f"ramps ended after {enough} updates, at rate {rates[max(enough - 1, 0)]:.2g}",
            do="begin the ramp lower: low=1e-8, or look at the sizes of inputs and targets",
        )
    middle = np.median(np.where(alive, smooth, np.inf)[:, :enough], axis=0)
    least = int(np.argmin(middle))
    if least < 2 or middle[least] >= middle[0]:
        raise DataError(
            "the loss falls nowhere along the ramp",
            where="lr_find",
            do="make the ramp longer or wider: steps=, low=, high=",
        )
    slope = np.gradient(middle[: least + 1], np.log(rates[: least + 1]))
    steepest, tenth = float(rates[int(np.argmin(slope))]), float(rates[least]) / 10
    edge = float(rates[enough]) if enough < len(rates) else math.inf
    return RateFinding(
        rates=rates[:enough],
        losses=losses[:, :enough],
        smoothed=middle,
        steepest=steepest,
        tenth=tenth,
        suggestion=math.sqrt(steepest * tenth),
        edge=edge,
        high=float(rates[-1]),
    )
