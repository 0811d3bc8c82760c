"""JSON from a stranger: size, depth and number of values are bounded before anything is built.

Python's parser would take a megabyte of brackets, a key twice, `NaN`, or half a million nested
lists; each of these is refused here with one error.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from chainrule.errors import FileFormatError

__all__ = ["MAX_DEPTH", "MAX_VALUES", "read_json", "write_json"]

MAX_DEPTH = 64
MAX_VALUES = 200_000
_MARKS = re.compile(r"[\[\]{},]")


def write_json(value: Any) -> str:
    """Return compact JSON; numbers keep their bits, and not-finite ones are refused.

    Example
    -------
    >>> write_json({"rate": 0.1})
    '{"rate":0.1}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_json(text: bytes | str, where: str) -> dict[str, Any]:
    """Return a JSON object, or refuse it.

    Raises
    ------
    FileFormatError
        Not UTF-8, not JSON, not an object, a key twice, NaN or infinity, too deep, too many values.

    Example
    -------
    >>> read_json('{"a": 1, "a": 2}', "the header")
    Traceback (most recent call last):
    chainrule.errors.FileFormatError: the key 'a' stands twice in one object
      where:    the header
    """
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise FileFormatError("the text is not UTF-8", where=where, got=str(error)) from None
    _require_modest(plain, where)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise FileFormatError(f"the key {twice[:80]!r} stands twice in one object", where=where)
        return result

    def constant(name: str) -> NoReturn:
        raise FileFormatError("a number is not finite", where=where, got=name)

    try:
        value = json.loads(plain, object_pairs_hook=pairs, parse_constant=constant)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: bad JSON, an endless integer
        raise FileFormatError("the text is not JSON", where=where, got=str(error)[:120]) from None
    if not isinstance(value, dict):
        raise FileFormatError(
            "the text is not a JSON object", where=where, got=type(value).__name__
        )
    return value


def _require_modest(text: str, where: str) -> None:
    """Count strings, brackets and commas, without building anything.

    A run of backslashes is read in pairs from the left, as JSON does; where text outside a string
    makes this wrong, the parser stops at that very backslash.
    """
    bare = text.replace("\\\\", "").replace('\\"', "")
    depth = values = 0
    good = bare.count('"') <= 4 * MAX_VALUES
    for part in bare.split('"')[::2] if good else ():
        for match in _MARKS.finditer(part):
            mark = match.group()
            depth += (mark in "[{") - (mark in "]}")
            values += mark not in "]}"
            good = good and depth <= MAX_DEPTH and values <= MAX_VALUES
        if not good:
            break
    if not good:
        raise FileFormatError(
            "the text is deeper or longer than any model needs",
            where=where,
            expected=f"at most {MAX_DEPTH} levels and {MAX_VALUES:,} values",
        )
