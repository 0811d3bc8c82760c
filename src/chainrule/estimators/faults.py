"""What scikit-learn's checks raise, in the family, and estimators that a failed call leaves alone.

Decisions
---------
a) scikit-learn's checks of data raise `ValueError` or `TypeError`. Their messages are what its
   tools and its users expect, so they stay, in an error that is of the library's family too, and
   tells the place (`located`).
b) A call that raises changes no attribute: classes and features of new data beside the weights
   that were learned from others would predict nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DataError, InvalidParameterError, TargetError
from chainrule.estimators.located import Place

__all__ = [
    "DataKindError",
    "TargetKindError",
    "as_data_errors",
    "as_parameter_errors",
    "of_validation",
    "unchanged_if_it_fails",
]


_CLEARER = {
    "'<' not supported": "the labels cannot be put in order",
    "setting an array element with a sequence": "the rows are not of one length",
    "boolean value of NA is ambiguous": "a label is missing",
    "Unknown label type": "Unknown label type: neither words nor whole numbers",
}
"""What Python and NumPy say of data by its beginning, and what they mean."""


_IN_VALIDATION = {
    "X": "X_val",
    "y": "y_val",
    "sample_weight": "sample_weight_val",
    "the data frame": "the data frame X_val",
}


class DataKindError(DataError, TypeError):
    """An array, or a cell of one, is of a kind that cannot be used: a dict, labels of two kinds."""


class TargetKindError(TargetError, DataKindError):
    """The same of targets."""


@contextmanager
def as_data_errors(
    place: Callable[[], Place | None] = lambda: None,
) -> Generator[None, None, None]:
    """Raise what other libraries' checks of data raise as errors of the family.

    Parameters
    ----------
    place : callable, optional
        Says where the data are at fault; called if they are.

    Example
    -------
    >>> with as_data_errors():
    ...     float("twelve")
    Traceback (most recent call last):
    chainrule.errors.DataError: could not convert string to float: 'twelve'
    """
    try:
        with np.errstate(over="ignore"):  # what a cast makes infinite is refused, with its place
            yield
    except (ChainruleError, Warning, MemoryError):
        raise
    except Exception as error:  # objects of the user's raise what they like when they are read
        raise _told(error, place()) from error


def _told(error: Exception, place: Place | None) -> DataError:
    """Return the error of the family that says the same."""
    what = str(error).strip()
    kinds = (DataError, DataKindError), (TargetError, TargetKindError)
    kind = kinds[place is not None and place.in_target][isinstance(error, TypeError)]
    if place is None:
        return kind(what.split("(array(")[0].rstrip())
    if not place.lines:  # they are the whole array, or links to pages about what `do` says
        what = what.split("\n")[0].split("(array(")[0].split(". ")[0].rstrip(" .:")
    what = next((said for start, said in _CLEARER.items() if what.startswith(start)), what)
    return kind(what, **place.parts())


@contextmanager
def of_validation() -> Generator[None, None, None]:
    """Let errors name the arguments `X_val`, `y_val`, `sample_weight_val`."""
    try:
        yield
    except DataError as error:
        name, comma, rest = error.where.partition(",")
        error.where = _IN_VALIDATION.get(name, name) + comma + rest
        error.what = error.what.replace("sample_weight", "sample_weight_val")
        raise


@contextmanager
def as_parameter_errors(where: str) -> Generator[None, None, None]:
    """Raise what other libraries' checks of a parameter raise as `InvalidParameterError`."""
    try:
        yield
    except ChainruleError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(str(error), where=where) from error


@contextmanager
def unchanged_if_it_fails(estimator: Any) -> Generator[None, None, None]:
    """Give an estimator its attributes back, and its generator's state, if the block raises."""
    attributes = dict(vars(estimator))
    generator = attributes.get("_random_state")
    state = None if generator is None else generator.get_state()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(attributes)
        if generator is not None:
            generator.set_state(state)
        raise
