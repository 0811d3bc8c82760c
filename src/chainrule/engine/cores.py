"""How many threads are worth it: what the user states, or the cores that this process may use.

Decisions
---------
a) A container sees all cores of its machine and is given time for a few. Threads that wait for each
   other by spinning use that time up, and then all of them are stopped together, at every meeting.
   So a quota of processor time counts like cores (Linux: `cpu.max` of control groups, in their
   first version `cpu.cfs_quota_us`). It is read once in a process.
b) More threads than cores only wait for each other, so a slip such as 1000000 does not make them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from chainrule.errors import InvalidParameterError

__all__ = ["at_most", "default_threads", "quota"]

_ALWAYS_ALLOWED = 32
"""So many threads are made wherever they are asked for; more only where there are cores."""


def default_threads() -> int:
    """Return the number of threads: CHAINRULE_THREADS, or the cores this process may use."""
    stated = os.environ.get("CHAINRULE_THREADS", "")
    if not stated:
        return _cores()
    if not stated.isdecimal() or len(stated) > 18 or int(stated) < 1:
        raise InvalidParameterError(
            "CHAINRULE_THREADS is no number of threads", expected="1 or more", got=repr(stated)
        )
    return at_most(int(stated))


def at_most(threads: int) -> int:
    """Return a number of threads that was asked for, or fewer where so many make no sense."""
    return min(threads, max(_ALWAYS_ALLOWED, 2 * (os.cpu_count() or 1)))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, _own_quota())


@lru_cache(maxsize=1)
def _own_quota() -> int:
    return quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def quota(membership: Path, mounted: Path) -> int:
    """Return how many cores' time a process is given, rounded up; a huge number without a limit.

    Parameters
    ----------
    membership : Path
        The file that names the control groups of the process.
    mounted : Path
        Where control groups are to be seen.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    shares = [_share(group) for line in lines for group in _groups(line, mounted)]
    least = min(shares, default=math.inf)
    return max(math.ceil(least), 1) if least < 2**31 else 2**31


def _groups(line: str, mounted: Path) -> Iterator[Path]:
    """Return the folders of one group and of those above it, each of which may set a limit."""
    _, _, rest = line.partition(":")
    controllers, _, name = rest.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return
    home = mounted / "cpu" if controllers else mounted
    names = [part for part in name.split("/") if part not in ("", "..")]
    for depth in range(len(names) + 1):
        yield home.joinpath(*names[:depth])


def _share(group: Path) -> float:
    """Return the cores' time that one group is given; infinite where it says nothing."""
    try:
        if (group / "cpu.max").exists():
            allowed, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            allowed = (group / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii")
        share = float(allowed) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such file
        return math.inf
    return share if share > 0 else math.inf
