"""`chainrule.lab_notes`: one of the course's experiments, done and judged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from shlex import quote
from typing import Any

from chainrule.checks import AnyOf, Boolean, Integer, NoneValue, check_parameters
from chainrule.errors import UsageError
from chainrule.experiments.recipes.recipe import RECIPES, Lab
from chainrule.experiments.recipes.report import LabReport
from chainrule.experiments.recipes.task import BUNDLED, task_of
from chainrule.tabular.table import Table

__all__ = ["lab_notes"]

_RULES = {
    "repeats": AnyOf(NoneValue(), Integer(1, 1000)),
    "seed": Integer(),
    "quick": Boolean(),
    "workers": AnyOf(NoneValue(), Integer(1)),
}


def lab_notes(
    name: str,
    data: Any = None,
    target: Any = None,
    *,
    repeats: int | None = None,
    seed: int = 0,
    quick: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> LabReport:
    """Do one of the course's experiments, and draw its conclusions from its own numbers.

    Parameters
    ----------
    name : str
        One of `chainrule.experiments.recipes.RECIPES.names()`, such as `"warmup"`.
    data : str, path, or array (N, d), optional
        `"digits"`, `"housing"`, a table's file, or numbers; by default the recipe's own.
    target : str or array (N,), optional
        The column to predict, or the targets.
    repeats : int, optional
        Splits and seeds for each setting; by default the recipe's own number.
    seed : int
        The same seed gives the same conclusions.
    quick : bool
        Fewer epochs and rows: to see how it goes. Conclusions may differ.
    workers : int, optional
        Networks at a time; by default as many as there are cores.
    progress : function of (runs done, runs in all), optional

    Raises
    ------
    UnknownNameError
        No recipe has that name.
    InvalidParameterError
        An argument is not what it should be.
    UsageError
        Data were given to a recipe that trains nothing.
    DataError, TargetError
        The data cannot be used.

    Source: the claims are the course's; each report says which numbers speak for or against them.

    Example
    -------
    >>> import chainrule as cr
    >>> report = cr.lab_notes("relu-gradients")
    >>> set(report.directions.values())
    {'supported'}
    """
    given = {"repeats": repeats, "seed": seed, "quick": quick, "workers": workers}
    check_parameters(_RULES, given, "lab_notes.{}".format)
    recipe = RECIPES.make(name)
    began = time.perf_counter()
    task = None
    if recipe.home:
        task = task_of(
            data or recipe.home if isinstance(data, (str, type(None))) else data,
            target,
            seed=seed,
            quick=quick,
        )
    elif data is not None:
        raise UsageError(
            f"the recipe {recipe.name} trains nothing, so it takes no data", where="lab_notes"
        )
    count = repeats or (recipe.quick_repeats if quick else recipe.repeats)
    lab = Lab(count, seed, task, quick, workers, progress)
    evidence = recipe.perform(lab)
    seconds = time.perf_counter() - began
    return LabReport(recipe, evidence, seed, count, seconds, quick, _origin(data, target))


def _origin(data: Any, target: Any) -> tuple[str, ...] | None:
    """Return the options that name the data on the command line; None for arrays."""
    if data is None or (isinstance(data, str) and data in BUNDLED):
        return () if data is None else (f"--data {data}",)
    path = data.source if isinstance(data, Table) else data
    if not isinstance(path, (str, os.PathLike)):
        return None
    return (f"--data {quote(os.fspath(path))}", f"--target {quote(str(target))}")
