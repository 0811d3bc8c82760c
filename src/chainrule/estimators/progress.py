"""What an estimator remembers between two calls: the optimizer's state, and the course so far.

Decisions
---------
a) Patience is counted as scikit-learn counts it: an epoch that is not better than the *best* by
   more than `tol` counts, and training ends after more than `n_iter_no_change` of them in a row. A
   score that is not a number counts too.
b) Everything that decides the next epoch is kept: weights, the optimizer's vectors and its step
   number, the rate, the random generator, the order of the rows. So `fit` with `warm_start` and
   `partial_fit` go on where they stopped: k calls of one epoch give the bits of one call of k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers
from chainrule.maths.optimizer import Optimizer

__all__ = ["OptimizerState", "Progress"]


@dataclass
class OptimizerState:
    """Where an optimizer stands.

    Parameters
    ----------
    optimizer : Optimizer
    buffers : Buffers
        Weights, slots, running moments, number of updates.
    seed : int
        Of noise, and of first weights that scikit-learn does not know.
    epochs : int
        Epochs done in all calls.
    scale : float
        Factor on the learning rate from "invscaling" or "adaptive".
    order : (N,) int, optional
        Order of the rows in the last epoch; kept if another call may go on from it.
    split : (train, held) or None
        Numbers of the rows to train on and of those held back, likewise.
    """

    optimizer: Optimizer
    buffers: Buffers
    seed: int = 0
    epochs: int = 0
    scale: float = 1.0
    order: np.ndarray | None = None
    split: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def learning_rate(self) -> float:
        """The learning rate as it stands, before a schedule's factor."""
        return self.optimizer.learning_rate * self.scale


@dataclass
class Progress:
    """The course of training over all calls.

    Parameters
    ----------
    losses : list of float
    scores, validation_losses : list of float, or None without validation rows
    best_loss, best_score : float
    stale : int
        Epochs in a row without an improvement.
    seen : int
        Rows seen.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] | None = None
    validation_losses: list[float] | None = None
    best_loss: float = math.inf
    best_score: float = -math.inf
    stale: int = 0
    seen: int = 0

    @classmethod
    def of(cls, estimator: Any) -> Progress:
        """Return the course that an estimator's attributes tell."""
        best_loss = getattr(estimator, "best_loss_", None)
        best_score = getattr(estimator, "best_validation_score_", None)
        scores = getattr(estimator, "validation_scores_", None)
        losses = getattr(estimator, "validation_loss_curve_", None)
        return cls(
            list(getattr(estimator, "loss_curve_", None) or []),
            None if scores is None else list(scores),
            None if losses is None else list(losses),
            math.inf if best_loss is None else best_loss,
            -math.inf if best_score is None else best_score,
            getattr(estimator, "_no_improvement_count", 0),
            getattr(estimator, "t_", 0),
        )

    def note_loss(self, loss: float, tol: float, counts: bool) -> None:
        """Take the loss of an epoch; it decides about patience if `counts`."""
        self.losses.append(loss)
        if counts:
            self.stale = 0 if loss <= self.best_loss - tol else self.stale + 1
        if loss < self.best_loss:
            self.best_loss = loss

    def note_score(self, loss: float, score: float, tol: float, counts: bool) -> bool:
        """Take the scores of the validation rows; say whether they are the best so far."""
        self.scores = self.scores if self.scores is not None else []
        if self.validation_losses is None:
            self.validation_losses = []
        self.scores.append(score)
        self.validation_losses.append(loss)
        if counts:
            self.stale = 0 if score >= self.best_score + tol else self.stale + 1
        better = score > self.best_score
        if better:
            self.best_score = score
        return better

    def publish(self, estimator: Any, early_stopping: bool) -> None:
        """Set the attributes of an estimator that tell the course."""
        estimator.loss_curve_ = self.losses
        estimator.best_loss_ = None if early_stopping else self.best_loss
        estimator.validation_scores_ = self.scores
        estimator.validation_loss_curve_ = self.validation_losses
        estimator.best_validation_score_ = None if self.scores is None else self.best_score
        estimator._no_improvement_count = self.stale  # noqa: SLF001 - the estimator's own
        estimator.t_ = self.seen
