"""What a careful reader would want to know about a column as it was read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.tabular.cells import MISSING_WORDS, Profile, misfit
from chainrule.tabular.load import Cells
from chainrule.tabular.table import EXACT, Column
from chainrule.tabular.typed import Typed

__all__ = ["column_notes", "typed_notes", "words_note"]


def column_notes(cells: Cells, cell: str, column: Column, profile: Profile) -> list[str]:
    """Return notes on missing words, on the odd cell of a text column, and on lost digits."""
    name, kind = column.name, column.kind
    notes: list[str] = []
    if kind != "empty" and profile.word:
        listed = ", ".join(f"'{word}'" for word in MISSING_WORDS)
        found = cells.ask(
            f"SELECT DISTINCT {cell} FROM {cells.table(cell)} WHERE lower({cell}) IN ({listed})"
        )
        words = [word for (word,) in found.fetchall()]
        notes.append(words_note(column, profile.word, words))
    if kind == "number":
        notes += _rounded(cells, cell, column)
    nearly = profile.nearly() if kind == "text" else None
    if nearly:
        odd = cells.first(cell, misfit(cell, nearly))
        place, text = odd if odd else (cells.source, "")
        share = f"{getattr(profile, nearly):,} of {profile.filled:,} cells are {nearly}s"
        notes.append(f"{name}: {share}, but {text[:40]!r} ({place}) is not: read as text")
    return notes


def typed_notes(cells: Cells, cell: str, typed: Typed) -> list[str]:
    """Return notes on a column that was taken over as DuckDB read it."""
    if cell in cells.batches:
        return column_notes(cells, cell, typed.column, typed.profile)
    # Files of types know no other word for a missing number.
    count = typed.profile.word
    return [words_note(typed.column, count, ["nan"])] if count else []


def words_note(column: Column, count: int, words: Sequence[str]) -> str:
    """Return the note on cells that hold words for a missing one."""
    how = "read as words" if column.kind == "text" else "read as missing"
    held = "1 cell holds" if count == 1 else f"{count:,} cells hold"
    return f"{column.name}: {held} {', '.join(sorted(map(repr, words)))}, {how}"


def _rounded(cells: Cells, cell: str, column: Column) -> list[str]:
    large = np.abs(column.values) >= EXACT
    if not large.any():
        return []
    found = cells.first(
        cell,
        f"regexp_full_match({cell}, '[+-]?[0-9]{{16,}}') AND "
        f"abs(try_cast({cell} AS DOUBLE)) >= {EXACT}",
    )
    if found is None:
        return []
    text, place = found[1][:40], found[0]
    return [f"{column.name}: {text!r} ({place}) has more digits than a number keeps: rounded"]
