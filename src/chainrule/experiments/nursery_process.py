"""The process of the nursery (see `nursery`): imports what a worker needs, then forks workers.

Requests are packets of JSON on the socket that is its standard input:

- `{"start": n, "folder": ...}`, with three files for the worker's standard ones; no answer
- `{"kill": n}`; no answer
- `{"end": n, "gone": ...}`; the answer is the exit status, -N for signal N
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

__all__ = ["main"]

_PACKET = 1 << 16
_FILES = 3
_PATIENCE = 5.0
"""Seconds in which a worker that has closed its output must have ended."""


def main() -> int:
    """Be the nursery; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    line = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    _learn()
    gc.collect()
    gc.freeze()  # what was imported stays shared: a collection would touch, and copy, all of it
    workers: dict[int, int] = {}
    while True:
        request, handles, _, _ = socket.recv_fds(line, _PACKET, _FILES)
        if not request:
            return 0
        told = json.loads(request)
        if "start" in told:
            workers[told["start"]] = _copied(told["folder"], handles, line)
        elif "kill" in told:
            _kill(workers.get(told["kill"], 0))
        else:
            line.send(json.dumps(_ended(workers.pop(told["end"], 0), told["gone"])).encode())


def _learn() -> None:
    """Load what every worker needs, with all that is loaded and made at its first use."""
    import numpy as np

    from chainrule import nn
    from chainrule.experiments.job import Job, perform
    from chainrule.experiments.material import Material, Part, SplitPlan

    material = Material({"X": np.eye(2), "y": np.arange(2)}, [SplitPlan(*[Part("X", "y")] * 2)])
    arguments = {"network": nn.Dense(2), "loss": "softmax_cross_entropy", "epochs": 1}
    perform(Job({}, arguments, 0, 0, 0, "loss", ""), material)


def _copied(folder: str, handles: Sequence[int], line: socket.socket) -> int:
    """Copy this process; return the number of the copy, or 0 where there is no room for it."""
    process = 0
    if len(handles) == _FILES:  # else there was no room for its files
        try:
            process = os.fork()
        except OSError as error:
            os.write(handles[2], f"{error}\n".encode())
        else:
            if not process:
                _work(folder, handles, line)
    for handle in handles:
        os.close(handle)
    return process


def _work(folder: str, handles: Sequence[int], line: socket.socket) -> NoReturn:
    """Be a worker, in the copy, and never return."""
    from chainrule.experiments.worker import main as work

    status = 1
    try:
        line.close()
        os.setsid()  # as if started anew: Linux shares processor time out among sessions
        for place, handle in enumerate(handles):
            os.dup2(handle, place)
            os.close(handle)
        status = work([folder])
    except BaseException:  # noqa: BLE001 - the last words of a process
        traceback.print_exc()
    finally:
        os._exit(status)


def _ended(process: int, gone: bool) -> int:
    """End a copy, if it has not ended by itself; return its exit status, -N for signal N."""
    if not process:
        return 1
    deadline = time.monotonic() + (_PATIENCE if gone else 0.0)
    ended, status = os.waitpid(process, os.WNOHANG)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.001)
        ended, status = os.waitpid(process, os.WNOHANG)
    if not ended:
        _kill(process)
        _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _kill(process: int) -> None:
    if process:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
