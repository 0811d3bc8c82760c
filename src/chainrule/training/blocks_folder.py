"""A folder for files that one process needs while it runs, and that nothing leaves behind.

Decisions
---------
a) The folder holds a file that its process keeps locked. The kernel drops the lock with the
   process, however it ends; so the next one knows which folders nobody uses any more, whatever
   their process numbers, and removes them.
b) It is made under another name and renamed when the lock is held: no other process can take it
   for forgotten in between.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from chainrule.errors import ChainruleError, InvalidParameterError
from chainrule.files import as_path

__all__ = ["passing_folder", "require_space", "said"]

_BEGIN, _NEW, _LOCK = ".chainrule-rows-", ".chainrule-new-", "in-use"
_STALE_SECONDS = 3600.0


@contextmanager
def passing_folder(beside: str | os.PathLike[str]) -> Generator[Path, None, None]:
    """Give a new folder inside another one, and remove it with all that is in it afterwards.

    What killed processes left behind there is removed too.

    Raises
    ------
    ChainruleError
        The folder is missing, or writing there is not permitted.

    Example
    -------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as beside, passing_folder(beside) as folder:
    ...     _ = (folder / "rows").write_bytes(b"1")
    ...     (folder.parent.name in beside, folder.exists())
    (True, True)
    """
    beside = as_path(beside)
    folder, lock = _made(beside)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)  # where a file cannot go while it is open


def _made(beside: Path) -> tuple[Path, int]:
    word = f"{os.getpid()}-{os.urandom(4).hex()}"
    try:
        _sweep(beside)
        new = beside / (_NEW + word)
        new.mkdir(mode=0o700)
        lock = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        _locked(lock)
        folder = beside / (_BEGIN + word)
        new.rename(folder)
    except OSError as error:
        raise said(error, beside) from error
    except ValueError as error:  # a NUL inside the path
        raise InvalidParameterError(f"there is no such folder: {error}", where="folder") from error
    return folder, lock


def _locked(handle: int) -> bool:
    """Take the lock of an open file if nobody has it, and say whether it is ours now."""
    try:
        import fcntl
    except ImportError:  # no such locks here, and so nothing is swept either
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(beside: Path) -> None:
    """Remove the folders of processes that have gone."""
    for entry in list(os.scandir(beside)):
        with suppress(OSError):
            if entry.name.startswith(_BEGIN) and entry.is_dir(follow_symlinks=False):
                _remove_forgotten(Path(entry.path))
            elif entry.name.startswith(_NEW) and entry.is_dir(follow_symlinks=False):
                if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _remove_forgotten(folder: Path) -> None:
    handle = os.open(folder / _LOCK, os.O_RDWR)
    try:
        if _locked(handle):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse before the work what the disk cannot hold.

    Raises
    ------
    ChainruleError
        Less is free than needed.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ChainruleError(
            f"the disk is too full for {what}",
            where=str(folder),
            expected=f"{needed / 1e9:.2f} GB",
            got=f"{free / 1e9:.2f} GB",
            do="free some space, or choose another folder",
        )


def said(error: OSError, folder: Path) -> ChainruleError:
    """Return an error of the operating system as one of the family."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return ChainruleError(
            "the disk is full; what was written there is removed",
            where=str(folder),
            do="free some space, or choose another folder",
        )
    return ChainruleError(
        f"temporary files cannot be used there: {error.strerror or error}", where=str(folder)
    )
