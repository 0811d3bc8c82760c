"""The nursery: a process that has imported what a worker needs, and copies itself when asked to.

Decisions
---------
a) Three ways to start a worker were weighed. A new Python needs a third of a second, as long as a
   small sweep takes in all, and each worker pays for its imports. A fork of this process is
   there at once, with locks that belong to threads which the copy does not have; whether that is
   safe depends on everything that the user has imported. So a process of our own is forked: it has
   one thread and nothing open, and its copies are at work after a few milliseconds.
b) It stays, idle, when the sweep is over, so only the first sweep of a process waits for it. It is
   asked through a socket, and ends when that is closed, however this process ends. Where the
   environment has changed since, and in a fork of this process, a new one is started.
c) Linux only. On macOS the system's libraries do not survive a fork, and Windows has none: there
   each worker is a new Python (`crew.Spawned`).
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from chainrule.experiments.crew import environment, how_it_ended, last_words

__all__ = ["Copy", "Nursery", "nursery"]

_PACKET = 1 << 16
_PATIENCE = 5.0
"""Seconds in which the nursery must have ended."""
_READ = ("CHAINRULE", "PYTHON", "NPY", "OPENBLAS")
"""Beginnings of the names of variables that are read when a worker starts."""


class Nursery:
    """The process, as we see it.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self) -> None:
        told = environment()
        self.settings = _settings(told)
        self._count = 0
        self._lock = threading.Lock()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._line, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chainrule.experiments.nursery_process"],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                env=told,
                # A file of the user's folder must not stand in for a module.
                cwd=told["PYTHONPATH"].partition(os.pathsep)[0],
                start_new_session=True,  # Ctrl-C reaches the parent alone
            )

    @property
    def alive(self) -> bool:
        """Whether it runs, and what it has imported is still what a new one would import."""
        return self._process.poll() is None and self.settings == _settings(environment())

    def start(self, folder: Path, complaints: IO[bytes]) -> Copy:
        """Return a new worker of the sweep whose data lies, or soon will, in a folder.

        Raises
        ------
        OSError
            The nursery is gone, or there are too many open files.
        """
        source, sink = os.pipe(), os.pipe()
        with self._lock:
            self._count += 1
            number = self._count
        request = json.dumps({"start": number, "folder": str(folder)}).encode()
        try:
            socket.send_fds(self._line, [request], [source[0], sink[1], complaints.fileno()])
        except OSError as error:
            os.close(source[1])
            os.close(sink[0])
            if isinstance(error, ConnectionError):  # it is gone, and may have said why
                raise OSError(self.close()) from None
            raise
        finally:
            os.close(source[0])
            os.close(sink[1])
        return Copy(self, number, source[1], sink[0])

    def kill(self, number: int) -> None:
        """Kill a worker, without waiting for its end."""
        with suppress(OSError):
            self._line.send(json.dumps({"kill": number}).encode())

    def end(self, number: int, gone: bool) -> str:
        """End a worker; return how it ended."""
        with self._lock:
            try:
                self._line.send(json.dumps({"end": number, "gone": gone}).encode())
                answer = self._line.recv(_PACKET)
            except OSError:
                answer = b""
            except BaseException:  # Ctrl-C: its answer may be read by nobody else
                self.close()
                raise
        return how_it_ended(json.loads(answer)) if answer else self.close()

    def close(self) -> str:
        """End the nursery; return how it ended. Its workers end when their input does."""
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_PATIENCE)
        self._process.kill()
        how = how_it_ended(self._process.wait())
        if self._complaints.closed:
            return how
        said = last_words(self._complaints)
        self._complaints.close()
        return f"{how}, {said}" if said else how

    def forget(self) -> None:
        """Let go of it, in a copy of this process: it is not ours there."""
        self._line.close()
        self._complaints.close()
        self._process.returncode = 0


class Copy:
    """A worker that the nursery has made.

    Parameters
    ----------
    home : Nursery
    number : int
    stdin, stdout : int
        Our ends of its pipes.
    """

    def __init__(self, home: Nursery, number: int, stdin: int, stdout: int) -> None:
        self._home, self._number = home, number
        self.stdin: IO[str] = os.fdopen(stdin, "w", encoding="utf-8")
        self.stdout: IO[str] = os.fdopen(stdout, encoding="utf-8")

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        self._home.kill(self._number)

    def end(self, gone: bool) -> str:
        """End it; return how it ended."""
        return self._home.end(self._number, gone)


def _settings(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_READ)}


_OURS: list[Nursery] = []


def nursery() -> Nursery | None:
    """Return the nursery of this process, started if need be, or None where there can be none."""
    if sys.platform != "linux":
        return None
    if _OURS and not _OURS[0].alive:
        _OURS.pop().close()
    if not _OURS:
        with suppress(OSError):  # such as a Linux without such sockets
            _OURS.append(Nursery())
    return _OURS[0] if _OURS else None


def _close() -> None:
    while _OURS:
        _OURS.pop().close()


def _forget() -> None:
    while _OURS:
        _OURS.pop().forget()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
