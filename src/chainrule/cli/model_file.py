"""Reading a model where a person may have named the table first."""

from __future__ import annotations

from pathlib import Path

from chainrule.api import load
from chainrule.errors import FileFormatError
from chainrule.storage import Model

__all__ = ["load_model"]


def load_model(path: Path) -> Model:
    """Return the model of a file.

    Raises
    ------
    FileFormatError
        It is none; if it looks like a table, the message tells the order of the words.
    """
    from chainrule.tabular.reader import SUFFIXES

    try:
        return load(path)
    except FileFormatError as error:
        if path.is_file() and path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
            error.do = "is it the table? the order is MODEL DATA"
        raise
