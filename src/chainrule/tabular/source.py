"""What is read: a file, packed or not, in any encoding, or standard input.

Decisions
---------
a) DuckDB and Python read the same bytes. What DuckDB cannot read (another encoding, zstd,
   standard input) is first copied as UTF-8 into a folder of its own, which vanishes after; if the
   process is killed, with the next table that is read.
b) zstd and gzip are unpacked by Python's own modules. DuckDB also can, but takes a zstd file that
   was cut off for a whole one, without a word, and refuses gzip with zeros behind its end.
c) A pipe can be read once, and a table is read twice; so only standard input, which is asked for
   by name (`-`), is copied. Other pipes are refused: one without a writer would never end.
"""

from __future__ import annotations

import codecs
import difflib
import errno
import gzip
import importlib
import io
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from chainrule.errors import ChainruleError, DataError, MissingExtraError
from chainrule.files import readable_file
from chainrule.frozen import frozen
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.paths import reachable, require_plain, said_path
from chainrule.tabular.reading import ASCII, UTF8, encoding_by
from chainrule.training.blocks_folder import passing_folder

__all__ = [
    "DAMAGE",
    "PACKED",
    "SUFFIXES",
    "Form",
    "Source",
    "damaged",
    "interrupts",
    "near_files",
    "opened",
    "plain_copy",
    "raise_not_utf8",
    "room",
    "unpacked",
]

Form = Literal["text", "json", "parquet"]
_FORMS: dict[str, Form] = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
SUFFIXES = tuple(_FORMS)
PACKED = (".gz", ".zst")
_SHEETS = (".xlsx", ".xls", ".ods")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20


@frozen
class Source:
    """A table's file in the form in which both readers take it.

    Parameters
    ----------
    name : str
        What messages call it.
    local : path
        What is opened: the file itself, a link to it, or a copy of it.
    form : str
    folder : path
        Room for copies, which is removed after reading.
    tabs : bool
        The name says that tabs delimit (`.tsv`).
    encoding : str
        `"utf-8"` or `"utf-8-sig"`, or the name that was stated.
    written : str
        The encoding of the file itself.
    """

    name: str
    local: Path
    form: Form
    folder: Path
    tabs: bool = False
    encoding: str = "utf-8-sig"
    written: str = UTF8

    def text(self) -> io.TextIOWrapper:
        """Open as text, line ends as they are."""
        return io.TextIOWrapper(unpacked(self.local), encoding=self.encoding, newline="")


@contextmanager
def opened(path: str | os.PathLike[str], dialect: Dialect) -> Generator[Source, None, None]:
    """Give a table's file as a `Source`, and clear the copies away afterwards.

    Raises
    ------
    DataError
        The file is missing, a folder, a pipe, empty, of no known kind, damaged, or not in the
        encoding that was stated.
    """
    with passing_folder(tempfile.gettempdir()) as folder, interrupts():
        require_plain(folder)
        with room(folder):
            if str(path) == "-":
                source = _standard_input(folder)
            else:
                source = _file(_readable(path), folder)
            source = _plain(source, dialect)
        yield source


@contextmanager
def interrupts() -> Generator[None, None, None]:
    """Raise what Python raises at Ctrl-C where DuckDB makes an error of it."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from None


@contextmanager
def room(folder: Path) -> Generator[None, None, None]:
    """Say which folder is full if a copy does not fit."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise
        raise ChainruleError(
            "the disk is full: there is no room for a copy of the table",
            where=str(folder.parent),
            do="free some space, or set TMPDIR to a folder with room",
        ) from error


def _readable(path: str | os.PathLike[str]) -> Path:
    """Return the path; of one that is not there, name tables beside it that may be meant."""
    try:
        return readable_file(path, "table")
    except DataError as error:
        if error.do.startswith("did you mean"):
            error.do = near_files(Path(path), (*SUFFIXES, *PACKED))
        if not error.do and error.what.startswith("there is no such"):
            error.do = "check the path; without a leading folder it begins where the command runs"
        error.do = error.do or "check that it is the right file"
        raise


def near_files(path: Path, endings: tuple[str, ...]) -> str:
    """Return "did you mean ..." for files beside a path whose names are nearly its; or nothing.

    Parameters
    ----------
    path : Path
    endings : tuple of str
        Of the files that can be meant at all. They say nothing of how near two names are.
    """

    def bare(name: str) -> str:
        return next((name[: -len(end)] for end in endings if name.endswith(end)), name)

    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        return ""
    known = {bare(name.lower()): name for name in names if name.lower().endswith(endings)}
    near = difflib.get_close_matches(bare(path.name.lower()), known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(known[name] for name in near)}?" if near else ""


def _file(path: Path, folder: Path) -> Source:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] and suffixes[-1] in PACKED
    suffix = (suffixes[:-1] if packed else suffixes)[-1:]
    form = _FORMS.get(suffix[0]) if suffix else None
    if form is None or (packed and form == "parquet"):
        ends = " ".join(PACKED)
        raise DataError(
            "this kind of file is not a table that can be read",
            where=str(path),
            expected=f"a name that ends in {', '.join(SUFFIXES)} (text also with {ends})",
            got=path.name,
            do=_instead(suffix[0] if suffix else ""),
        )
    local = reachable(path, folder)
    return Source(said_path(path), local, form, folder, tabs=suffix == [".tsv"])


def _instead(suffix: str) -> str:
    """Return what to do about a file that is no table, by the ending of its name."""
    if suffix in _SHEETS:
        return "save the sheet as CSV"
    if suffix == ".safetensors":
        return "this is a model: name the table"
    return "if it holds a table, save it as CSV, or give its name the right ending"


def _standard_input(folder: Path) -> Source:
    """Copy standard input, and tell its form by its first bytes."""
    name, local = "standard input", folder / "input"
    with local.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, _BLOCK)
    with local.open("rb") as file:
        head = file.read(4)
    if not head:
        raise DataError("the table is empty (0 bytes)", where=name)
    for suffix, magic in ((".gz", b"\x1f\x8b"), (".zst", b"\x28\xb5\x2f\xfd")):
        if head.startswith(magic):
            local = local.rename(folder / f"input{suffix}")
    if head == b"PAR1":
        return Source(name, local, "parquet", folder)
    source = Source(name, local, "text", folder)
    try:
        with unpacked(local) as file:
            begin = file.read(_BLOCK).removeprefix(codecs.BOM_UTF8).lstrip()
    except _faults(local) as error:
        raise damaged(source, error) from None
    return Source(name, local, "json" if begin.startswith(b"{") else "text", folder)


def unpacked(path: Path) -> BinaryIO:
    """Open a file, unpacking it if its name ends in `.gz` or `.zst`."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return _zstd().open(path, "rb") if _is_zstd(path) else path.open("rb")


def plain_copy(source: Source) -> Path:
    """Return the file that DuckDB reads as text: the file itself, or a copy unpacked from gzip."""
    if source.local.suffix.lower() != ".gz":
        return source.local
    local = source.folder / "unpacked"
    with room(source.folder), unpacked(source.local) as file, local.open("wb") as out:
        shutil.copyfileobj(file, out, _BLOCK)
    return local


def _is_zstd(path: Path) -> bool:
    return path.suffix.lower() == ".zst"


def _zstd() -> Any:
    home = "compression" if sys.version_info >= (3, 14) else "backports"
    try:
        return importlib.import_module(f"{home}.zstd")
    except ImportError:
        raise MissingExtraError(
            "reading zstd needs backports.zstd, which is not installed",
            do='pip install "chainrule[cli]"',
        ) from None


DAMAGE: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error)


def _faults(path: Path) -> tuple[type[Exception], ...]:
    return (*DAMAGE, _zstd().ZstdError) if _is_zstd(path) else DAMAGE


def damaged(source: Source, error: Exception) -> DataError:
    """Return the error for a packed file that cannot be unpacked."""
    return DataError(
        "the compressed file is damaged or cut off",
        where=source.name,
        expected="a file that can be unpacked to its end",
        got=str(error),
        do="copy or download it again",
    )


def _plain(source: Source, dialect: Dialect) -> Source:
    """Return the source in UTF-8, gzip at most; a copy if it is something else."""
    if source.form == "parquet":
        return source
    packed = _is_zstd(source.local)
    try:
        encoding = _encoding(source.local, dialect)
        found = encoding == ASCII and dialect.encoding is None
        source, utf8 = replace(source, written=encoding), encoding == UTF8 or found
        if utf8 and not packed:
            return source
        local = source.folder / "unpacked"
        with unpacked(source.local) as file, local.open("wb") as out:
            _recode(source, file, out, None if utf8 else encoding)
    except _faults(source.local) as error:
        raise damaged(source, error) from None
    return replace(source, local=local)


def _encoding(path: Path, dialect: Dialect) -> str:
    """Return the encoding: a byte-order mark outdoes what is stated, for no text begins so."""
    with unpacked(path) as file:
        head = file.read(4)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if not marked and dialect.encoding is None and dialect.guess is not None:
        return encoding_by(dialect.guess.encoding, lambda: unpacked(path))
    found = marked or codecs.lookup(dialect.encoding or UTF8).name
    return UTF8 if found == "utf-8-sig" else found


def _recode(source: Source, file: BinaryIO, out: BinaryIO, encoding: str | None) -> None:
    """Copy a file; from another encoding into UTF-8."""
    if encoding is None:
        shutil.copyfileobj(file, out, _BLOCK)
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0  # of the bytes that the decoder has not turned into text
    while True:
        block = file.read(_BLOCK)
        kept = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
            out.write(text.encode())
        except UnicodeError as error:
            _raise_undecodable(source, encoding, error, offset - kept)
        offset += len(block)
        if not block:
            return


def _raise_undecodable(source: Source, encoding: str, error: UnicodeError, start: int) -> NoReturn:
    got = "half a character"
    if isinstance(error, UnicodeDecodeError):
        place = start + error.start
        got = f"byte 0x{error.object[error.start]:02x} at offset {place:,}"
    raise DataError(
        f"the file is not {encoding} text",
        where=source.name,
        got=got,
        do='say which encoding it has, such as encoding="cp1252", or save it as UTF-8',
    ) from None


def raise_not_utf8(source: Source) -> NoReturn:
    """Say on which line the first byte is that is not UTF-8."""
    offset = 0
    do = 'say which encoding it has, such as encoding="latin-1", or save it as UTF-8'
    with unpacked(source.local) as file:
        if b"\0" in file.read(1 << 16):
            do = "check that the ending of the name says what the file is"
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                place = offset + error.start
                raise DataError(
                    "the file is not UTF-8 text",
                    where=f"{source.name}, line {number}",
                    got=f"byte 0x{line[error.start]:02x} at offset {place:,}",
                    do=do,
                ) from None
            offset += len(line)
    raise DataError("the file is not UTF-8 text", where=source.name)
