"""Augmentations of any rows of numbers: noise, dropped features, and mixtures of two rows."""

from __future__ import annotations

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation, Draws

__all__ = ["GROUP", "FeatureDropout", "Mixup", "Noise"]

GROUP = 1024
"""Positions of an epoch among which rows find their partner."""


@AUGMENTATIONS.register
@frozen
class Noise(Augmentation):
    r"""Add normal noise to every feature.

    .. math:: x' = x + \sigma \varepsilon, \qquad \varepsilon \sim N(0, 1)

    with :math:`\sigma` = `deviation`, in units of the encoded features: after standardisation, of
    their standard deviation.

    Parameters
    ----------
    deviation : float

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization" (Neural
    Computation 7, 1995).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X = np.zeros((2, 2))
    >>> Noise(0.1).apply(X, X, Draws(0, 0, 0, first=0, rows=2))[0].round(3).tolist()
    [[0.161, -0.236], [0.042, 0.256]]
    """

    name = "noise"
    rules = {"deviation": Real(0)}
    latex = r"x' = x + \sigma \varepsilon, \quad \varepsilon \sim N(0, 1)"
    source = "Bishop (Neural Computation 7, 1995)"
    deviation: float = 0.1

    @classmethod
    def examples(cls) -> tuple[Noise, ...]:
        return (cls(), cls(0.5))

    def apply(self, X: np.ndarray, Y: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        noise = draws.normal(X[0].size).reshape(X.shape)
        return (X + self.deviation * noise).astype(X.dtype), Y


@AUGMENTATIONS.register
@frozen
class FeatureDropout(Augmentation):
    r"""Replace each feature by a constant with a given probability.

    .. math:: x'_j = m_j x_j + (1 - m_j)\,c, \qquad P(m_j = 0) = r

    with :math:`r` = `rate` and :math:`c` = `value`: after standardisation, 0 is the feature's mean.
    Unlike `nn.Dropout` on the inputs it does not scale what is left, so a row with nothing dropped
    looks as it does in prediction.

    Parameters
    ----------
    rate : float
    value : float

    Source: Vincent et al., "Extracting and composing robust features with denoising autoencoders"
    (ICML 2008), section 2.3.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X = np.ones((2, 6))
    >>> FeatureDropout(0.5).apply(X, X, Draws(0, 0, 0, first=0, rows=2))[0].tolist()
    [[0.0, 1.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    """

    name = "feature_dropout"
    rules = {"rate": Real(0, 1, closed="left"), "value": Real()}
    latex = r"x'_j = m_j x_j + (1 - m_j)\,c, \quad P(m_j = 0) = r"
    source = "Vincent et al. (ICML 2008), section 2.3"
    rate: float = 0.1
    value: float = 0.0

    @classmethod
    def examples(cls) -> tuple[FeatureDropout, ...]:
        return (cls(), cls(0.3, value=-1.0))

    def apply(self, X: np.ndarray, Y: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        kept = draws.keep(X[0].size, self.rate).reshape(X.shape)
        return np.where(kept, X, X.dtype.type(self.value)), Y


@AUGMENTATIONS.register
@frozen
class Mixup(Augmentation):
    r"""Replace each row and its target by a mixture with a second row of the epoch.

    .. math:: x' = \lambda x + (1 - \lambda)\,\tilde x, \quad
              y' = \lambda y + (1 - \lambda)\,\tilde y, \qquad
              \lambda \sim \mathrm{Beta}(\alpha, \alpha)

    with :math:`\alpha` = `alpha` and :math:`(\tilde x, \tilde y)` a row among the 1,024
    neighbouring positions of the (shuffled) epoch, as it is before it is mixed itself. A small
    `alpha` leaves most rows almost as they are. The row keeps its weight. Beta numbers come from
    Bailey's polar form of Student's t:
    :math:`\lambda = \tfrac12 (1 + t / \sqrt{2\alpha + t^2})` with :math:`2\alpha` degrees of
    freedom, which needs no rejection, so every row takes the same count of random numbers.

    Parameters
    ----------
    alpha : float

    Source: Zhang et al., "mixup: beyond empirical risk minimization" (ICLR 2018,
    arXiv:1710.09412); Bailey, "Polar generation of random variates with the t-distribution"
    (Mathematics of Computation 62, 1994).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X, Y = np.arange(4.0)[:, None], np.eye(4)
    >>> mixed, soft = Mixup(0.4).apply(X, Y, Draws(0, 0, 0, first=0, rows=4))
    >>> (
    ...     bool((mixed[:, 0] - soft @ np.arange(4.0) < 1e-12).all()),
    ...     soft.sum(axis=1).round(9).tolist(),
    ... )
    (True, [1.0, 1.0, 1.0, 1.0])
    """

    name = "mixup"
    rules = {"alpha": Real(0, closed="neither")}
    latex = (
        r"x' = \lambda x + (1 - \lambda)\,\tilde x, \quad y' = \lambda y + (1 - \lambda)\,\tilde y,"
        r" \quad \lambda \sim \mathrm{Beta}(\alpha, \alpha)"
    )
    source = "Zhang et al. (ICLR 2018, arXiv:1710.09412)"
    alpha: float = 0.2

    @classmethod
    def examples(cls) -> tuple[Mixup, ...]:
        return (cls(), cls(1.0))

    def apply(self, X: np.ndarray, Y: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        share = self._shares(draws).astype(X.dtype)
        partner = _partners(draws)
        tall = share.reshape(-1, *[1] * (X.ndim - 1))
        mixed = tall * X + (1 - tall) * X[partner]
        soft = share[:, None] * Y + (1 - share[:, None]) * Y[partner]
        return mixed.astype(X.dtype), soft.astype(Y.dtype)

    def _shares(self, draws: Draws) -> np.ndarray:
        uniform = draws.uniform(2, "share")
        across = np.cos(2.0 * np.pi * uniform[:, 1])
        with np.errstate(over="ignore", divide="ignore"):
            square = np.expm1(-np.log(uniform[:, 0]) / self.alpha) * across**2  # t^2 / (2 alpha)
            return 0.5 * (1.0 + np.sign(across) / np.sqrt(1.0 + 1.0 / square))


def _partners(draws: Draws) -> np.ndarray:
    """Return a row for each row, within its group of positions."""
    position = np.arange(draws.first, draws.first + draws.rows)
    start = np.maximum(position // GROUP * GROUP, draws.first)
    end = np.minimum((position // GROUP + 1) * GROUP, draws.first + draws.rows)
    chosen = start + np.floor(draws.uniform(1, "partner")[:, 0] * (end - start)).astype(np.int64)
    return chosen - draws.first
