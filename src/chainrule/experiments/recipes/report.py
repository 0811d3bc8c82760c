"""The report of a recipe: conclusions first, then pictures and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

from chainrule._version import __version__
from chainrule.experiments.recipes.evidence import DIRECTIONS, Conclusion, Evidence
from chainrule.experiments.recipes.recipe import Recipe
from chainrule.experiments.recipes.verdicts import capital, verdict_of
from chainrule.files import atomic_write
from chainrule.frozen import frozen
from chainrule.report.page import Figure, Section, Tile, page
from chainrule.storage.document import plain

__all__ = ["LabReport"]

_STATISTICS = (
    "Each repeat cuts the rows anew and draws new first weights, the same for all settings, so "
    "settings are compared repeat by repeat. Intervals are 95 % intervals of Student's t. For "
    "scores and losses of held rows they are widened, because the repeats share rows (Nadeau, "
    "Bengio 2003), as all of the tables are; for the course of training they are over seeds, on "
    "this table. Claims are "
    "judged one by one: of twenty claims without any truth, about one would pass. A run that "
    "diverged counts as a network that guesses; none is left out."
)
_READ = (
    "Beside each claim: the mean difference (large dot) with its 95 % interval (bar), the repeats "
    "(small dots), and the side on which the claim would be right (shaded). An interval that "
    "crosses the upright line leaves the claim open."
)
_NO_STATISTICS = "Nothing is estimated: each number is compared with an independent one."


@frozen
class LabReport:
    """What a recipe found. Make it with `chainrule.lab_notes`.

    Parameters
    ----------
    recipe : Recipe
    evidence : Evidence
    seed, repeats : int
    seconds : float
    quick : bool
    origin : tuple of str, optional
        Options that name the data; None where no command can.
    """

    recipe: Recipe
    evidence: Evidence
    seed: int
    repeats: int
    seconds: float
    quick: bool = False
    origin: tuple[str, ...] | None = ()

    @cached_property
    def conclusions(self) -> tuple[Conclusion, ...]:
        """The claims, judged by this run's numbers."""
        return self.recipe.conclude(self.evidence)

    @property
    def directions(self) -> dict[str, str]:
        """What was found of each claim."""
        return {conclusion.claim: conclusion.direction for conclusion in self.conclusions}

    def observations(self) -> tuple[str, ...]:
        """Return what else the numbers show."""
        lost, runs = self.evidence.lost(), len(self.evidence.results)
        noted = self.recipe.observations(self.evidence)
        return (*noted, f"{lost} of {runs} runs diverged.") if lost else noted

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: conclusions, tables, and each run without its history."""
        facts, recipe = self.evidence.facts, self.recipe
        document = {
            "recipe": recipe.name,
            "question": recipe.question,
            "data": None if facts is None else asdict(facts),
            "seed": self.seed,
            "repeats": self.repeats,
            "quick": self.quick,
            "seconds": self.seconds,
            "conclusions": [conclusion.to_dict() for conclusion in self.conclusions],
            "observations": list(self.observations()),
            "tables": [asdict(sheet) for sheet in recipe.sheets(self.evidence)],
            "runs": [
                {
                    "settings": dict(result.settings),
                    "repeat": result.repeat,
                    "validation_score": result.score,
                    "test_score": result.test_score,
                    "stop_reason": result.stop_reason,
                    "seconds": result.seconds,
                }
                for result in self.evidence.results
            ],
            "measured": dict(self.evidence.measured),
        }
        found: dict[str, Any] = plain(document)
        return found

    def to_html(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = True) -> str:
        """Return one self-contained page, and write it to `path` if one is given.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        OutputExistsError
            The file exists and `overwrite` is false.
        """
        recipe, evidence = self.recipe, self.evidence
        facts = evidence.facts
        sections = self._verdicts()
        pictures = recipe.pictures(evidence)
        if pictures:
            figures = [
                Figure(picture.drawing(place), picture.caption)
                for place, picture in enumerate(pictures)
            ]
            sections += [
                Section(capital(picture.title), figures=[figure])
                for picture, figure in zip(pictures, figures, strict=True)
            ]
        sections += [
            Section(
                sheet.title,
                sheet.note,
                heads=sheet.heads,
                rows=sheet.rows,
                right=sheet.right,
                code=sheet.code,
            )
            for sheet in recipe.sheets(evidence)
        ]
        how = {"varied": recipe.varied, "the same for all": recipe.kept}
        if facts is not None:
            how["data"] = facts.words()
        how["repeats"] = f"{self.repeats}, from seed {self.seed}" + self._quick()
        how["statistics"] = _NO_STATISTICS if facts is None else _STATISTICS
        sections.append(Section("How it was done", facts=how, code=self.command()))
        text = page(
            recipe.title,
            recipe.question,
            sections,
            tiles=self._tiles(),
            footer=f"Chainrule {__version__}. All numbers are of this run alone.",
        )
        if path is not None:
            atomic_write(path, text.encode(), overwrite=overwrite)
        return text

    def command(self) -> str:
        """Return the command that gives the same numbers again; empty for arrays, which have none.

        Example
        -------
        >>> import chainrule as cr
        >>> cr.lab_notes("relu-gradients").command()
        'chainrule lab-notes relu-gradients --repeats 3 --seed 0'
        """
        if self.origin is None:
            return ""
        words = ["chainrule lab-notes", self.recipe.name, *self.origin]
        words += [f"--repeats {self.repeats}", f"--seed {self.seed}"]
        return " ".join([*words, *(["--quick"] if self.quick else [])])

    def _quick(self) -> str:
        return "; a quick run: fewer epochs and rows than the recipe asks for" if self.quick else ""

    def _verdicts(self) -> list[Section]:
        verdicts = [verdict_of(conclusion) for conclusion in self.conclusions]
        how = _READ if any(verdict.drawing for verdict in verdicts) else ""
        title = "What the numbers say"
        return [Section(title, how, verdicts=verdicts, notes=self.observations())]

    def _tiles(self) -> list[Tile]:
        told = {
            "supported": "the whole interval lies on the claim's side",
            "not supported": "the whole interval lies on the other side",
            "no difference": "the interval holds both sides",
        }
        trained = self.evidence.facts is not None
        return [
            Tile(
                f"{count} of {len(self.conclusions)}",
                f"claims: {direction}",
                told[direction] if trained else "",
            )
            for direction, count in self.counts().items()
        ]

    def counts(self) -> Mapping[str, int]:
        """Return how many claims were found how."""
        found = [conclusion.direction for conclusion in self.conclusions]
        return {direction: found.count(direction) for direction in DIRECTIONS}

    def __str__(self) -> str:
        lines = [f"{self.recipe.title}: {self.recipe.question}", ""]
        for conclusion in self.conclusions:
            lines += [f"* {conclusion.claim}: {conclusion.direction}"]
            lines += [f"    {sentence}" for sentence in conclusion.sentences]
        return "\n".join([*lines, *self.observations()])
