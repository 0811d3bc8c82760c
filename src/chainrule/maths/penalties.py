r"""The penalties: L1, L2, spectral norm; weight decay; the max-norm constraint."""

from __future__ import annotations

from chainrule.checks import AnyOf, Boolean, NoneValue, Real, shown
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace, real
from chainrule.maths.norms import column_norm_parts
from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.maths.power_iteration import top_singular
from chainrule.maths.schedule import SCHEDULES, Schedule

__all__ = ["L1", "L2", "L2Shared", "MaxNorm", "Spectral", "WeightDecay"]


@PENALTIES.register
@frozen
class L1(Penalty):
    r"""Add the sum of the absolute weights to the objective; many weights end at exactly zero.

    .. math:: \lambda \sum_{ij} |w_{ij}|, \qquad \text{gradient } \lambda\,\mathrm{sign}(w_{ij})

    with :math:`w` = `W` and :math:`\lambda` = `strength`. The derivative jumps at zero, where the
    slope used is 0, the middle of its subgradients.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso" (1996).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.penalties import L1
    >>> W = np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> float(L1(0.5).value(W)), L1(0.5).gradient(W).tolist()
    (3.0, [[0.5, -0.5], [0.0, 0.5]])
    """

    name = "l1"
    aliases = ("lasso",)
    rules = {"strength": Real(0)}
    latex = r"\lambda \sum_{ij} |w_{ij}|"
    gradient_latex = r"\lambda\,\mathrm{sign}(w_{ij}),\ \mathrm{sign}(0) = 0"
    source = "Tibshirani (J. Royal Statistical Society B 58, 1996)"
    strength: float = 1e-4

    def value(self, W: Array) -> Array:
        xp = namespace(W)
        # sign(Re w) w instead of |w|: the same number, and also right for a complex step.
        return float(self.strength) * xp.sum(xp.sign(real(W)) * W)

    def gradient(self, W: Array) -> Array:
        return float(self.strength) * namespace(W).sign(real(W))


@PENALTIES.register
@frozen
class L2(Penalty):
    r"""Add the squared Frobenius norm of the weights to the objective.

    .. math:: \frac{\lambda}{2} \|W\|_F^2, \qquad \text{gradient } \lambda W

    with :math:`\lambda` = `strength`. With `half=False` the factor 1/2 is left out, so that the
    value is :math:`\lambda \sum w^2` and the gradient :math:`2 \lambda W`: both are in use, and
    one is the other with twice the strength. Only with plain gradient descent is this the same as
    weight decay; an adaptive optimizer rescales the penalty's gradient too.

    Source: Hoerl, Kennard, "Ridge regression" (1970); Krogh, Hertz, "A simple weight decay can
    improve generalization" (NIPS 1991).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.penalties import L2
    >>> W = np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> float(L2(0.5).value(W)), float(L2(0.5, half=False).value(W))
    (3.5, 7.0)
    """

    name = "l2"
    aliases = ("ridge",)
    rules = {"strength": Real(0), "half": Boolean()}
    latex = r"\frac{\lambda}{2} \sum_{ij} w_{ij}^2\ \text{(half)}, \quad \lambda \sum_{ij} w_{ij}^2"
    gradient_latex = r"\lambda w_{ij}\ \text{(half)}, \quad 2 \lambda w_{ij}"
    source = "Hoerl, Kennard (Technometrics 12, 1970); Krogh, Hertz (NIPS 1991)"
    strength: float = 1e-4
    half: bool = True

    @classmethod
    def examples(cls) -> tuple[L2, ...]:
        return (cls(), cls(0.3, half=False))

    def value(self, W: Array) -> Array:
        factor = 0.5 * self.strength if self.half else self.strength
        return float(factor) * namespace(W).sum(W * W)

    def gradient(self, W: Array) -> Array:
        factor = self.strength if self.half else 2.0 * self.strength
        return float(factor) * W


@PENALTIES.register
@frozen
class L2Shared(Penalty):
    r"""Add the squared Frobenius norm of the weights, shared out over the rows of the batch.

    .. math:: \frac{\lambda}{2 \sum_i w_i} \|W\|_F^2, \qquad
              \text{gradient } \frac{\lambda}{\sum_i w_i} W

    with :math:`\lambda` = `strength` and :math:`w_i` the weights of the batch's rows (1 without
    weights). The engine divides; `value` and `gradient` are those before the division. It makes the
    objective of a batch the mean of row losses plus one prior for all rows, but a smaller batch
    feels more of it: with batches of half the size the penalty is twice as strong. scikit-learn's
    `alpha` is this penalty. :class:`L2` does not depend on the batch.

    Source: scikit-learn 1.9, `MLPClassifier`, parameter `alpha`; MacKay, "A practical Bayesian
    framework for backpropagation networks" (1992), for one prior shared by all rows.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.penalties import L2Shared
    >>> W = np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> float(L2Shared(0.5).value(W)), L2Shared(0.5).gradient(W).tolist()
    (3.5, [[0.5, -1.0], [0.0, 1.5]])
    """

    name = "l2_shared"
    shared = True
    rules = {"strength": Real(0)}
    latex = r"\frac{\lambda}{2 \sum_i w_i} \sum_{jk} w_{jk}^2"
    gradient_latex = r"\frac{\lambda}{\sum_i w_i}\, w_{jk}"
    source = "scikit-learn 1.9 (MLPClassifier, alpha); MacKay (Neural Computation 4, 1992)"
    strength: float = 1e-4

    def value(self, W: Array) -> Array:
        return 0.5 * float(self.strength) * namespace(W).sum(W * W)

    def gradient(self, W: Array) -> Array:
        return float(self.strength) * W


@PENALTIES.register
@frozen
class Spectral(Penalty):
    r"""Add the largest singular value of the weights to the objective.

    .. math:: \lambda\,\sigma_{\max}(W), \qquad \text{gradient } \lambda\,u v^T

    with :math:`\lambda` = `strength` and :math:`u, v` the unit vectors of :math:`\sigma_{\max}`.
    It is the most by which the layer can stretch a row, so it bounds how fast gradients grow
    through it. A zero matrix has value 0 and, by convention, gradient 0; where the two largest
    singular values are equal the gradient is one of the subgradients. A vector counts as one
    column, and of more than two axes the last counts the units.

    The gradient check uses differences: with a complex step `value` would have to reuse
    :math:`u, v`, and the check would prove nothing.

    Source: Yoshida, Miyato, "Spectral norm regularization for improving the generalizability of
    deep learning" (arXiv:1705.10941), who square the norm.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.penalties import Spectral
    >>> W = np.array([[3.0, 0.0], [4.0, 0.0]])
    >>> round(float(Spectral(0.5).value(W)), 12), Spectral(0.5).gradient(W).round(12).tolist()
    (2.5, [[0.3, 0.0], [0.4, 0.0]])
    """

    name = "spectral"
    analytic = False
    rules = {"strength": Real(0)}
    latex = r"\lambda\,\sigma_{\max}(W)"
    gradient_latex = r"\lambda\,u v^T,\quad W v = \sigma_{\max} u"
    source = "Yoshida, Miyato (arXiv:1705.10941); here the norm is not squared"
    strength: float = 0.01

    def value(self, W: Array) -> Array:
        sigma, _, _ = top_singular(_matrix(W))
        return namespace(W).asarray(self.strength * sigma, dtype=W.dtype)

    def gradient(self, W: Array) -> Array:
        xp = namespace(W)
        _, u, v = top_singular(_matrix(W))
        product = float(self.strength) * (u[:, None] * v[None, :])
        # Adding 0 turns the -0.0 of a zero component into 0.0.
        return xp.reshape(xp.astype(product, W.dtype), W.shape) + 0.0


class _NoTerm(Penalty):
    """What acts on the weights after the gradient, and so adds nothing to the objective."""

    def value(self, W: Array) -> Array:
        return namespace(W).zeros((), dtype=W.dtype)

    def gradient(self, W: Array) -> Array:
        return namespace(W).zeros_like(W)


@PENALTIES.register
@frozen
class WeightDecay(_NoTerm):
    r"""Shrink the weights by a fixed fraction in each update, apart from the gradient.

    .. math:: W \leftarrow (1 - \eta_t\, \lambda_t)\, W

    before the optimizer's step, with :math:`\eta_t` the learning rate of the step and
    :math:`\lambda_t` = `strength` times the factor of `schedule` (always 1 without one). With
    plain gradient descent this is :class:`L2`; with adaptive optimizers it is not, since the decay
    is not divided by the gradient's size.

    Parameters
    ----------
    strength : float
    schedule : Schedule, name of one, or None
        How the strength changes over the run; it may depend on the step only, not on scores.

    Raises
    ------
    InvalidParameterError
        The schedule needs scores.

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization" (ICLR 2019).

    Example
    -------
    >>> from chainrule.maths.penalties import WeightDecay
    >>> WeightDecay(0.01).decay(step=5, total=10)
    0.01
    >>> WeightDecay(0.01, schedule="polynomial").decay(step=5, total=10)
    0.005
    """

    name = "weight_decay"
    kind = "decay"
    rules = {"strength": Real(0), "schedule": AnyOf(SCHEDULES.any_of(), NoneValue())}
    latex = r"W \leftarrow (1 - \eta_t \lambda_t)\, W"
    gradient_latex = r"0\ \text{(not part of the objective)}"
    source = "Loshchilov, Hutter (ICLR 2019, arXiv:1711.05101)"
    strength: float = 0.01
    schedule: Schedule | str | None = None

    @classmethod
    def examples(cls) -> tuple[WeightDecay, ...]:
        return (cls(), cls(0.05, schedule="cosine"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule is not None:  # a name and the record it stands for are the same penalty
            object.__setattr__(self, "schedule", SCHEDULES.make(self.schedule))

    def check(self) -> None:
        super().check()
        if self.schedule is not None and SCHEDULES.make(self.schedule).needs_score:
            raise InvalidParameterError(
                "a decay cannot follow validation scores",
                where="WeightDecay.schedule",
                expected="a schedule of the step alone",
                got=shown(self.schedule),
            )

    def decay(self, step: int, total: int) -> float:
        factor = 1.0 if self.schedule is None else SCHEDULES.make(self.schedule).factor(step, total)
        return float(self.strength) * factor


@PENALTIES.register
@frozen
class MaxNorm(_NoTerm):
    r"""Keep the incoming weights of every unit within a ball.

    .. math:: w_j \leftarrow w_j \cdot \min(1, c / \|w_j\|_2)

    after each update, with :math:`w_j` = column j of `W (d_in, d_out)` and :math:`c` = `limit`. A
    vector counts as one column.

    Source: Srebro, Shraibman (COLT 2005); Srivastava et al., "Dropout" (JMLR 15, 2014),
    section 5.1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.penalties import MaxNorm
    >>> MaxNorm(2.5).project(np.array([[3.0, 0.1], [4.0, 0.2]])).tolist()
    [[1.5, 0.1], [2.0, 0.2]]
    """

    name = "max_norm"
    kind = "projection"
    rules = {"limit": Real(0, closed="neither")}
    latex = r"w_j \leftarrow w_j \cdot \min(1, c / \|w_j\|_2)"
    gradient_latex = r"0\ \text{(not part of the objective)}"
    source = "Srivastava et al. (JMLR 15, 2014), section 5.1"
    limit: float = 3.0

    def project(self, W: Array) -> Array:
        xp = namespace(W)
        limit = float(self.limit)
        largest, relative = column_norm_parts(W)
        above = largest * relative > limit
        shortened = W / largest * (limit / xp.where(above, relative, xp.ones_like(relative)))
        return xp.where(above, shortened, W)


def _matrix(W: Array) -> Array:
    xp = namespace(W)
    return xp.reshape(W, (-1, 1 if W.ndim < 2 else W.shape[-1]))
