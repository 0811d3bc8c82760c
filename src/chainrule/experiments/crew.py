"""Worker processes as their parent sees them: started, told, listened to, ended.

A worker is a copy of the nursery's process (`nursery`) where there is one, else it is
`python -m chainrule.experiments.worker`; either way a script needs no `__main__` guard. It ends
when its input ends, so nothing is left behind by a parent that was killed.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast

import chainrule

__all__ = ["Process", "Spawned", "Worker", "environment", "how_it_ended", "last_words"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CHAINRULE_THREADS")


class Process(Protocol):
    """A process that reads lines and writes lines."""

    stdin: IO[str]
    stdout: IO[str]

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        ...

    def end(self, gone: bool) -> str:
        """End it at once, but let it end by itself if it is `gone`; return how it ended."""
        ...


class Worker:
    """One process, its jobs, and the thread that reads what it says.

    Parameters
    ----------
    start : function of the file that takes what the process complains about
        Returns the process.
    inbox : queue
        Is given each line with its worker; an empty one at the end.
    crew : list of Worker
        Joined at once, so that Ctrl-C leaves none behind whom nobody knows.
    """

    def __init__(
        self,
        start: Callable[[IO[bytes]], Process],
        inbox: queue.SimpleQueue[tuple[Worker, str]],
        crew: list[Worker],
    ) -> None:
        self.busy: deque[int] = deque()
        self.pid = 0
        """Number of its process, once it is ready."""
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see end
        try:
            self.process = start(self._complaints)
        except BaseException:
            self._complaints.close()
            raise
        # The thread does not hold the worker: should Ctrl-C come even before it is of the crew, it
        # is let go of, its input is closed, and its process ends.
        told = (weakref.ref(self), self.process.stdout, inbox)
        self._reader = threading.Thread(target=_read, args=told, daemon=True)
        self._reader.start()
        crew.append(self)

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self.pid > 0

    def send(self, line: str) -> None:
        """Send a line; a worker that is gone is noticed by its reader."""
        with suppress(BrokenPipeError, OSError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def end(self, gone: bool = False) -> str:
        """End the process at once, if it has not ended by itself; return how it ended."""
        how = self.process.end(gone)
        with suppress(OSError):
            self.process.stdin.close()
        self._reader.join(timeout=5)
        self.process.stdout.close()
        said = last_words(self._complaints)
        self._complaints.close()
        return f"{how}, {said}" if said else how


def _read(
    of: Callable[[], Worker | None],
    lines: Iterable[str],
    inbox: queue.SimpleQueue[tuple[Worker, str]],
) -> None:
    def tell(line: str) -> None:
        if (worker := of()) is not None:
            inbox.put((worker, line))

    with suppress(ValueError, OSError):  # the pipe was closed here
        for line in lines:
            if line.endswith("\n"):  # a torn line is no result
                tell(line)
    tell("")


def last_words(complaints: IO[bytes]) -> str:
    """Return the last line of what a process has complained about."""
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def how_it_ended(status: int) -> str:
    """Return an exit status in words; -N is signal N."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


class Spawned:
    """Python started anew.

    Parameters
    ----------
    folder : Path
        Where the sweep's data lies, or soon will.
    complaints : binary file
    """

    def __init__(self, folder: Path, complaints: IO[bytes]) -> None:
        extra: dict[str, Any] = {"start_new_session": True}  # Ctrl-C reaches the parent alone
        if os.name == "nt":
            extra = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chainrule.experiments.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            env=environment(),
            cwd=folder,  # a file of the user's folder must not stand in for a module
            **extra,
        )
        self.stdin = cast("IO[str]", self._process.stdin)
        self.stdout = cast("IO[str]", self._process.stdout)

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        self._process.kill()

    def end(self, gone: bool) -> str:
        """End it; return how it ended."""
        if gone:  # its output has ended, so it is about to
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        self.kill()
        return how_it_ended(self._process.wait())


def environment() -> dict[str, str]:
    """Return the environment of a worker: this library, and one thread."""
    here = str(Path(chainrule.__file__).resolve().parent.parent)
    stated = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [here, *(os.path.abspath(path) for path in stated)]
    single = dict.fromkeys(_ONE_THREAD, "1")
    return {**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)}
