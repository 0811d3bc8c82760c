"""Text and numbers as people read them: no control characters, thousands marked, units told."""

from __future__ import annotations

import math
import re
import unicodedata

__all__ = ["amount", "bytes_text", "count", "duration", "folded", "plainly", "readable"]


def readable(text: str, *, lines: bool = False) -> str:
    r"""Return text that is safe to print, whatever file it came from.

    Control characters (they could rewrite the screen) and characters that cannot be encoded become
    a question mark in a box; line ends are kept if `lines` is true.

    Example
    -------
    >>> readable("a\x1b[31mb")
    'a\ufffd[31mb'
    """
    kept = "\n" if lines else ""
    return "".join(
        sign
        if sign in kept or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else "\ufffd"
        for sign in text
    )


_KINDS = {"integer": "whole number", "float": "number", "boolean": "true or false"}
"""What click calls kinds of values, and what people do."""


def plainly(message: str) -> str:
    r"""Return a message of click's as this command line puts it: one line, no names of types.

    Example
    -------
    >>> plainly("Invalid value for '--epochs': 'ten' is not a valid integer range.")
    "invalid value for '--epochs': 'ten' is not a whole number"
    >>> plainly("Missing argument 'NAME'. Choose from:\n\tmnist")
    "missing argument 'NAME'. Choose from: mnist"
    """
    line = " ".join(message.split()).rstrip(".")
    for kind, words in _KINDS.items():
        article = "" if kind == "boolean" else "a "
        line = re.sub(rf"is not a valid {kind}(?: range)?\b", f"is not {article}{words}", line)
    return line[:1].lower() + line[1:]


def folded(text: str, width: int) -> str:
    """Return text in lines of at most a width, broken after blanks, commas and brackets.

    A name is never broken, even if it is wider.

    Example
    -------
    >>> print(folded("dense(units=4),layer_norm", 15))
    dense(units=4),
    layer_norm
    """
    lines = [""]
    for piece in re.findall(r"\s+|[(\[|]*[^\s,(\[|/]+(?: %\S*)?[,(\[|/]*|[,(\[|/]+", text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(line.rstrip() for line in lines)


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Example
    -------
    >>> count(1, "row"), count(20640, "row")
    ('1 row', '20,640 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def amount(value: float, digits: int = 4) -> str:
    """Return a number to so many significant digits, without an exponent where one can do without.

    Example
    -------
    >>> amount(0.81234567), amount(49852.3129), amount(1.5e-9), amount(-3.0)
    ('0.8123', '49,852', '1.5e-09', '-3')
    """
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-4 <= abs(value) < 1e9:
        exponent = 0 if value == 0 else math.floor(math.log10(abs(value)))
        text = f"{value:,.{max(digits - 1 - exponent, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """Return a time span.

    Example
    -------
    >>> duration(0.0123), duration(0.4), duration(12.3), duration(125), duration(7300)
    ('13 ms', '0.4 s', '12 s', '2 min 05 s', '2 h 01 min')
    """
    if seconds < 0.095:
        return f"{math.ceil(1000 * seconds)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def bytes_text(size: int) -> str:
    """Return a file size.

    Example
    -------
    >>> bytes_text(512), bytes_text(14_250), bytes_text(3_400_000)
    ('512 B', '14.2 kB', '3.4 MB')
    """
    if size < 1000:
        return f"{size} B"
    scaled = float(size)
    for unit in ("kB", "MB", "GB"):
        scaled /= 1000
        if scaled < 1000 or unit == "GB":
            break
    return f"{scaled:.1f} {unit}"
