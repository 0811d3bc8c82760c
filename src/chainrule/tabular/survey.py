"""A first, independent pass over a text table: header, delimiter, row count, and its faults.

DuckDB converts the cells (`reader`); this pass uses Python's own CSV parser. Two parsers that do
not share a line of code must agree on the number of rows, so none can vanish unnoticed, and faults
are found here with the line where they are.
"""

from __future__ import annotations

import csv
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.looks import Looks
from chainrule.tabular.scan import scan_rows
from chainrule.tabular.source import DAMAGE, Source, damaged, raise_not_utf8, room, unpacked
from chainrule.tabular.table import BLANKS

__all__ = ["Survey", "copied", "named_rows", "survey_text"]

DELIMITERS = (",", ";", "\t", "|")
_MOST_PLACES = 8
"""Columns of one name that a message lists."""
_EXCEL = ["sep=", ""]
_ZEROS = {
    "utf-32-le": (1, 2, 3),
    "utf-32-be": (0, 1, 2),
    "utf-16-le": (1, 3),
    "utf-16-be": (0, 2),
}
"""Where encodings have the zeros of plain letters, of four bytes."""
"""The line `sep=;`, by which Excel tells itself the delimiter, once it is split by it."""


@frozen
class Survey:
    """What the first pass found.

    Parameters
    ----------
    names : tuple of str
        The header, spaces around the names removed.
    rows : int
        Number of data rows.
    delimiter : str
    quote : str
    lines : (N,) int array
        The line of the file, from 1, on which each row ends.
    plain : bool
        DuckDB reads the file as it stands: one kind of line end, quotes at their places or none,
        no row that is an empty line.
    longest : int
        Characters of the longest row.
    notes : tuple of str
    looks : Looks or None
        Of the columns, where they are known.
    """

    names: tuple[str, ...]
    rows: int
    delimiter: str
    quote: str
    lines: np.ndarray
    plain: bool
    longest: int
    notes: tuple[str, ...]
    looks: Looks | None = None


def survey_text(source: Source, dialect: Dialect) -> Survey:
    """Read a CSV or TSV file once, without keeping it.

    Raises
    ------
    DataError
        Not text, not UTF-8, damaged gzip, no header, duplicate names, a row with too many or too
        few fields, an unbalanced quote; each with the file and the line.
    """
    try:
        delimiter = (
            dialect.delimiter
            or _delimiter_of_training(source, dialect)
            or _sniff_delimiter(source, dialect.quote)
        )
        scanned = _scanned(source, delimiter) if dialect.quote == '"' else None
        if scanned is not None:
            return scanned
        with source.text() as file:
            return _survey(source, _Records(source, file, delimiter, dialect.quote))
    except UnicodeDecodeError:
        raise_not_utf8(source)
    except DAMAGE as error:
        raise damaged(source, error) from None


def copied(source: Source, survey: Survey, groups: list[range]) -> list[Path]:
    """Write the rows anew, one file for each group of columns, as DuckDB reads them without doubt.

    Every field is quoted and ends are one line feed; the header is left out.
    """
    paths = [source.folder / f"columns-{number}.csv" for number in range(len(groups))]
    files: list[Any] = []
    with room(source.folder):
        try:
            files.extend(path.open("w", encoding="utf-8", newline="") for path in paths)
            writers = [csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n") for out in files]
            rows = named_rows(source, survey.delimiter, survey.quote)
            next(rows)
            for row in rows:
                cells = [cell.strip(BLANKS) for cell in row]
                for writer, group in zip(writers, groups, strict=True):
                    writer.writerow(cells[group.start : group.stop])
        finally:
            for out in files:
                out.close()
    return paths


def _scanned(source: Source, delimiter: str) -> Survey | None:
    """Return the survey of a table that is written as most are; None if it is not."""
    with unpacked(source.local) as file:
        scan = scan_rows(file, delimiter)
    if scan is None or scan.header == _EXCEL:
        return None
    names, notes = _header(source, 1, scan.header)
    notes += _passed_over(scan.blank)
    return Survey(
        names,
        len(scan.lines),
        delimiter,
        '"',
        scan.lines,
        True,
        scan.longest,
        tuple(notes),
        scan.looks,
    )


def _passed_over(blank: int) -> list[str]:
    if not blank:
        return []
    return [f"{blank} empty line{'s' if blank > 1 else ''} between the rows passed over"]


def named_rows(source: Source, delimiter: str, quote: str) -> Iterator[Sequence[str]]:
    """Yield the names of the columns, then the fields of each row as they stand."""
    with source.text() as file:
        stream = iter(_Records(source, file, delimiter, quote))
        line, header = next((n, record) for n, record in stream if record and record != _EXCEL)
        names, _ = _header(source, line, header)
        yield names
        for _, record in stream:
            if record or len(names) == 1:
                yield record or [""]


class _Records:
    """The records of a text: (line on which it ends, fields), and what the lines were like."""

    def __init__(self, source: Source, lines: Iterable[str], delimiter: str, quote: str) -> None:
        self.source = source
        self.delimiter = delimiter
        self.quote = quote
        self.ends: set[str] = set()
        self.quoted = False
        self.characters = 0
        self._lines = lines

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(
            self._checked(), delimiter=self.delimiter, quotechar=self.quote, strict=True
        )
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._fault(error, reader.line_num) from None
            yield reader.line_num, record

    def _checked(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, start=1):
            if "\0" in line:
                raise DataError(
                    "this is not a text file",
                    where=f"{self.source.name}, line {number}",
                    got=f"a zero byte at character {line.index(chr(0)) + 1} of the line",
                    expected="a CSV or TSV file in UTF-8",
                    do=_without_zeros(line if number == 1 else ""),
                )
            self.characters += len(line)
            self.quoted = self.quoted or self.quote in line
            self.ends.add("\r\n" if line.endswith("\r\n") else line[-1])
            yield line

    def _fault(self, error: csv.Error, line: int) -> DataError:
        where = f"{self.source.name}, line {line}"
        if "field larger" in str(error):
            return DataError(
                f"a cell holds more than {csv.field_size_limit():,} characters",
                where=where,
                do="shorten it, or look for a quote that opens and is never closed",
            )
        q = self.quote
        return DataError(
            f"the line cannot be split into fields: {error}",
            where=where,
            do=f"a quote inside a quoted field is written twice: {q}a {q}{q}quoted{q}{q} word{q}",
        )


def _without_zeros(first: str) -> str:
    """Return what to do about zero bytes, by where they stand in the first line of a table."""
    zeros = {place for place, character in enumerate(first) if character == "\0"}
    for encoding, of_four in _ZEROS.items() if zeros else ():
        right = {place for place in range(len(first) - 1) if place % 4 in of_four}
        if len(zeros & right) >= 0.9 * len(zeros | right):
            return f'it looks like text in another encoding; say which: encoding="{encoding}"'
    return "remove the zero bytes; or if it is text in another encoding, say which"


def _survey(source: Source, records: _Records) -> Survey:
    stream = iter(records)
    first = header_line, header = next(((line, r) for line, r in stream if r), (0, []))
    if header == _EXCEL:
        header_line, header = next(((line, r) for line, r in stream if r), (0, []))
    if not header:
        raise _not_a_table("the table has no header line, only empty lines", source)
    names, notes = _header(source, header_line, header)
    lines = array("q")
    blank = longest = 0
    width = len(names)
    before = records.characters
    for line, record in stream:
        longest, before = max(longest, records.characters - before), records.characters
        if not record and width > 1:
            blank += 1
            continue
        if len(record) != width and record:
            _raise_ragged(source, line, names, record)
        lines.append(line)
    if not lines:
        raise _not_a_table("the table has a header but no rows", source)
    notes += _passed_over(blank)
    plain = len(records.ends & {"\n", "\r\n", "\r"}) == 1 and "\r" not in records.ends
    # A quote at an odd place, such as behind a blank, means something else to DuckDB.
    plain = plain and records.quote == '"' and not records.quoted
    plain = plain and width > 1 and first[1] != _EXCEL
    return Survey(
        names,
        len(lines),
        records.delimiter,
        records.quote,
        np.frombuffer(lines, np.int64),
        plain,
        longest,
        tuple(notes),
    )


def _not_a_table(what: str, source: Source) -> DataError:
    return DataError(what, where=source.name, do="check that it is the right file")


def _header(source: Source, line: int, header: list[str]) -> tuple[tuple[str, ...], list[str]]:
    names = [name.strip().strip("\ufeff").strip() for name in header]  # a mark may stand twice
    where = f"{source.name}, line {line}"
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
            names[index] = _free(f"column_{index + 1}", names)
            notes.append(f"column {index + 1} has no name and is called {names[index]}")
    for name, count in Counter(names).items():
        if count > 1:
            places = [str(i + 1) for i, other in enumerate(names) if other == name]
            more = f", ... ({count:,} in all)" if count > _MOST_PLACES else ""
            raise DataError(
                f"several columns are called {name[:60]!r}",
                where=where,
                got=f"columns {', '.join(places[:_MOST_PLACES])}{more}",
                do="give each column its own name",
            )
    return tuple(map(sys.intern, names)), notes


def _free(name: str, taken: list[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_record(source: Source, delimiter: str, quote: str) -> list[str]:
    with source.text() as file:
        try:
            records = _Records(source, file, delimiter, quote)
            return next((record for _, record in records if record), [])
        except ValueError:  # a DataError too: the pass proper will report it
            return []


def _delimiter_of_training(source: Source, dialect: Dialect) -> str | None:
    """Return the guessed delimiter if it finds the columns that are looked for in the header."""
    guess = dialect.guess
    if guess is None or not guess.delimiter or not guess.columns:
        return None
    names = {name.strip() for name in _first_record(source, guess.delimiter, dialect.quote)}
    return guess.delimiter if names.issuperset(guess.columns) else None


def _sniff_delimiter(source: Source, quote: str) -> str:
    """Return the delimiter that splits the header into the most fields; a comma if none does."""

    def fields(delimiter: str) -> int:
        return len(_first_record(source, delimiter, quote))

    return "\t" if source.tabs and fields("\t") > 1 else max(DELIMITERS, key=fields)


def _raise_ragged(source: Source, line: int, names: tuple[str, ...], record: list[str]) -> NoReturn:
    width, found = len(names), len(record)
    raise DataError(
        "a row does not have as many fields as the header",
        where=f"{source.name}, line {line}",
        expected=f"{width} fields ({names[0][:40]} ... {names[-1][:40]})",
        got=f"{found}: " + ", ".join(record)[:60],
        do=f"column {names[found]!r} and those after it have no field; end the row with delimiters"
        if found < width
        else "put fields that hold the delimiter in double quotes",
    )
