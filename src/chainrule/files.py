"""Files that are whole or absent: a durable write through a temporary file, and readable paths.

Decisions
---------
a) The temporary file lies in the folder of the target, because a rename is atomic only within one
   file system. It is flushed and fsynced before the rename, and the folder is fsynced after it, so
   that a crash or a power cut leaves either the old file or the new one.
b) The target keeps the permissions it had; a new file gets those that `open` would have given
   (the `tempfile` module would leave 0600).
c) The temporary file's name tells its target and its process. The next write of that target
   removes those whose process was killed.
d) A symbolic link is followed: the file that it points to is replaced, not the link.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from chainrule.checks import shown
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, OutputExistsError

__all__ = ["as_path", "atomic_write", "readable_file", "require_writable"]

Content = bytes | str | Callable[[BinaryIO], object]


def require_writable(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Return the path if a file may be written there, before hours of work depend on it.

    Raises
    ------
    OutputExistsError
        The file exists and `overwrite` is false.
    InvalidParameterError
        The path is not a path.
    ChainruleError
        The path is a folder, a device or a pipe, its folder is missing, or writing there is not
        permitted.
    """
    path = as_path(path)
    if "\0" in str(path):
        raise ChainruleError("a path cannot hold a zero character", got=repr(str(path)))
    with _Explained(path):
        if path.is_dir():
            raise ChainruleError(
                "the output path is a folder", where=str(path), do="name a file inside it"
            )
        if path.exists() and not path.is_file():
            raise ChainruleError(
                "the output path is no regular file", where=str(path), do="name another file"
            )
        if not path.parent.is_dir():
            raise _missing_folder(path)
        if path.exists() and not overwrite:
            raise OutputExistsError(
                "the output file exists already",
                where=str(path),
                do="choose another name, or pass overwrite=True",
            )
        if not os.access(path.parent, os.W_OK):
            raise _not_permitted(path)
    return path


def atomic_write(
    path: str | os.PathLike[str], content: Content, *, overwrite: bool = False
) -> Path:
    """Write a file so that a reader sees the old one or the whole new one, and nothing between.

    Parameters
    ----------
    path : path
        Where the file shall be. Its folder must exist.
    content : bytes, str (written as UTF-8), or function of a binary file
        What to write. A function gets the open temporary file.
    overwrite : bool
        Replace a file that exists.

    Raises
    ------
    OutputExistsError
        The file exists and `overwrite` is false.
    ChainruleError
        Missing folder, no permission, or a full disk. The old file is untouched then.

    Source: https://lwn.net/Articles/457667/ ("Ensuring data reaches disk").

    Example
    -------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> atomic_write(folder / "note.txt", "whole").read_text()
    'whole'
    """
    path = require_writable(path, overwrite=overwrite)
    target = Path(os.path.realpath(path))
    with _Explained(path):
        begin = _beginning(target)
        _sweep(target.parent, begin)
        temporary = target.parent / f"{begin}{os.getpid()}-{os.urandom(4).hex()}.tmp"
        try:
            with temporary.open("xb") as file:
                _write(file, content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            _publish(temporary, target, overwrite)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(target.parent)
    return path


def _beginning(target: Path) -> str:
    """Return how the names of a target's temporary files begin on this host."""
    import socket  # here, because a run without checkpoints needs no network library

    told = f"{socket.gethostname()}\0{target.name}".encode(errors="surrogateescape")
    return f".chainrule-{target.name[:40]}-{zlib.crc32(told):08x}-"


def _sweep(folder: Path, begin: str) -> None:
    """Remove what killed processes of this host left behind of one target."""
    if os.name != "posix":  # elsewhere signal 0 does not merely ask
        return
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            number, dash, _ = entry.name.removeprefix(begin).partition("-")
            ours = entry.name.startswith(begin) and entry.name.endswith(".tmp")
            if ours and dash and number.isascii() and number.isdigit() and _gone(int(number)):
                with suppress(OSError):
                    os.unlink(entry.path)


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _write(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content.encode() if isinstance(content, str) else content)


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the temporary file its name; without `overwrite`, never on top of another file."""
    if not overwrite:
        # A link fails if the name was taken since we looked; a rename would replace silently.
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise OutputExistsError(
                "the output file was created by somebody else meanwhile", where=str(target)
            ) from None
        except OSError:
            pass  # a file system without hard links: the rename below has to do
        else:
            temporary.unlink()
            return
    os.replace(temporary, target)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can open a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # some network file systems refuse; the file itself is safe
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class _Explained:
    """Turn the operating system's errors of a `with` block into one of the family."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, ChainruleError):
            return
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise ChainruleError(
                "the disk is full; nothing was written",
                where=str(self.path),
                do="free some space or choose another folder",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise _not_permitted(self.path) from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise _missing_folder(self.path) from error
        raise ChainruleError(
            f"the file could not be written: {error.strerror or error}", where=str(self.path)
        ) from error


def _missing_folder(path: Path) -> ChainruleError:
    return ChainruleError(
        "the folder of the output file does not exist",
        where=str(path),
        do=f"create it: mkdir -p {path.parent}",
    )


def _not_permitted(path: Path) -> ChainruleError:
    return ChainruleError(
        "writing there is not permitted", where=str(path), do="choose another folder"
    )


def readable_file(
    path: str | os.PathLike[str], what: str, error: type[ChainruleError] = DataError
) -> Path:
    """Return the path if it is a file that can be opened and is not empty.

    Parameters
    ----------
    path : path
    what : str
        What the file is, for the message: "table", "model file".
    error : type
        The class that is raised.
    """
    path = as_path(path)
    try:
        mode = path.stat().st_mode
        empty = stat.S_ISREG(mode) and not _first_byte(path)
    except FileNotFoundError:
        near = _near(path)
        raise error(f"there is no such {what}", where=str(path), do=near) from None
    except PermissionError:
        raise error(f"reading the {what} is not permitted", where=str(path)) from None
    except (OSError, ValueError) as cause:  # ValueError: a NUL inside the path
        raise error(f"the {what} cannot be opened: {cause}", where=str(path)) from None
    if stat.S_ISDIR(mode):
        raise error(f"the {what} is a folder", where=str(path), do="name a file")
    if not stat.S_ISREG(mode):
        raise error(f"the {what} is not a regular file", where=str(path))
    if empty:
        raise error(f"the {what} is empty (0 bytes)", where=str(path))
    return path


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)


def as_path(path: object) -> Path:
    """Return the path.

    Raises
    ------
    InvalidParameterError
        It is none, or no file can have this name.
    """
    if isinstance(path, (str, os.PathLike)):
        try:
            os.fsencode(path)
            words = os.fspath(path)
        except Exception:  # noqa: BLE001 - half a surrogate pair, or a class that breaks
            words = None
        if isinstance(words, str):
            return Path(words)
    raise InvalidParameterError(
        "this is not a path", expected="a str or a pathlib.Path", got=shown(path)
    )


def _near(path: Path) -> str:
    from chainrule.registry import suggest

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"the folder {path.parent} does not exist either"
    return suggest(path.name, names)
