"""Where a sweep's runs are made: looks them up in the ledger, or has them made and writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from chainrule.engine.native import default_threads
from chainrule.errors import UsageError
from chainrule.experiments.design import Recipe
from chainrule.experiments.job import Job
from chainrule.experiments.ledger import Ledger
from chainrule.experiments.material import Material
from chainrule.experiments.result import Result
from chainrule.experiments.runner import Processes, Runner, Threads

__all__ = ["Bench", "Listener", "Setting"]

Setting = Mapping[str, Any]
Listener = Callable[[Result, int, int], object]
"""Is told of a finished run, the runs done, and those planned so far."""


class Bench:
    """Makes the runs of settings, in order; use it in a `with` block.

    Parameters
    ----------
    recipe : Recipe
    material : Material
    ledger : Ledger, optional
        Open.
    workers : int, optional
        Runs at a time; by default as many as there are cores.
    listener : Listener, optional
    """

    def __init__(
        self,
        recipe: Recipe,
        material: Material,
        ledger: Ledger | None = None,
        workers: int | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.recipe = recipe
        self.material = material
        self.ledger = ledger
        self.workers = workers or default_threads()
        self.listener = listener
        self.rows: list[Result] = []
        """Finished runs, in the order of the settings and their splits."""
        self.planned = 0
        self.found = 0
        """Runs that the ledger held."""
        self.told = 0
        """Runs that are done, found or made."""
        self._runner: Runner | None = None
        self._made: dict[Any, Result] = {}
        """What `make` has returned: a run counts once, however often it is asked for."""

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            self._runner.__exit__(kind, error, trace)

    def jobs(self, settings: Sequence[Setting], **more: Any) -> list[Job]:
        """Return the runs of settings, checked: all settings of the first split, then the next.

        Raises
        ------
        ChainruleError
            A setting is not allowed; names it.
        UsageError
            A run cannot be written to the ledger.
        """
        columns = [list(self.recipe.jobs(setting, **more)) for setting in settings]
        jobs = [job for row in zip(*columns, strict=True) for job in row]
        unwritten = next((job for job in jobs if not job.key), None)
        if self.ledger is not None and unwritten is not None:
            raise UsageError(
                "these runs cannot be written to a ledger: a part of them is no record",
                where="out",
                do="register the layer or function as a record, or leave out= away",
            )
        return jobs

    def make(self, settings: Sequence[Setting], **more: Any) -> list[list[Result]]:
        """Make the runs of settings that are not in the ledger; return the results of each setting.

        Parameters
        ----------
        settings : sequence of mappings
        **more
            Arguments for all of them, such as the epochs of a rung.
        """
        jobs = self.jobs(settings, **more)
        before = [self._made.get(_same(job)) for job in jobs]
        self.planned += before.count(None)
        results = [made or self._known(job) for job, made in zip(jobs, before, strict=True)]
        width = len(settings)
        try:
            for result, made in zip(results, before, strict=True):
                if result is not None and made is None:
                    self.found += 1
                    self._tell(result)
            self._run(jobs, results)
        finally:
            order = [place for first in range(width) for place in range(first, len(jobs), width)]
            for place in order:
                result = results[place]
                if result is not None and before[place] is None:
                    self._made[_same(jobs[place])] = result
                    self.rows.append(result)
        columns = [results[place::width] for place in range(width)]
        return [[result for result in column if result] for column in columns]

    def _known(self, job: Job) -> Result | None:
        found = None if self.ledger is None else self.ledger.results.get(job.key)
        if found is None:
            return None
        return replace(found, settings=job.settings, repeat=job.repeat, split=job.split)

    def _run(self, jobs: Sequence[Job], results: list[Result | None]) -> None:
        homes: dict[Any, list[int]] = {}
        for place, result in enumerate(results):
            if result is None:  # two settings may describe one run
                homes.setdefault(jobs[place].key or place, []).append(place)
        waiting = list(homes.values())
        if not waiting:
            return

        def tell(found: list[tuple[int, Result]]) -> None:
            if self.ledger is not None:  # a run that could not be made is tried again
                self.ledger.add(result for _, result in found if not result.failed)
            for number, result in found:
                for place in waiting[number]:
                    job = jobs[place]
                    results[place] = named = replace(result, settings=job.settings)
                    self._tell(named)

        chosen = [jobs[places[0]] for places in waiting]
        self._runner_for(chosen).run(chosen, tell)

    def _runner_for(self, jobs: Sequence[Job]) -> Runner:
        alone = self.workers == 1 or (len(jobs) == 1 and self._runner is None)
        settings = {id(job.arguments): job for job in jobs}.values()  # each with all its splits
        if alone or not all(job.portable for job in settings):
            return Threads(self.material, self.workers)
        if self._runner is None:
            processes = Processes(self.material, self.workers)
            self._runner = processes.__enter__()
        return self._runner

    def _tell(self, result: Result) -> None:
        self.told += 1
        if self.listener is not None:
            self.listener(result, self.told, self.planned)


def _same(job: Job) -> Any:
    """Return what two jobs of one sweep have in common if they are one run."""
    labels = tuple((name, repr(value)) for name, value in sorted(job.settings.items()))
    return labels, job.split, job.arguments.get("epochs")
