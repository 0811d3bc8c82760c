"""A worker process: reads jobs from standard input, one JSON line for several, writes one a result.

It ends when standard input ends, so nothing is left behind by a parent that was killed.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["main", "serve"]


def main(arguments: list[str]) -> int:
    """Serve the sweep whose data lies in a folder; return the exit status.

    Parameters
    ----------
    arguments : list of str
        The folder.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # what anybody prints must not come between two results
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    folder = Path(arguments[0])
    reader = threading.Thread(target=_read, args=(sys.stdin, lines, folder), daemon=True)
    reader.start()
    with suppress(BrokenPipeError):
        serve(folder, iter(lines.get, ""), out)
    reader.join()  # nobody listens, so the input ends too, and then the reader ends the process
    return 0


def _read(source: Iterable[str], lines: queue.SimpleQueue[str], folder: Path) -> None:
    for line in source:
        lines.put(line)
    # A parent that lives ends its workers by itself. This one is gone: nobody reads what is
    # computed now, and nobody else removes the data.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def serve(folder: Path, lines: Iterable[str], out: IO[str]) -> None:
    """Make the runs of the lines, and write each result as it comes.

    Parameters
    ----------
    folder : Path
        Where `Material.write` has written when the first line comes.
    lines : iterable of str
        JSON lists of `[number, job]`.
    out : text file
        Takes `{"ready": PID}`, then `[number, result]` for each job.
    """
    from chainrule.experiments.job import perform, read_job
    from chainrule.experiments.material import Material

    material: Material | None = None
    known: dict[str, dict[str, Any]] = {}
    _say(out, {"ready": os.getpid()})
    for line in lines:
        material = material or Material.read(folder)
        for number, message in json.loads(line):
            result = perform(read_job(message, known), material)
            _say(out, [number, result.to_document()])


def _say(out: IO[str], value: Any) -> None:
    out.write(json.dumps(value, separators=(",", ":")) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
