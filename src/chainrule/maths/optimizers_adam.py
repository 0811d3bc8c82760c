r"""The Adam family: running means of the gradient and of its square.

Decisions
---------
a) One abstract class holds the four shared fields and the two running means; a member adds only
   what it does differently.
b) `epsilon` is added after the bias correction, as in the paper's algorithm. The paper's faster
   form, which scikit-learn uses, adds it before; for the same number that makes it larger by the
   correction's inverse root. It is a member of its own, `adam_epsilon_hat`.
c) What NAdam needs besides the slots is a function of the step number, and is computed from it:
   no optimizer keeps a hidden counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.step_size import step_size

__all__ = ["AMSGrad", "Adam", "AdamEpsilonHat", "AdamW", "NAdam"]

_FIRST = r"m \leftarrow \beta_1 m + (1 - \beta_1) g"
_SECOND = r"s \leftarrow \beta_2 s + (1 - \beta_2) g^2"
_STEP = r"w \leftarrow w - \eta\,\frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}"
_LARGEST_STEP = _STEP.replace("{s /", r"{\hat s /")
_RULES = {
    "learning_rate": Real(0, closed="neither"),
    "beta1": Real(0, 1, closed="left"),
    "beta2": Real(0, 1, closed="left"),
    "epsilon": Real(0, closed="neither"),
}


@frozen
class _AdamFamily(Optimizer):
    """The two running means, and the size by which steps are divided."""

    rules = _RULES
    slots = ("mean", "mean_square")
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _means(self, gradient: Array, slots: Mapping[str, Array]) -> tuple[Array, Array]:
        beta1, beta2 = float(self.beta1), float(self.beta2)
        mean = beta1 * slots["mean"] + (1.0 - beta1) * gradient
        mean_square = beta2 * slots["mean_square"] + (1.0 - beta2) * (gradient * gradient)
        return mean, mean_square

    def _size(self, mean_square: Array, step: int) -> Array:
        corrected = mean_square / (1.0 - float(self.beta2) ** step)
        return namespace(mean_square).sqrt(corrected) + float(self.epsilon)

    def _adam(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        mean, mean_square = self._means(gradient, slots)
        direction = mean / (1.0 - float(self.beta1) ** step) / self._size(mean_square, step)
        new = weights - step_size(rate, weights) * direction
        return new, {"mean": mean, "mean_square": mean_square}


@OPTIMIZERS.register
@frozen
class Adam(_AdamFamily):
    r"""Step along a running mean of the gradient, divided by the root of its running mean square.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
        s \leftarrow \beta_2 s + (1 - \beta_2) g^2, \quad
        w \leftarrow w - \eta\,\frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}

    with :math:`m, s` = slots `mean`, `mean_square`; :math:`\beta_1, \beta_2` = `beta1`, `beta2`;
    :math:`t` = `step`; :math:`\eta` = `rate`; :math:`\epsilon` = `epsilon`. The divisors correct
    for means that start at 0, so the first step has the length of the rate.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import Adam
    >>> zero = np.array([0.0])
    >>> slots = {"mean": zero, "mean_square": zero}
    >>> weights, slots = Adam(0.1).update(np.array([1.0]), np.array([5.0]), slots, 1, rate=0.1)
    >>> weights.round(7).tolist(), slots["mean"].round(12).tolist()
    ([0.9], [0.5])
    """

    name = "adam"
    latex = _STEP
    update_latex = (_FIRST, _SECOND, _STEP)
    source = "Kingma, Ba (ICLR 2015, arXiv:1412.6980), algorithm 1"

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        return self._adam(weights, gradient, slots, step, rate)


@OPTIMIZERS.register
@frozen
class AdamEpsilonHat(_AdamFamily):
    r"""Adam in the paper's faster form: both corrections in the rate, `epsilon` outside of them.

    .. math::
        w \leftarrow w - \eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,
        \frac{m}{\sqrt{s} + \hat\epsilon}

    with :math:`m, s` as in :class:`Adam`, :math:`t` = `step`, :math:`\eta` = `rate` and
    :math:`\hat\epsilon` = `epsilon`. It is Adam with :math:`\epsilon = \hat\epsilon /
    \sqrt{1 - \beta_2^t}`, which matters only for gradients about as small as epsilon, and is what
    scikit-learn computes.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization" (ICLR 2015), end of section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import AdamEpsilonHat
    >>> zero, optimizer = np.array([0.0]), AdamEpsilonHat(0.1)
    >>> slots = {"mean": zero, "mean_square": zero}
    >>> weights, slots = optimizer.update(np.array([1.0]), np.array([5.0]), slots, 1, rate=0.1)
    >>> weights.round(7).tolist()
    [0.9]
    """

    name = "adam_epsilon_hat"
    latex = (
        r"w \leftarrow w - \eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,"
        r"\frac{m}{\sqrt{s} + \hat\epsilon}"
    )
    update_latex = (_FIRST, _SECOND, latex)
    source = "Kingma, Ba (ICLR 2015, arXiv:1412.6980), end of section 2"

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        mean, mean_square = self._means(gradient, slots)
        root = (1.0 - float(self.beta2) ** step) ** 0.5
        correction = root / (1.0 - float(self.beta1) ** step)
        direction = correction * mean
        direction = direction / (namespace(weights).sqrt(mean_square) + float(self.epsilon))
        new = weights - step_size(rate, weights) * direction
        return new, {"mean": mean, "mean_square": mean_square}


@OPTIMIZERS.register
@frozen
class AdamW(_AdamFamily):
    r"""Adam with weight decay apart from the gradient.

    .. math:: w \leftarrow (1 - \eta \lambda)\,w, \quad\text{then Adam's step with }\eta

    with :math:`\lambda` = `weight_decay` and :math:`\eta` = `rate`. The decay is applied by
    whoever calls `update`, before it, as with every decoupled decay (`decay()` states it).

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization" (ICLR 2019), algorithm 2.

    Example
    -------
    >>> from chainrule.maths.optimizers import AdamW
    >>> AdamW(1e-3, weight_decay=0.02).decay()
    0.02
    """

    name = "adamw"
    rules = {**_RULES, "weight_decay": Real(0)}
    latex = r"w \leftarrow (1 - \eta \lambda)\,w, \quad " + _STEP
    update_latex = (r"w \leftarrow (1 - \eta \lambda)\,w", _FIRST, _SECOND, _STEP)
    source = "Loshchilov, Hutter (ICLR 2019, arXiv:1711.05101), algorithm 2"
    weight_decay: float = 0.01

    def decay(self) -> float:
        return float(self.weight_decay)

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        return self._adam(weights, gradient, slots, step, rate)


@OPTIMIZERS.register
@frozen
class AMSGrad(_AdamFamily):
    r"""Adam that divides by the largest running mean square so far, so its steps never grow again.

    .. math::
        \hat s \leftarrow \max(\hat s, s), \quad w \leftarrow w -
        \eta\,\frac{m / (1 - \beta_1^t)}{\sqrt{\hat s / (1 - \beta_2^t)} + \epsilon}

    with :math:`m, s` as in :class:`Adam` and :math:`\hat s` = slot `largest_mean_square`. The paper
    has no bias corrections; with them (as in PyTorch) the first steps have Adam's length.

    Source: Reddi, Kale, Kumar, "On the convergence of Adam and beyond" (ICLR 2018), algorithm 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import AMSGrad
    >>> slots = {name: np.array([1.0]) for name in AMSGrad.slots}
    >>> _, slots = AMSGrad().update(np.array([0.0]), np.array([0.0]), slots, 2, rate=0.1)
    >>> float(slots["mean_square"][0]), float(slots["largest_mean_square"][0])
    (0.999, 1.0)
    """

    name = "amsgrad"
    slots = ("mean", "mean_square", "largest_mean_square")
    latex = r"\hat s \leftarrow \max(\hat s, s), \quad " + _LARGEST_STEP
    update_latex = (_FIRST, _SECOND, r"\hat s \leftarrow \max(\hat s, s)", _LARGEST_STEP)
    source = "Reddi, Kale, Kumar (ICLR 2018, arXiv:1904.09237), algorithm 2"

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        mean, mean_square = self._means(gradient, slots)
        largest = namespace(weights).maximum(slots["largest_mean_square"], mean_square)
        direction = mean / (1.0 - float(self.beta1) ** step) / self._size(largest, step)
        new = weights - step_size(rate, weights) * direction
        return new, {"mean": mean, "mean_square": mean_square, "largest_mean_square": largest}


@OPTIMIZERS.register
@frozen
class NAdam(_AdamFamily):
    r"""Adam with Nesterov's look-ahead and a momentum that warms up.

    .. math::
        \mu_t = \beta_1 (1 - \tfrac12\,0.96^{t\psi}), \quad
        w \leftarrow w - \frac{\eta}{\sqrt{s / (1 - \beta_2^t)} + \epsilon} \left(
        \frac{\mu_{t+1}\,m}{1 - \prod_{i=1}^{t+1} \mu_i} +
        \frac{(1 - \mu_t)\,g}{1 - \prod_{i=1}^{t} \mu_i} \right)

    with :math:`m, s` as in :class:`Adam` (:math:`m` uses the constant :math:`\beta_1`, as in
    PyTorch), :math:`\psi` = `momentum_decay`, :math:`t` = `step`, :math:`\eta` = `rate`.

    Source: Dozat, "Incorporating Nesterov momentum into Adam" (ICLR 2016 workshop), algorithm 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import NAdam
    >>> zero = np.array([0.0])
    >>> slots = {"mean": zero, "mean_square": zero}
    >>> weights, slots = NAdam(beta1=0.0).update(np.array([1.0]), np.array([5.0]), slots, 1, 0.1)
    >>> weights.round(7).tolist()
    [0.9]
    """

    name = "nadam"
    rules = {**_RULES, "momentum_decay": Real(0)}
    latex = (
        r"w \leftarrow w - \frac{\eta}{\sqrt{s / (1 - \beta_2^t)} + \epsilon} \left("
        r"\frac{\mu_{t+1}\,m}{1 - \prod_{i=1}^{t+1} \mu_i} + "
        r"\frac{(1 - \mu_t)\,g}{1 - \prod_{i=1}^{t} \mu_i}\right)"
    )
    update_latex = (_FIRST, _SECOND, r"\mu_t = \beta_1 (1 - \tfrac12\,0.96^{t\psi})", latex)
    source = "Dozat (ICLR 2016 workshop), algorithm 2"
    learning_rate: float = 0.002
    momentum_decay: float = 0.004

    def momentum_at(self, step: int) -> float:
        """Return the momentum of an update, counted from 1."""
        return float(self.beta1) * (1.0 - 0.5 * 0.96 ** (step * float(self.momentum_decay)))

    def momentum_product(self, step: int) -> float:
        """Return the product of the momenta of updates 1 to `step`.

        Once it is too small to change `1 - product` in float64 it is taken as it is, so the cost
        does not grow with the step.
        """
        products = _momentum_products(self)
        return products[min(step, len(products)) - 1] if step else 1.0

    def step_numbers(self, step: int) -> list[float]:
        """Return the scalars of one update for a compiled engine.

        They are beta1, beta2, epsilon, and the factors of the mean and of the gradient.
        """
        of_mean, of_gradient = self._factors(step)
        fields = (self.beta1, self.beta2, self.epsilon)
        return [*(float(value) for value in fields), of_mean, of_gradient]

    def _factors(self, step: int) -> tuple[float, float]:
        here, ahead = self.momentum_at(step), self.momentum_at(step + 1)
        product = self.momentum_product(step)
        return ahead / (1.0 - product * ahead), (1.0 - here) / (1.0 - product)

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        mean, mean_square = self._means(gradient, slots)
        of_mean, of_gradient = self._factors(step)
        direction = of_mean * mean + of_gradient * gradient
        direction = direction / self._size(mean_square, step)
        new = weights - step_size(rate, weights) * direction
        return new, {"mean": mean, "mean_square": mean_square}


@lru_cache(maxsize=32)
def _momentum_products(optimizer: NAdam) -> list[float]:
    """Return the products of the first momenta until they no longer change `1 - product`."""
    products = [optimizer.momentum_at(1)]
    while products[-1] >= 2.0**-60:
        products.append(products[-1] * optimizer.momentum_at(len(products) + 1))
    return products
