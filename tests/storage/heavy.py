"""Files that are large, or ask for much when they are read."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.plan import make_plan
from chainrule.storage import Model
from tests.storage.models import small_model

__all__ = ["FILES"]

NEARLY = 11_900_000
"""Bytes of header: not far below the most that is read."""
SMILE = "\U0001f600"
"""A character that makes each of a text take four bytes."""


def apart(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def together(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def small() -> bytes:
    return small_model().to_bytes()


def with_record(record: Callable[[], Any]) -> bytes:
    """Return a good model whose record is something."""
    header, body = apart(small())
    document = {**json.loads(header["__metadata__"]["chainrule"]), "record": record()}
    header["__metadata__"]["chainrule"] = json.dumps(document, ensure_ascii=False)
    return together(json.dumps(header, ensure_ascii=False).encode(), body)


def large() -> bytes:
    width = 2000
    plan = make_plan(nn.Sequential(nn.Dense(width), nn.Dense(1)), (width,), "squared_error", 1)
    return Model(plan, np.ones(plan.parameters.size)).to_bytes()


def with_nan() -> bytes:
    return large()[:-4] + struct.pack("<f", np.nan)


def for_another() -> bytes:
    header, body = apart(large())
    text = header["__metadata__"]["chainrule"]
    header["__metadata__"]["chainrule"] = text.replace('"units":2000', '"units":2001')
    return together(json.dumps(header).encode(), body)


def one_key() -> bytes:
    header, body = apart(small())
    header[SMILE + "a" * NEARLY] = {}
    return together(json.dumps(header, ensure_ascii=False).encode(), body)


def many_tensors() -> bytes:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    return together(json.dumps({f"k{n:08d}": entry for n in range(60_000)}).encode())


FILES: dict[str, Callable[[], bytes]] = {
    "small": small,
    "large": large,
    "large with a NaN": with_nan,
    "large, cut off": lambda: large()[:-5],
    "large for another network": for_another,
    "wide characters": partial(
        with_record, lambda: {f"k{n}": SMILE + "a" * 900_000 for n in range(6)}
    ),
    "two texts of wide characters": partial(
        with_record, lambda: {f"k{n}": SMILE + "a" * 900_000 for n in range(2)}
    ),
    "many wide characters": partial(
        with_record, lambda: {"x": [SMILE * 240 for _ in range(6_000)]}
    ),
    "wide characters in the longest file": partial(
        with_record, lambda: {f"k{n}": SMILE + "a" * 900_000 for n in range(13)}
    ),
    "many keys": partial(with_record, lambda: {f"k{n:050d}": 1 for n in range(195_000)}),
    "many keys of wide characters": partial(
        with_record, lambda: {f"{SMILE}{n:020d}": 1 for n in range(180_000)}
    ),
    "many keys of escaped characters": lambda: together(
        b"{" + b",".join(rb'"\ud83d\ude00%013d":1' % n for n in range(198_000)) + b"}"
    ),
    "one endless text": partial(with_record, lambda: SMILE + "a" * NEARLY),
    "one endless key": one_key,
    "many tensors": many_tensors,
    "endless brackets": lambda: together(b'{"a":' + b"[" * NEARLY),
    "only backslashes": partial(
        together, b'{"__metadata__":{"chainrule":"' + b"\\" * NEARLY + b'"}}'
    ),
    "only escapes": partial(
        together, b'{"__metadata__":{"chainrule":"' + rb"\ud83d\ude00" * 490_000 + b'"}}'
    ),
}
"""What is made by name."""
