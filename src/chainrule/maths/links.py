"""Links that only losses use: from raw outputs to the predictions of a loss.

The others are activations: identity, sigmoid, softmax. These two stay out of the registry of
activations because a hidden layer of them is never wanted.
"""

from __future__ import annotations

from chainrule.frozen import frozen
from chainrule.maths.activation import Activation
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.elementary import exponential

__all__ = ["Exponential", "GaussianLink", "halves"]


@frozen
class Exponential(Activation):
    r"""Turn a log-mean into a mean: :math:`p = e^z`, with slope :math:`p`.

    Above the largest number of the type (z = 709.78 in float64, 88.72 in float32) the mean is
    infinite, without a warning.

    Shapes: Z and P `(N, K)`.

    Source: McCullagh, Nelder, "Generalized linear models" (2nd edition, 1989), section 6.2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.links import Exponential
    >>> Exponential().value(np.array([0.0, 1.0, 1000.0]))
    array([1.        , 2.71828183,        inf])
    """

    name = "exponential"
    latex = r"p = e^{z}"
    slope_latex = r"\frac{dp}{dz} = p"
    numpy = "np.exp(Z)"
    slope_numpy = "H"
    range = r"(0, \infty)"
    needs = "output"
    source = "McCullagh, Nelder, Generalized linear models (1989), section 6.2"

    def value(self, Z: Array, **learned: Array) -> Array:
        return exponential(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return H


@frozen
class GaussianLink(Activation):
    r"""Turn raw outputs into means and variances: :math:`(\mu, s) \mapsto (\mu, e^s)`.

    A row of raw outputs holds K means :math:`\mu`, then K log-variances s; the prediction holds the
    K means, then the K variances. Backward: :math:`ds = d\sigma^2 \odot e^s`.

    Shapes: Z and P `(N, 2 K)`.

    Source: Nix, Weigend, "Estimating the mean and variance of the target probability distribution"
    (ICNN 1994).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.links import GaussianLink
    >>> GaussianLink().value(np.array([[3.0, 0.0], [5.0, 1.0]]))
    array([[3.        , 1.        ],
           [5.        , 2.71828183]])
    """

    name = "gaussian"
    elementwise = False
    latex = r"(\mu, s) \mapsto (\mu, \sigma^2), \quad \sigma^2 = e^{s}"
    slope_latex = (
        r"\frac{\partial \mu}{\partial \mu} = 1, \quad"
        r" \frac{\partial \sigma^2}{\partial s} = \sigma^2"
    )
    numpy = "np.concatenate([Z[:, : Z.shape[1] // 2], np.exp(Z[:, Z.shape[1] // 2 :])], axis=1)"
    domain = r"\mathbb{R}^{2K}"
    range = r"\mathbb{R}^K \times (0, \infty)^K"
    needs = "output"
    source = "Nix, Weigend (ICNN 1994)"

    def value(self, Z: Array, **learned: Array) -> Array:
        mean, log_variance = halves(Z)
        return namespace(Z).concat([mean, exponential(log_variance)], axis=-1)

    def backward(self, dH: Array, Z: Array, H: Array, **learned: Array) -> Array:
        by_mean, by_variance = halves(dH)
        return namespace(H).concat([by_mean, by_variance * halves(H)[1]], axis=-1)


def halves(array: Array) -> tuple[Array, Array]:
    """Return the first and the second half of the columns of a `(N, 2 K)` array."""
    width = array.shape[-1] // 2
    return array[..., :width], array[..., width:]
