"""A trace as Markdown with LaTeX formulas: a hand-out for a course's notes or a notebook's cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chainrule.glass.trace.record import Record
from chainrule.glass.views.numbers import gapped, number, shape_text, shown, written
from chainrule.glass.views.sections import check_text, digits_of, facts, given, sections, title_of
from chainrule.glass.views.tex import spelled

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["coded", "matrix", "plain_text", "symbol_of_given", "text"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$&])")
_START = re.compile(r"^(\d*)([#+-]|[.)](?=\s|$))")


def text(trace: Trace) -> str:
    """Return the trace as Markdown.

    Parameters
    ----------
    trace : Trace

    Example
    -------
    >>> import chainrule as cr
    >>> trace = cr.trace(cr.nn.Dense(1), [[1.0, 2.0]], [3.0], loss="squared_error")
    >>> "$$" in text(trace)
    True
    """
    digits = digits_of(trace)
    lines = [f"# {plain_text(title_of(trace))}", "", "| | |", "|:--|:--|"]
    lines += [f"| {plain_text(label)} | {plain_text(words)} |" for label, words in facts(trace)]
    for part in sections(trace):
        lines += ["", f"## {part.title}", "", part.text]
        for record in part.records:
            lines += ["", *_record(record, digits)]
    return "\n".join(lines) + "\n"


def plain_text(words: str) -> str:
    """Escape what Markdown or HTML would read as markup; a line stays one line."""
    line = " ".join(_SPECIAL.sub(r"\\\1", words).split())
    return _START.sub(r"\1\\\2", line)  # a line must not start a heading or a list


def coded(code: str) -> str:
    """Return code between enough backticks to hold the longest run of them in it.

    Example
    -------
    >>> coded("X.T @ dZ"), coded("a`b")
    ('`X.T @ dZ`', '``a`b``')
    """
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * (longest + 1)
    room = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{fence}{room}{' '.join(code.split())}{room}{fence}"


def _record(record: Record, digits: int) -> list[str]:
    shape = f"{record.symbolic.replace(' x ', ' × ')}, " if record.symbolic else ""
    flags = f" ({', '.join(record.flags)})" if record.flags else ""
    lines = [f"### {plain_text(record.name)}", ""]
    lines.append(plain_text(f"{shape}{shape_text(record.shape)}{flags}"))
    symbol = symbol_of_given(record)
    if record.latex and not symbol:
        lines += ["", f"$$ {spelled(record.latex)} $$"]
    if not given(record):
        lines += ["", coded(record.code)]
    dimension = record.dimension.replace(" x ", " × ").replace("->", "→")
    for words in (dimension, record.note, _parents(record), check_text(record)):
        if words:
            lines += ["", plain_text(words)]
    if record.value.size:
        for block in matrix(record, digits):
            lines += ["", f"$$ {symbol}{block} $$"]
        statement = shown(record.shape).statement
        lines += ["", plain_text(f"{statement} {_stats(record)}".strip())]
    return lines


def symbol_of_given(record: Record) -> str:
    """Return the symbol and a sign of equality for what is given: its numbers are its formula."""
    whole = given(record) and record.latex and "=" not in record.latex
    return f"{spelled(record.latex)} = " if whole and len(record.shape) < 3 else ""


def _parents(record: Record) -> str:
    return f"From {', '.join(record.parents)}." if record.parents else ""


def _stats(record: Record) -> str:
    if record.value.size < 2:
        return ""
    return (
        f"Norm {number(record.norm, 4)}, smallest {number(record.minimum, 4)}, "
        f"largest {number(record.maximum, 4)}, zeros {100 * record.zero_share:.3g} %."
    )


def matrix(record: Record, digits: int, rows: int = 12, columns: int = 12) -> list[str]:
    r"""Return the numbers of a record as LaTeX matrices, one for each slice.

    Parameters
    ----------
    record : Record
    digits : int
    rows, columns : int
        Most rows and columns; what is left out shows as dots.
    """
    part = shown(record.shape, rows, columns)
    every = [index for block in part.blocks for line in block.indices() for index in line]
    texts = dict(zip(every, written(record.value, every, digits), strict=True))
    made: list[str] = []
    for block in part.blocks:
        lines = [
            " & ".join(gapped(block.columns, [_latex_number(texts[i]) for i in line], r"\cdots"))
            for line in block.indices()
        ]
        width = len(gapped(block.columns, [""] * len(block.columns or (0,)), ""))
        lines = gapped(block.rows, lines, " & ".join([r"\vdots"] * width))
        if block.columns is None:
            made.append(lines[0])
            continue
        head = f"[{', '.join(str(k) for k in block.lead)}]\\colon\\ " if block.lead else ""
        body = " \\\\ ".join(lines)
        made.append(f"{head}\\begin{{bmatrix}} {body} \\end{{bmatrix}}")
    return made


def _latex_number(text: str) -> str:
    """Write an exponent as a power of ten; `nan` and `inf` upright."""
    if "e" in text:
        mantissa, power = text.split("e")
        return rf"{mantissa} \cdot 10^{{{int(power)}}}"
    if text.lstrip("-") in ("nan", "inf"):
        return text.replace("inf", r"\infty").replace("nan", r"\text{nan}")
    return text
