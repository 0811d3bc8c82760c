"""When a run ends, and the score by which epochs are compared.

Decisions
---------
a) Whether to stop is a pure function of what the checkpoint holds (the last rows, the patience
   counter), so that a resumed run stops in the same epoch, and a finished one does not go on.
b) Every score is turned so that lower is better; a score that is not a number never improves.
c) Patience counts from the last epoch that improved by more than `minimum_improvement` on the one
   before it that did. Many small gains therefore add up to one that counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.checks import AnyOf, Integer, NoneValue, Real, Text, shown
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.metric import Metric
from chainrule.registry import Record, new_registry, suggest

__all__ = ["REASONS", "STOPPINGS", "Patience", "Stopping", "StoppingBase", "monitored"]

REASONS = (
    "epochs",
    "patience",
    "loss_below",
    "gradient_norm_below",
    "max_seconds",
    "diverged",
    "interrupted",
    "converged",
    "evaluations",
)
"""Why a run ended; the last two are L-BFGS's own."""


class StoppingBase(Record):
    """Base of the rules that end a run."""


STOPPINGS = new_registry("stopping", StoppingBase)


@STOPPINGS.register
@frozen
class Stopping(StoppingBase):
    r"""End a run when one of these holds at the end of an epoch; None switches a rule off.

    .. math::
        L_t < \epsilon_L, \quad \|\nabla J\|_t < \epsilon_g, \quad
        s_t \ge s_{best} - \delta \text{ for } p \text{ epochs}, \quad t = T

    with :math:`L_t` the training loss, :math:`\epsilon_L` = `loss_below`, :math:`\epsilon_g` =
    `gradient_norm_below`, :math:`s` the monitored score, :math:`\delta` = `minimum_improvement`,
    :math:`p` = `patience` and :math:`T` the epochs.

    Parameters
    ----------
    patience : int, optional
        Epochs without an improvement before the run ends.
    minimum_improvement : float
        What counts as an improvement, in units of the monitored column.
    loss_below : float, optional
        The training loss is small enough.
    gradient_norm_below : float, optional
        The mean norm of the gradient over an epoch is small enough.
    max_seconds : float, optional
        Time of one call of `train`. The only rule that acts within an epoch too: the updates done
        are kept and scored.
    monitor : str
        The history's column that patience, best weights and plateau schedules watch. Losses and
        errors shall fall, scores such as accuracy shall rise. `validation_loss` means `train_loss`
        where there is no validation data.
    divergence_factor : float, optional
        The run has diverged when the training loss exceeds this many times the size of the first
        epoch's. Numbers that are not finite always count as divergence.

    Source: Prechelt, "Early stopping - but when?" (1998), for the patience.

    Example
    -------
    >>> import chainrule as cr
    >>> cr.Stopping(patience=5, monitor="validation_accuracy").patience
    5
    """

    name = "stopping"
    rules = {
        "patience": AnyOf(NoneValue(), Integer(1)),
        "minimum_improvement": Real(0),
        "loss_below": AnyOf(NoneValue(), Real()),
        "gradient_norm_below": AnyOf(NoneValue(), Real(0, closed="neither")),
        "max_seconds": AnyOf(NoneValue(), Real(0, closed="neither")),
        "monitor": Text(),
        "divergence_factor": AnyOf(NoneValue(), Real(1, closed="neither")),
    }
    latex = r"L_t < \epsilon_L,\quad \|\nabla J\|_t < \epsilon_g,\quad s_t \ge s_{best} - \delta"
    source = 'Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade (1998)'

    patience: int | None = None
    minimum_improvement: float = 0.0
    loss_below: float | None = None
    gradient_norm_below: float | None = None
    max_seconds: float | None = None
    monitor: str = "validation_loss"
    divergence_factor: float | None = None

    def reason(self, rows: Sequence[Mapping[str, Any]], waited: int, epochs: int) -> str | None:
        """Return why a run ends after the last of these rows, or None to go on.

        Parameters
        ----------
        rows : sequence of dict
            The history.
        waited : int
            Epochs since the last improvement.
        epochs : int
            Epochs planned.
        """
        if not rows:
            return None
        loss, norm = rows[-1]["train_loss"], rows[-1]["gradient_norm"]
        if self.divergence_factor is not None:
            if loss > self.divergence_factor * abs(rows[0]["train_loss"]):
                return "diverged"
        if self.loss_below is not None and loss < self.loss_below:
            return "loss_below"
        if self.gradient_norm_below is not None and norm < self.gradient_norm_below:
            return "gradient_norm_below"
        if self.patience is not None and waited >= self.patience:
            return "patience"
        return "epochs" if rows[-1]["epoch"] >= epochs else None


@frozen
class Patience:
    """How long nothing has improved.

    Parameters
    ----------
    reference : float
        The last score that was an improvement; lower is better.
    waited : int
        Epochs since then.
    """

    reference: float = math.inf
    waited: int = 0

    def after(self, score: float, minimum_improvement: float) -> Patience:
        """Return the counter after one more score."""
        if score < self.reference - minimum_improvement:
            return Patience(score, 0)
        return Patience(self.reference, self.waited + 1)


def monitored(monitor: str, columns: Sequence[str], metrics: Sequence[Metric]) -> tuple[str, float]:
    """Return the column to watch, and the sign that makes lower better.

    Raises
    ------
    InvalidParameterError
        The history will have no such column, or it is no score.
    """
    if monitor == "validation_loss" and monitor not in columns:
        monitor = "train_loss"
    scores = [name for name in columns if name.startswith(("train_", "validation_"))]
    scores.append("gradient_norm")
    if monitor not in scores:
        raise InvalidParameterError(
            "the history has no such score",
            where="Stopping.monitor",
            expected="one of " + ", ".join(scores),
            got=shown(monitor),
            do=suggest(monitor, scores) or "pass validation data or name a metric",
        )
    rising = {metric.name for metric in metrics if metric.greater_is_better}
    return monitor, -1.0 if monitor.partition("_")[2] in rising else 1.0
