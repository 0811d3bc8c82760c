"""The names of a data frame's columns: kept with a model, so that a reordered frame is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.checks import shown
from chainrule.errors import DataError

__all__ = ["column_names", "require_names"]


def column_names(X: object) -> tuple[str, ...] | None:
    """Return the names of a data frame's columns; None for an array, or if one is not a string.

    Example
    -------
    >>> from chainrule.training.names import column_names
    >>> class Frame:
    ...     columns = ["rooms", "age"]
    >>> column_names(Frame()), column_names([[1.0, 2.0]])
    (('rooms', 'age'), None)
    """
    listed: Any = getattr(X, "column_names", None)  # a PyArrow table's `columns` are its data
    if not isinstance(listed, list):
        listed = getattr(X, "columns", ())
    try:
        names: tuple[Any, ...] = tuple(listed)
    except TypeError:
        return None
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return tuple(str(name) for name in names)


def require_names(known: Sequence[str] | None, X: object, where: str = "X") -> None:
    """Refuse a data frame whose columns are not those of training, in their order.

    Arrays have no names and pass, as does everything if training saw no names.

    Raises
    ------
    DataError
        Names the first column that differs, and says if only the order does.
    """
    names = column_names(X)
    if known is None or names is None or names == tuple(known):
        return
    known = tuple(known)
    shared = min(len(known), len(names))
    place = next((i for i in range(shared) if known[i] != names[i]), shared)
    reordered = sorted(known) == sorted(names)
    raise DataError(
        f"the columns of {where} are in another order than in training"
        if reordered
        else f"the columns of {where} are not those of training",
        where=f"{where}, column {place}",
        expected=_named(known, place),
        got=_named(names, place),
        do="bring them into the order of training: X[list(model.feature_names)]"
        if reordered or set(known) < set(names)
        else f"pass the columns {shown(list(known))}",
    )


def _named(names: Sequence[str], place: int) -> str:
    return repr(names[place]) if place < len(names) else f"{len(names)} columns in all"
