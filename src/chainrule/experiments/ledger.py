"""The file that a sweep's finished runs are added to, one line each, so that no kill can lose one.

Decisions
---------
a) A line is a JSON object `{"seal": ..., "run": ...}`; the seal is a digest of the bytes of the
   value. It is flushed and fsynced before anybody is told that the run is finished.
b) Results that come together share one fsync: a disk takes longer for it than a small run.
c) The last line may be torn by a kill or a full disk. It is cut off and its run is made again. A
   line that is damaged anywhere else was not torn, and is an error.
d) The first line says which sweep it is. The file of another one is refused; a sweep whose axes or
   repeats only grew goes on in it, under one more such line.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chainrule._version import __version__
from chainrule.checks import shown
from chainrule.errors import ChainruleError, FileFormatError, UsageError
from chainrule.experiments.result import Result

__all__ = ["FORMAT", "VERSION", "Ledger", "read_ledger"]

FORMAT = "chainrule-sweep"
VERSION = 1
_HEAD, _RUN = "sweep", "run"
_GROWING = ("axes", "repeats", "runs", "networks", "splits")
"""What may grow between two starts of one sweep."""


def _line(kind: str, value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return f'{{"seal":"{_seal(kind, text)}","{kind}":{text}}}\n'.encode()


def _seal(kind: str, text: str) -> str:
    return hashlib.blake2b(f"{kind}:{text}".encode(), digest_size=8).hexdigest()


def _opened(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return kind and value of a line, or None if the line is not whole."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    for kind in (_HEAD, _RUN):
        start = len('{"seal":"') + 16
        middle = f'","{kind}":'
        if text.startswith(middle, start) and text.endswith("}\n"):
            body = text[start + len(middle) : -2]
            if text[start - 16 : start] == _seal(kind, body):
                value = json.loads(body)
                return (kind, value) if isinstance(value, dict) else None
    return None


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield start, content[start:end]
        start = end


def _entries(path: Path, content: bytes) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Return the entries of a file, and the place behind the last whole one."""
    entries: list[tuple[str, dict[str, Any]]] = []
    for number, (start, line) in enumerate(_lines(content), 1):
        entry = _opened(line)
        last = start + len(line) == len(content)
        if entry is None and last and (entries or _begun(line)):
            return entries, start
        if entry is None or (number == 1 and entry[0] != _HEAD):
            raise FileFormatError(
                "this line was not written by a sweep, or is damaged",
                where=f"{path}, line {number}",
                expected="a line with its seal",
                got=shown(line[:60]),
                do="remove this line, and its run is made again"
                if number > 1
                else "choose another file",
            )
        entries.append(entry)
    return entries, len(content)


def _begun(line: bytes) -> bool:
    """Say whether a file holds the beginning of a first line and nothing else."""
    mark = b'{"seal":"'
    return b"\n" not in line and line[: len(mark)] == mark[: len(line)]


def read_ledger(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[Result]]:
    """Return the last description of a ledger's sweep, and all its finished runs.

    A torn last line is left out; the file is not changed.

    Raises
    ------
    FileFormatError
        The file is missing, empty, damaged, or newer than this library.
    """
    place = Path(path)
    _require_plain(place)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise FileFormatError(
            "the ledger cannot be read", where=str(place), got=str(error.strerror)
        ) from None
    entries, _ = _entries(place, content)
    heads = [value for kind, value in entries if kind == _HEAD]
    if not heads:
        raise FileFormatError("the ledger is empty", where=str(place))
    _require_version(place, heads[-1])
    return heads[-1], _results(place, entries)


def _results(path: Path, entries: Iterable[tuple[str, dict[str, Any]]]) -> list[Result]:
    try:
        return [Result.from_document(value) for kind, value in entries if kind == _RUN]
    except FileFormatError as error:
        error.where = str(path)
        raise


def _require_plain(path: Path) -> None:
    """Refuse a device or a pipe, which may be read without end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError("the ledger is no plain file", where=str(path))


def _require_version(path: Path, head: Mapping[str, Any]) -> None:
    if head.get("format") != FORMAT or not isinstance(head.get("version"), int):
        raise FileFormatError(
            "this is not the ledger of a sweep", where=str(path), got=shown(head.get("format"))
        )
    if head["version"] > VERSION:
        raise FileFormatError(
            f"the ledger has format version {head['version']}, newer than this library",
            where=str(path),
            expected=f"version {VERSION} (Chainrule {__version__})",
            do="pip install --upgrade chainrule",
        )


class Ledger:
    """A ledger that is open for adding; use it in a `with` block.

    Parameters
    ----------
    path : path
        Made if it does not exist. Its folder must exist.
    sweep : mapping
        What makes the sweep this one and no other, as JSON values.

    Raises
    ------
    UsageError
        The file is of another sweep, or another process writes to it.
    FileFormatError
        The file is damaged or no ledger.

    Example
    -------
    >>> import tempfile, pathlib
    >>> from chainrule.experiments.ledger import Ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Ledger(pathlib.Path(folder, "runs.jsonl"), {"data": "abc"}) as ledger:
    ...         len(ledger.results)
    0
    """

    def __init__(self, path: str | os.PathLike[str], sweep: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        """What was found: a torn line, or a sweep that grew."""
        self.results: dict[str, Result] = {}
        """Finished runs by key."""
        self._sweep = {"format": FORMAT, "version": VERSION, "library": __version__, **sweep}
        self._file: io.FileIO | None = None

    def __enter__(self) -> Ledger:
        _require_plain(self.path)
        try:
            self._file = open(self.path, "a+b", buffering=0)
            self._lock(self._file)
            self._begin(self._file)
        except OSError as error:
            self.__exit__()
            raise _not_written(self.path, error) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:  # some file systems write only then
            raise _not_written(self.path, error) from None

    def _lock(self, file: io.FileIO) -> None:
        with contextlib.suppress(ImportError):
            fcntl: Any = importlib.import_module("fcntl")
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    "another sweep is writing to this ledger",
                    where=str(self.path),
                    do="wait for it, or choose another file",
                ) from None

    def _begin(self, file: io.FileIO) -> None:
        file.seek(0)
        content = file.read()
        entries, end = _entries(self.path, content)
        heads = [value for kind, value in entries if kind == _HEAD]
        self.results = {result.key: result for result in _results(self.path, entries)}
        if heads:
            _require_version(self.path, heads[-1])
            self._require_same(heads[-1])
        if end < len(content):
            file.truncate(end)
            self.notes.append("the last line was torn; it was cut off, and its run is made again")
        if not heads or _identity(heads[-1]) != _identity(self._sweep):
            if heads:
                self.notes.append("the sweep has grown; its finished runs are kept")
            self._append([_line(_HEAD, self._sweep)])
            _sync_folder(self.path.parent)

    def _require_same(self, before: Mapping[str, Any]) -> None:
        now = json.loads(json.dumps(self._sweep))
        old, new = before.get("splits"), now.get("splits")
        if old and new and not set(old) & set(new):
            raise self._other("its data, or the way they are split, differ", "", "")
        for name in sorted({*_identity(before), *_identity(now)}, key=_weight):
            old, new = before.get(name), now.get(name)
            if old == new or (name in _GROWING and _grew(old, new)):
                continue
            old, new = _counted(old or [], new or []) if name == "splits" else _unlike(old, new)
            raise self._other(f"{_NAMES.get(name, name)} differ", shown(old, 200), shown(new, 200))

    def _other(self, what: str, expected: str, got: str) -> UsageError:
        return UsageError(
            f"the ledger is of another sweep: {what}",
            where=str(self.path),
            expected=expected,
            got=got,
            do="choose another place, begin anew in this one (--force), or go on with the settings "
            "and the data of the first call",
        )

    def add(self, results: Iterable[Result]) -> None:
        """Write finished runs; when this returns they are on the disk.

        Raises
        ------
        ChainruleError
            They cannot be written, such as on a full disk.
        """
        results = list(results)
        try:
            self._append([_line(_RUN, result.to_document()) for result in results])
        except OSError as error:
            raise _not_written(self.path, error) from None
        self.results.update({result.key: result for result in results})

    def _append(self, lines: list[bytes]) -> None:
        if self._file is None:
            raise UsageError("the ledger is not open", where=str(self.path))
        if os.name == "posix" and not os.fstat(self._file.fileno()).st_nlink:
            raise OSError(errno.ENOENT, "it was removed while the sweep ran")
        whole = self._file.seek(0, os.SEEK_END)
        rest = memoryview(b"".join(lines))
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
            os.fsync(self._file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(whole)
            raise


_NAMES = {
    "data": "the data",
    "arguments": "the fixed arguments",
    "axes": "the axes",
    "score": "the scores",
    "greater_is_better": "the directions of the scores",
    "method": "the methods",
    "held": "the shares of held rows",
    "scheme": "the splits",
    "networks": "the networks",
    "space": "the axes",
    "search": "the ways to search",
    "meanings": "the settings",
    "splits": "the numbers of splits (repeats, folds), or the data of some of them",
}


def _weight(name: str) -> tuple[bool, bool, str]:
    """Return where a name stands: first what says most of why two sweeps differ."""
    return name in _GROWING, name == "greater_is_better", name


def _identity(head: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in head.items() if name not in ("library", "version")}


def _counted(old: list[str], new: list[str]) -> tuple[object, object]:
    """Return lists of digests, which tell nobody anything, as numbers."""
    return {"splits": len(old)}, {"splits": len(new), "in common": len(set(new) & set(old))}


def _unlike(old: object, new: object) -> tuple[object, object]:
    """Return both, without the entries that are the same in both."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old, new
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {n: old[n] for n in names if n in old}, {n: new[n] for n in names if n in new}


def _grew(old: Any, new: Any) -> bool:
    """Say whether everything old is still there: each axis with its values, each repeat."""
    if isinstance(old, dict) and isinstance(new, dict) and "low" not in old:
        return set(old) == set(new) and all(_grew(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return all(value in new for value in old)
    if isinstance(old, int) and isinstance(new, int):
        return old <= new
    return False


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _not_written(path: Path, error: OSError) -> ChainruleError:
    do = "finished runs are kept; free the disk or choose another file, and start again"
    if path.is_dir() or not path.parent.is_dir():
        do = "choose the name of a file, in a folder that is there"
    got = error.strerror or str(error)
    return ChainruleError("the ledger cannot be written", where=str(path), got=got, do=do)
