"""The way in which a column was written in training, tried first on a later table.

Decisions
---------
a) A guess decides what cells leave open: `1,234` and `03/04/2024`. It must fit every cell.
b) `1.234` alone is a plain number too. It is a thousand only in a file that is delimited like that
   of the training, and in which no column that had decimal commas there has a decimal point here;
   otherwise the file comes from elsewhere, and what it says plainly is taken at its word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from chainrule.tabular.cells import Profile
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.forms import WAYS, Way, sql_text
from chainrule.tabular.load import Cells
from chainrule.tabular.reading import Reading
from chainrule.tabular.table import Kind

__all__ = ["decimal_comma", "has_say", "settled", "way_of_training"]

_COMMA, _POINT = WAYS[:2]
_BEGINS = "[+-]?0[0-9]*[.]"
"""No group of thousands begins with a zero."""


def settled(cells: Cells, places: Mapping[str, str], dialect: Dialect, notes: list[str]) -> Dialect:
    """Return the dialect without the part of its guess that does not hold for the file.

    Parameters
    ----------
    cells : Cells
    places : mapping of column to its place in `cells`
    dialect : Dialect
    notes : list of str
        Is told what is not as in training.
    """
    guess = dialect.guess
    if guess is None:
        return dialect
    if dialect.decimal is not None:
        return replace(dialect, guess=_without_signs(guess))
    for name, cell in places.items():
        typed = cells.kinds.get(name) not in (None, "text")
        if typed or not any(way.decimal == "," for way in _ways(guess, name)):
            continue
        found = cells.first(cell, _pointed(cell, guess.delimiter in ("", cells.delimiter)))
        if found is not None:
            place, text = found
            notes.append(
                f"{name}: {text[:40]!r} ({place}) has a decimal point, and training had decimal "
                "commas: each column is read by its own cells"
            )
            return replace(dialect, guess=_without_signs(guess))
    return dialect


def has_say(dialect: Dialect, name: str) -> bool:
    """Say whether what was stated or guessed may change what numbers with points mean."""
    guess = dialect.guess
    return dialect.decimal == "," or (guess is not None and bool(_ways(guess, name)))


def decimal_comma(dialect: Dialect, delimiter: str, name: str, text: str) -> tuple[str, str] | None:
    """Return the way of a column that may have decimal commas, such as `text`, if it is no other.

    Also since when it is known, for the note. The guess of the dialect is settled.
    """
    ways = [] if dialect.guess is None else _ways(dialect.guess, name)
    if ways:
        return (_COMMA.name, ", as in training") if ways == [_COMMA] else None
    given = _COMMA.given(dialect.decimal, delimiter)
    proven = given is not None and (given or re.fullmatch(_COMMA.proof, text))
    return (_COMMA.name, "") if proven else None


def _without_signs(guess: Reading) -> Reading:
    signs = {way.name for way in WAYS if way.decimal}
    ways = {name: way for name, way in guess.ways.items() if way not in signs}
    return replace(guess, decimal=None, ways=ways)


def _pointed(cell: str, alike: bool) -> str:
    """Return the SQL condition that the point in a number is decimal, as nothing else can be.

    In a file that is not like that of the training, also where no comma stands beside it.
    """
    number = f"trim(rtrim({cell}, '%'))"
    condition = f"contains({cell}, '.') AND regexp_full_match({number}, {sql_text(_POINT.fits)})"
    return (
        f"{condition} AND (NOT regexp_full_match({number}, {sql_text(_COMMA.fits)}) OR "
        f"regexp_matches({number}, '^{_BEGINS}')"
        + (")" if alike else f" OR NOT contains({cell}, ','))")
    )


def _ways(guess: Reading, name: str) -> list[Way]:
    """Return the ways in which a column may have been written in training."""
    named = guess.ways.get(name)
    if named is not None:
        return [way for way in WAYS if way.name == named]
    return [way for way in WAYS if way.decimal and way.decimal == guess.decimal]


def way_of_training(
    cells: Cells, name: str, cell: str, profile: Profile, wanted: Kind | None, dialect: Dialect
) -> Way | None:
    """Return the way of the training if it fits every cell and means something here."""
    guess = dialect.guess
    if guess is None or not profile.filled:
        return None
    for way in _ways(guess, name):
        if wanted not in (None, way.kind):
            continue
        counts = f"SELECT {way.counts(cell)} FROM {cells.table(cell)}"
        fits, marks, _ = cells.ask(counts).fetchone()
        if fits + profile.word != profile.filled or not fits:
            continue
        grouped = way is _COMMA and cells.first(cell, f"contains({cell}, '.')") is not None
        if marks or grouped:
            return way
    return None
