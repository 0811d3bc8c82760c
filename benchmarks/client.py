"""The harness's end of a worker process."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.work import Work

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 300.0


class SideError(Exception):
    """A side could not do its work; `unavailable` if it was never going to."""

    def __init__(self, text: str, unavailable: bool = False) -> None:
        super().__init__(text)
        self.unavailable = unavailable


class Client:
    """One side, in its own process, started when first asked and again after a crash."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Return the running process."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", self.name],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self.process

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises
        ------
        SideError
            The side cannot do it, failed, crashed, or did not answer in time.
        """
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            raise SideError(f"{self.name} crashed or did not answer to {request['do']}")
        reply = json.loads(line)
        if "answer" in reply:
            return reply["answer"]
        if "unavailable" in reply:
            raise SideError(reply["unavailable"], unavailable=True)
        raise SideError(reply["failed"])

    def open(self, key: str, work: Work) -> None:
        """Set work up under a key."""
        self.ask(do="open", key=key, work=work.document())

    def check(self, key: str) -> dict[str, float]:
        """Return the numbers that show what work it was; before any measurement."""
        return self.ask(do="check", key=key)

    def measure(self, key: str, seconds: float) -> float:
        """Return the seconds of one unit."""
        return float(self.ask(do="measure", key=key, seconds=seconds)["seconds"])

    def shut(self, key: str) -> dict[str, Any]:
        """Give the work's memory back, and return facts about it."""
        return {} if self.process is None else self.ask(do="shut", key=key)

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None
