"""Reading a model where a person may have named another file, the table first of all."""

from __future__ import annotations

from pathlib import Path

from chainrule.api import load
from chainrule.errors import FileFormatError
from chainrule.storage import Model
from chainrule.tabular.source import near_files

__all__ = ["load_model", "other_kind"]

_MODELS = "the file that chainrule train wrote, such as model.safetensors"
_MAKE = "name a model; chainrule train writes one"


def load_model(path: Path, order: str = "MODEL DATA") -> Model:
    """Return the model of a file.

    Parameters
    ----------
    path : Path
    order : str
        What the verb takes, for whoever named the table first; empty if it takes no table.

    Raises
    ------
    FileFormatError
        It is none; the message says what it seems to be.
    """
    try:
        return load(path)
    except FileFormatError as error:
        if error.do.startswith("did you mean"):
            error.do = near_files(path, (".safetensors",))
        other_kind(error, path, "this is not a Chainrule model file", _MODELS, _MAKE, order)
        raise


def other_kind(
    error: FileFormatError, path: Path, what: str, expected: str, do: str, order: str = ""
) -> None:
    """Put into an error what a file seems to be, if it is of another kind.

    Parameters
    ----------
    error : FileFormatError
        Of the reader.
    path : Path
    what, expected, do : str
        The fault, what was wanted, and what to do.
    order : str
        What the verb takes, for whoever named the table first.
    """
    from chainrule.cli.file_kind import CUT, EMPTY, SAFETENSORS, is_table, kind_of

    kind = kind_of(path)
    if kind == CUT:
        error.what, error.where = "the file is cut off", str(path)
        error.expected, error.got = "a whole file", f"{path.stat().st_size:,} bytes"
        error.do, do = "", "copy it again from where it was written"
    elif kind not in (EMPTY, SAFETENSORS):
        error.what, error.where = what, str(path)
        error.expected, error.got = expected, f"it looks like {kind}"
        error.do = ""
    elif kind == SAFETENSORS and "not a Chainrule" not in error.what:
        do = "copy it again from where it was written, or train anew"
    if order and kind and kind != CUT and (is_table(path) or kind.startswith("a table")):
        do = f"is it the table? the order is {order}"
    error.do = error.do or do
