"""A connection to a DuckDB of our own: nothing is fetched from a network, and nothing printed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from chainrule.errors import MissingExtraError

__all__ = ["connected", "need_duckdb"]

_SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
"""Nothing is ever fetched from a network to read a file."""


@contextmanager
def connected(**settings: str) -> Generator[Any, None, None]:
    """Give a connection to an empty database in memory.

    Parameters
    ----------
    settings
        Of DuckDB.

    Raises
    ------
    MissingExtraError
        DuckDB is not installed.
    """
    with need_duckdb().connect(":memory:", config={**_SETTINGS, **settings}) as connection:
        # In a notebook, and wherever else there is no script, DuckDB writes to standard output.
        connection.execute("SET enable_progress_bar = false")
        yield connection


def need_duckdb() -> Any:
    """Return DuckDB's module.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(
            "reading tables needs duckdb, which is not installed",
            do='pip install "chainrule[cli]"',
        ) from None
    return duckdb
