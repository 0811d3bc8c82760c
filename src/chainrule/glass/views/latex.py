"""A trace as a LaTeX document: plain `article` and `amsmath`, nothing else.

Source: American Mathematical Society, "User's Guide for the amsmath Package" (2020).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chainrule.glass.trace.record import Record
from chainrule.glass.views.markdown import matrix, symbol_of_given
from chainrule.glass.views.numbers import number, shape_text, shown, written
from chainrule.glass.views.plain import plain
from chainrule.glass.views.sections import check_text, digits_of, facts, given, sections, title_of
from chainrule.glass.views.tex import spelled

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["escaped", "text"]

_PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath}
\setlength{\textwidth}{17cm}
\setlength{\textheight}{24cm}
\setlength{\oddsidemargin}{-0.5cm}
\setlength{\topmargin}{-1.5cm}
\setlength{\parindent}{0pt}
\setlength{\parskip}{3pt}
\setcounter{MaxMatrixCols}{30}
\setcounter{secnumdepth}{0}
\allowdisplaybreaks
\sloppy
"""
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", '"': "''", "|": "$|$", "`": "`{}", "-": "{-}", "'": "'{}",
    "×": r"$\times$", "→": r"$\rightarrow$", "·": r"$\cdot$", "σ": r"$\sigma$", "≤": r"$\le$",
    "≥": r"$\ge$", "−": "$-$", "η": r"$\eta$", "λ": r"$\lambda$", "…": r"\dots{}",
}  # fmt: skip
_LETTERS = 88
"""How many letters of the matrices' size fit a line."""


def text(trace: Trace) -> str:
    r"""Return a document that `pdflatex` sets as it is.

    Parameters
    ----------
    trace : Trace

    Example
    -------
    >>> import chainrule as cr
    >>> trace = cr.trace(cr.nn.Dense(1), [[1.0, 2.0]], [3.0], loss="squared_error")
    >>> text(trace).startswith("\\documentclass")
    True
    """
    digits = digits_of(trace)
    rows = "\n".join(rf"{escaped(a)} & {escaped(b)} \\" for a, b in facts(trace))
    letters = any(r"\mathbb" in record.latex for record in trace)
    lines = [_PREAMBLE + r"\usepackage{amssymb}" * letters + r"\begin{document}"]
    lines += [rf"\section*{{{escaped(title_of(trace))}}}", ""]
    lines += [r"\begin{tabular}{@{}ll@{}}", rows, r"\end{tabular}"]
    for part in sections(trace):
        lines += ["", rf"\section{{{escaped(part.title)}}}", escaped(part.text)]
        for record in part.records:
            lines += ["", *_record(record, digits)]
    return "\n".join([*lines, "", r"\end{document}", ""])


def escaped(words: str) -> str:
    r"""Return words as LaTeX text; a letter that its fonts lack is named by its number.

    Example
    -------
    >>> escaped("50 % of dense_1")
    '50 \\% of dense\\_1'
    >>> escaped("é 中")
    'é {[}U+4E2D{]}'
    """
    return "".join(_letter(letter) for letter in " ".join(words.split()))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in "[]":
        return f"{{{letter}}}"
    code = ord(letter)
    if 0x20 <= code < 0x7F or (0xC0 <= code < 0x180 and code not in (0xD7, 0xF7)):
        return letter
    return f"{{[}}U+{code:04X}{{]}}"


def _code(code: str) -> str:
    """Return code in typewriter letters that may break after a comma, bracket or operator."""
    breakable = re.sub(r"(?<=[,()*@+ ])", "\u0001", " ".join(code.split()))
    parts = [escaped(part) + " " * part.endswith(" ") for part in breakable.split("\u0001")]
    line = r"\hspace{0pt}".join(parts)
    return rf"{{\small\ttfamily\raggedright {line}\par}}"


def _record(record: Record, digits: int) -> list[str]:
    shape = f"{record.symbolic.replace(' x ', ' × ')}, " if record.symbolic else ""
    flags = f" ({', '.join(record.flags)})" if record.flags else ""
    title = rf"\subsection{{{escaped(record.name)}}}"
    lines = [title, escaped(f"{shape}{shape_text(record.shape)}{flags}") + r"\par"]
    symbol = _formula(symbol_of_given(record))
    if record.latex and not symbol:
        lines.append(rf"{{{_size(record.latex)}\[ {_formula(record.latex)} \]}}%")
    if not given(record):
        lines.append(_code(record.code))
    dimension = record.dimension.replace(" x ", " × ").replace("->", "→")
    parents = f"From {', '.join(record.parents)}." if record.parents else ""
    lines += [
        escaped(w) + r"\par" for w in (dimension, record.note, parents, check_text(record)) if w
    ]
    if record.value.size:
        columns = _columns(record, digits)
        blocks = matrix(record, digits, 12, columns)
        lines += [rf"{{\footnotesize\[ {symbol}{block} \]}}%" for block in blocks]
        words = f"{shown(record.shape, 12, columns).statement} {_stats(record)}".strip()
        lines.append(escaped(words) + r"\par")
    return lines


def _columns(record: Record, digits: int) -> int:
    """Return how many columns of these numbers fit a line."""
    part = list(shown(record.shape).indices())
    widest = max(len(cell) + 7 * ("e" in cell) for cell in written(record.value, part, digits))
    return max(3, min(12, _LETTERS // (widest + 3)))


def _size(latex: str) -> str:
    """Return the size of letters in which a formula fits a line."""
    length = len(plain(latex))
    return "" if length < 85 else r"\footnotesize" if length < 115 else r"\scriptsize"


def _formula(latex: str) -> str:
    """Return a formula; a sign of comments or a foreign letter within its words is escaped."""

    def words(found: re.Match[str]) -> str:
        plain = found[1].replace(r"\_", "_").replace(r"\%", "%").replace(r"\#", "#")
        inner = "".join(_letter(letter) for letter in plain.replace(r"\&", "&"))
        lead, trail = found[1][:1] == " ", found[1][-1:] == " "
        return rf"\text{{{' ' * lead}{inner.strip()}{' ' * (trail and bool(inner.strip()))}}}"

    # TeX drops the braces around a lone accent, so that a second script would meet the first.
    apart = re.sub(r"\{(?=\\(?:bar|hat|tilde|dot|ddot|vec|check)\b)", "{{}", spelled(latex))
    return re.sub(r"\\text\{([^{}]*)\}", words, apart)


def _stats(record: Record) -> str:
    if record.value.size < 2:
        return ""
    return (
        f"Norm {number(record.norm, 4)}, smallest {number(record.minimum, 4)}, "
        f"largest {number(record.maximum, 4)}, zeros {100 * record.zero_share:.3g} %."
    )
