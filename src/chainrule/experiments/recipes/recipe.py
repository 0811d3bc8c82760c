"""What a recipe is: a question, what is varied, and how the conclusion is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from chainrule.errors import UsageError
from chainrule.experiments.recipes.arms import Arm, run_arms
from chainrule.experiments.recipes.evidence import Conclusion, Evidence
from chainrule.experiments.recipes.task import Task
from chainrule.frozen import frozen
from chainrule.registry import Record, Registry
from chainrule.report.figures_canvas import Picture

__all__ = ["RECIPES", "Lab", "Recipe", "Sheet"]


@frozen
class Lab:
    """What a recipe is done with.

    Parameters
    ----------
    repeats : int
    seed : int
    task : Task, optional
        Absent for recipes that train nothing.
    quick : bool
        A fifth of the epochs or less: to see how it goes, or to test.
    workers : int, optional
    tell : function of (done, all), optional
    """

    repeats: int
    seed: int = 0
    task: Task | None = None
    quick: bool = False
    workers: int | None = None
    tell: Callable[[int, int], object] | None = field(default=None, repr=False)

    @property
    def data(self) -> Task:
        """The data.

        Raises
        ------
        UsageError
            There are none.
        """
        if self.task is None:
            raise UsageError("this recipe needs data", where="lab_notes")
        return self.task

    def choose(self, whole: Any, quick: Any) -> Any:
        """Return the one or the other."""
        return quick if self.quick else whole


@frozen
class Sheet:
    """A table of a report, and lines that a reader may copy.

    Parameters
    ----------
    title : str
    heads : tuple of str
    rows : sequence of tuples of str
    note : str
    left : tuple of int
        Columns of words; the others are numbers, and stand on the right.
    code : str
    """

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""
    left: tuple[int, ...] = (0,)
    code: str = ""

    @property
    def right(self) -> tuple[int, ...]:
        """Columns of numbers."""
        return tuple(place for place in range(len(self.heads)) if place not in self.left)


class Recipe(Record):
    """Base of the recipes. A member states its question and draws its conclusions."""

    title: ClassVar[str]
    question: ClassVar[str]
    varied: ClassVar[str]
    """What differs between the settings."""
    kept: ClassVar[str]
    """What is the same for all of them."""
    home: ClassVar[str] = "digits"
    """The data without `--data`; empty for recipes that train nothing."""
    repeats: ClassVar[int] = 5
    quick_repeats: ClassVar[int] = 3
    training: ClassVar[int | None] = None
    """Training rows, where a recipe needs few."""

    def arms(self, lab: Lab) -> list[Arm]:
        """Return the settings to train."""
        return []

    def measure(self, lab: Lab) -> dict[str, Any]:
        """Return what is measured besides."""
        return {}

    def perform(self, lab: Lab) -> Evidence:
        """Run everything."""
        arms = self.arms(lab)
        if not arms:
            return Evidence(measured=self.measure(lab))
        results = run_arms(
            lab.data,
            arms,
            lab.repeats,
            seed=lab.seed,
            workers=lab.workers,
            training=self.training,
            tell=lab.tell,
        )
        return Evidence(lab.data.facts, results, self.measure(lab))

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        """Return the conclusions: a function of the evidence alone."""
        raise NotImplementedError

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        """Return what else the numbers show, without a claim to judge."""
        return ()

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        """Return the tables."""
        raise NotImplementedError

    def pictures(self, evidence: Evidence) -> list[Picture]:
        """Return the pictures."""
        raise NotImplementedError


RECIPES: Registry[Recipe] = Registry("recipe", Recipe)
