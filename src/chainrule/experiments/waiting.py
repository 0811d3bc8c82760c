"""Jobs that wait for a worker, in the order that ends soonest.

Decisions
---------
a) Split by split, as they come: a sweep that is interrupted has all settings on few splits rather
   than few settings on all, and runs of one split share rows, orders and first weights.
b) Within a split the longest first (Graham 1969), so that what is left over at the end, when some
   workers have nothing to do any more, is short. How long a setting takes was measured on earlier
   splits; on the first one epochs and batch size have to tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.api import DEFAULT_EPOCHS
from chainrule.experiments.job import Job

__all__ = ["Waiting"]

_UPDATE = 13.0
"""What an update costs beside its rows, in rows (measured on small networks)."""


class Waiting:
    """Numbers of jobs, and which ones are next.

    Parameters
    ----------
    jobs : sequence of Job

    Example
    -------
    >>> from chainrule.experiments.job import Job
    >>> from chainrule.experiments.waiting import Waiting
    >>> runs = [(0, 10), (0, 90), (1, 10), (1, 90)]
    >>> jobs = [Job({"epochs": n}, {"epochs": n}, s, s, s, "r2", "") for s, n in runs]
    >>> waiting = Waiting(jobs)
    >>> waiting.take(3), len(waiting)
    ([1, 0, 3], 1)
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._splits: dict[int, list[int]] = {}
        for place, job in enumerate(jobs):
            self._splits.setdefault(job.split, []).append(place)
        self._next: deque[int] = deque()
        self._left = len(jobs)
        self._seconds: dict[Any, float] = {}
        self._scale = 1.0
        """Seconds of a unit of `_guess`."""

    def __len__(self) -> int:
        return self._left

    def take(self, count: int) -> list[int]:
        """Return the next jobs, at most so many."""
        taken: list[int] = []
        while len(taken) < count and self._left:
            if not self._next:
                split = next(iter(self._splits))
                # Jobs of the same length stay in their order.
                self._next.extend(sorted(self._splits.pop(split), key=self._length, reverse=True))
            taken.append(self._next.popleft())
            self._left -= 1
        return taken

    def give_back(self, places: Iterable[int]) -> None:
        """Put jobs back, before all others."""
        for place in reversed(list(places)):
            self._next.appendleft(place)
            self._left += 1

    def learn(self, place: int, seconds: float) -> None:
        """Note how long a run took."""
        self._seconds[_name(self._jobs[place])] = seconds
        self._scale = seconds / max(_guess(self._jobs[place]), 1e-9)

    def _length(self, place: int) -> float:
        job = self._jobs[place]
        return self._seconds.get(_name(job), self._scale * _guess(job))


def _name(job: Job) -> Any:
    return tuple(job.settings.items())


def _guess(job: Job) -> float:
    """Return how long a run takes on rows that are the same for all, in units of no meaning."""
    batch = job.arguments.get("batch_size", 32)
    epochs = int(job.arguments.get("epochs") or DEFAULT_EPOCHS)
    return epochs * (1.0 + (_UPDATE / batch if batch else 0.0))
