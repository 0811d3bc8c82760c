"""A disk whose n-th operation fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chainrule import files

__all__ = ["CODES", "Disk", "failing"]

CODES = (errno.ENOSPC, errno.EIO)
OF_OS = ("fsync", "replace", "link", "open")


class Disk:
    """Counts operations, and lets one of them fail.

    Parameters
    ----------
    number : int
        The operation that fails, counted from 1; 0 for none.
    code : int
        The error's number.
    """

    def __init__(self, number: int = 0, code: int = errno.ENOSPC) -> None:
        self.number, self.code = number, code
        self.done: list[str] = []

    def operate(self, name: str) -> None:
        """Note an operation; raise if it is the one that fails."""
        self.done.append(name)
        if len(self.done) == self.number:
            raise OSError(self.code, os.strerror(self.code))

    def counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is an operation."""

        def call(*arguments: Any, **named: Any) -> Any:
            self.operate(name)
            return real(*arguments, **named)

        return call

    def opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return `Path.open` for writing, with a file whose operations count."""

        def call(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if "x" not in mode and "w" not in mode:
                return real(path, mode, *arguments, **named)
            self.operate("create")
            return _File(real(path, mode, *arguments, **named), self)

        return call


class _File:
    """An open file on a disk that may fail; half of what it cannot write is written."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if error[0] is None:
            self._disk.operate("close")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: bytes) -> int:
        try:
            self._disk.operate("write")
        except OSError:
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            raise
        return self._file.write(content)

    def flush(self) -> None:
        self._disk.operate("flush")
        self._file.flush()


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Let the library write on a disk."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OF_OS:
            patch.setattr(files.os, name, disk.counted(name, getattr(os, name)))
        patch.setattr(Path, "open", disk.opened(Path.open))
        patch.setattr(Path, "chmod", disk.counted("chmod", Path.chmod))
        yield
