"""One library in one process, doing what it is asked: `python -m benchmarks.worker NAME`.

Decisions
---------
a) Each library has a process of its own: no thread pool, memory allocator or signal handler of one
   can slow another down, and a crash costs one result.
b) Requests and answers are lines of JSON. The real standard output is moved away first, so that a
   library which prints cannot break a line.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from benchmarks.runner import Runner, Side, UnavailableError
from benchmarks.sides import make_side
from benchmarks.work import Work


class Worker:
    """The open pieces of work of one side, by key."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.runners: dict[str, Runner] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request."""
        key = request.get("key", "")
        verb = request["do"]
        if verb == "versions":
            return self.side.versions()
        if verb == "open":
            self.runners[key] = self.side.open(Work.of(request["work"]))
            return {}
        if verb == "check":
            return self.runners[key].check()
        if verb == "measure":
            return {"seconds": self.runners[key].measure(request["seconds"])}
        closed = self.runners.pop(key, None)
        return {} if closed is None else closed.facts


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            if worker is None:
                worker = Worker(make_side(sys.argv[1]))
            reply: dict[str, Any] = {"answer": worker.answer(json.loads(line))}
        except (UnavailableError, ModuleNotFoundError) as error:
            reply = {"unavailable": str(error)}
        except Exception:  # noqa: BLE001 - whatever a library raises is that library's result
            reply = {"failed": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
