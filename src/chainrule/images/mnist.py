"""MNIST, fetched from a public mirror when somebody asks for it, and checked before it is kept."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from chainrule.errors import ChainruleError
from chainrule.files import atomic_write, require_writable

__all__ = ["FILES", "MIRRORS", "fetch_mnist"]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""The files, and the SHA-256 of what they hold unpacked: packing them anew changes no number."""
_MOST_BYTES = 64_000_000
_SECONDS = 30


def fetch_mnist(
    folder: str | os.PathLike[str],
    *,
    mirrors: Sequence[str] = MIRRORS,
    on_file: Callable[[str, int], object] | None = None,
) -> list[Path]:
    """Download the four files of MNIST into a folder; those that are there and right are kept.

    Parameters
    ----------
    folder : path
        Is made if it does not exist.
    mirrors : sequence of str
        Addresses that end in a slash, tried in turn.
    on_file : function of (name, bytes), optional
        Told of each file that is in place.

    Returns
    -------
    list of Path

    Raises
    ------
    ChainruleError
        No mirror can be reached, or none gives the right file. Nothing half is left behind.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChainruleError(
            f"the folder cannot be made: {error.strerror}", where=str(folder)
        ) from None
    paths: list[Path] = []
    for name, digest in FILES.items():
        path = folder / f"{name}.gz"
        if not (path.is_file() and _fault(path.read_bytes(), digest) == ""):
            require_writable(path, overwrite=True)
            atomic_write(path, _fetched(path.name, digest, mirrors), overwrite=True)
        if on_file is not None:
            on_file(path.name, path.stat().st_size)
        paths.append(path)
    return paths


def _fetched(name: str, digest: str, mirrors: Sequence[str]) -> bytes:
    faults: list[str] = []
    for mirror in mirrors:
        try:
            with urllib.request.urlopen(mirror + name, timeout=_SECONDS) as answer:
                content = answer.read(_MOST_BYTES + 1)
        except (urllib.error.URLError, OSError, ValueError) as error:
            faults.append(f"{mirror}: {getattr(error, 'reason', error)}")
            continue
        fault = _fault(content, digest)
        if not fault:
            return content
        faults.append(f"{mirror}: {fault}")
    raise ChainruleError(
        f"MNIST could not be fetched: no mirror gave {name}",
        expected="a network connection, and the file that everybody has",
        got="; ".join(faults),
        do="try again later, or put the four files there yourself and name their folder",
    )


def _fault(content: bytes, digest: str) -> str:
    """Return what is wrong with a packed file, or nothing."""
    if len(content) > _MOST_BYTES:
        return "the answer is too large"
    try:
        unpacker = zlib.decompressobj(wbits=31)
        plain = unpacker.decompress(content, _MOST_BYTES)
        if not unpacker.eof:
            return "the file is cut off"
    except zlib.error as error:
        return f"the file is not gzip: {error}"
    found = hashlib.sha256(plain).hexdigest()
    return "" if found == digest else f"its checksum is {found[:16]}..., not {digest[:16]}..."
