"""The objective of a plain network in the arithmetic of scikit-learn, for L-BFGS.

Decisions
---------
a) L-BFGS on a network with kinks is chaotic: a difference in the last bit of one gradient grows
   until two runs end in different minima, either of which may be the lower one. "The same start
   reaches a loss no higher" can therefore be kept in one way only: by walking scikit-learn's path
   to the bit, and by going on from its end.
b) So NumPy computes this one, with the operations, the order of sums and the order of parameters
   (all matrices, then all biases) that scikit-learn 1.9 has; a sparse X stays sparse, as there. The
   laws prove the engines' gradients; that this one is theirs is a test.
c) Where scikit-learn's way is not one down the objective, it only leads to where the search in
   float64 begins. There are three such cases. It evaluates float32 data at weights rounded to
   float32 and mixes the types as NumPy does. With several outputs of a squared error it takes the
   mean over them for the value, but the gradient of their sum. And rows of weight zero stay in its
   sums, whose last bits they change.
d) It serves the networks that scikit-learn has. Everything else, `optimizer=cr.LBFGS()` included,
   runs on the engine.
e) Probabilities are clipped in the reported loss, as there: it is flat where a row is wrong with a
   probability beyond the number type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.protocol import Rows
from chainrule.estimators.network import affine_slots
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.loss import Loss
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import Poisson
from chainrule.maths.losses_regression import SquaredError
from chainrule.plan.plan import Plan

__all__ = ["PlainObjective", "plain_activation", "plain_objectives", "rows_as_given"]

_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
_LOSSES: tuple[Loss, ...] = (
    BinaryCrossEntropy(),
    SoftmaxCrossEntropy(),
    SquaredError(scale=0.5),
    Poisson(),
)


def rows_as_given(
    X: Any, Y: np.ndarray, weights: np.ndarray | None, target: np.dtype[Any], weight: object
) -> Rows:
    """Return rows in the number types that scikit-learn would compute with, all that were given.

    Parameters
    ----------
    X : (N, d) array or sparse matrix
    Y : (N, K) array
    weights : (N,) array, optional
    target : dtype
        What the targets are there: truth values for classes, else what was given.
    weight : object
        The weights as they were given.
    """
    if weights is not None and getattr(weight, "dtype", None) == np.float32:
        weights = weights.astype(np.float32)
    return Rows(X, Y.astype(target), weights)


def plain_activation(estimator: Any, plan: Plan) -> str | None:
    """Return the activation if scikit-learn's "lbfgs" trains this very network, else None."""
    built = estimator.network is None and estimator.normalization is None
    plain = built and estimator.optimizer is None and estimator.solver == "lbfgs"
    noiseless = np.all(np.asarray(estimator.dropout) == 0) and not estimator.residual
    if not (plain and noiseless and estimator.penalties is None and plan.loss in _LOSSES):
        return None
    if isinstance(estimator.activation, (list, tuple)):
        return None
    chosen = ACTIVATIONS.make(estimator.activation)
    return next((name for name in _ACTIVATIONS if ACTIVATIONS.make(name) == chosen), None)


def plain_objectives(
    plan: Plan, given: Rows, activation: str, alpha: float
) -> tuple[PlainObjective, PlainObjective | None]:
    """Return the objective in float64, and scikit-learn's where that is another one."""
    counted = given
    if given.weights is not None and not given.weights.all():
        counted = given.take(given.weights > 0)
    weights = None if counted.weights is None else counted.weights.astype(np.float64)
    X: Any = counted.X.astype(np.float64, copy=False)
    exact = PlainObjective(plan, Rows(X, counted.Y.astype(np.float64), weights), activation, alpha)
    averaged = isinstance(plan.loss, SquaredError) and plan.targets > 1
    rounded = given.weights is not None and given.weights.dtype != np.float64
    same = counted is given and given.X.dtype == np.float64
    if same and not averaged and not rounded:
        return exact, None
    return exact, PlainObjective(plan, given, activation, alpha, averaged)


class PlainObjective:
    """Value and gradient of a plain network, at a vector of all matrices and then all biases.

    Parameters
    ----------
    plan : Plan
    rows : Rows
        X may be sparse. In float64, or as they were given.
    activation : str
        One of scikit-learn's names.
    alpha : float
    averaged : bool
        Return the mean over the outputs, with the gradient of their sum.
    """

    def __init__(
        self, plan: Plan, rows: Rows, activation: str, alpha: float, averaged: bool = False
    ) -> None:
        self.rows, self.alpha, self.loss = rows, alpha, plan.loss
        self.averaged, self.value = averaged, np.inf
        self.activate, self.slope = _FORWARD[activation], _BACKWARD[activation]
        matrices, biases = affine_slots(plan)
        self.shapes = [slot.shape for slot in matrices]
        slots = [*matrices, *biases]
        self.places = np.concatenate([np.arange(slot.start, slot.stop) for slot in slots])
        ends = np.cumsum([slot.stop - slot.start for slot in slots])
        self.parts = [slice(end - (s.stop - s.start), end) for s, end in zip(slots, ends)]  # noqa: B905 - one end for each slot
        self.mass = float(rows.X.shape[0]) if rows.weights is None else rows.weights.sum()

    def enter(self, flat: np.ndarray) -> np.ndarray:
        """Return the point of a plan's flat vector, in the type of X."""
        return flat[self.places].astype(self.rows.X.dtype)

    def leave(self, point: np.ndarray) -> np.ndarray:
        """Return the plan's flat vector of a point."""
        flat = np.empty(len(self.places))
        flat[self.places] = point
        return flat

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return objective and gradient."""
        layers = len(self.shapes)
        Ws = [point[part].reshape(s) for part, s in zip(self.parts, self.shapes, strict=False)]
        Hs = [self.rows.X]
        for layer, W in enumerate(Ws):
            Z = Hs[-1] @ W
            Z += point[self.parts[layers + layer]]
            if layer < layers - 1:
                self.activate(Z)
            Hs.append(Z)
        P = self._linked(Hs[-1])
        squares = 0.0
        for W in Ws:
            squares += np.dot(W.ravel(), W.ravel())
        penalty = (0.5 * self.alpha) * squares / self.mass
        terms = self._data_terms(P)
        self.value = float(terms.sum() + penalty)
        value = float(terms.mean() + penalty) if self.averaged else self.value
        return value, self._gradient(Ws, Hs, P)

    def _gradient(self, Ws: list[np.ndarray], Hs: list[np.ndarray], P: np.ndarray) -> np.ndarray:
        gradient = np.empty(len(self.places))
        dZ = P - self.rows.Y
        if self.rows.weights is not None:
            dZ *= self.rows.weights.reshape(-1, 1)
        for layer in reversed(range(len(Ws))):
            dW = Hs[layer].T @ dZ
            dW += self.alpha * Ws[layer]
            dW /= self.mass
            gradient[self.parts[layer]] = dW.ravel()
            gradient[self.parts[len(Ws) + layer]] = np.sum(dZ, axis=0) / self.mass
            if layer:
                dZ = dZ @ Ws[layer].T
                self.slope(Hs[layer], dZ)
        return gradient

    def _linked(self, Z: np.ndarray) -> np.ndarray:
        if isinstance(self.loss, SquaredError):
            return Z
        if isinstance(self.loss, Poisson):
            return np.exp(Z)
        if isinstance(self.loss, BinaryCrossEntropy):
            from scipy.special import expit

            return expit(Z)
        exponentials = np.exp(Z - Z.max(axis=1)[:, np.newaxis])
        exponentials /= exponentials.sum(axis=1)[:, np.newaxis]
        return exponentials

    def _data_terms(self, P: np.ndarray) -> np.ndarray:
        """Return the term of each output."""
        from scipy.special import xlogy

        Y, weights = self.rows.Y, self.rows.weights
        if isinstance(self.loss, SquaredError):
            return 0.5 * np.average((Y - P) ** 2, weights=weights, axis=0)
        if isinstance(self.loss, Poisson):
            return np.average(xlogy(Y, Y / P) - Y + P, weights=weights, axis=0)
        least = np.finfo(P.dtype).eps
        P = np.clip(P, least, 1 - least)
        terms = xlogy(Y, P)
        if isinstance(self.loss, BinaryCrossEntropy):
            terms = terms + xlogy(1 - Y, 1 - P)
        return -np.average(terms, weights=weights, axis=0)


def _identity(Z: np.ndarray) -> None:
    pass


def _logistic(Z: np.ndarray) -> None:
    from scipy.special import expit

    expit(Z, out=Z)


def _tanh(Z: np.ndarray) -> None:
    np.tanh(Z, out=Z)


def _relu(Z: np.ndarray) -> None:
    np.maximum(Z, 0, out=Z)


def _identity_slope(H: np.ndarray, dH: np.ndarray) -> None:
    pass


def _logistic_slope(H: np.ndarray, dH: np.ndarray) -> None:
    dH *= H
    dH *= 1 - H


def _tanh_slope(H: np.ndarray, dH: np.ndarray) -> None:
    dH *= 1 - H**2


def _relu_slope(H: np.ndarray, dH: np.ndarray) -> None:
    dH[H == 0] = 0


_FORWARD: dict[str, Callable[[np.ndarray], None]] = {
    "identity": _identity,
    "logistic": _logistic,
    "tanh": _tanh,
    "relu": _relu,
}
_BACKWARD: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "identity": _identity_slope,
    "logistic": _logistic_slope,
    "tanh": _tanh_slope,
    "relu": _relu_slope,
}
