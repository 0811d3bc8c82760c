"""The safetensors container: written by its own library, read by a stricter reader of ours.

Decisions
---------
a) Nothing in the file is believed before it is checked: length of the header, JSON, types, and that
   the tensors fill the rest of the file without overlap and without a hole. What the standard
   reader allows but no model of ours contains (duplicate keys, empty tensors, other number
   types, other metadata) is refused.
b) Sizes are Python integers, so `shape x item size` cannot overflow.
c) The header is checked before any tensor is read, and each tensor is read into the place where it
   stays. So a file costs the memory of its own tensors, and a refused one that of its header.

Source: the safetensors format, https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

from chainrule.checks import shown
from chainrule.errors import FileFormatError
from chainrule.frozen import frozen
from chainrule.storage.strict_json import read_json
from chainrule.training.checkpoint import FORMAT as CHECKPOINT

__all__ = [
    "MAX_HEADER",
    "BytesSource",
    "Container",
    "Entry",
    "FileSource",
    "Source",
    "checkpoint_instead",
    "read_container",
    "write_container",
]

MAX_HEADER = 12_000_000
"""Bytes of header. The format allows 100 MB, which no network needs and parsing pays for."""
MAX_DIMENSIONS = 8
MAX_DIGITS = 18
"""Digits of a length or an offset: below 2**63, as any real file has."""
_PREFIX = 8
_TYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_METADATA = "__metadata__"
_KEY = "chainrule"
_CHECKPOINTS = re.compile(f'"format": "({CHECKPOINT}|chainrule-estimator-checkpoint)"'.encode())


class Source(Protocol):
    """Bytes in memory, or a file."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """Return some bytes, all of them in memory."""
        ...

    def fill(self, start: int, target: memoryview) -> bool:
        """Copy bytes to a place; say whether there were enough."""
        ...


class BytesSource:
    """A file's bytes in memory.

    Parameters
    ----------
    content : bytes
    """

    def __init__(self, content: bytes) -> None:
        self.content = memoryview(content)

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content)

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """Return some bytes."""
        return self.content[start:stop]

    def fill(self, start: int, target: memoryview) -> bool:
        """Copy bytes to a place; say whether there were enough."""
        part = self.content[start : start + len(target)]
        target[: len(part)] = part
        return len(part) == len(target)


class FileSource:
    """An open file.

    Parameters
    ----------
    file : binary file
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """Return some bytes."""
        self.file.seek(start)
        return self.file.read(stop - start)

    def fill(self, start: int, target: memoryview) -> bool:
        """Copy bytes to a place; say whether there were enough."""
        self.file.seek(start)
        done = 0
        while done < len(target):
            count: int = self.file.readinto(target[done:])  # type: ignore[attr-defined]
            if not count:
                return False
            done += count
        return True


@frozen
class Entry:
    """Where a tensor lies, and what it is.

    Parameters
    ----------
    name : str
    dtype : dtype
    shape : tuple of int
    start, stop : int
        Counted from the first byte after the header.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@frozen
class Container:
    """A file's JSON document, and the way to its tensors.

    Parameters
    ----------
    document : dict
    entries : dict of str to Entry
    source : Source
    body : int
        Where the first tensor begins.
    where : str
        The file, for messages.
    """

    document: dict[str, Any]
    entries: dict[str, Entry]
    source: Source
    body: int
    where: str

    def read_into(self, name: str, target: np.ndarray) -> None:
        """Copy a tensor into a flat array of its type and size.

        Raises
        ------
        FileFormatError
            The file has become shorter meanwhile.
        """
        entry = self.entries[name]
        little = target.view(entry.dtype)
        if not self.source.fill(self.body + entry.start, little.data.cast("B")):
            raise FileFormatError(
                "the file is cut off", where=f"{self.where}, tensor {shown(entry.name)}"
            )
        if little.dtype != target.dtype:  # a machine that counts from the other end
            target[:] = little.astype(target.dtype)


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


def read_container(source: Source, where: str) -> Container:
    """Check a file's header and return what it says.

    Raises
    ------
    FileFormatError
        Anything is not as the format says; names the tensor, what was expected and what was found.
    """
    header, body = _header(source, where)
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
    if end != source.size - body:
        raise FileFormatError(
            "the file is cut off" if end > source.size - body else "bytes follow the last tensor",
            where=where,
            expected=f"{end:,} bytes of tensors",
            got=f"{source.size - body:,}",
        )
    return Container(document, {entry.name: entry for entry in entries}, source, body, where)


_NAME_A_MODEL = "name a file that save() or `chainrule train` wrote (.safetensors)"


def _header(source: Source, where: str) -> tuple[dict[str, Any], int]:
    if source.size < _PREFIX:
        raise FileFormatError(
            "the file is too short to be a model", where=where, got=f"{source.size} bytes"
        )
    length = int.from_bytes(source.read(0, _PREFIX), "little")
    if length > min(MAX_HEADER, source.size - _PREFIX):
        raise FileFormatError(
            "this is not a model file, or it is cut off",
            where=f"{where}, first 8 bytes",
            expected=f"a header length of at most {min(MAX_HEADER, source.size - _PREFIX):,}",
            got=f"{length:,}",
            do=_NAME_A_MODEL,
        )
    first = bytes(source.read(_PREFIX, _PREFIX + 1)) if length else b""
    if first != b"{":
        raise FileFormatError(
            "this is not a model file",
            where=f"{where}, header",
            expected="a '{' as its first character",
            got=shown(first),
            do=_NAME_A_MODEL,
        )
    end = _PREFIX + length  # the text is handed on at once, so that nothing else keeps it
    return read_json(source.read(_PREFIX, end), f"{where}, header", long=True), end


def checkpoint_instead(where: str) -> FileFormatError:
    """Return the error for a checkpoint where a model should be."""
    return FileFormatError(
        "this is the checkpoint of a run, not a model",
        where=where,
        do="go on from it with resume=, which gives the model of a finished run at once",
    )


def _document(metadata: object, where: str) -> dict[str, Any]:
    if isinstance(metadata, dict) and set(metadata) > {_KEY}:
        stated = metadata[_KEY]
        stated = stated if isinstance(stated, bytes) else str(stated).encode()
        if _CHECKPOINTS.search(stated[:200]):
            raise checkpoint_instead(where)
    if not isinstance(metadata, dict) or set(metadata) != {_KEY}:
        raise FileFormatError(
            "this safetensors file is not a Chainrule model",
            where=f"{where}, metadata",
            expected=f"one entry called {_KEY!r}",
            got=shown(sorted(metadata) if isinstance(metadata, dict) else metadata),
        )
    if not isinstance(metadata[_KEY], (str, bytes)):
        raise FileFormatError(
            "the metadata is not text", where=f"{where}, metadata", got=shown(metadata[_KEY])
        )
    return read_json(metadata.pop(_KEY), f"{where}, document")


def _entry(name: str, entry: object, where: str) -> Entry:
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
    return Entry(name, dtype, shape, *offsets)


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
