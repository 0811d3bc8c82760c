"""A table's cells inside DuckDB: columns of values, and the different cells of columns of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.forms import Way
from chainrule.tabular.intake import Intake, Plans
from chainrule.tabular.levels import Batch, batches
from chainrule.tabular.looks import Plan
from chainrule.tabular.table import Kind

__all__ = ["Cells", "load"]

_MOST_MIXED = 512
"""Mixed columns of one query."""


@frozen
class Cells:
    """The cells of those columns of a table that are text, or may be.

    Parameters
    ----------
    connection : DuckDB connection
    intake : Intake
    batches : mapping of column to Batch
    """

    connection: Any
    intake: Intake
    batches: dict[str, Batch] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What the table is called."""
        return self.intake.source

    @property
    def delimiter(self) -> str:
        """Of a text table; empty for another file."""
        return self.intake.delimiter

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Kinds that the file itself states."""
        return self.intake.kinds

    def take(
        self, table: str, columns: Mapping[str, str], stated: Mapping[str, Kind | None]
    ) -> list[tuple[Batch, Kind | None]]:
        """Take columns of a table, each with the kind that the file states for it.

        Returns batches of columns of one such kind.
        """
        found: list[tuple[Batch, Kind | None]] = []
        kinds: dict[Kind | None, None] = dict.fromkeys(stated[cell] for cell in columns)
        for kind in kinds:
            alike = {cell: name for cell, name in columns.items() if stated[cell] == kind}
            for batch in batches(self.connection, table, alike, self.intake.rows):
                for cell in batch.columns:
                    if cell in self.batches:  # looked at, and found to be text
                        self.batches[cell].drop()
                    self.batches[cell] = batch
                found.append((batch, kind))
        return found

    def place(self, row: int) -> str:
        """Return where data row `row` (from 0) is, for a message."""
        return self.intake.place(row)

    def table(self, cell: str) -> str:
        """Return the SQL of a column: rows of its name, `n` and `first`, as `Batch` has them."""
        return self.batches[cell].source(cell)

    def rewrite(self, cell: str, way: Way) -> None:
        """Write the cells of a column that fit a way in the plain way."""
        self.batches[cell].rewrite(cell, *way.rewriting("cell"))

    def head(self, cell: str, digits: bool = False) -> tuple[str, str] | None:
        """Return place and text of the first filled cell of a column, or of those with a digit."""
        found = self.batches[cell].head(cell, digits)
        return None if found is None else (self.place(found[0]), found[1])

    def first(self, cell: str, condition: str) -> tuple[str, str] | None:
        """Return place and text of the first cell of a column that meets a condition."""
        found = self.ask(
            f"SELECT first, {cell} FROM {self.table(cell)} WHERE {condition} ORDER BY first LIMIT 1"
        ).fetchone()
        return None if found is None else (self.place(found[0]), found[1])

    def drop(self) -> None:
        """Forget all cells."""
        for batch in self.batches.values():
            batch.drop()
        for table in ("p0", "p1"):
            self.ask(f"DROP TABLE IF EXISTS {table}")

    def ask(self, sql: str) -> Any:
        """Run a query."""
        return self.connection.execute(sql)


def load(cells: Cells, plans: Plans, table: str) -> Plans:
    """Read columns into a table of DuckDB, and return how they were read in the end.

    Raises
    ------
    DataError
        DuckDB found another number of rows.
    """
    import duckdb

    intake = cells.intake
    if not plans:
        return plans
    plans = _planned(plans)
    try:
        _create(cells, plans, table)
    except duckdb.ConversionException:
        others: dict[Plan, Plan] = {"number": intake.refused, "date": "text", "comma": "text"}
        plans = _planned({cell: others.get(plan, plan) for cell, plan in plans.items()})
        _create(cells, plans, table)
    rows = cells.ask(f"SELECT count(*) FROM {table}").fetchone()[0]
    if rows != intake.rows:
        raise DataError(
            "two independent readers disagree about the number of rows, so none is trusted",
            where=intake.source,
            got=f"{intake.rows} and {rows} rows",
            do="write the file anew as plain CSV (comma, double quotes, one kind of line end)",
        )
    return plans


def _planned(plans: Plans) -> Plans:
    """Return plans that DuckDB can plan: for many mixed columns it takes the square of them."""
    if list(plans.values()).count("mixed") <= _MOST_MIXED:
        return plans
    return {cell: "text" if plan == "mixed" else plan for cell, plan in plans.items()}


def _create(cells: Cells, plans: Plans, table: str) -> None:
    query, parameters = cells.intake.query(plans)
    cells.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query}", parameters)
