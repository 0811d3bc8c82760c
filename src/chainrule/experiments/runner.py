"""Making many runs at a time: in worker processes, or in threads of this one.

Decisions
---------
a) Processes, because between two passes of the compiled engine there is Python (scores, orders,
   history), and one interpreter does that for one run at a time. They are started as
   `python -m chainrule.experiments.worker`, so a script needs no `__main__` guard, and nothing
   of the parent (threads, locks, open files) is copied.
b) Jobs are dealt a few at a time, as many as take about `_AHEAD` seconds, so that neither messages
   nor waiting for them count, and fewer towards the end, so that the last ones are shared.
c) The run at which a worker dies is made once more, by another one. If that dies too, the run has
   failed, and its result says how.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol, cast

import chainrule
from chainrule.errors import ChainruleError
from chainrule.experiments.job import Job, perform
from chainrule.experiments.material import Material
from chainrule.experiments.result import Result

__all__ = ["Processes", "Runner", "Tell", "Threads"]

Tell = Callable[[list[tuple[int, Result]]], None]
"""Is told of results as they come: position of the job, and its result."""
_AHEAD = 0.2
_MOST = 64
_ATTEMPTS = 2
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CHAINRULE_THREADS")


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
        self._home = tempfile.TemporaryDirectory(prefix="chainrule-sweep-")
        self._inbox: queue.SimpleQueue[tuple[_Worker, str]] = queue.SimpleQueue()
        self._crew: list[_Worker] = []
        self._mean = 0.0
        """Mean seconds of a run so far."""
        self._done = 0

    def __enter__(self) -> Processes:
        try:
            self.material.write(Path(self._home.name))
        except OSError as error:
            self._home.cleanup()
            raise ChainruleError(
                "the data cannot be handed to the workers",
                where=self._home.name,
                got=error.strerror or str(error),
                do="free the disk, set TMPDIR to another folder, or pass workers=1",
            ) from None
        return self

    def __exit__(self, *_: Any) -> None:
        for worker in self._crew:
            worker.end()
        with suppress(OSError):
            self._home.cleanup()

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Make the runs in any order, and tell of each.

        Raises
        ------
        ChainruleError
            The workers cannot be started.
        """
        waiting, attempts = deque(range(len(jobs))), [0] * len(jobs)
        left = len(jobs)
        while len(self._crew) < min(self.workers, len(jobs)):
            self._crew.append(_Worker(Path(self._home.name), self._inbox))
        for worker in self._crew:
            self._deal(worker, jobs, waiting)
        while left:
            found: list[tuple[int, Result]] = []
            for worker, line in self._letters():
                if line:
                    found += self._read(worker, line)
                else:
                    found += self._replace(worker, jobs, waiting, attempts)
            for worker in self._crew:
                self._deal(worker, jobs, waiting)
            if found:
                left -= len(found)
                tell(found)

    def _letters(self) -> list[tuple[_Worker, str]]:
        """Wait for one message, and return it with all that have come."""
        letters = [self._inbox.get()]
        with suppress(queue.Empty):
            while True:
                letters.append(self._inbox.get_nowait())
        return [letter for letter in letters if letter[0] in self._crew]

    def _read(self, worker: _Worker, line: str) -> list[tuple[int, Result]]:
        value = json.loads(line)
        if isinstance(value, dict):
            worker.ready = True
            return []
        place, document = value
        result = Result.from_document(document)
        worker.busy.remove(place)
        self._done += 1
        self._mean += (result.seconds - self._mean) / self._done
        return [(place, result)]

    def _deal(self, worker: _Worker, jobs: Sequence[Job], waiting: deque[int]) -> None:
        """Send a worker its next jobs, if it has few."""
        share = -(-len(waiting) // (2 * len(self._crew)))
        ahead = 2 if not self._mean else int(_AHEAD / max(self._mean, 1e-4)) + 1
        wanted = min(max(ahead, 2), _MOST, max(share, 1)) if worker.ready else min(2, share)
        if not waiting or len(worker.busy) > wanted // 2:
            return
        places = [waiting.popleft() for _ in range(min(wanted, len(waiting)))]
        worker.busy.extend(places)
        worker.send([[place, jobs[place].message()] for place in places])

    def _replace(
        self, worker: _Worker, jobs: Sequence[Job], waiting: deque[int], attempts: list[int]
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
            raise ChainruleError(
                "a worker process cannot be started",
                got=said,
                do="pass workers=1 to run in this process",
            )
        self._crew.append(_Worker(Path(self._home.name), self._inbox))
        if not worker.busy:
            return []
        first = worker.busy.popleft()
        waiting.extendleft(reversed(worker.busy))
        attempts[first] += 1
        if attempts[first] < _ATTEMPTS:
            waiting.appendleft(first)
            return []
        return [(first, jobs[first].lost(f"its worker died {_ATTEMPTS} times: {said}"))]


class _Worker:
    """One process, its jobs, and the thread that reads what it says."""

    def __init__(self, folder: Path, inbox: queue.SimpleQueue[tuple[_Worker, str]]) -> None:
        self.busy: deque[int] = deque()
        self.ready = False
        self._inbox = inbox
        self._complaints: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - see end
        extra: dict[str, Any] = {"start_new_session": True}  # Ctrl-C reaches the parent alone
        if os.name == "nt":
            extra = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chainrule.experiments.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            encoding="utf-8",
            env=_environment(),
            cwd=folder,  # a file of the user's folder must not stand in for a module
            **extra,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(ValueError, OSError):  # the pipe was closed here
            for line in cast("IO[str]", self.process.stdout):
                if line.endswith("\n"):  # a torn line is no result
                    self._inbox.put((self, line))
        self._inbox.put((self, ""))

    def send(self, jobs: list[Any]) -> None:
        """Send jobs; a worker that is gone is noticed by its reader."""
        source = cast("IO[str]", self.process.stdin)
        with suppress(BrokenPipeError, OSError):
            source.write(json.dumps(jobs, separators=(",", ":")) + "\n")
            source.flush()

    def end(self, gone: bool = False) -> str:
        """End the process at once, if it has not ended by itself; return how it ended."""
        if gone:  # its output has ended, so it is about to
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
        self.process.kill()
        with suppress(OSError):
            cast("IO[str]", self.process.stdin).close()
        status = self.process.wait()
        self._reader.join(timeout=5)
        cast("IO[str]", self.process.stdout).close()
        said = self._last_words()
        self._complaints.close()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"{how}, {said}" if said else how

    def _last_words(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def _environment() -> dict[str, str]:
    """Return the environment of a worker: this library, and one thread."""
    here = str(Path(chainrule.__file__).resolve().parent.parent)
    stated = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [here, *(os.path.abspath(path) for path in stated)]
    single = dict.fromkeys(_ONE_THREAD, "1")
    return {**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)}
