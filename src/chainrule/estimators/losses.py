"""Which loss is trained, by the names that scikit-learn gives, the registry's, or a function.

Decisions
---------
a) The names `"squared_error"` and `"log_loss"` mean what they mean in scikit-learn: half of the
   squared error, and the cross-entropy that fits the target. Every other name is the registry's,
   with its defaults; a record is taken as it is.
b) With several outputs the squared error is *summed* over them. The gradient is then the derivative
   of the reported loss, and it is the gradient that scikit-learn's sgd and adam follow, so the
   weights are the same. The loss that scikit-learn reports is the mean over the outputs, of which
   its gradient is not the derivative; ours is larger by the number of outputs. `tol` is what the
   mean must gain, so that patience ends where it does there.
c) The Poisson loss is reported with the constant that makes a perfect fit 0, as there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError, UnknownNameError, UsageError
from chainrule.frozen import frozen
from chainrule.maths.activations_rows import Softmax
from chainrule.maths.activations_smooth import Identity, Sigmoid
from chainrule.maths.arrays import Array
from chainrule.maths.elementary import weighted_log
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import GaussianNLL, Poisson
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.targets import real_targets
from chainrule.registry import Record, suggest

__all__ = [
    "FunctionLoss",
    "FunctionOfClasses",
    "FunctionOfLabels",
    "classifier_loss",
    "constant_term",
    "constant_terms",
    "deviations",
    "output_name",
    "outputs_in_loss",
    "regressor_loss",
]


@frozen
class FunctionLoss(Loss):
    r"""A loss of the user: a function of raw outputs and targets that returns value and gradient.

    .. math:: (J_i, \partial J_i / \partial z_{ik}) = f(z, y)

    It is Python, so the compiled engine calls it once a step, with the whole batch. Register a
    `Loss` of your own to have it checked by the laws, stored in model files, and named.

    Parameters
    ----------
    function : callable
        `function(raw, Y)`, both `(N, K)`, returns the loss of each row `(N,)` and its derivative by
        the raw outputs `(N, K)`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.estimators.losses import FunctionLoss
    >>> loss = FunctionLoss(lambda raw, Y: (((raw - Y) ** 4).sum(axis=1), 4 * (raw - Y) ** 3))
    >>> loss.value(np.array([[2.0]]), np.array([[0.0]]))
    array([16.])
    """

    name = "function"
    link = Identity()
    analytic = False
    latex = r"J_i = f(z_i, y_i)"
    source = "given by the user"
    metrics = ("r2", "rmse", "mae")

    function: Callable[[Array, Array], tuple[Array, Array]]

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        return real_targets(y, width)

    def value_and_gradient(self, raw: Array, Y: Array) -> tuple[Array, Array]:
        return self.function(raw, Y)

    def value(self, raw: Array, Y: Array) -> Array:
        return self.function(raw, Y)[0]

    def gradient(self, raw: Array, Y: Array) -> Array:
        return self.function(raw, Y)[1]


@frozen
class FunctionOfLabels(FunctionLoss):
    r"""A loss of the user for two classes, or for several labels that may be true at once.

    The targets are 0 and 1 `(N, K)`, one column for two classes; the probabilities are
    :math:`\sigma(z)`.

    Parameters
    ----------
    function : callable

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.estimators.losses import FunctionOfLabels
    >>> hinge = lambda raw, Y: (
    ...     np.maximum(0, 1 - (2 * Y - 1) * raw).sum(axis=1),
    ...     np.where((2 * Y - 1) * raw < 1, 1 - 2 * Y, 0.0),
    ... )
    >>> FunctionOfLabels(hinge).gradient(np.array([[0.5], [2.0]]), np.array([[1.0], [1.0]]))
    array([[-1.],
           [ 0.]])
    """

    task = "classification"
    link = Sigmoid()
    metrics = ("accuracy",)


@frozen
class FunctionOfClasses(FunctionLoss):
    """A loss of the user for one of K classes: targets one-hot, probabilities by softmax.

    Parameters
    ----------
    function : callable

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.estimators.losses import FunctionOfClasses
    >>> loss = FunctionOfClasses(lambda raw, Y: (((raw - Y) ** 2).sum(axis=1), 2 * (raw - Y)))
    >>> loss.value(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    array([2.])
    """

    task = "classification"
    link = Softmax()
    metrics = ("accuracy",)


def regressor_loss(spec: Any) -> Loss:
    """Return the loss of a regressor from its parameter.

    Raises
    ------
    InvalidParameterError, UnknownNameError
        No such loss, or one for classes.

    Example
    -------
    >>> from chainrule.estimators.losses import regressor_loss
    >>> regressor_loss("squared_error")
    SquaredError(scale=0.5, over_outputs='sum')
    """
    if isinstance(spec, str) and spec == "squared_error":
        return SquaredError(scale=0.5)
    return _for_task(spec, "regression")


def classifier_loss(spec: Any, multiclass: bool) -> Loss:
    """Return the loss of a classifier from its parameter and the kind of target.

    Raises
    ------
    InvalidParameterError, UnknownNameError
        No such loss, or one for numbers.
    """
    if isinstance(spec, str) and spec == "log_loss":
        return SoftmaxCrossEntropy() if multiclass else BinaryCrossEntropy()
    return _for_task(spec, "classification", FunctionOfClasses if multiclass else FunctionOfLabels)


_DEFAULTS = {"regression": "squared_error", "classification": "log_loss"}


def _for_task(spec: Any, task: str, of_function: type[FunctionLoss] = FunctionLoss) -> Loss:
    own = callable(spec) and not isinstance(spec, (str, Record))
    if isinstance(spec, str) and spec not in LOSSES:
        names = [cls.name for cls in LOSSES if cls.task == task]
        names += ["log_loss"] if task == "classification" else []
        raise UnknownNameError(
            f"there is no loss for {task} called {shown(spec)}",
            where="loss",
            expected="one of " + ", ".join(names),
            got=shown(spec),
            do=suggest(spec, names) or f"choose {_DEFAULTS[task]!r}, or another one of these",
        )
    loss: Loss = of_function(cast(Any, spec)) if own else LOSSES.make(spec)
    if loss.task != task:
        raise InvalidParameterError(
            f"the loss {loss.name} does not fit the estimator",
            where="loss",
            expected=f"a loss for {task}",
            got=f"a loss for {loss.task}",
            do=f"choose {_DEFAULTS[task]!r}, or another loss for {task}",
        )
    return loss


def constant_term(loss: Loss, Y: np.ndarray, weights: np.ndarray | None) -> float:
    r"""Return what is added to the reported loss: for Poisson, the mean of y log y - y.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.estimators.losses import constant_term, regressor_loss
    >>> constant_term(regressor_loss("poisson"), np.array([[1.0], [1.0]]), None)
    -1.0
    """
    terms = constant_terms(loss, Y)
    return 0.0 if terms is None else float(np.average(terms, weights=weights))


def constant_terms(loss: Loss, Y: np.ndarray) -> np.ndarray | None:
    """Return what is added to the reported loss of each row `(N,)`; None where that is nothing."""
    if not isinstance(loss, Poisson):
        return None
    terms = np.sum(weighted_log(Y, Y) - Y, axis=1)
    return terms / Y.shape[1] if loss.over_outputs == "mean" else terms


def outputs_in_loss(loss: Loss, targets: int) -> int:
    """Return how many times scikit-learn's mean over the outputs the reported loss is.

    Example
    -------
    >>> from chainrule.estimators.losses import outputs_in_loss, regressor_loss
    >>> outputs_in_loss(regressor_loss("squared_error"), 3)
    3
    """
    return targets if loss == SquaredError(scale=0.5) else 1


def deviations(loss: Loss, P: np.ndarray, targets: int) -> np.ndarray:
    r"""Return the standard deviations that a likelihood predicts, `(N, K)`.

    A Gaussian has a variance of its own for each row; a Poisson count of mean :math:`\mu` has
    :math:`\sqrt{\mu}`.

    Raises
    ------
    UsageError
        The loss says nothing of the spread.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.estimators.losses import deviations, regressor_loss
    >>> deviations(regressor_loss("poisson"), np.array([[4.0]]), 1)
    array([[2.]])
    """
    if isinstance(loss, GaussianNLL):
        return np.sqrt(P[:, targets:])
    if isinstance(loss, Poisson):
        return np.sqrt(P)
    raise UsageError(
        "this loss predicts no standard deviation",
        where="return_std",
        got=f"the loss {loss.name}",
        do='fit with loss="gaussian_nll", or with "poisson" for counts',
    )


_OUTPUT_NAMES = {"sigmoid": "logistic", "exponential": "exp"}


def output_name(loss: Loss) -> str:
    """Return the name of the output activation as scikit-learn has it."""
    return _OUTPUT_NAMES.get(loss.link.name, loss.link.name)
