"""JSON from a stranger: size, depth and number of values are bounded before anything is built.

Python's parser would take a megabyte of brackets, a key twice, `NaN`, or half a million nested
lists; each of these is refused here with one error.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import FileFormatError

__all__ = [
    "MAX_DEPTH",
    "MAX_NOT_ASCII",
    "MAX_TEXT",
    "MAX_VALUES",
    "MAX_WIDE",
    "read_json",
    "write_json",
]

MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_TEXT = 1_000_000
"""Bytes of one string of a document."""
MAX_NOT_ASCII = 6_000_000
"""Bytes of a text with a character beyond ASCII: parsing takes several times as much."""
MAX_WIDE = 8_000_000
"""Bytes in memory of all strings that are not ASCII: one character may make each take four."""
_BEYOND_ASCII = re.compile(rb"\\u(?!00[0-7])")
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
        a string that is too long, characters beyond ASCII both as they are and as escapes.

    Example
    -------
    >>> read_json('{"a": 1, "a": 2}', "the header")
    Traceback (most recent call last):
    chainrule.errors.FileFormatError: the key 'a' stands twice in one object
      where:    the header
    """
    if isinstance(text, str):
        text = _encoded(text, where)
    content = bytes(text) if isinstance(text, memoryview) else text
    escaped, raw = _require_modest(content, where), not content.isascii()
    if escaped and raw:
        what = "the text writes some characters as they are and others as escapes"
        raise FileFormatError(what, where=where, expected="one way of writing for all")
    if (escaped or raw) and len(content) > MAX_NOT_ASCII:
        raise _too_large(where)
    # A byte is a character for the parser, so that no character makes the whole text wide.
    narrow = str(content, "latin-1")
    del text, content
    words = _Words(where, raw, long)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        items.reverse()
        while items:  # each narrow text goes when its whole one comes
            narrow_key, value = items.pop()
            key = words.key(narrow_key)
            if key in result:
                what = f"the key {key[:80]!r} stands twice in one object"
                raise FileFormatError(what, where=where)
            result[key] = words.whole(value)
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


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FileFormatError("the text is not UTF-8", where=where, got=str(error)[:120]) from None


@dataclass
class _Words:
    """Texts as they were written: how many of them are wide is bounded.

    Parameters
    ----------
    where : str
    raw : bool
        Characters stand for bytes of UTF-8; otherwise they are what escapes said.
    long : bool
        Texts of more than `MAX_TEXT` bytes are allowed, as bytes.
    """

    where: str
    raw: bool
    long: bool
    wide: int = 0

    def key(self, narrow: str) -> str:
        """Return the key of an object."""
        if len(narrow) > MAX_TEXT:
            raise _too_large(self.where)
        return self._text(narrow)

    def whole(self, value: Any) -> Any:
        """Return a value with its texts as they were written; objects within it are so already.

        A number that is too large for a float has become infinite by now.
        """
        if isinstance(value, str):
            if len(value) <= MAX_TEXT:
                return self._text(value)
            if not self.long:
                raise _too_large(self.where)
            return value.encode("latin-1") if self.raw else _encoded(value, self.where)
        if isinstance(value, list):
            for place, item in enumerate(value):
                value[place] = self.whole(item)
        elif isinstance(value, float) and math.isinf(value):
            got = "one beyond all floats"
            raise FileFormatError("a number is not finite", where=self.where, got=got)
        return value

    def _text(self, narrow: str) -> str:
        if narrow.isascii():
            return narrow
        text = narrow
        if self.raw:
            try:
                text = narrow.encode("latin-1").decode()
            except UnicodeDecodeError as error:
                got = f"{error.reason}: {error.object[error.start : error.start + 8]!r}"
                what = "the text is not UTF-8"
                raise FileFormatError(what, where=self.where, got=got) from None
        else:
            _encoded(narrow, self.where)  # half a character has no bytes
        self.wide += sys.getsizeof(text)
        if self.wide > MAX_WIDE:
            raise _too_large(self.where)
        return text


def _require_modest(text: bytes, where: str) -> bool:
    """Count brackets and commas, without building anything; say if an escape is beyond ASCII.

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
    return _BEYOND_ASCII.search(bare) is not None


def _too_large(where: str) -> FileFormatError:
    return FileFormatError(
        "the text is deeper or longer than any model needs",
        where=where,
        expected=f"at most {MAX_DEPTH} levels, {MAX_VALUES:,} values, {MAX_TEXT:,} bytes in one "
        f"text; beyond ASCII {MAX_NOT_ASCII:,} bytes, {MAX_WIDE:,} in memory",
    )
