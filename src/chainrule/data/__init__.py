"""The table that `chainrule demo` trains on; its source and licence lie beside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["california_housing"]


def california_housing() -> Path:
    """Return the path of the bundled table: 20,640 Californian districts, census of 1990.

    Example
    -------
    >>> california_housing().name
    'california_housing.csv.gz'
    """
    return Path(__file__).with_name("california_housing.csv.gz")
