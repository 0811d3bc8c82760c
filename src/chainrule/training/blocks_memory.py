"""How a stated amount of memory is shared out: to libraries, tables being read, and rows.

Decisions
---------
a) The shares are functions of the stated amount alone, never of what a process happens to use:
   the order of the rows depends on how many fit into memory, and so do the bits of a run.
b) The interpreter, NumPy, DuckDB and the engine are counted. They take about 90 MB of any process
   that reads tables, so a budget below `LEAST` is refused rather than broken.
"""

from __future__ import annotations

import re

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen

__all__ = ["LEAST", "Budget"]

LEAST = 128_000_000
"""The smallest amount that is accepted."""
_LIBRARIES = 96_000_000
_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


@frozen
class Budget:
    """The memory that a process may use, all of it counted.

    Parameters
    ----------
    total : int
        Bytes.

    Example
    -------
    >>> Budget.of("256MB").total, Budget.of("1 GiB").rows_bytes
    (256000000, 488870912)
    """

    total: int

    @classmethod
    def of(cls, stated: object) -> Budget:
        """Read an amount: a number of bytes, or a text such as `"256MB"` or `"1.5 GiB"`.

        Raises
        ------
        InvalidParameterError
            It is no amount, or too small for the libraries themselves.
        """
        if isinstance(stated, Budget):
            return stated
        total = _bytes(stated)
        if total is None:
            raise InvalidParameterError(
                "this is no amount of memory",
                where="memory",
                expected="a number with a unit, such as 256MB or 2GB",
                got=shown(stated),
            )
        if total < LEAST:
            raise InvalidParameterError(
                "so little memory does not hold Python and the libraries themselves",
                where="memory",
                expected=f"at least {LEAST // 10**6}MB",
                got=shown(stated),
                do=f"pass {LEAST // 10**6}MB or more",
            )
        return cls(total)

    @property
    def spare(self) -> int:
        """Bytes beside the libraries."""
        return self.total - _LIBRARIES

    @property
    def rows_bytes(self) -> int:
        """Bytes for the rows that are in memory while training."""
        return self.spare // 2

    @property
    def scores_bytes(self) -> int:
        """Bytes for the outputs that are scored together."""
        return self.spare // 8

    @property
    def network_bytes(self) -> int:
        """Bytes for weights, optimizer state, and their copies."""
        return self.spare // 4

    @property
    def part_bytes(self) -> int:
        """Bytes of the part of a table file that is read at a time."""
        return min(max(self.spare // 16, 1_000_000), 16_000_000)


def _bytes(stated: object) -> int | None:
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated
    if not isinstance(stated, str):
        return None
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*", stated)
    if found is None or found[2].upper() not in _UNITS:
        return None
    return int(float(found[1]) * _UNITS[found[2].upper()])
