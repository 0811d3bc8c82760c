"""Which settings a sweep tries, and in which order: all, some at random, or fewer and longer.

Each method asks the bench for generations of runs and decides by their scores. Nothing else goes
in, so a sweep that is started again on its ledger asks the same questions and gets the same
answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.api import DEFAULT_EPOCHS
from chainrule.checks import AnyOf, Integer, NoneValue, check_parameters
from chainrule.errors import UsageError
from chainrule.experiments.axes import Span
from chainrule.experiments.bench import Bench
from chainrule.experiments.design import Axes, drawings, grid
from chainrule.experiments.result import Result
from chainrule.frozen import frozen

__all__ = ["METHODS", "Search", "rungs"]

_RULES = {
    "runs": AnyOf(NoneValue(), Integer(1)),
    "eta": Integer(2),
    "first_epochs": AnyOf(NoneValue(), Integer(1)),
}
_DRAWN = 20
"""Settings that are drawn where nobody says how many."""


@frozen
class Search:
    """What a method needs to know.

    Parameters
    ----------
    axes : Axes
    seed : int
    greater_is_better : bool
    epochs : int
        The most epochs of a run.
    runs : int, optional
        Settings to try, for methods that draw.
    eta : int
        Successive halving keeps one of so many settings, and trains it so many times longer.
    first_epochs : int, optional
        Of its first rung.
    """

    axes: Axes
    seed: int = 0
    greater_is_better: bool = True
    epochs: int = DEFAULT_EPOCHS
    runs: int | None = None
    eta: int = 3
    first_epochs: int | None = None

    def __post_init__(self) -> None:
        check_parameters(_RULES, {name: getattr(self, name) for name in _RULES}, lambda name: name)

    def drawn(self) -> list[dict[str, Any]]:
        """Return settings at random: `runs` of them, or 20."""
        return drawings(self.axes, self.seed, self.runs or _DRAWN)

    def candidates(self) -> list[dict[str, Any]]:
        """Return the whole grid, or `runs` settings drawn from it or from its ranges."""
        ranges = any(isinstance(values, Span) for values in self.axes.values())
        return self.drawn() if ranges or self.runs is not None else grid(self.axes)

    def cost(self, results: list[Result]) -> float:
        """Return the mean score of a setting's runs, turned so that lower is better."""
        scores = [result.score for result in results]
        mean = math.fsum(scores) / len(scores) if scores else math.nan
        if not math.isfinite(mean):
            return math.inf
        return -mean if self.greater_is_better else mean


def _grid(search: Search, bench: Bench) -> None:
    if search.runs is not None:
        raise UsageError(
            "a grid tries all settings", where="runs", do='pass method="random", or leave runs away'
        )
    bench.make(grid(search.axes))


def _random(search: Search, bench: Bench) -> None:
    bench.make(search.drawn())


def rungs(settings: int, epochs: int, eta: int, first: int | None = None) -> list[tuple[int, int]]:
    """Return how many settings train for how many epochs, rung by rung.

    Parameters
    ----------
    settings : int
    epochs : int
        Of the last rung.
    eta : int
    first : int, optional
        Epochs of the first rung; by default so few that each rung costs about the same.

    Source: Jamieson, Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization" (AISTATS 2016).

    Example
    -------
    >>> from chainrule.experiments.search import rungs
    >>> rungs(27, 90, 3)
    [(27, 4), (9, 10), (3, 30), (1, 90)]
    """
    turns, left = 0, settings
    while left >= eta:
        left, turns = left // eta, turns + 1
    if first is not None:
        turns = min(turns, max(math.floor(math.log(epochs / first, eta) + 1e-9), 0))
    lengths = [math.ceil(epochs / eta**turn) for turn in range(turns, -1, -1)]
    return [(max(settings // eta**place, 1), length) for place, length in enumerate(lengths)]


def _halving(search: Search, bench: Bench) -> None:
    if "epochs" in search.axes:
        raise UsageError("successive halving sets the epochs itself", where="epochs")
    settings = search.candidates()
    for keep, epochs in rungs(len(settings), search.epochs, search.eta, search.first_epochs):
        settings = settings[:keep]
        results = bench.make(settings, epochs=epochs)
        order = sorted(range(len(settings)), key=lambda place: search.cost(results[place]))
        settings = [settings[place] for place in order]


def _optuna(search: Search, bench: Bench) -> None:
    from chainrule.experiments.optuna_search import optuna_search

    optuna_search(search, bench)


METHODS: Mapping[str, Callable[[Search, Bench], None]] = {
    "grid": _grid,
    "random": _random,
    "halving": _halving,
    "optuna": _optuna,
}
"""The methods by name."""
