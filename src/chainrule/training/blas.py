"""One BLAS thread, wherever NumPy's or SciPy's products decide the bits of a run.

A BLAS library splits a large product among its threads, and so sums in an order that depends on
how many there are. The compiled engine has its own products, which do not. The reference engine
calls NumPy's, and so may a loss in Python; L-BFGS is SciPy's, which does its algebra with a BLAS of
its own. All these run on one thread, so that a seed means the same weights whatever the machine's
number of processors.

The limit is the process's: another thread's products are slower meanwhile, never wrong. It is set
by threadpoolctl, which comes with scikit-learn; without it the library's own setting holds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

__all__ = ["one_blas_thread"]


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS runs on one thread.

    Example
    -------
    >>> from chainrule.training.blas import one_blas_thread
    >>> with one_blas_thread():
    ...     pass
    """
    import_module("scipy.optimize")  # only a BLAS that is loaded can be limited
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(limits=1, user_api="blas")
