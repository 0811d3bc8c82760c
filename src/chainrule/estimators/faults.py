"""What scikit-learn's checks raise, in the family, and estimators that a failed call leaves alone.

Decisions
---------
a) scikit-learn's checks of data raise `ValueError` or `TypeError`. Their messages are what its
   tools and its users expect, so they stay, in an error that is of the library's family too.
b) A call that raises changes no attribute: classes and features of new data beside the weights
   that were learned from others would predict nonsense.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from chainrule.errors import ChainruleError, DataError, InvalidParameterError

__all__ = ["DataKindError", "as_data_errors", "as_parameter_errors", "unchanged_if_it_fails"]


class DataKindError(DataError, TypeError):
    """An array, or a cell of one, is of a kind that cannot be used: a dict, labels of two kinds."""


@contextmanager
def as_data_errors() -> Generator[None, None, None]:
    """Raise what other libraries' checks of data raise as errors of the family.

    Example
    -------
    >>> with as_data_errors():
    ...     float("twelve")
    Traceback (most recent call last):
    chainrule.errors.DataError: could not convert string to float: 'twelve'
    """
    try:
        yield
    except (ChainruleError, Warning, MemoryError):
        raise
    except TypeError as error:
        raise DataKindError(str(error)) from error
    except Exception as error:  # objects of the user's raise what they like when they are read
        raise DataError(str(error)) from error


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
