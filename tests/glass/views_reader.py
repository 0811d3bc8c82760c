"""Reads a page as its script does: the numbers and sums that are embedded in it."""

from __future__ import annotations

import base64
import json
import math
import re
from functools import reduce
from html.parser import HTMLParser
from typing import Any

import numpy as np

from chainrule.glass.views.payload import FACTOR, GAP


class Page(HTMLParser):
    """What stands in a page: elements with attributes, scripts, text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.within = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self.within != "style":
            self.words.append(data)

    def ids(self) -> list[str]:
        return [str(found["id"]) for _, found in self.elements if "id" in found]

    def document(self) -> dict[str, Any]:
        """Return the embedded numbers."""
        (data,) = [text for found, text in self.scripts if found.get("id") == "trace-data"]
        return json.loads(data)


def real(value: Any) -> float:
    return float(value)


def filled(document: dict[str, Any], packed: Any, factors: Any = ()) -> str:
    form, *words = packed if isinstance(packed, list) else [packed]
    digits = document["digits"]

    def one(gap: re.Match[str]) -> str:
        return words.pop(0) if gap[0] == GAP else f"{factors[ord(gap[1]) - 0x100][1]:.{digits}g}"

    text = re.sub(f"{GAP}|{FACTOR}(.)", one, document["forms"][form])
    assert words == []
    return text


def path_of(record: dict[str, Any], position: int) -> str:
    if not record["shape"]:
        return record["name"]
    index = np.unravel_index(position, record["shape"])
    return f"{record['name']}[{', '.join(str(int(k)) for k in index)}]"


def held(document: dict[str, Any], place: int) -> dict[int, float]:
    """Return the numbers of a record that the page holds, by position."""
    record = document["records"][place]
    count = math.prod(record["shape"])
    runs = record.get("runs", [0, count])
    every = [
        first + k for first, size in zip(runs[::2], runs[1::2], strict=True) for k in range(size)
    ]
    stored = np.frombuffer(base64.urlsafe_b64decode(document["numbers"]), "<f8")
    part = stored[record["at"] : record["at"] + len(every)]
    return dict(zip(every, map(float, part), strict=True))


_HELD: dict[tuple[str, int], dict[int, float]] = {}


def numbers(document: dict[str, Any], place: int) -> dict[int, float]:
    """Return `held`, kept for the next call with the same page."""
    key = (document["numbers"], place)
    if key not in _HELD:
        _HELD[key] = held(document, place)
    return _HELD[key]


def explained(document: dict[str, Any], place: int, position: int) -> dict[str, Any]:
    """Return the sum behind an entry: text, factors and product of each term, and the total."""
    found = document["records"][place]["sums"][str(position)]
    packed, total, left_out, maths = [*found, *(None, 0, 0)[len(found) - 1 :]]
    terms = []
    for term in packed:
        text, pairs, product, missing = [*term, *(None, 0)[len(term) - 2 :]]
        factors = []
        for where, what in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(where, str):
                factors.append((where, real(what)))
            else:
                record = document["records"][where]
                factors.append((path_of(record, what), numbers(document, where)[what]))
        made = math.prod(v for _, v in factors) if product is None else real(product)
        words = filled(document, text, factors)
        terms.append({"text": words, "factors": factors, "product": made, "missing": missing})
    added = reduce(lambda one, two: one + two, (term["product"] for term in terms), 0.0)
    return {
        "maths": filled(document, maths) if maths else "",
        "terms": terms,
        "total": added if total is None else real(total),
        "left_out": left_out,
    }
