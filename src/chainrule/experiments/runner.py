"""Making many runs at a time: in worker processes, or in threads of this one.

Decisions
---------
a) Processes, because between two passes of the compiled engine there is Python (scores, orders,
   history), and one interpreter does that for one run at a time. The data is written
   to a folder while they start, so it has workers that remove it should this process be killed.
b) Jobs are dealt a few at a time, as many as take about `_AHEAD` seconds, so that neither messages
   nor waiting for them count; one at a time until it is known how long one takes, and fewer
   towards the end, so that the last ones are shared.
c) Results are collected for a moment before they are written, where every worker has enough to do:
   reading, syncing and telling take their time from a core that trains. A kill loses that moment.
d) The run at which a worker dies is made once more, by another one. If that dies too, the run has
   failed, and its result says how.
"""

from __future__ import annotations

import json
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from chainrule.errors import ChainruleError
from chainrule.experiments.crew import Spawned, Worker
from chainrule.experiments.job import Job, perform
from chainrule.experiments.material import Material
from chainrule.experiments.nursery import nursery
from chainrule.experiments.result import Result
from chainrule.experiments.waiting import Waiting

__all__ = ["Processes", "Runner", "Tell", "Threads"]

Tell = Callable[[list[tuple[int, Result]]], None]
"""Is told of results as they come: position of the job, and its result."""
_AHEAD = 0.2
_PAUSE = 0.03
"""Seconds for which results are collected before they are written."""
_MOST = 64
_ATTEMPTS = 2


class Runner(Protocol):
    """Makes runs; use it in a `with` block, which ends whatever is still running."""

    def __enter__(self) -> Runner: ...

    def __exit__(self, *_: Any) -> None: ...

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Make the runs in any order, and tell of each."""
        ...


class Threads:
    """Runs in threads of this process: for what another process cannot make, or for one worker.

    Parameters
    ----------
    material : Material
    workers : int
    """

    def __init__(self, material: Material, workers: int) -> None:
        self.material = material
        self.workers = workers
        self._stop = threading.Event()

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Make the runs in any order, and tell of each."""
        if self.workers == 1:
            for place, job in enumerate(jobs):
                tell([(place, perform(job, self.material))])
            return
        with ThreadPoolExecutor(self.workers) as pool:
            futures = {pool.submit(self._one, job): place for place, job in enumerate(jobs)}
            try:
                for future in as_completed(futures):
                    tell([(futures[future], future.result())])
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise

    def _one(self, job: Job) -> Result:
        listener = job.arguments.get("on_event")

        def watch(event: Any) -> None:
            if self._stop.is_set():
                raise KeyboardInterrupt
            if listener is not None:
                listener(event)

        arguments = {**job.arguments, "on_event": watch}
        return perform(replace(job, arguments=arguments), self.material)


class Processes:
    """Runs in worker processes.

    Parameters
    ----------
    material : Material
    workers : int
    """

    def __init__(self, material: Material, workers: int) -> None:
        self.material = material
        self.workers = workers
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._written = False
        self._inbox: queue.SimpleQueue[tuple[Worker, str]] = queue.SimpleQueue()
        self._crew: list[Worker] = []
        self._mean = 0.0
        """Mean seconds of a run so far."""
        self._done = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: Any) -> None:
        for worker in self._crew:
            worker.process.kill()
        for worker in self._crew:
            worker.end()
        if self._home is not None:
            with suppress(OSError):
                self._home.cleanup()

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Make the runs in any order, and tell of each.

        Raises
        ------
        ChainruleError
            The workers cannot be started, or not be handed the data.
        """
        waiting, attempts = Waiting(jobs), [0] * len(jobs)
        left = len(jobs)
        while len(self._crew) < min(self.workers, len(jobs)):
            self._start()
        self._hand_over()
        for worker in self._crew:
            self._deal(worker, jobs, waiting)
        while left:
            found: list[tuple[int, Result]] = []
            for worker, line in self._letters():
                if line:
                    found += self._read(worker, line, waiting)
                else:
                    found += self._replace(worker, jobs, waiting, attempts)
            for worker in self._crew:
                self._deal(worker, jobs, waiting)
            if found:
                left -= len(found)
                tell(found)

    def _start(self) -> None:
        """Start a worker; it joins the crew.

        Raises
        ------
        ChainruleError
            There is no room for another process, or no folder for its data.
        """
        try:
            source = nursery()
            if self._home is None:
                self._home = tempfile.TemporaryDirectory(prefix="chainrule-sweep-")
            folder = Path(self._home.name)
            start = partial(Spawned, folder) if source is None else partial(source.start, folder)
            Worker(start, self._inbox, self._crew)
        except OSError as error:
            raise _not_started(error.strerror or str(error)) from None

    def _hand_over(self) -> None:
        """Write the data, while the first workers are starting.

        Raises
        ------
        ChainruleError
            It cannot be written.
        """
        if self._home is None or self._written:
            return
        try:
            self.material.write(Path(self._home.name))
        except OSError as error:
            raise ChainruleError(
                "the data cannot be handed to the workers",
                where=self._home.name,
                got=error.strerror or str(error),
                do="free the disk, set TMPDIR to another folder, or pass workers=1",
            ) from None
        self._written = True

    def _letters(self) -> list[tuple[Worker, str]]:
        """Wait for one message, and return it with all that have come, or soon come."""
        letters = [self._inbox.get()]
        if self._mean * min(len(worker.busy) for worker in self._crew) > 2 * _PAUSE:
            time.sleep(_PAUSE)  # nobody runs out of work, and each write costs a worker time
        with suppress(queue.Empty):
            while True:
                letters.append(self._inbox.get_nowait())
        return [letter for letter in letters if letter[0] in self._crew]

    def _read(self, worker: Worker, line: str, waiting: Waiting) -> list[tuple[int, Result]]:
        value = json.loads(line)
        if isinstance(value, dict):
            worker.pid = int(value["ready"])
            return []
        place, document = value
        result = Result.from_document(document)
        worker.busy.remove(place)
        waiting.learn(place, result.seconds)
        self._done += 1
        self._mean += (result.seconds - self._mean) / self._done
        return [(place, result)]

    def _deal(self, worker: Worker, jobs: Sequence[Job], waiting: Waiting) -> None:
        """Send a worker its next jobs, if it has few."""
        share = -(-len(waiting) // (2 * len(self._crew)))
        ahead = int(_AHEAD / max(self._mean, 1e-4)) + 1 if self._done and worker.ready else 1
        wanted = min(ahead, _MOST, max(share, 1))
        if not waiting or len(worker.busy) > wanted // 2:
            return
        places = waiting.take(wanted)
        worker.busy.extend(places)
        message = [[place, jobs[place].message()] for place in places]
        worker.send(json.dumps(message, separators=(",", ":")))

    def _replace(
        self, worker: Worker, jobs: Sequence[Job], waiting: Waiting, attempts: list[int]
    ) -> list[tuple[int, Result]]:
        """Start a worker in place of a dead one; return its job as failed if it was the last try.

        Raises
        ------
        ChainruleError
            It had not even started.
        """
        said = worker.end(gone=True)
        self._crew.remove(worker)
        if not worker.ready:
            raise _not_started(said)
        self._start()
        self._hand_over()
        if not worker.busy:
            return []
        first = worker.busy.popleft()
        waiting.give_back(worker.busy)
        attempts[first] += 1
        if attempts[first] < _ATTEMPTS:
            waiting.give_back([first])
            return []
        return [(first, jobs[first].lost(f"its worker died {_ATTEMPTS} times: {said}"))]


def _not_started(said: str) -> ChainruleError:
    return ChainruleError(
        "a worker process cannot be started",
        got=said,
        do="pass workers=1 to run in this process",
    )
