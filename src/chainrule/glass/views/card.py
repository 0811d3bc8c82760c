"""One tensor as HTML: name, formula, code, dimensions, numbers, what the numbers look like.

Most of a page is cells. So end tags that HTML lets out are left out, and the quotes of attributes
that are one word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from chainrule.glass.trace.record import Record
from chainrule.glass.views.mathml import mathml
from chainrule.glass.views.numbers import (
    Block,
    largest_of,
    number,
    shape_text,
    shown,
    written,
)
from chainrule.glass.views.sections import check_text, given

__all__ = ["card", "tables"]

_LONG = 14
"""A card whose tables have more rows may be broken between two printed pages."""


def card(
    record: Record,
    place: int | None,
    anchors: Mapping[str, str],
    digits: int,
    drawn: bool = False,
) -> str:
    """Return a record as an `<article>`.

    Parameters
    ----------
    record : Record
    place : int, optional
        Its position in the trace, which is its address in the page; `None` gives it no address.
    anchors : mapping of str to str
        Address of each record by name; a parent that is missing is named without a link.
    digits : int
        Significant digits.
    drawn : bool
        Leave the tables to the page's script.
    """
    numbers, rows = tables(record, digits, drawn=drawn)
    kind = '"card long"' if rows > _LONG else "card"
    address = "" if place is None else f" id=r{place} data-record={place}"
    code = _code(record.code, place is not None)
    words = [
        _formula(record),
        code,
        _dimension(record.dimension),
        _line("note", record.note),
        _parents(record, anchors),
        _line("checked", check_text(record)),
    ]
    text = "".join(words)
    return (
        f"<article class={kind}{address}>{_top(record, anchors)}<div class=body>"
        + (f"<div class=words>{text}</div>" if text else "")
        + f"<div class=figures>{numbers}</div></div>{_stats(record)}</article>"
    )


def _formula(record: Record) -> str:
    """Return the formula on a line of its own; what is given has a symbol only, beside its name."""
    if given(record) or not record.latex:
        return ""
    return f"<div class=formula>{mathml(record.latex, display=True)}</div>"


def _line(kind: str, text: str) -> str:
    return f"<p class={kind}>{escape(text)}</p>" if text else ""


def _top(record: Record, anchors: Mapping[str, str]) -> str:
    name = escape(record.name)
    if record.name in anchors:
        name = f"<a href={anchors[record.name]}>{name}</a>"
    if given(record) and record.latex:
        name += f" <span class=symbol>{mathml(record.latex)}</span>"
    symbolic = f"{escape(_times(record.symbolic))} · " if record.symbolic else ""
    badges = [f"<span class=badge>{escape(flag)}</span>" for flag in record.flags]
    if record.check is not None:
        kind, word = ("good", "✓ checked") if record.check.passed else ("bad", "✗ check failed")
        badges.append(
            f'<span class="badge {kind}" title="{escape(check_text(record))}">{word}</span>'
        )
    side = f"<span class=badges>{''.join(badges)}</span>" if badges else ""
    shape = f"<span class=shape>{symbolic}{shape_text(record.shape)}</span>"
    return f"<div class=top><h3>{name}</h3>{shape}{side}</div>"


def _times(text: str) -> str:
    """Write the `x` of a shape as a sign of multiplication."""
    return text.replace(" x ", " × ")


def _code(code: str, button: bool) -> str:
    if not code:
        return ""
    copy = "<button type=button>copy</button>" if button else ""
    return f"<div class=code><code>{escape(code)}</code>{copy}</div>"


def _dimension(text: str) -> str:
    if not text:
        return ""
    symbols, _, sizes = _times(text).replace("->", "→").partition(" : ")
    tail = f"<span>{escape(sizes)}</span>" if sizes else ""
    return f"<p class=dimension>{escape(symbols)}{tail}</p>"


def _parents(record: Record, anchors: Mapping[str, str]) -> str:
    if not record.parents:
        return ""
    names = [
        f"<a href={anchors[name]}>{escape(name)}</a>" if name in anchors else escape(name)
        for name in record.parents
    ]
    return f"<p class=from>from {', '.join(names)}</p>"


def _stats(record: Record) -> str:
    pairs = [("norm", record.norm), ("min", record.minimum), ("max", record.maximum)]
    parts = [f"{name} <b>{number(value, 4)}</b>" for name, value in pairs]
    parts.append(f"zeros <b>{100 * record.zero_share:.3g}&nbsp;%</b>")
    return f"<p class=stats>{' '.join(parts)}</p>" if record.value.size > 1 else ""


def tables(
    record: Record, digits: int, rows: int = 12, columns: int = 12, drawn: bool = False
) -> tuple[str, int]:
    """Return the numbers of a record as tables, and how many rows these have together.

    With `drawn` there is only the sentence on what is left out: the script makes the tables.
    """
    part = shown(record.shape, rows, columns)
    if not record.value.size:
        return "<p class=cut>There are no entries.</p>", 0
    if drawn:
        return _line("cut", part.statement), sum(len(b.rows or (0,)) for b in part.blocks)
    cells = [index for block in part.blocks for row in block.indices() for index in row]
    texts = dict(zip(cells, written(record.value, cells, digits), strict=True))
    largest = largest_of(record.value)
    made, count = list[str](), 0
    for block in part.blocks:
        if block.lead:
            lead = ", ".join(str(k) for k in block.lead)
            made.append(f"<p class=slice>{escape(record.name)}[{lead}, :, :]</p>")
        made.append(_table(record, block, texts, largest))
        count += len(block.rows or (0,))
    return "".join(made) + _line("cut", part.statement), count


def _gapped(chosen: Sequence[int] | None) -> list[int | None]:
    """Return what is shown of an axis, with `None` where something is left out."""
    if chosen is None:
        return [None]
    result: list[int | None] = []
    for k in chosen:
        if result and k != (result[-1] or 0) + 1:
            result.append(None)
        result.append(k)
    return result


def _table(
    record: Record, block: Block, texts: Mapping[tuple[int, ...], str], largest: float
) -> str:
    down, across = _gapped(block.rows), _gapped(block.columns)
    head = ""
    if block.columns is not None:
        corner = "<th>" if block.rows is not None else ""
        heads = "".join(f"<th>{'…' if k is None else k}" for k in across)
        head = f"<thead><tr>{corner}{heads}"
    lines: list[str] = []
    for row in down:
        side = "" if block.rows is None else f"<th>{'⋮' if row is None else row}"
        gap = row is None and block.rows is not None
        cells = (
            "<td class=gap>…"
            if gap or (column is None and block.columns is not None)
            else _cell(record, _index(block, row, column), texts, largest)
            for column in across
        )
        lines.append(f"<tr>{side}{''.join(cells)}")
    return f"<div class=wide><table class=numbers>{head}<tbody>{''.join(lines)}</table></div>"


def _index(block: Block, row: int | None, column: int | None) -> tuple[int, ...]:
    return (*block.lead, *(k for k in (row, column) if k is not None))


def _cell(
    record: Record,
    index: tuple[int, ...],
    texts: Mapping[tuple[int, ...], str],
    largest: float,
) -> str:
    value = float(record.value[index])
    if not math.isfinite(value):
        return f"<td class=odd>{texts[index]}"
    share = abs(value) / largest if largest else 0.0
    level = 0 if share < 0.05 else 1 + (share > 0.35) + (share > 0.7)
    kind = f" class={'n' if value < 0 else 'p'}{level}" if level else ""
    return f"<td{kind}>{texts[index]}"
