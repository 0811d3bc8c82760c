"""The command line of the tools that kill at random moments and look at what is left."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

Kill = Callable[[int, int, Callable[[str], None]], list[str]]
"""From the number of kills, a seed, and what to tell of each, to the faults."""


def command(prog: str, count: int, kill: Kill, arguments: list[str] | None) -> int:
    """Kill as often as asked for, print the faults, and return the exit status."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    faults = kill(given.count, given.seed, print)
    print(*faults, sep="\n")
    print(f"{time.perf_counter() - began:.0f} s, {'good' if not faults else 'NOT GOOD'}")
    return 1 if faults else 0
