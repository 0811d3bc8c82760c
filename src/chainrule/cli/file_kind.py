"""What a file seems to be by its first bytes, for messages about a file of the wrong kind.

Nothing is unpacked, parsed or run: a kind is told by the marks with which its files begin.
"""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

from chainrule.tabular.source import PACKED, SUFFIXES

__all__ = ["CUT", "EMPTY", "SAFETENSORS", "is_table", "kind_of"]

EMPTY, CUT, SAFETENSORS = "", "a safetensors file that is cut off", "a safetensors file"

_HEAD = 4096
_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a Parquet table"),
    (b"\x93NUMPY", "an array of NumPy's (.npy)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes"),
    (b"GGUF", "a GGUF model"),
    (b"\xd0\xcf\x11\xe0", "a sheet or document of an old Office"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd"),
    (b"\x1f\x8b", "a file packed by gzip"),
    (b"\x7fELF", "a program"),
)
_IN_ARCHIVES = (
    ("data.pkl", "a file of PyTorch's (.pt)"),
    (".npy", "arrays of NumPy's (.npz)"),
    ("xl/", "an Excel sheet (.xlsx)"),
    ("config.json", "a Keras model (.keras)"),
)
_BEGINNINGS = {"<": "a web page or XML", "#!": "a script", "{": "JSON", "[": "JSON"}
_SIGNS = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons", "|": "CSV with bars"}


def is_table(path: Path) -> bool:
    """Say whether the name of a file is that of a table."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def kind_of(path: Path) -> str:
    r"""Return what a file seems to be, such as `"a table (CSV)"`; nothing if it is empty or none.

    Example
    -------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "homes"
    >>> _ = path.write_text("rooms,town\n3,Ghent\n")
    >>> kind_of(path)
    'a table (CSV)'
    """
    try:
        if not path.is_file():  # reading a pipe would wait
            return EMPTY
        with path.open("rb") as file:
            head, size = file.read(_HEAD), path.stat().st_size
    except (OSError, ValueError):
        return EMPTY
    if head[8:10] == b'{"':
        return CUT if int.from_bytes(head[:8], "little") + 8 > size else SAFETENSORS
    if _is_pickle(head):
        return "a pickle, which Chainrule never loads: it could run any program"
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    marked = next((kind for mark, kind in _MARKS if head.startswith(mark)), "")
    if marked or not head:
        return marked
    # A message of Google's protocol buffers whose first field is a small number.
    onnx = path.suffix.lower() == ".onnx" or (head[:1] == b"\x08" and b"onnx" in head.lower())
    return "an ONNX model" if onnx else _text(head, path) or "bytes of an unknown kind"


def _is_pickle(head: bytes) -> bool:
    """Say whether a file begins as pickles do: their protocol 2 to 5, then an opcode."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _archive(path: Path) -> str:
    names: list[str] = []
    faults = (OSError, zipfile.BadZipFile, ValueError, NotImplementedError)
    with suppress(*faults), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for mark, kind in _IN_ARCHIVES:
        if any(name.startswith(mark) or name.endswith(mark) for name in names):
            return kind
    return "a zip archive"


def _text(head: bytes, path: Path) -> str:
    """Return which text it is; nothing if it is none."""
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = head.decode("utf-16" if marked else "utf-8-sig", "strict" if marked else "ignore")
    except UnicodeDecodeError:
        return ""
    odd = sum(not (sign.isprintable() or sign in "\t\r\n\f\v") for sign in text)
    if odd or len(text) < len(head) // 2 - 8:
        return ""
    begin = text.lstrip().lower()
    for mark, kind in _BEGINNINGS.items():
        if begin.startswith(mark):
            return kind
    header = text.splitlines()[0] if text.strip() else ""
    sign = max(_SIGNS, key=header.count)
    if header.count(sign) and not path.name.lower().endswith((".md", ".py", ".toml")):
        return f"a table ({_SIGNS[sign]})"
    return "plain text"
