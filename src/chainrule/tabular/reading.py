"""How a text table turned out to be written: kept with a model, and tried first on later tables.

Decisions
---------
a) What is stated about a table wins, then what its file tells by itself, then what was read in
   training. A guess is never the reason why a table cannot be read.
b) A reading is kept column by column, because files mix: `3,5` here and `2.5` there.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, BinaryIO

from chainrule.frozen import frozen

__all__ = ["ASCII", "UTF8", "Reading", "encoding_by"]

ASCII, UTF8 = "ascii", "utf-8"
_BLOCK = 1 << 20
_SHIFT = "\x1b"
"""Begins a change of the character set in encodings whose bytes are all ASCII (ISO 2022)."""


@frozen
class Reading:
    """What was found in a text table, and what had been stated about it.

    Parameters
    ----------
    delimiter : str
        Empty if it is not known.
    encoding : str
        `"ascii"` if the file is also UTF-8 and what was guessed.
    decimal : str or None
        The decimal sign, if it was stated.
    ways : mapping of column to way
        How cells are written that are not numbers or dates in the plain way (see `forms`).
    columns : tuple of str
        Names by which the header of a later table is recognised.

    Example
    -------
    >>> reading = Reading(";", ways={"price": "numbers with a decimal comma"})
    >>> Reading.from_document(reading.document()) == reading
    True
    """

    delimiter: str = ""
    encoding: str = UTF8
    decimal: str | None = None
    ways: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form, which goes into a model's record."""
        return {
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "ways": dict(self.ways),
        }

    @classmethod
    def from_document(cls, document: object) -> Reading | None:
        """Read the JSON form; None if it is none, for it is a guess that nobody depends on."""
        if not isinstance(document, Mapping):
            return None
        delimiter, encoding = document.get("delimiter"), document.get("encoding")
        decimal, ways = document.get("decimal"), document.get("ways")
        if not isinstance(delimiter, str) or len(delimiter) > 1:
            return None
        if not _is_encoding(encoding) or decimal not in (None, ".", ","):
            return None
        if not isinstance(ways, Mapping) or not all(isinstance(w, str) for w in ways.values()):
            return None
        return cls(delimiter, str(encoding), decimal, {str(name): ways[name] for name in ways})

    @classmethod
    def joined(cls, readings: Sequence[Reading | None]) -> Reading | None:
        """Return what is common to the readings of the parts of one table."""
        known = [reading for reading in readings if reading is not None]
        if not known:
            return None
        first = known[0]
        ways = {
            name: way
            for name, way in first.ways.items()
            if all(reading.ways.get(name) == way for reading in known)
        }
        return cls(first.delimiter, first.encoding, first.decimal, ways)


def _is_encoding(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(codecs.lookup(name)) and bool("a".encode(name))
    except (LookupError, ValueError, TypeError):
        return False


def encoding_by(guess: str, open_file: Callable[[], BinaryIO]) -> str:
    """Return the encoding of a text without a byte-order mark, where nothing is stated.

    It is UTF-8 if it is not ASCII alone and can be UTF-8, and the guess if it can be that. Of
    text that is ASCII alone, every encoding makes the same.

    Example
    -------
    >>> import io
    >>> encoding_by("cp1252", lambda: io.BytesIO("café".encode("cp1252")))
    'cp1252'
    >>> encoding_by("cp1252", lambda: io.BytesIO("café".encode()))
    'utf-8'
    """
    if _same(guess, UTF8):
        return UTF8
    with open_file() as file:
        told = _read_as(UTF8, file)
    if told:
        return told
    with open_file() as file:
        return guess if _read_as(guess, file) else UTF8


def _same(one: str, other: str) -> bool:
    return codecs.lookup(one).name == codecs.lookup(other).name


def _read_as(encoding: str, file: BinaryIO) -> str:
    """Return the encoding if a file can be in it, `"ascii"` if it holds nothing else."""
    decoder = codecs.getincrementaldecoder(encoding)()
    plain = True
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError:
            return ""
        if "\0" in text or (_SHIFT in text and _same(encoding, UTF8)):
            return ""
        plain = plain and block.isascii()
        if not block:
            return ASCII if plain else encoding
