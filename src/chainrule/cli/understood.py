"""What was understood of a table, shown before anything is trained."""

from __future__ import annotations

import datetime as dt
import math
import shlex
from collections import Counter
from collections.abc import Sequence

import numpy as np

from chainrule.cli.pipeline import Prepared, Settings, batch_rows, optimizer_of
from chainrule.cli.screen import Screen
from chainrule.cli.words import amount, count
from chainrule.tabular import Column, Encoder, Table
from chainrule.tabular.codes import LevelCode

__all__ = [
    "COLUMN_HEADS",
    "COLUMN_RIGHT",
    "augmented_fact",
    "column_rows",
    "in_order",
    "notes",
    "plan_facts",
    "show_understood",
]

COLUMN_HEADS = ("column", "kind", "missing", "values", "features")
COLUMN_RIGHT = (2, 4)
MOST_COLUMNS = 24
MOST_CLASSES = 6
LONGEST_LEVEL, SHORTER_LEVEL = 14, 8
"""Letters of a level's name, and where the table is wider than the terminal."""
_WORDS, _LOOKED_AT = 4, 1000
"""So many words a cell are no name; looked for in so many rows."""
_FEW = 64
"""So many values of its own are no sign of an identifier."""


def show_understood(screen: Screen, prepared: Prepared, settings: Settings) -> None:
    """Print the columns, the notes, the task, and what will be trained."""
    rows = column_rows(prepared.table, prepared.encoder)
    if _width(rows) > screen.console.width:
        rows = column_rows(prepared.table, prepared.encoder, SHORTER_LEVEL)
    # The target is the last row, so it is always among those that are shown.
    screen.table(COLUMN_HEADS, [*rows[:-1][: MOST_COLUMNS - 1], rows[-1]], COLUMN_RIGHT)
    if len(rows) > MOST_COLUMNS:
        screen.line((f"... and {len(rows) - MOST_COLUMNS:,} more columns", "faint"))
    screen.gap()
    for note in notes(prepared):
        screen.note(note)
    screen.facts(plan_facts(prepared, settings, screen.arrow()))
    screen.gap()


def in_order(table: Table, encoder: Encoder) -> list[Column]:
    """Return the columns of a table, the target last (if the table has it)."""
    name = encoder.target.name
    others = [column for column in table.columns if column.name != name]
    return others + ([table.column(name)] if name in table else [])


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a terminal has to be for these rows in lines of their own."""
    widest = [max(map(len, cells)) for cells in zip(COLUMN_HEADS, *rows, strict=True)]
    return sum(widest) + 3 * (len(widest) - 1) + 2


def column_rows(
    table: Table, encoder: Encoder, longest: int = LONGEST_LEVEL
) -> list[tuple[str, ...]]:
    """Return name, kind, missing cells, values and features of each column, the target last.

    Longer names of levels are cut to the stated length.
    """
    features = _features(encoder)
    return [
        (
            column.name,
            column.kind,
            _missing(column),
            _values(column, longest),
            features.get(column.name, "not used"),
        )
        for column in in_order(table, encoder)
    ]


def _missing(column: Column) -> str:
    missing = int(column.missing().sum())
    share = 100 * missing / len(column.values)
    if not missing:
        return ""
    return f"{missing:,} ({f'{share:.{0 if share >= 1 else 1}f}' if share >= 0.05 else '<0.1'} %)"


def _features(encoder: Encoder) -> dict[str, str]:
    widths = {code.name: str(len(code.features())) for code in encoder.codes}
    return {**widths, encoder.target.name: "target"}


def _values(column: Column, longest: int) -> str:
    known = column.values[~column.missing()]
    if not len(known):
        return ""
    if column.kind == "text":
        levels = Counter(known.tolist())
        level, rows = levels.most_common(1)[0]
        most = f"{_cut(level, longest)} in {_percent(rows / len(known))} %"
        return count(len(levels), "level") + (f", {most}" if rows > 1 else "")
    if column.kind == "boolean":
        return f"true in {amount(100 * float(known.mean()), 3)} %"
    low, high = float(known.min()), float(known.max())
    if column.kind == "date":
        return f"{_date(low)} to {_date(high)}"
    ends = f"{amount(low, 6)} to {amount(high, 6)}"
    # 1950 may be a year
    return ends if max(abs(low), abs(high)) >= 10_000 else ends.replace(",", "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.005 else "<1"


def _cut(level: str, longest: int) -> str:
    return level if len(level) <= longest else level[: longest - 1] + "…"


def _date(days: float) -> str:
    try:
        day = dt.date(1970, 1, 1) + dt.timedelta(days=math.floor(days))
    except OverflowError:
        return f"day {days:g}"
    return day.isoformat()


def notes(prepared: Prepared) -> list[str]:
    """Return what a careful reader would want to know about the table."""
    found = list(prepared.table.notes)
    if prepared.dropped:
        found.append(f"{count(prepared.dropped, 'row')} without a target left out")
    if prepared.ignored:
        found.append(f"{_listed(prepared.ignored)}: left out, as asked")
    unused = set(prepared.encoder.unused(prepared.table)) - set(prepared.ignored)
    own = _identifiers(prepared)
    same = [name for name in prepared.table.names if name in unused and name not in own]
    if same:
        found.append(f"{_listed(same)}: the same in every training row, so not used")
    for name in own:
        leave = f"--ignore {shlex.quote(name)} leaves it out"
        why = "nearly every row has its own value"
        if _is_prose(prepared.table.column(name)):
            why += ", and the words in it are not read one by one"
            what = "so not used" if name in unused else leave
        else:
            what = "so not used" if name in unused else f"is it an identifier? {leave}"
        found.append(f"{name}: {why}; {what}")
    return [*found, *(_shared(code) for code in _with_rare_levels(prepared, own))]


def _with_rare_levels(prepared: Prepared, own: Sequence[str]) -> list[LevelCode]:
    """Return the columns of more levels than have a feature of their own."""
    codes = (code for code in prepared.encoder.codes if isinstance(code, LevelCode))
    return [code for code in codes if code.other and code.name not in own]


def _shared(code: LevelCode) -> str:
    return f"{code.name}: {len(code.levels)} frequent levels have a feature each, all others one"


def _is_prose(column: Column) -> bool:
    """Say whether the cells of a column are sentences rather than names."""
    if column.kind != "text":
        return False
    cells = [cell for cell in column.values[:_LOOKED_AT].tolist() if cell]
    return bool(cells) and sum(len(cell.split()) for cell in cells) >= _WORDS * len(cells)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _identifiers(prepared: Prepared) -> list[str]:
    """Return the columns that may name the rows: text of its own in most, or their number."""
    known = {prepared.encoder.target.name, *prepared.ignored}
    return [c.name for c in prepared.table.columns if c.name not in known and _names_rows(c)]


def _names_rows(column: Column) -> bool:
    """Say whether a column has a text of its own in most rows, or counts the rows."""
    rows = len(column.values)
    if column.kind == "text":
        return len(set(column.values.tolist())) > max(_FEW, rows / 2)
    if column.kind != "number" or rows <= _FEW or column.missing().any():
        return False
    return bool((np.diff(np.sort(column.values)) == 1).all())


def plan_facts(prepared: Prepared, settings: Settings, arrow: str = "→") -> dict[str, str]:
    """Return the task, the rows of each part, the network and the training, in words."""
    split, target = prepared.split, prepared.encoder.target
    outputs = prepared.loss.raw_width(
        len(target.classes) if target.classes and not prepared.loss.link.elementwise else 1
    )
    widths = [
        count(len(prepared.encoder.features), "feature"),
        *(f"{width} {settings.activation}" for width in settings.hidden),
        str(outputs),
    ]
    return {
        "task": _task(prepared),
        "rows": f"{len(split.training):,} to train, {len(split.validation):,} to validate, "
        f"{len(split.test):,} to test",
        "network": f" {arrow} ".join(widths)
        + (f", dropout {settings.dropout:g}" if settings.dropout else ""),
        "training": f"{_method(prepared, settings)}, "
        f"at most {count(settings.epochs, 'epoch')}, loss {prepared.loss.name}",
        **augmented_fact(settings),
    }


def augmented_fact(settings: Settings) -> dict[str, str]:
    """Return what happens to the training rows, if anything does."""
    words = ", ".join(settings.augment)
    return {"augmented": f"anew in each epoch: {words}"} if words else {}


def _method(prepared: Prepared, settings: Settings) -> str:
    optimizer = optimizer_of(settings)
    if not optimizer.stepwise:  # chooses its own steps
        return f"{optimizer.name}, whole data"
    schedule = f" on a {settings.schedule} schedule" if settings.schedule else ""
    rate = f"learning rate {optimizer.learning_rate:g}{schedule}"
    return f"{optimizer.name}, {rate}, batches of {batch_rows(prepared, settings)}"


def _task(prepared: Prepared) -> str:
    target = prepared.encoder.target
    if target.classes is None:
        return f"regression of {target.name}"
    column = prepared.table.column(target.name)
    shares = np.bincount(target.encode(column), minlength=len(target.classes)) / len(column.values)
    listed = [
        f"{label} ({100 * share:.3g} %)"
        for label, share in zip(target.classes[:MOST_CLASSES], shares, strict=False)
    ]
    more = ", ..." if len(target.classes) > MOST_CLASSES else ""
    return (
        f"classification of {target.name} into {len(target.classes)} classes: "
        + ", ".join(listed)
        + more
    )
