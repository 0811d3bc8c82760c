"""Measuring in turn: A B C, A B C, ..., and what is told of it.

Decisions
---------
a) One round measures every side once, one after the other. A machine that slows down or speeds up
   moves all sides of a round alike, so ratios are taken within a round; their median and quartiles
   are reported.
b) A measurement repeats whole turns for a given time. Between two measurements there is a pause,
   for the threads of the library before to fall asleep: those of OpenBLAS, which scikit-learn and
   NumPy call, spin for 0.11 s after it has returned, and take a core from whoever comes next.
c) Before any timing each side does the same steps from the same weights, and must come to the same
   loss (or the same outputs). A side that does not is reported as failed and has no ratio.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from benchmarks.client import Client, SideError
from benchmarks.cold_start import cold_start
from benchmarks.rows import Row
from benchmarks.sides import OURS
from benchmarks.work import Work

PAUSE_SECONDS = 0.2
TOLD_CHARACTERS = 600
LOSS_TOLERANCE = 1e-3
OUTPUT_TOLERANCE = 1e-4

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How long and how often.

    Parameters
    ----------
    rounds : int
        Measurements of each side.
    seconds : float
        Least time of one measurement.
    """

    rounds: int = 7
    seconds: float = 0.2


@dataclass
class Result:
    """A row with its times.

    Parameters
    ----------
    row : Row
    times : dict
        Seconds of one unit by side, one for each round.
    facts, checks, problems : dict
        By side: the form chosen, the numbers compared, why there is no time.
    """

    row: Row
    times: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, dict[str, float]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def median(self, side: str) -> float | None:
        """Return the median time of a side, if it has one."""
        return statistics.median(self.times[side]) if self.times.get(side) else None

    @property
    def rival(self) -> str | None:
        """The peer that ours is compared with: the one that the row names, or the fastest."""
        peers = [side for side in self.times if side != OURS and self.times[side]]
        if self.row.rival is not None:
            return self.row.rival if self.row.rival in peers else None
        return min(peers, key=lambda side: statistics.median(self.times[side]), default=None)

    def ratios(self, peer: str) -> list[float]:
        """Return the peer's time over ours, round by round."""
        pairs = zip(self.times.get(peer, []), self.times.get(OURS, []), strict=False)
        return [theirs / ours for theirs, ours in pairs]

    def ratio(self) -> dict[str, float] | None:
        """Return median and quartiles of the rival's time over ours."""
        ratios = self.ratios(self.rival) if self.rival is not None else []
        return spread(ratios) if ratios else None

    def met(self) -> bool | None:
        """Say whether the mark is reached; None without a mark or without a ratio."""
        ratio = self.ratio()
        if self.row.mark is None or ratio is None:
            return None
        return ratio["median"] >= self.row.mark


def spread(values: list[float]) -> dict[str, float]:
    """Return median and quartiles."""
    low, middle, high = (float(np.quantile(values, share)) for share in (0.25, 0.5, 0.75))
    return {"median": middle, "low": low, "high": high}


class Bench:
    """The sides' processes, kept from row to row."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self.settings = settings
        self.say = say
        self.clients: dict[str, Client] = {}

    def client(self, side: str) -> Client:
        """Return the process of a side."""
        return self.clients.setdefault(side, Client(side))

    def close(self) -> None:
        """End all processes."""
        for client in self.clients.values():
            client.close()

    def versions(self) -> dict[str, str]:
        """Return the versions that the sides told."""
        found: dict[str, str] = {}
        for side, client in self.clients.items():
            found.update(self._try(side, partial(client.ask, do="versions"), {}) or {})
        return found

    def run(self, row: Row, peers: list[str]) -> Result:
        """Check and time one row."""
        result = Result(row)
        sides = [OURS, *(peer for peer in row.peers if peer in peers)]
        if row.group == "cold":
            self._cold(result, sides)
            return result
        works = {side: (side, row.work) for side in sides}
        self._open(works, result.problems)
        for side in (side for side in sides if side not in result.problems):
            self._check(result, side)
        judge(result)
        result.times, result.facts = self._rounds(works, result.problems)
        return result

    def timed(self, works: dict[str, tuple[str, Work]]) -> dict[str, list[float]]:
        """Return key -> seconds of a unit in each round, for works given as key -> (side, work)."""
        problems: dict[str, str] = {}
        self._open(works, problems)
        times, _ = self._rounds(works, problems)
        return times

    def _try(self, key: str, act: Callable[[], Any], problems: dict[str, str]) -> Any:
        """Return what `act` returns, or note why it did not."""
        try:
            return act()
        except SideError as failure:
            problems[key] = str(failure)
            if not failure.unavailable:
                self.say(f"{key} failed:\n{str(failure)[-TOLD_CHARACTERS:]}")
        return None

    def _open(self, works: dict[str, tuple[str, Work]], problems: dict[str, str]) -> None:
        for key, (side, work) in works.items():
            self._try(key, partial(self.client(side).open, key, work), problems)

    def _check(self, result: Result, side: str) -> None:
        client, key = self.client(side), side
        comparable = result.row.work.comparable()
        if comparable != result.row.work:
            key = f"{side}, to compare"
            self._try(side, partial(client.open, key, comparable), result.problems)
        numbers = None
        if side not in result.problems:
            numbers = self._try(side, partial(client.check, key), result.problems)
        if numbers is not None:
            result.checks[side] = numbers
        if key != side:
            self._try(side, partial(client.shut, key), result.problems)

    def _rounds(
        self, works: dict[str, tuple[str, Work]], problems: dict[str, str]
    ) -> tuple[dict[str, list[float]], dict[str, dict[str, Any]]]:
        """Measure what is open in turn; return times and facts by key."""
        times: dict[str, list[float]] = {key: [] for key in works if key not in problems}
        facts: dict[str, dict[str, Any]] = {}
        for turn in range(self.settings.rounds + 1):
            # The first round fills the caches, and does not count.
            seconds = self.settings.seconds if turn else self.settings.seconds / 4
            for key in [key for key in times if key not in problems]:
                time.sleep(PAUSE_SECONDS)
                measure = partial(self.client(works[key][0]).measure, key, seconds)
                took = self._try(key, measure, problems)
                if took is not None and turn:
                    times[key].append(took)
        for key, (side, _) in works.items():
            facts[key] = self._try(key, partial(self.client(side).shut, key), {}) or {}
        return {key: taken for key, taken in times.items() if taken}, facts

    def _cold(self, result: Result, sides: list[str]) -> None:
        for turn in range(self.settings.rounds + 1):
            for side in (side for side in sides if side not in result.problems):
                start = partial(cold_start, side, result.row.work)
                told = self._try(side, start, result.problems)
                if told is not None and turn:  # the first round fills the disk's cache
                    result.times.setdefault(side, []).append(told["seconds"])
                    result.checks[side] = {"epoch_loss": told["loss"]}
                    result.facts[side] = {"import_seconds": round(told["import_seconds"], 3)}


def judge(result: Result) -> None:
    """Compare the checks with ours and note the sides that did other work."""
    ours = result.checks.get(OURS, {})
    for side, numbers in result.checks.items():
        error = numbers.get("error", 0.0)
        if "loss" in numbers and "loss" in ours:
            error = abs(numbers["loss"] - ours["loss"]) / abs(ours["loss"])
            numbers["relative_difference"] = error
        limit = LOSS_TOLERANCE if "loss" in numbers else OUTPUT_TOLERANCE
        if not (math.isfinite(error) and error <= limit):
            result.problems[side] = f"did other work: off by {error:.1e}"
