"""A first, independent pass over a text table: header, delimiter, row count, and its faults.

DuckDB converts the cells (`reader`); this pass uses Python's own CSV parser. Two parsers that do
not share a line of code must agree on the number of rows, so none can vanish unnoticed, and faults
are found here with the line where they are.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NoReturn

from chainrule.errors import DataError

__all__ = ["Survey", "line_of_row", "open_binary", "survey_text"]

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Survey:
    """What the first pass found.

    Parameters
    ----------
    names : tuple of str
        The header, spaces around the names removed.
    rows : int
        Number of data rows.
    delimiter : str
    skipped : int
        Number of empty lines before the header.
    notes : tuple of str
    """

    names: tuple[str, ...]
    rows: int
    delimiter: str
    skipped: int
    notes: tuple[str, ...]


def survey_text(path: Path) -> Survey:
    """Read a CSV or TSV file once, without keeping it.

    Raises
    ------
    DataError
        Not text, not UTF-8, damaged gzip, no header, duplicate names, a row with too many or too
        few fields, an unbalanced quote; each with the file and the line.
    """
    try:
        delimiter = "\t" if ".tsv" in path.suffixes else _sniff_delimiter(path)
        with _open_text(path) as file:
            return _survey(path, _records(path, file, delimiter), delimiter)
    except UnicodeDecodeError:
        _raise_not_utf8(path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            "the compressed file is damaged or cut off", where=str(path), got=str(error)
        ) from None


def line_of_row(path: Path, survey: Survey, row: int) -> int:
    """Return the line of the file (from 1) on which data row `row` (from 0) ends."""
    with _open_text(path) as file:
        records = _records(path, file, survey.delimiter)
        kept = (line for line, record in records if record or len(survey.names) == 1)
        header_done = 1
        return next(islice(kept, row + header_done + _leading(survey), None))


def _leading(survey: Survey) -> int:
    # In a table of one column an empty line is a row, but those before the header are not.
    return survey.skipped if len(survey.names) == 1 else 0


def _survey(path: Path, records: Iterator[tuple[int, list[str]]], delimiter: str) -> Survey:
    header_line, header = next(((line, r) for line, r in records if r), (0, []))
    if not header:
        raise DataError("the table has no header line, only empty lines", where=str(path))
    names, notes = _header(path, header_line, header)
    rows = blank = 0
    width = len(names)
    for line, record in records:
        if not record and width > 1:
            blank += 1
            continue
        if len(record) != width and record:
            _raise_ragged(path, line, names, record)
        rows += 1
    if not rows:
        raise DataError("the table has a header but no rows", where=str(path))
    if blank:
        notes.append(f"{blank} empty line{'s' if blank > 1 else ''} between the rows passed over")
    return Survey(names, rows, delimiter, header_line - 1, tuple(notes))


def _header(path: Path, line: int, header: list[str]) -> tuple[tuple[str, ...], list[str]]:
    names = [name.strip() for name in header]
    where = f"{path}, line {line}"
    if all(_is_number(name) for name in names):
        raise DataError(
            "the first line holds numbers, not column names",
            where=where,
            got=", ".join(name[:40] for name in names[:8]),
            do="add a header line",
        )
    notes = []
    for index, name in enumerate(names):
        if not name:
            names[index] = f"column_{index + 1}"
            notes.append(f"column {index + 1} has no name and is called {names[index]}")
    for name, count in Counter(names).items():
        if count > 1:
            places = ", ".join(str(i + 1) for i, other in enumerate(names) if other == name)
            raise DataError(
                f"several columns are called {name!r}",
                where=where,
                got=f"columns {places}",
                do="give each column its own name",
            )
    return tuple(names), notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def open_binary(path: Path) -> BinaryIO:
    """Open a file, unpacking it if its name ends in `.gz`."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> io.TextIOWrapper:
    # newline="" lets the CSV parser see line ends inside quoted fields as they are.
    return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", newline="")


def _records(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which the record ends, fields)."""
    reader = csv.reader(_text_only(path, lines), delimiter=delimiter, strict=True)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error):
                limit = csv.field_size_limit()
                raise DataError(
                    f"a cell holds more than {limit:,} characters",
                    where=f"{path}, line {reader.line_num}",
                    do="shorten it, or look for a quote that opens and is never closed",
                ) from None
            raise DataError(
                f"the line cannot be split into fields: {error}",
                where=f"{path}, line {reader.line_num}",
                do='a quote inside a quoted field is written twice: "a ""quoted"" word"',
            ) from None
        yield reader.line_num, record


def _text_only(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise DataError(
                "this is not a text file",
                where=f"{path}, line {number}",
                got="a zero byte",
                expected="a CSV or TSV file in UTF-8",
            )
        yield line


def _sniff_delimiter(path: Path) -> str:
    """Return the delimiter that splits the header into the most fields; a comma if none does."""

    def fields(delimiter: str) -> int:
        with _open_text(path) as file:
            try:
                return next((len(r) for _, r in _records(path, file, delimiter) if r), 0)
            except ValueError:  # a DataError too: the pass proper will report it
                return 0

    return max(DELIMITERS, key=fields)


def _raise_ragged(path: Path, line: int, names: tuple[str, ...], record: list[str]) -> NoReturn:
    raise DataError(
        "a row does not have as many fields as the header",
        where=f"{path}, line {line}",
        expected=f"{len(names)} fields ({names[0]} ... {names[-1]})",
        got=f"{len(record)}: " + ", ".join(record)[:60],
        do="put fields that hold the delimiter in double quotes",
    )


def _raise_not_utf8(path: Path) -> NoReturn:
    with open_binary(path) as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(
                "the file is UTF-16, which is not read yet", where=str(path), do="save it as UTF-8"
            )
        file.seek(0)
        number, odd = 0, None
        for number, line in enumerate(file, start=1):  # noqa: B007 - told below
            odd = _undecodable(line)
            if odd is not None:
                break
    raise DataError(
        "the file is not UTF-8 text",
        where=f"{path}, line {number}",
        got=f"byte 0x{odd or 0:02x}",
        do="save it as UTF-8, or convert it: iconv -f latin1 -t utf-8",
    )


def _undecodable(line: bytes) -> int | None:
    """Return the first byte that is not UTF-8, or None."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return line[error.start]
    return None
