"""How a text table is written: what is found by looking, and what can be stated instead."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict
from typing import ClassVar

from chainrule.checks import AnyOf, NoneValue, OneOf, Rule, Text, check_parameters
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.tabular.reading import Reading

__all__ = ["AS_FOUND", "Dialect"]

SPOKEN = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
"""Words for delimiters, which are hard to type otherwise."""


@frozen
class Dialect:
    r"""How a text table is written; None leaves a question to the reader.

    Parameters
    ----------
    delimiter : str, optional
        One character, or one of the words tab, comma, semicolon, pipe, space. None: that of
        comma, semicolon, tab and pipe which splits the header into the most fields.
    encoding : str, optional
        A name that Python knows, such as `"latin-1"` or `"cp1252"`. None: UTF-8, or the UTF-16
        or UTF-32 that a byte-order mark announces.
    decimal : str, optional
        `"."` or `","`. None: a point, and a comma in columns whose cells leave no doubt.
    quote : str
        The character around fields that hold a delimiter or a line end; inside, it stands twice.
    guess : Reading, optional
        How a table like this one was written: tried first where the file does not tell by itself.

    Raises
    ------
    InvalidParameterError
        A parameter breaks its rule, or two of them are the same character.

    Example
    -------
    >>> Dialect(delimiter="tab", encoding="latin-1").delimiter
    '\t'
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    quote: str = '"'
    guess: Reading | None = None
    rules: ClassVar[Mapping[str, Rule]] = {
        "delimiter": AnyOf(NoneValue(), Text()),
        "encoding": AnyOf(NoneValue(), Text()),
        "decimal": AnyOf(NoneValue(), OneOf((".", ","))),
        "quote": OneOf(('"', "'")),
    }

    def __post_init__(self) -> None:
        check_parameters(self.rules, asdict(self), lambda name: name)
        if self.delimiter is not None:
            delimiter = SPOKEN.get(self.delimiter, self.delimiter)
            if len(delimiter) != 1 or delimiter in "\r\n\0" + self.quote or delimiter.isalnum():
                raise InvalidParameterError(
                    "this cannot delimit fields",
                    where="delimiter",
                    expected="one character that is no letter, digit, quote or line end; or "
                    + ", ".join(word for word in SPOKEN if word.isalpha()),
                    got=repr(self.delimiter),
                )
            object.__setattr__(self, "delimiter", delimiter)
        if self.encoding is not None:
            _require_text_encoding(self.encoding)


AS_FOUND = Dialect()
"""Nothing is stated."""


def _require_text_encoding(name: str) -> None:
    try:
        "a".encode(name)
        b"".decode(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError, TypeError):
        raise InvalidParameterError(
            "this is no encoding of text that is known",
            where="encoding",
            expected="a name such as utf-8, utf-16, latin-1, cp1252",
            got=repr(name),
        ) from None
