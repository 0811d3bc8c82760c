"""JSON from a stranger: size, depth and number of values are bounded before anything is built.

Python's parser would take a megabyte of brackets, a key twice, `NaN`, or half a million nested
lists; each of these is refused here with one error.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import FileFormatError

__all__ = ["MAX_DEPTH", "MAX_TEXT", "MAX_VALUES", "read_json", "write_json"]

MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_TEXT = 1_000_000
"""Bytes of one string of a document."""
_CHUNK = 2**20
_QUOTE = ord('"')
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1
_COUNTS = np.zeros(256, bool)
_COUNTS[list(b"[{,")] = True


def write_json(value: Any) -> str:
    """Return compact JSON; numbers keep their bits, and not-finite ones are refused.

    Example
    -------
    >>> write_json({"rate": 0.1})
    '{"rate":0.1}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_json(text: bytes | memoryview | str, where: str, long: bool = False) -> dict[str, Any]:
    """Return a JSON object, or refuse it.

    Parameters
    ----------
    text : bytes (UTF-8) or str
    where : str
        Named in messages.
    long : bool
        Allow strings of more than `MAX_TEXT` bytes, and return them as UTF-8 bytes.

    Raises
    ------
    FileFormatError
        Not UTF-8, not JSON, not an object, a key twice, NaN or infinity, too deep, too many values,
        a string that is too long.

    Example
    -------
    >>> read_json('{"a": 1, "a": 2}', "the header")
    Traceback (most recent call last):
    chainrule.errors.FileFormatError: the key 'a' stands twice in one object
      where:    the header
    """
    if isinstance(text, str):
        text = _utf8(text, where)
    _require_modest(bytes(text) if isinstance(text, memoryview) else text, where)
    # One byte that is not ASCII becomes one surrogate: two bytes, where a character beyond the
    # sixteen-bit ones would make every character of the text take four.
    narrow = str(text, "ascii", "surrogateescape")
    del text

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        items.reverse()
        while items:  # each narrow text goes when its whole one comes
            narrow_key, value = items.pop()
            key = _key(narrow_key, where)
            if key in result:
                what = f"the key {key[:80]!r} stands twice in one object"
                raise FileFormatError(what, where=where)
            result[key] = _whole(value, where, long)
        return result

    def constant(name: str) -> NoReturn:
        raise FileFormatError("a number is not finite", where=where, got=name)

    try:
        value = json.loads(narrow, object_pairs_hook=pairs, parse_constant=constant)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: bad JSON, an endless integer
        raise FileFormatError("the text is not JSON", where=where, got=str(error)[:120]) from None
    if not isinstance(value, dict):
        raise FileFormatError(
            "the text is not a JSON object", where=where, got=type(value).__name__
        )
    return value


def _utf8(text: str, where: str) -> bytes:
    """Return the bytes of a text in which surrogates stand for bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise FileFormatError("the text is not UTF-8", where=where, got=str(error)[:120]) from None


def _text(narrow: str, where: str) -> str:
    if narrow.isascii():
        return narrow
    try:
        return _utf8(narrow, where).decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"{error.reason}: {error.object[error.start : error.start + 8]!r}"
        raise FileFormatError("the text is not UTF-8", where=where, got=got) from None


def _key(narrow: str, where: str) -> str:
    if len(narrow) > MAX_TEXT:
        raise _too_large(where)
    return _text(narrow, where)


def _whole(value: Any, where: str, long: bool) -> Any:
    """Return a value with its texts as they were written; objects within it are so already."""
    if isinstance(value, str):
        if len(value) <= MAX_TEXT:
            return _text(value, where)
        if long:
            return _utf8(value, where)
        raise _too_large(where)
    if isinstance(value, list):
        for place, item in enumerate(value):
            value[place] = _whole(item, where, long)
    return value


def _require_modest(text: bytes, where: str) -> None:
    """Count brackets and commas, without building anything.

    A run of backslashes is read in pairs from the left, as JSON does; where text outside a string
    makes this wrong, the parser stops at that very backslash.
    """
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    good = bare.count(b'"') <= 4 * MAX_VALUES
    inside = depth = values = 0
    for start in range(0, len(bare) if good else 0, _CHUNK):
        part = np.frombuffer(bare, np.uint8, min(_CHUNK, len(bare) - start), start)
        within = np.bitwise_xor.accumulate((part == _QUOTE).view(np.uint8)) ^ inside
        inside = int(within[-1])
        outside = part[within == 0]
        depths = depth + np.cumsum(_STEPS[outside], dtype=np.int64)
        values += int(np.count_nonzero(_COUNTS[outside]))
        if len(depths):
            depth = int(depths[-1])
            good = int(depths.max()) <= MAX_DEPTH and values <= MAX_VALUES
        if not good:
            break
    if not good:
        raise _too_large(where)


def _too_large(where: str) -> FileFormatError:
    return FileFormatError(
        "the text is deeper or longer than any model needs",
        where=where,
        expected=f"at most {MAX_DEPTH} levels, {MAX_VALUES:,} values, {MAX_TEXT:,} bytes in one",
    )
