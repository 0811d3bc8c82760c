"""idx files: exactly what the header states, or one clear message."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.images.idx import read_idx
from tests.images.pictures import idx, stack


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(8, "u1"), (9, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
def test_every_type_is_read(tmp_path: Path, kind: int, dtype: str, packed: bool) -> None:
    array = np.arange(-12, 12).astype(dtype).reshape(2, 3, 4)
    content = idx(array, kind)
    path = tmp_path / "a-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path)
    assert np.array_equal(found, array)
    assert found.dtype.isnative


def packed_at(content: bytes, cut: int) -> bytes:
    return gzip.compress(content)[:cut]


WHOLE = idx(stack())
HUGE = b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
BAD = {
    "no idx": (b"PK\x03\x04rest", "not an idx file"),
    "three bytes": (b"\0\0\x08", "not an idx file"),
    "an unknown type": (b"\0\0\x07\x01" + bytes(5), "not an idx file"),
    "no dimension": (b"\0\0\x08\0" + bytes(5), "unusual number of dimensions"),
    "200 dimensions": (b"\0\0\x08\xc8" + bytes(5), "unusual number of dimensions"),
    "a header cut off": (b"\0\0\x08\x03\0\0\0\x01\0\0", "ends within its header"),
    "no pictures": (b"\0\0\x08\x01\0\0\0\0", "holds nothing"),
    "sizes whose product overflows": (HUGE, "do not fit into memory"),
    "a byte short": (WHOLE[:-1], "shorter than its header states"),
    "a byte long": (WHOLE + b"x", "longer than its header states"),
    "more stated than held": (b"\0\0\x08\x01" + struct.pack(">I", 10**8), "shorter"),
    "gzip cut in its content": (packed_at(WHOLE, -12), "cut off or damaged"),
    "gzip cut in its checksum": (packed_at(WHOLE, -3), "cut off or damaged"),
    "gzip cut in its header": (packed_at(WHOLE, 5), "cut off or damaged"),
    "gzip of a text": (gzip.compress(b"hello"), "not an idx file"),
    "gzip with other bytes in it": (
        gzip.compress(WHOLE)[:14] + b"\xff\xff\xff" + gzip.compress(WHOLE)[17:],
        "cut off or damaged",
    ),
    "no byte": (b"", "empty"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_not_whole_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        read_idx(path)
    assert str(path) in raised.value.where


def test_an_archive_of_arrays_is_told_what_to_become(tmp_path: Path) -> None:
    """Much of MNIST is handed on as one .npz."""
    np.savez(tmp_path / "mnist.npz", X=np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(DataError, match="not an idx file") as raised:
        read_idx(tmp_path / "mnist.npz")
    assert "images.npy and labels.npy" in raised.value.do


def test_a_bomb_is_not_unpacked_beyond_what_it_states(tmp_path: Path) -> None:
    path = tmp_path / "images-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(50_000_000)))
    with pytest.raises(DataError, match="longer than its header states"):
        read_idx(path)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "images"
    for content in (WHOLE, gzip.compress(WHOLE)):
        for length in range(1, len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(DataError):
                read_idx(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"x")
    with pytest.raises(DataError, match="no such idx file"):
        read_idx(tmp_path / "label")
    with pytest.raises(DataError, match="is a folder"):
        read_idx(tmp_path)
