"""Reads a page as its script does: the numbers and sums that are embedded in it."""

from __future__ import annotations

import json
import math
from functools import reduce
from html.parser import HTMLParser
from typing import Any

import numpy as np

from chainrule.glass.views.payload import GAP


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


def filled(document: dict[str, Any], packed: list[Any]) -> str:
    form, *words = packed
    parts = document["forms"][form].split(GAP)
    assert len(parts) == len(words) + 1
    return parts[0] + "".join(word + part for word, part in zip(words, parts[1:], strict=True))


def path_of(record: dict[str, Any], position: int) -> str:
    if not record["shape"]:
        return record["name"]
    index = np.unravel_index(position, record["shape"])
    return f"{record['name']}[{', '.join(str(int(k)) for k in index)}]"


def value_of(record: dict[str, Any], position: int) -> float:
    values = record["values"]
    return real(values[position] if isinstance(values, list) else values[str(position)])


def explained(document: dict[str, Any], place: int, position: int) -> dict[str, Any]:
    """Return the sum behind an entry: text, factors and product of each term, and the total."""
    maths, packed, total, left_out = document["records"][place]["sums"][str(position)]
    terms = []
    for text, pairs, product, *missing in packed:
        factors = []
        for where, what in zip(pairs[::2], pairs[1::2], strict=True):
            if isinstance(where, str):
                factors.append((where, real(what)))
            else:
                record = document["records"][where]
                factors.append((path_of(record, what), value_of(record, what)))
        made = math.prod(v for _, v in factors) if product is None else real(product)
        words = filled(document, text)
        terms.append({"text": words, "factors": factors, "product": made, "missing": missing})
    added = reduce(lambda one, two: one + two, (term["product"] for term in terms), 0.0)
    return {
        "maths": filled(document, maths) if maths else "",
        "terms": terms,
        "total": added if total is None else real(total),
        "left_out": left_out,
    }
