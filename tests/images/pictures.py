"""Tiny pictures in every form that is read."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

LABELS = (3, 1, 3, 2)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """Return an array as an idx file."""
    head = bytes([0, 0, kind, array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def stack(count: int = 4, height: int = 3, width: int = 2, seed: int = 0) -> np.ndarray:
    """Return pictures of bytes."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, height, width), dtype=np.uint8)


def write_mnist(folder: Path, packed: bool = True, count: int = 4) -> np.ndarray:
    """Write the four files of a tiny MNIST and return the training pictures."""
    folder.mkdir(exist_ok=True)
    images = stack(count)
    y = np.resize(np.array(LABELS, np.uint8), count)
    for name, array in (
        ("train-images-idx3-ubyte", images),
        ("train-labels-idx1-ubyte", y),
        ("t10k-images-idx3-ubyte", images[::-1]),
        ("t10k-labels-idx1-ubyte", y[::-1]),
    ):
        content = idx(np.ascontiguousarray(array))
        path = folder / (name + ".gz" * packed)
        path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return images


def bars(count: int, side: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures of a bar that lies (0) or stands (1), in noise."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, side, side), dtype=np.uint8)
    y = generator.integers(0, 2, count)
    for image, stands, place in zip(images, y, generator.integers(0, side, count), strict=True):
        (image.T if stands else image)[place] = 255
    return images, y
