"""What an engine is given and what it gives back: the vocabulary shared by all engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.arrays import Array
from chainrule.plan.steps import Step

__all__ = ["Buffers", "Clock", "EpochResult", "Evaluation", "Observer", "Rows", "StepResult"]


class Observer(Protocol):
    """Receives every tensor of a step the moment it exists."""

    def __call__(self, step: Step, name: str, value: Array) -> None:
        """Take one named tensor; `step` says where it comes from. The array must not be changed."""
        ...


@dataclass
class Buffers:
    """The state of a training run: flat vectors and the number of updates done."""

    weights: np.ndarray
    slots: dict[str, np.ndarray]
    running: np.ndarray
    step: int = 0

    def copy(self) -> Buffers:
        """Return an independent copy."""
        slots = {name: slot.copy() for name, slot in self.slots.items()}
        return Buffers(self.weights.copy(), slots, self.running.copy(), self.step)


@frozen
class Rows:
    """Encoded data: `X (N, d)` or `(N, T, d)`, `Y (N, K)`, and optional weights `(N,)`."""

    X: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, index: np.ndarray | slice) -> Rows:
        """Return the picked rows."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.X[index], self.Y[index], weights)


@frozen
class Clock:
    """When a batch happens: all that random numbers and schedules depend on."""

    seed: int
    epoch: int
    first_row: int
    """Position in the epoch of the batch's first row."""
    total_steps: int
    rate_scale: float = 1.0
    """Factor from schedules that watch the validation score."""


@frozen
class Evaluation:
    """The objective at one point, its gradient, and every tensor on the way."""

    objective: Any
    """Data term plus penalties: the number whose derivative `gradient` is."""
    data: Any
    gradient: Array
    running: Array
    """New running moments."""
    raw: Array
    tensors: dict[str, Array] = field(repr=False)


@frozen
class StepResult:
    """What one update reports."""

    objective: float
    data: float
    """The objective without its penalties."""
    gradient_norm: float
    """Norm before clipping."""
    rate: float
    finite: bool


@frozen
class EpochResult:
    """What one pass over the data reports."""

    steps: int
    objective: float
    """Objective over the pass: each batch's data term before its own update, averaged by row
    weight (or summed, as the plan's reduction says), plus the mean of the penalties."""
    gradient_norm: float
    """Mean of the gradient norms before clipping."""
    rate: float
    """Learning rate of the last step."""
    finite: bool
    """False if a step gave numbers that are not finite; the weights before it are kept."""
    complete: bool
    """False if the pass was stopped from outside."""
    objectives: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    """Objective of each step that was done, before its own update."""
    data: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    """The same without penalties."""
    norms: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    """Norm of each step's gradient before clipping."""


Pulse = Callable[[int, int], bool]
"""Called after each step with (steps done, steps of the epoch); False stops the epoch."""
