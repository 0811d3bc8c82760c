"""A table as numbers: fitted on training rows, kept as plain data, applied to any later table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from chainrule.checks import shown
from chainrule.errors import ChainruleError, DataError, FileFormatError
from chainrule.frozen import frozen
from chainrule.tabular.codes import LevelCode, NumberCode, fit_code, is_plain, mark, plain_numbers
from chainrule.tabular.coding import ColumnCode
from chainrule.tabular.dates import DateCode
from chainrule.tabular.table import Column, Kind, Table
from chainrule.tabular.target import TargetCode, Task

__all__ = ["Encoder"]

CodeT = TypeVar("CodeT")
LARGEST = float(np.finfo(np.float32).max)
"""No feature is larger: networks compute in float32."""
_BYTES = 1 << 21
"""Of the rows that are encoded at a time."""
_LEAST_ROWS, _MANY_ROWS = 256, 4096


@frozen
class Encoder:
    """The fitted rules of all columns, and of the target.

    Parameters
    ----------
    codes : tuple of ColumnCode
        One per column in use, in the order of the training table.
    target : TargetCode

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.tabular.table import Column, Table
    >>> homes = Table(
    ...     (
    ...         Column("rooms", "number", np.array([2.0, 4.0, 3.0])),
    ...         Column("town", "text", np.array(["Ghent", "Bruges", "Ghent"], object)),
    ...         Column("price", "number", np.array([210.5, 320.0, 260.0])),
    ...     )
    ... )
    >>> encoder = Encoder.fit(homes, "price")
    >>> encoder.features
    ('rooms', 'town = Bruges', 'town = Ghent')
    >>> encoder.encode(homes).round(2).tolist()
    [[-1.22, 0.0, 1.0], [1.22, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    codes: tuple[ColumnCode, ...]
    target: TargetCode

    @classmethod
    def fit(
        cls, table: Table, target: str, task: Task | None = None, standardise: bool = True
    ) -> Encoder:
        """Fit on training rows only; the target column must have no missing cell.

        Columns that tell nothing (one value in every row, or empty) are left out; see `unused`.
        `standardise=False` leaves the target of a regression in its own units.

        Raises
        ------
        TargetError
            The target cannot be learned.
        DataError
            No column is left to predict from.
        """
        target_code = TargetCode.fit(table.column(target), task, standardise, table)
        fitted = (fit_code(column) for column in table.columns if column.name != target)
        codes = tuple(code for code in fitted if code is not None)
        if not codes:
            raise DataError(
                "there is no column to predict from",
                where=table.source,
                got="besides the target, only columns with one value in every row, or words that "
                "are another in each"
                if len(table.columns) > 1
                else "the target is the only column",
                do=_rounded(table.notes) or "add a column that tells something of the target",
            )
        return cls(codes, target_code)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, one per column of `encode`'s result."""
        return tuple(feature for code in self.codes for feature in code.features())

    def expects(self) -> dict[str, Kind]:
        """Return the columns that a table must have, and their kinds."""
        return {code.name: code.expects for code in self.codes}

    def unused(self, table: Table) -> tuple[str, ...]:
        """Return the columns of a table that tell the network nothing."""
        used = {code.name for code in self.codes} | {self.target.name}
        return tuple(name for name in table.names if name not in used)

    def surprises(self, table: Table) -> tuple[str, ...]:
        """Return what in a table training never saw: levels, and gaps where there were none."""
        return tuple(
            f"{code.name}: {note}"
            for code in self.codes
            for note in code.surprises(self._column(table, code))
        )

    def encode(self, table: Table) -> np.ndarray:
        """Return the features of a table, `(N, d)` float64, all finite.

        Raises
        ------
        DataError
            A column is missing or of another kind; a number is too far outside what training saw.
        """
        X = np.zeros((table.rows, self.width()))
        _require_room(X)
        columns = [self._column(table, code) for code in self.codes]
        sources: list[Column | _Marks] = [
            _Marks(code.places(column), len(code.features()))
            if isinstance(code, LevelCode)
            else column
            for code, column in zip(self.codes, columns, strict=True)
        ]
        # What stays in the cache between columns, but not so little that calls take longer.
        step = max(_BYTES // (8 * X.shape[1]), _LEAST_ROWS)
        runs = _runs(self.codes, together=step < _MANY_ROWS)
        for start in range(0, table.rows, step):
            rows = slice(start, start + step)
            place = 0
            for run in runs:
                place += self._fill(X[rows, place:], run, sources, table, rows)
        return X

    def _fill(
        self,
        X: np.ndarray,
        run: range,
        sources: Sequence[Column | _Marks],
        table: Table,
        rows: slice,
    ) -> int:
        """Write the features of a run of codes for some rows into zeros, and return how many."""
        first = sources[run.start]
        if isinstance(first, _Marks):
            mark(first.places[rows], X)
            return first.width
        codes = self.codes[run.start : run.stop]
        columns = [source for source in sources[run.start : run.stop] if isinstance(source, Column)]
        if len(run) > 1:
            part = plain_numbers(codes, [column.values[rows] for column in columns])
        else:
            part = codes[0].encode(first.take(rows))
        X[:, : part.shape[1]] = part
        if part.size and not max(-part.min(), part.max()) <= LARGEST:
            large = np.logical_not(np.abs(part) <= LARGEST)
            if len(run) == 1:
                large = np.asarray(large.any(axis=1)).reshape(-1, 1)
            place = int(np.argmax(large.any(axis=0)))
            row = rows.start + int(np.argmax(large[:, place]))
            raise DataError(
                f"a number of column {codes[place].name!r} is too large to be used",
                where=table.place(row),
                expected="a size like that of the numbers in training",
                got=f"{columns[place].values[row]:g}",
                do="look at its unit, or leave the cell empty",
            )
        return part.shape[1]

    def width(self) -> int:
        """Return the number of features."""
        return sum(len(code.features()) for code in self.codes)

    def _column(self, table: Table, code: ColumnCode) -> Column:
        column = table.column(code.name)
        if column.kind == "empty":
            if code.expects == "text":
                return Column(code.name, "text", np.full(table.rows, None, dtype=object))
            return column
        if column.kind != code.expects:
            raise DataError(
                f"column {code.name!r} is of another kind than in training",
                where=table.source,
                expected=code.expects,
                got=column.kind,
                do="write its cells as they were in training",
            )
        return column

    def document(self) -> dict[str, Any]:
        """Return the JSON form, which `from_document` reads back to the same bits."""
        return {
            "width": len(self.features),
            "columns": [{"code": _name(code), **_listed(code.document())} for code in self.codes],
            "target": self.target.document(),
        }

    @classmethod
    def from_document(cls, document: object) -> Encoder:
        """Read the JSON form, trusting nothing.

        Raises
        ------
        FileFormatError
            The document is not the JSON form of an encoder.
        """
        top = _object(document, {"width", "columns", "target"}, "encoder")
        if not isinstance(top["columns"], list) or not top["columns"]:
            raise _not_an_encoder("encoder.columns", "a list of columns", top["columns"])
        try:
            codes = tuple(_read_code(entry) for entry in top["columns"])
            target = _read(TargetCode, top["target"], "encoder.target")
        except FileFormatError:
            raise
        except (ChainruleError, TypeError, ValueError, ArithmeticError) as error:
            detail = error.parts() if isinstance(error, ChainruleError) else {"got": str(error)}
            raise FileFormatError("the encoder in the model file is not valid", **detail) from None
        encoder = cls(codes, target)
        width = len(encoder.features)
        if top["width"] != width or not width:
            raise _not_an_encoder("encoder.width", f"{width} features", top["width"])
        if len(set(encoder.expects())) != len(codes) or target.name in encoder.expects():
            raise _not_an_encoder("encoder.columns", "distinct names", "a name twice")
        return encoder


@frozen
class _Marks:
    """The feature that is 1 for each cell of a column of levels, or -1, and how many there are."""

    places: np.ndarray
    width: int


def _runs(codes: Sequence[ColumnCode], together: bool) -> list[range]:
    """Return the places of codes: each alone, or neighbours of plain numbers together."""
    runs: list[range] = []
    for place, code in enumerate(codes):
        before = runs[-1] if runs else range(0)
        if together and before and is_plain(code) and is_plain(codes[before.start]):
            runs[-1] = range(before.start, place + 1)
        else:
            runs.append(range(place, place + 1))
    return runs


_CODES: dict[str, type[ColumnCode]] = {
    "number": NumberCode,
    "date": DateCode,
    "levels": LevelCode,
}


def _rounded(notes: Sequence[str]) -> str:
    """Return the first note on numbers that may be alike only since they were read."""
    return next((note[:300] for note in notes if note.endswith("rounded")), "")


def _require_room(X: np.ndarray) -> None:
    """Refuse a matrix that cannot fit, rather than be killed while it is filled."""
    try:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        return
    if X.nbytes > room:
        raise DataError(
            "the table as numbers does not fit into memory",
            where=f"{len(X):,} rows, {X.shape[1]:,} features",
            expected=f"at most {room / 2**30:.3g} GiB",
            got=f"{X.nbytes / 2**30:.3g} GiB",
            do="leave out rows, or columns of text with many levels",
        )


def _name(code: ColumnCode) -> str:
    return next(name for name, cls in _CODES.items() if type(code) is cls)


def _listed(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in document.items()
    }


def _read_code(entry: object) -> ColumnCode:
    if not isinstance(entry, dict) or entry.get("code") not in _CODES:
        raise _not_an_encoder("encoder.columns", f"a code of {', '.join(_CODES)}", entry)
    fields_of_code = {key: value for key, value in entry.items() if key != "code"}
    return _read(_CODES[entry["code"]], fields_of_code, "encoder.columns")


def _read(cls: type[CodeT], document: object, where: str) -> CodeT:
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    return cls(**_object(document, names, where))


def _object(document: object, names: set[str], where: str) -> dict[str, Any]:
    if not isinstance(document, dict) or set(document) != names:
        raise _not_an_encoder(where, "an object with " + ", ".join(sorted(names)), document)
    return document


def _not_an_encoder(where: str, expected: str, got: object) -> FileFormatError:
    return FileFormatError(
        "the encoder in the model file is not valid", where=where, expected=expected, got=shown(got)
    )
