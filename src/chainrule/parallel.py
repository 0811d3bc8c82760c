"""Training independent networks side by side: seeds, folds, settings, one network per core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from chainrule.api import Run, train
from chainrule.checks import Integer, check_parameters, shown
from chainrule.engine.native import default_threads
from chainrule.engine.select import threads_of_engines
from chainrule.errors import InvalidParameterError

__all__ = ["train_many"]


def train_many(jobs: Sequence[Mapping[str, Any]], *, workers: int | None = None) -> list[Run]:
    """Train independent networks at the same time, each on one core.

    Each job is what `train` would be called with, by name; it gives the same bits as that call.
    The compiled engine runs without the interpreter's lock, so threads are enough and no data is
    copied or sent to other processes.

    Parameters
    ----------
    jobs : sequence of mappings
        Arguments of `train`: `{"network": net, "X": X, "y": y, "loss": ..., "seed": 3}`.
    workers : int, optional
        Networks at a time; by default as many as there are cores.

    Returns
    -------
    list of Run
        In the order of the jobs.

    Raises
    ------
    InvalidParameterError
        A job is not a mapping of arguments, or `workers` is not a whole number from 1.
    ChainruleError
        What `train` raised for the first job that failed; jobs not yet begun are dropped.

    Source: independent runs share nothing, so their order does not matter.

    Example
    -------
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 2.0, 4.0, 6.0]
    >>> job = {"network": nn.Dense(1), "X": X, "y": y, "loss": "squared_error", "epochs": 2}
    >>> [run.best_epoch for run in cr.train_many([{**job, "seed": seed} for seed in range(3)])]
    [2, 2, 2]
    """
    count = default_threads() if workers is None else workers
    check_parameters({"workers": Integer(1)}, {"workers": count}, lambda name: f"train_many.{name}")
    if not isinstance(cast(object, jobs), Iterable):
        raise InvalidParameterError(
            "jobs cannot be gone through",
            where="train_many.jobs",
            expected="a sequence of mappings of train's arguments",
            got=shown(jobs),
        )
    jobs = tuple(jobs)  # they are gone through twice, which a generator could not be
    for place, job in enumerate(jobs):
        _check_job(place, job)
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=count) as pool:
        futures = [pool.submit(_one, job, stop) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            _give_up(futures, stop)
            raise


def _check_job(place: int, job: object) -> None:
    if not isinstance(job, Mapping) or not {"network", "X", "y"} <= set(job):
        raise InvalidParameterError(
            "this is not a job",
            where=f"job {place}",
            expected="a mapping of train's arguments by name, with at least network, X and y",
            got=shown(job),
        )


def _one(job: Mapping[str, Any], stop: threading.Event) -> Run:
    listener: Callable[[Any], object] | None = job.get("on_event")

    def watch(event: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        if listener is not None:
            listener(event)

    arguments: dict[str, Any] = {**job, "on_event": watch}
    with threads_of_engines(1):
        return train(**arguments)


def _give_up(futures: Sequence[Future[Run]], stop: threading.Event) -> None:
    """Let running jobs end at their next event, and begin no other."""
    stop.set()
    for future in futures:
        future.cancel()
