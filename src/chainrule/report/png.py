"""Small pictures as PNG, written with zlib alone, and as text that a page holds in itself."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

__all__ = ["data_address", "png"]


def png(pixels: np.ndarray) -> bytes:
    r"""Return a PNG of bytes: `(height, width)` grey, or `(height, width, 3)` in colour.

    Source: PNG specification (ISO/IEC 15948), sections 5 and 11.

    Example
    -------
    >>> import numpy as np
    >>> png(np.zeros((2, 3), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    height, width = pixels.shape[:2]
    lines = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    # Each line is preceded by its filter: 0, none.
    raw = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1).tobytes()
    colour = 2 if pixels.ndim == 3 else 0
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(raw, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND")


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def data_address(pixels: np.ndarray) -> str:
    """Return a picture as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
