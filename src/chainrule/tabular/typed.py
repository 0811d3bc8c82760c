"""Columns that DuckDB converted while it read them.

Decisions
---------
a) A column is taken over only if nothing about its values calls for a word: a number without end,
   one of more digits than float64 keeps, a date outside the years 1 to 9999, a cell that is
   neither a number nor a word for a missing one. Otherwise it is read again as text, cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from chainrule.frozen import frozen
from chainrule.tabular.cells import Profile
from chainrule.tabular.load import Cells
from chainrule.tabular.looks import Plan
from chainrule.tabular.table import EXACT, Column, Kind

__all__ = ["KIND_OF", "Typed", "typed_columns"]

_CELLS = 4_000_000
"""Cells that are fetched at a time."""
_DAY = 86_400_000_000
_YEAR_1 = int(np.datetime64("0001-01-01", "us").astype(np.int64))
_YEAR_10000 = int(np.datetime64("10000-01-01", "us").astype(np.int64))
KIND_OF: dict[Plan, Kind] = {
    "number": "number",
    "mixed": "number",
    "comma": "number",
    "boolean": "boolean",
    "date": "date",
    "text": "text",
}
"""The kind that a column is when it is read as planned; text may turn out to be anything."""


@frozen
class Typed:
    """A column that was taken over, and what its cells were."""

    column: Column
    profile: Profile


def typed_columns(
    cells: Cells, table: str, plans: Mapping[str, Plan], names: Mapping[str, str]
) -> Iterator[tuple[str, Typed | None]]:
    """Yield the columns of a table that are no text; None for one that has to be read as text.

    Parameters
    ----------
    cells : Cells
        Has the cells of mixed columns that are no numbers.
    table : str
    plans : mapping of column to Plan
    names : mapping of column to name
    """
    chosen = [cell for cell, plan in plans.items() if plan != "text"]
    step = max(_CELLS // max(cells.intake.rows, 1), 1)
    for start in range(0, len(chosen), step):
        part = chosen[start : start + step]
        fetched = cells.ask(f"SELECT {', '.join(part)} FROM {table}").fetchnumpy()
        for cell in part:
            yield cell, _taken(cells, names[cell], cell, plans[cell], fetched.pop(cell))


def _taken(cells: Cells, name: str, cell: str, plan: Plan, found: np.ndarray) -> Typed | None:
    mask, data = np.ma.getmaskarray(found), np.ma.getdata(found)
    filled = len(mask) - int(np.count_nonzero(mask))
    words = 0
    if plan == "date":
        moments = data.astype("datetime64[us]").astype(np.int64)
        if filled and not _in_years(moments[~mask]):
            return None
        data = moments / _DAY
    elif plan == "mixed":
        others = cells.batches[cell].profile(cell)
        words = others.word
        if words != others.filled:
            return None
    values = np.where(mask, np.nan, data) if filled < len(mask) else data.astype(np.float64)
    unknown = int(np.count_nonzero(np.isnan(values))) - (len(mask) - filled)
    if filled > unknown and not _is_plain(values, name in cells.intake.binary):
        return None
    kind = KIND_OF[plan] if filled + words else "empty"
    profile = Profile(filled + words, word=words + unknown, **_of_kind(kind, filled - unknown))
    return Typed(Column(name, kind, values), profile)


def _of_kind(kind: Kind, count: int) -> dict[str, int]:
    return {} if kind == "empty" else {kind: count}


def _in_years(moments: np.ndarray) -> bool:
    return bool(moments.min() >= _YEAR_1 and moments.max() < _YEAR_10000)


def _is_plain(values: np.ndarray, binary: bool) -> bool:
    """Say whether numbers are finite, and none has more digits than are kept."""
    largest = max(-float(np.nanmin(values)), float(np.nanmax(values)))
    return largest < (np.inf if binary else EXACT)
