"""The safetensors container: written by its own library, read by a stricter reader of ours.

Decisions
---------
a) Nothing in the file is believed before it is checked: length of the header, JSON, types, and that
   the tensors fill the rest of the file without overlap and without a hole. What the standard
   reader allows but no model of ours contains (duplicate keys, empty tensors, other number
   types, other metadata) is refused.
b) Sizes are Python integers, so `shape x item size` cannot overflow.
c) A view into the file's bytes is returned; the caller copies what it keeps.

Source: the safetensors format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import FileFormatError
from chainrule.storage.strict_json import read_json
from chainrule.training.checkpoint import FORMAT as CHECKPOINT

__all__ = ["MAX_HEADER", "Container", "checkpoint_instead", "read_container", "write_container"]

MAX_HEADER = 16_000_000
"""Bytes of header. The format allows 100 MB, which no network needs and parsing pays for."""
MAX_DIMENSIONS = 8
MAX_DIGITS = 18
"""Digits of a length or an offset: below 2**63, as any real file has."""
_PREFIX = 8
_TYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_METADATA = "__metadata__"
_KEY = "chainrule"


@dataclass(frozen=True)
class Container:
    """A file's JSON document and its tensors, as read-only views into the file's bytes."""

    document: dict[str, Any]
    tensors: dict[str, np.ndarray]


def write_container(document: str, tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a file that holds a document and tensors, in little-endian order."""
    from safetensors.numpy import save

    content = save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={_KEY: document},
    )
    length = int.from_bytes(content[:_PREFIX], "little")
    if length > MAX_HEADER:
        raise FileFormatError(
            "the description of the model is too long for a file",
            expected=f"at most {MAX_HEADER:,} bytes",
            got=f"{length:,}",
        )
    return content


def read_container(content: bytes, where: str) -> Container:
    """Check a file's bytes and return what they hold.

    Raises
    ------
    FileFormatError
        Anything is not as the format says; names the tensor, what was expected and what was found.
    """
    header, body = _split(content, where)
    document = _document(header.pop(_METADATA, None), where)
    if not header:
        raise FileFormatError("the file holds no tensors", where=where)
    entries = [_entry(name, entry, where) for name, entry in header.items()]
    entries.sort(key=lambda entry: entry.start)
    end = 0
    for entry in entries:
        if entry.start != end:
            overlap = entry.start < end
            fault = "two tensors overlap" if overlap else "there is a hole before a tensor"
            raise FileFormatError(
                fault,
                where=f"{where}, tensor {shown(entry.name)}",
                expected=f"a start at byte {end}",
                got=f"byte {entry.start}",
            )
        end = entry.stop
    if end != len(body):
        raise FileFormatError(
            "the file is cut off" if end > len(body) else "bytes follow the last tensor",
            where=where,
            expected=f"{end:,} bytes of tensors",
            got=f"{len(body):,}",
        )
    return Container(document, {entry.name: entry.view(body) for entry in entries})


def _split(content: bytes, where: str) -> tuple[dict[str, Any], memoryview]:
    if len(content) < _PREFIX:
        raise FileFormatError(
            "the file is too short to be a model", where=where, got=f"{len(content)} bytes"
        )
    length = int.from_bytes(content[:_PREFIX], "little")
    if length > min(MAX_HEADER, len(content) - _PREFIX):
        raise FileFormatError(
            "this is not a model file, or it is cut off",
            where=f"{where}, first 8 bytes",
            expected=f"a header length of at most {min(MAX_HEADER, len(content) - _PREFIX):,}",
            got=f"{length:,}",
        )
    header = content[_PREFIX : _PREFIX + length]
    if header[:1] != b"{":
        raise FileFormatError(
            "this is not a model file",
            where=f"{where}, header",
            expected="a '{' as its first character",
            got=shown(header[:1]),
        )
    return read_json(header, f"{where}, header"), memoryview(content)[_PREFIX + length :]


def checkpoint_instead(where: str) -> FileFormatError:
    """Return the error for a checkpoint where a model should be."""
    return FileFormatError(
        "this is the checkpoint of a run, not a model",
        where=where,
        do="go on from it with resume=: a finished run gives its model at once",
    )


def _document(metadata: object, where: str) -> dict[str, Any]:
    if isinstance(metadata, dict) and set(metadata) > {_KEY}:
        stated = metadata[_KEY]
        if isinstance(stated, str) and f'"format": "{CHECKPOINT}"' in stated[:200]:
            raise checkpoint_instead(where)
    if not isinstance(metadata, dict) or set(metadata) != {_KEY}:
        raise FileFormatError(
            "this safetensors file is not a Chainrule model",
            where=f"{where}, metadata",
            expected=f"one entry called {_KEY!r}",
            got=shown(sorted(metadata) if isinstance(metadata, dict) else metadata),
        )
    if not isinstance(metadata[_KEY], str):
        raise FileFormatError(
            "the metadata is not text", where=f"{where}, metadata", got=shown(metadata[_KEY])
        )
    return read_json(metadata[_KEY], f"{where}, document")


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int

    def view(self, body: memoryview) -> np.ndarray:
        return np.frombuffer(body[self.start : self.stop], self.dtype).reshape(self.shape)


def _entry(name: str, entry: object, where: str) -> _Entry:
    where = f"{where}, tensor {shown(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(
            "the entry of a tensor is not complete",
            where=where,
            expected="dtype, shape and data_offsets",
            got=shown(entry),
        )
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _TYPES:
        raise FileFormatError(
            "the number type is not one of a model",
            where=where,
            expected=" or ".join(_TYPES),
            got=shown(entry["dtype"]),
        )
    shape = _sizes(entry["shape"], 1, where, "shape")
    offsets = _sizes(entry["data_offsets"], 0, where, "data_offsets")
    dtype = _TYPES[entry["dtype"]]
    needed = math.prod(shape) * dtype.itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != needed:
        raise FileFormatError(
            "the place of a tensor does not fit its shape",
            where=where,
            expected=f"{needed:,} bytes for {shape} of {entry['dtype']}",
            got=shown(offsets),
        )
    return _Entry(name, dtype, shape, *offsets)


def _sizes(value: object, least: int, where: str, what: str) -> tuple[int, ...]:
    if isinstance(value, list) and len(value) <= MAX_DIMENSIONS:
        # type() and not isinstance(): True is an int, and no length.
        if all(type(size) is int and least <= size < 10**MAX_DIGITS for size in value):
            return tuple(value)
    raise FileFormatError(
        f"the {what} of a tensor is not valid",
        where=where,
        expected=f"at most {MAX_DIMENSIONS} whole numbers from {least} on",
        got=shown(value),
    )
