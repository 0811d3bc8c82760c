"""Numbers of a text table with very many columns, read as lines that are cut into lists of cells.

Decisions
---------
a) DuckDB plans, keeps and hands out each column by itself, which takes 0.1 ms however few rows it
   has. A list of cells has no such cost. So of a table with many columns of numbers DuckDB reads
   lines, cuts them at the delimiter, and converts all cells alike.
b) Only tables are read so in which no delimiter stands between quotes. A column is left to the
   ordinary way if its cells are not numbers and words for missing ones alone, or not as many as
   `scan` found; and so is the whole table if rows or cells are not as many as `scan` counted.
c) Each cell comes with the number of its line, and these must be in order: DuckDB does a test for
   one of several words as a join, which hands out cells of one line behind those of later ones.
   So what a word means is judged here, and a plan that loses the order reads the ordinary way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.tabular.cells import MISSING_WORDS, is_number
from chainrule.tabular.looks import Plan
from chainrule.tabular.table import EXACT

__all__ = ["MANY", "Numbers", "Wide"]

MANY = 256
"""Columns of numbers from which on lists are sooner read than columns."""
_CELLS = 1_000_000
"""Cells that are cut at a time, unless one row has more."""


@frozen
class Numbers:
    """A column of numbers that was read.

    Parameters
    ----------
    cell : str
    values : (N,) float64 array
        NaN where a cell is empty, or a word.
    count : int
        Numbers.
    words : mapping of str to int
        The words for a missing cell that stand in it, and how often.
    """

    cell: str
    values: np.ndarray
    count: int
    words: Mapping[str, int]


@frozen
class Wide:
    """The columns of a text table that may be read as lists of numbers.

    Parameters
    ----------
    lines : str
        SQL of the lines behind FROM, one column `line`.
    told : dict
        Parameters of that SQL.
    delimiter : str
    width : int
        Columns of the table.
    rows : int
    filled : mapping of column to int
        For each column that may be read so (`c3`), how many of its cells are filled.
    """

    lines: str
    told: Mapping[str, Any]
    delimiter: str
    width: int
    rows: int
    filled: Mapping[str, int]

    def numbers(self, connection: Any, plans: Mapping[str, Plan]) -> Iterator[Numbers]:
        """Yield those of the columns that are plain numbers, and words for missing ones.

        Nothing comes if so few columns are asked for that it would take longer.
        """
        import duckdb

        chosen = [cell for cell in plans if cell in self.filled]
        if len(chosen) < max(MANY, self.width // 2):
            return
        words = any(plans[cell] == "mixed" for cell in chosen)
        try:
            values, others = self._read(connection, [int(cell[1:]) for cell in chosen], words)
        except duckdb.Error:  # the ordinary way knows every case
            return
        finally:
            connection.execute("DROP TABLE IF EXISTS lines")
        if values is None:
            return
        counts = self.rows - np.count_nonzero(np.isnan(values), axis=1)
        ends = np.fmax(np.fmax.reduce(values, axis=1), -np.fmin.reduce(values, axis=1))
        for place, cell in enumerate(chosen):
            held = others.get(int(cell[1:]), {})
            known = "!" not in held
            whole = counts[place] + sum(held.values()) == self.filled[cell]
            if known and whole and not ends[place] >= EXACT:
                yield Numbers(cell, values[place], int(counts[place]), held)

    def _read(
        self, connection: Any, columns: list[int], words: bool
    ) -> tuple[np.ndarray | None, dict[int, dict[str, int]]]:
        """Return the numbers of columns, `(columns, rows)`, and what else stands in each.

        None if there are more cells, or fewer. A cell that is no number is NaN.
        """
        connection.execute(  # DuckDB may take a line end of two signs for an empty line behind one
            f"CREATE OR REPLACE TEMP TABLE lines AS FROM {self.lines} WHERE line IS NOT NULL",
            self.told,
        )
        if connection.execute("SELECT count(*) FROM lines").fetchone()[0] != self.rows:
            return None, {}
        values, others = np.empty((len(columns), self.rows)), Counter[tuple[int, str]]()
        wanted = np.zeros(self.width, bool)
        wanted[columns] = True
        step = max(_CELLS // self.width, 1)
        for start in range(0, self.rows, step):
            stop = min(start + step, self.rows)
            where = f"WHERE rowid >= {start} AND rowid < {stop}"
            asked = {"delimiter": self.delimiter}
            found = connection.execute(_query(where, words), asked).fetchnumpy()
            if not np.array_equal(found["line"], np.repeat(np.arange(start, stop), self.width)):
                return None, {}
            part = np.ma.filled(found["value"], np.nan).reshape(stop - start, self.width)
            values[:, start:stop] = part.T[columns]
            if words:
                places = np.flatnonzero(~np.ma.getmaskarray(found["other"]))
                places = places[wanted[places % self.width]]
                held = map(_word, np.ma.getdata(found["other"])[places].tolist())
                others.update(zip((places % self.width).tolist(), held, strict=True))
        by_column: dict[int, dict[str, int]] = {}
        for (column, word), count in others.items():
            by_column.setdefault(column, {})[word] = count
        return values, by_column


def _word(cell: str) -> str:
    """Return a word for a missing cell; "!" for all others, of which it is enough to know."""
    return cell if cell.lower() in MISSING_WORDS else "!"


def _query(where: str, words: bool) -> str:
    """Return the SQL of the cells of some lines, as numbers, and as text where they are none."""
    cells = (
        f"SELECT rowid AS line, unnest(string_split(line, $delimiter)) AS cell FROM lines {where}"
    )
    if not words:
        return f"SELECT line, try_cast(cell AS DOUBLE) AS value FROM ({cells})"
    number = is_number("cell", "v")
    return (
        f"SELECT line, CASE WHEN {number} THEN v END AS value, "
        f"CASE WHEN cell = '' OR {number} THEN NULL ELSE cell END AS other "
        f"FROM (SELECT line, cell, try_cast(cell AS DOUBLE) AS v FROM ({cells}))"
    )
