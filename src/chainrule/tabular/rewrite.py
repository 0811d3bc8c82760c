"""Columns whose cells are not written the plain way: recognised, and rewritten inside DuckDB."""

from __future__ import annotations

import re
from typing import NamedTuple

from chainrule.tabular.cells import Profile
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.first_guess import way_of_training
from chainrule.tabular.forms import LOOKS, WAYS, Way
from chainrule.tabular.load import Cells
from chainrule.tabular.table import Kind

__all__ = ["Rewritten", "codes", "plainly", "rewritten"]

_FRAMED = r"([^\W\d]{1,4} )?\W{0,3}\d[\d.,]*(\D{1,4}\d[\d.,]*){0,3}\D{0,6}"
_COMMA = 'say what the comma is: decimal="," or decimal="."'


class Rewritten(NamedTuple):
    """What a column holds now, what is to be said about it, and the way it was written before."""

    profile: Profile
    notes: list[str]
    way: str = ""


def rewritten(
    cells: Cells, name: str, cell: str, profile: Profile, wanted: Kind | None, dialect: Dialect
) -> Rewritten:
    """Rewrite a column in the plain way if another way fits it beyond doubt.

    The way of a guess (`Dialect.guess`) needs no proof by the cells.
    """
    if wanted in ("text", "boolean"):
        return Rewritten(profile, [])
    way = way_of_training(cells, name, cell, profile, wanted, dialect)
    if way is not None:
        return _applied(cells, name, cell, way, ", as in training")
    told = wanted is None and profile.kind() == "text" and profile.nearly() != "date"
    clue = _clue(cells, cell, profile, wanted, dialect)
    if clue is None:
        return Rewritten(profile, _framed(cells, name, cell) if told else [])
    doubtful: list[Way] = []
    for way in WAYS:
        given = way.given(dialect.decimal, cells.delimiter)
        if given is None or (wanted and way.kind != wanted) or not re.fullmatch(way.fits, clue):
            continue
        table = cells.table(cell)
        fits, marks, proof = cells.ask(f"SELECT {way.counts(cell)} FROM {table}").fetchone()
        stated = dialect.decimal == "," == way.decimal
        if fits + profile.word != profile.filled or not (marks or stated):
            continue
        if not (given or proof):
            doubtful.append(way)
            continue
        return _applied(cells, name, cell, way)
    notes = _doubts(cells, name, cell, doubtful, profile)
    return Rewritten(profile, notes or (_framed(cells, name, cell) if told else []))


def _applied(cells: Cells, name: str, cell: str, way: Way, since: str = "") -> Rewritten:
    place, text = cells.first(cell, _is_special(cell)) or ("", "")
    cells.rewrite(cell, way)
    note = f"{name}: {way.name}{since}, such as {text[:40]!r} ({place})"
    return Rewritten(cells.batches[cell].profile(cell), [note], way.name)


def _clue(
    cells: Cells, cell: str, profile: Profile, wanted: Kind | None, dialect: Dialect
) -> str | None:
    """Return a cell that each way must fit; None, as for most text, if none may fit at all."""
    kind = profile.kind()
    if kind == "number" and dialect.decimal == ",":
        found = cells.first(cell, f"contains({cell}, '.')")
        return None if found is None else found[1]
    if kind != "text" or (wanted and profile.fits(wanted)):
        return None
    first = cells.head(cell, digits=True)
    return first[1] if first and re.fullmatch(LOOKS, first[1]) else None


def _is_special(cell: str) -> str:
    return f"regexp_matches({cell}, '[,%/.]')"


def _doubts(cells: Cells, name: str, cell: str, ways: list[Way], profile: Profile) -> list[str]:
    place, text = cells.first(cell, _is_special(cell)) or ("", "")
    if profile.kind() == "number":
        return [f"{name}: {text[:40]!r} ({place}) has a point, not a decimal comma: read as it is"]
    if not ways:
        return []
    meant = " or ".join(dict.fromkeys(way.name for way in ways))
    # Notes are read in Python and on the command line, so they name no argument.
    do = (
        "state the decimal sign"
        if any(way.decimal for way in ways)
        else "write dates as 2024-02-29"
    )
    return [f"{name}: {text[:40]!r} ({place}) may be {meant}: read as text; {do}"]


def _framed(cells: Cells, name: str, cell: str) -> list[str]:
    """Return a note if all cells are numbers with the same signs around them, such as `$5`."""
    place, text = cells.head(cell) or ("", "")
    if not re.fullmatch(_FRAMED, text):
        return []
    frame = f"regexp_replace({cell}, '[0-9.,]+', '#', 'g')"
    frames, cells_ = cells.ask(
        f"SELECT count(DISTINCT {frame}), count(DISTINCT {cell}) FROM {cells.table(cell)}"
    ).fetchone()
    if frames != 1 or cells_ < 2:
        return []
    do = "to count with them, leave only the numbers"
    return [f"{name}: numbers with signs around them, {text!r} ({place}): read as text; {do}"]


def codes(cells: Cells, name: str, cell: str, profile: Profile) -> str | None:
    """Return a note if the numbers of a column are codes: digits of one length, zeros in front."""
    table = cells.table(cell)
    lengths = f"count(DISTINCT length({cell})), sum(n) FILTER (regexp_full_match({cell}, '[0-9]+'))"
    different, digits = cells.ask(f"SELECT {lengths} FROM {table}").fetchone()
    if different != 1 or digits != profile.filled:
        return None
    found = cells.first(cell, f"starts_with({cell}, '0')") or ("", "")
    return f"{name}: {found[1][:40]!r} ({found[0]}) is a code, not a number: read as text"


def plainly(text: str) -> str:
    """Return what to do about a cell that is not written the plain way."""
    if not re.fullmatch(LOOKS, text):
        return ""
    if "," in text:
        return f"write it with a point, 3.5 and not 3,5; or {_COMMA}"
    return "write dates as 2024-02-29, and numbers without a unit"
