"""Parquet files, and whatever else DuckDB knows the types of, as tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.intake import Intake, Plans, require_columns
from chainrule.tabular.looks import Plan
from chainrule.tabular.paths import literal_path, parquet_rows
from chainrule.tabular.source import Source
from chainrule.tabular.table import Kind, apart

__all__ = [
    "ZONED",
    "Relation",
    "parquet_columns",
    "parquet_intake",
    "parquet_names",
    "relation_intake",
]

ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_DIGITS = 15
"""Decimal numbers of so many digits are float64 numbers, or their nearest ones in one division."""


@frozen
class Relation:
    """Rows that DuckDB knows the types of.

    Parameters
    ----------
    name : str
        What messages call it.
    sql : str
        What stands behind FROM.
    columns : tuple of (name, name in SQL, type)
    rows : int
    """

    name: str
    sql: str
    columns: tuple[tuple[str, str, str], ...]
    rows: int


def parquet_intake(
    connection: Any,
    source: Source,
    wanted: Collection[str] | None,
    ignore: Collection[str] = (),
) -> Intake:
    """Return what is known of a Parquet file; `wanted` names the columns that must be there."""
    file = parquet_rows(source.local)
    rows = int(connection.execute(f"SELECT count(*) FROM {file}").fetchone()[0])
    columns = parquet_columns(connection, source)
    return relation_intake(Relation(source.name, file, columns, rows), wanted, ignore)


def relation_intake(
    relation: Relation, wanted: Collection[str] | None, ignore: Collection[str] = ()
) -> Intake:
    """Return what is known of rows of types; columns to ignore may hold whatever they do.

    Raises
    ------
    DataError
        There are no rows, a column is not there, or one that is wanted holds no plain values.
    """
    require_columns(tuple(name for name, *_ in relation.columns), wanted, relation.name)
    columns = [
        _typed(relation.name, *column, choice=wanted is None)
        for column in relation.columns
        if column[0] not in ignore and (wanted is None or column[0] in wanted)
    ]
    if not relation.rows:
        raise DataError(
            "the table has no rows", where=relation.name, do="check that it is the right file"
        )
    return Intake(
        relation.name,
        tuple(column.name for column in columns),
        relation.rows,
        tuple(column.plan for column in columns),
        partial(_query, relation.sql, columns),
        refused="text",
        kinds={column.name: column.kind for column in columns},
        binary=frozenset(column.name for column in columns if column.binary),
        ignored=tuple(name for name, *_ in relation.columns if name in ignore),
    )


@frozen
class _Typed:
    """A column of a type: its kind, and the SQL of its cells as values and as text."""

    name: str
    kind: Kind
    plan: Plan
    value: str
    text: str
    binary: bool = False


def _query(file: str, columns: Sequence[_Typed], plans: Plans) -> tuple[str, dict[str, Any]]:
    listed: list[str] = []
    for cell, plan in plans.items():
        column = columns[int(cell[1:])]
        listed.append(f"{column.text if plan == 'text' else column.value} AS {cell}")
    return f"SELECT {', '.join(listed)} FROM {file}", {}


def _typed(source: str, name: str, quoted: str, kind: str, choice: bool) -> _Typed:
    """Return how a column is read; there may be a choice not to read it."""
    text = f"{quoted}::VARCHAR"
    if not name:
        raise DataError(
            "a column has no name",
            where=source,
            got=f"a column of type {kind}",
            do="give each column a name",
        )
    if kind == "BOOLEAN":
        return _Typed(name, "boolean", "boolean", f"{quoted}::DOUBLE", text)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT")):
        raise DataError(
            "a column holds lists, objects or bytes, not plain values",
            where=f"{source}, column {name!r}",
            do=apart(choice),
        )
    if kind in ("FLOAT", "DOUBLE"):
        value = f"{quoted}::DOUBLE"
        return _Typed(name, "number", "number", value, f"{value}::VARCHAR", binary=True)
    if ("INT" in kind and kind != "INTERVAL") or kind.startswith("DECIMAL"):
        exact: Plan = "number" if _is_short(kind) else "text"
        return _Typed(name, "number", exact, f"{quoted}::DOUBLE", text)
    moment = ""
    if kind in ZONED:
        moment = f"make_timestamp(epoch_us({quoted}::TIMESTAMPTZ))"
    elif kind == "DATE" or kind.startswith("TIMESTAMP"):
        moment = f"{quoted}::TIMESTAMP"
    if moment:
        return _Typed(name, "date", "date", moment, f"{moment}::VARCHAR")
    return _Typed(name, "text", "text", text, text)


def _is_short(kind: str) -> bool:
    """Say whether DuckDB makes the nearest float64 of every number of a type."""
    if kind.startswith("DECIMAL"):
        return int(kind.partition("(")[2].partition(",")[0]) <= _DIGITS
    return "HUGE" not in kind


def parquet_columns(connection: Any, source: Source) -> tuple[tuple[str, str, str], ...]:
    """Return name, name in SQL, and type of each column of a Parquet file."""
    described = connection.execute(f"DESCRIBE FROM {parquet_rows(source.local)}").fetchall()
    names = parquet_names(connection, source, [name for name, *_ in described])
    return tuple(
        (own, '"' + name.replace('"', '""') + '"', kind)
        for own, (name, kind, *_) in zip(names, described, strict=True)
    )


def parquet_names(connection: Any, source: Source, described: list[str]) -> tuple[str, ...]:
    """Return the names as the file has them: DuckDB renames those that differ only in case."""
    parameters = {"path": literal_path(source.local)}
    schema = connection.execute(
        "SELECT name, coalesce(num_children, 0) FROM parquet_schema($path)", parameters
    ).fetchall()
    top: list[str] = []
    inside = 0  # elements that are still to come below the last column
    for name, children in schema[1:]:
        if inside:
            inside -= 1
        else:
            top.append(name)
        inside += children
    names = tuple(top) if len(top) == len(described) else tuple(described)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"several columns are called {twice!r}",
            where=source.name,
            do="give each column its own name",
        )
    return names
