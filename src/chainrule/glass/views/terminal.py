"""A trace as text for a terminal: one tensor after the other, matrices in line."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

from chainrule.glass.trace.record import Record
from chainrule.glass.views.numbers import Block, gapped, number, shape_text, shown, written
from chainrule.glass.views.plain import plain
from chainrule.glass.views.sections import check_text, digits_of, facts, given, sections, title_of

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["text"]

_INDENT = "    "
_NARROWEST = 40


def text(trace: Trace, width: int = 100) -> str:
    """Return the trace as lines of at most `width` letters.

    A word that is longer than a line (a name, a number) is not broken.

    Parameters
    ----------
    trace : Trace
    width : int
        Letters in a line, at least 40.

    Example
    -------
    >>> import chainrule as cr
    >>> trace = cr.trace(cr.nn.Dense(1), [[1.0, 2.0]], [3.0], loss="squared_error")
    >>> max(len(line) for line in text(trace, 60).splitlines()) <= 60
    True
    """
    width = max(width, _NARROWEST)
    digits = digits_of(trace)
    pairs = facts(trace)
    label_width = max(len(label) for label, _ in pairs)
    lines = _wrapped(title_of(trace), width, "")
    lines += [""]
    for label, words in pairs:
        lines += _wrapped(words, width, " " * (label_width + 4), f"  {label:<{label_width}}  ")
    for part in sections(trace):
        lines += ["", f"── {part.title} ".ljust(width, "─")]
        for record in part.records:
            lines += ["", *_record(record, digits, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _clean(words: str) -> str:
    """Replace control characters: a name must not move the cursor."""
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf") else c for c in words)


def _wrapped(words: str, width: int, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        _clean(words),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [(indent if first is None else first).rstrip()]


def _record(record: Record, digits: int, width: int) -> list[str]:
    symbolic = f"{record.symbolic.replace(' x ', ' × ')} = " if record.symbolic else ""
    marks = [*record.flags]
    if record.check is not None:
        marks.append("✓ checked" if record.check.passed else "✗ check failed")
    tail = f"  [{', '.join(marks)}]" if marks else ""
    head = f"{record.name}  {symbolic}{shape_text(record.shape)}{tail}"
    lines = _wrapped(head, width, _INDENT * 2, "  ")
    inner = _INDENT
    if record.latex and not given(record):
        lines += _wrapped(plain(record.latex), width, inner + "  ", inner)
    if record.code:
        lines += _wrapped(record.code, width, inner + "  ", inner)
    dimension = record.dimension.replace(" x ", " × ").replace("->", "→")
    for words in (dimension, record.note, check_text(record)):
        if words:
            lines += _wrapped(words, width, inner)
    return lines + _numbers(record, digits, width)


def _numbers(record: Record, digits: int, width: int) -> list[str]:
    if not record.value.size:
        return [f"{_INDENT}no entries"]
    columns = 12
    lines: list[str] = []
    while columns >= 2:
        part = shown(record.shape, rows=12, columns=columns)
        every = [index for block in part.blocks for line in block.indices() for index in line]
        texts = dict(zip(every, written(record.value, every, digits), strict=True))
        lines = [line for block in part.blocks for line in _matrix(record, block, texts)]
        if max(len(line) for line in lines) <= width:
            break
        columns -= 1
    part = shown(record.shape, rows=12, columns=max(columns, 2))
    stats = ""
    if record.value.size > 1:
        stats = (
            f"norm {number(record.norm, 4)}  min {number(record.minimum, 4)}  "
            f"max {number(record.maximum, 4)}  zeros {100 * record.zero_share:.3g} %"
        )
    for words in (part.statement, stats):
        if words:
            lines += _wrapped(words, width, _INDENT)
    return lines


def _matrix(record: Record, block: Block, texts: dict[tuple[int, ...], str]) -> list[str]:
    lines = [[texts[index] for index in line] for line in block.indices()]
    lines = [gapped(block.columns, line, "⋯") for line in lines]
    lines = gapped(block.rows, lines, ["⋮"] * len(lines[0]))
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    rows = ["  ".join(f"{c:>{w}}" for c, w in zip(line, widths, strict=True)) for line in lines]
    head: list[str] = []
    if block.lead:
        lead = ", ".join(str(k) for k in block.lead)
        head = [f"{_INDENT}{_clean(record.name)}[{lead}, :, :]"]
    if block.columns is None:
        return [f"{_INDENT}{rows[0]}"]
    return head + [f"{_INDENT}{left} {row} {right}" for left, row, right in _bracketed(rows)]


def _bracketed(rows: list[str]) -> list[tuple[str, str, str]]:
    """Put a bracket that is as tall as the matrix on both sides of its rows."""
    if len(rows) == 1:
        return [("[", rows[0], "]")]
    middle = len(rows) - 2
    sides = [("⎡", "⎤"), *[("⎢", "⎥")] * middle, ("⎣", "⎦")]
    return [(left, row, right) for (left, right), row in zip(sides, rows, strict=True)]
