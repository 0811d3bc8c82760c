"""Files by the names that DuckDB takes for them.

Decisions
---------
a) DuckDB reads `*`, `?` and `[` in a name as a pattern, and there a backslash as the sign between
   folders; it takes a question mark in the name of a database for the end of it, and no bytes that
   are not UTF-8; and it makes a column of a folder called `year=2024`. Here a name is a name.
b) A file that has a name which DuckDB cannot be told is read by a symbolic link in a folder of
   our own. For a database that is no help, because DuckDB follows the link first.
"""

from __future__ import annotations

import os
from pathlib import Path

from chainrule.errors import ChainruleError
from chainrule.tabular.forms import sql_text

__all__ = ["literal_path", "parquet_rows", "reachable", "require_plain", "said_path"]


_PATTERN = frozenset("*?[")


def literal_path(path: Path) -> str:
    r"""Return the path so that DuckDB takes `*`, `?` and `[` in it for themselves.

    Example
    -------
    >>> literal_path(Path("/tables/a[1].csv"))
    '/tables/a[[]1].csv'
    """
    # An absolute path is never taken for an address, an option or a home folder.
    return "".join(f"[{sign}]" if sign in _PATTERN else sign for sign in str(path.absolute()))


def parquet_rows(path: Path) -> str:
    """Return the SQL of the rows of a Parquet file, with the columns that it has itself."""
    return f"read_parquet({sql_text(literal_path(path))}, hive_partitioning=false)"


def reachable(path: Path, folder: Path) -> Path:
    """Return a file's path, or that of a link to it in `folder` if DuckDB cannot take its own."""
    if _is_plain(path):
        return path
    link = folder / f"table{path.suffix}"
    link.symlink_to(path.absolute())
    return link


def require_plain(folder: Path, do: str = "set TMPDIR to another folder") -> None:
    """Refuse a temporary folder whose name DuckDB cannot take.

    Raises
    ------
    ChainruleError
        It cannot.
    """
    if not _is_plain(folder):
        raise ChainruleError(
            "temporary files cannot be used in a folder of such a name",
            where=str(folder.parent),
            expected="a path in UTF-8, without ?, and without a backslash beside * or [",
            do=do,
        )


def said_path(path: Path) -> str:
    """Return a path as text that can be written in UTF-8, whatever bytes it has."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _is_plain(path: Path) -> bool:
    text = str(path.absolute())
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    split = os.sep == "/" and "\\" in text and not _PATTERN.isdisjoint(text)
    return "?" not in text and not split
