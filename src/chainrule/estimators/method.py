"""From an estimator's parameters to what moves its weights: optimizer, penalties, clipping, rate.

Decisions
---------
a) `solver` takes the estimator's own parameters, as in scikit-learn: `learning_rate_init`,
   `momentum`, `beta_1`, `beta_2`, `epsilon`. `optimizer`, a record, brings everything along and
   takes the solver's place.
b) `solver="adam"` is the form of Adam that scikit-learn computes (`adam_epsilon_hat`), and
   `solver="sgd"` is SGD with (Nesterov's) momentum. `optimizer="adam"` and `optimizer="sgd"` are
   the records of these names.
c) `alpha` is divided by the weight of each batch, as in scikit-learn. `weight_decay` is not: it
   shrinks the weights by the same share in every update, whatever the batch size.
"""

from __future__ import annotations

from typing import Any

from chainrule.checks import shown
from chainrule.errors import UsageError
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.optimizers_adam import AdamEpsilonHat
from chainrule.maths.optimizers_lbfgs import LBFGS
from chainrule.maths.optimizers_momentum import Momentum, Nesterov
from chainrule.maths.penalties import L2Shared, WeightDecay
from chainrule.maths.penalty import PENALTIES, Penalty

__all__ = [
    "choose_optimizer",
    "choose_penalties",
    "follows_solver_rate",
    "is_stepwise",
    "require_stepwise",
]

_PARAMETERS = {
    "learning_rate": "learning_rate_init",
    "momentum": "momentum",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "epsilon": "epsilon",
}

_GAIN = 1e7 * 2.0**-52
"""SciPy's default for the least relative gain of an iteration of "lbfgs"."""


def choose_optimizer(estimator: Any) -> Optimizer:
    """Return the optimizer of an estimator's parameters.

    Example
    -------
    >>> from chainrule import MLPRegressor
    >>> from chainrule.estimators.method import choose_optimizer
    >>> choose_optimizer(MLPRegressor(solver="sgd"))
    Nesterov(learning_rate=0.001, momentum=0.9)
    """
    if estimator.optimizer is not None:
        return OPTIMIZERS.make(estimator.optimizer)
    solver = estimator.solver
    if isinstance(solver, Optimizer):
        return solver
    rate, momentum = float(estimator.learning_rate_init), float(estimator.momentum)
    if solver == "sgd":
        return (
            Nesterov(rate, momentum) if estimator.nesterovs_momentum else Momentum(rate, momentum)
        )
    if solver == "adam":
        betas = (float(estimator.beta_1), float(estimator.beta_2))
        return AdamEpsilonHat(rate, *betas, float(estimator.epsilon))
    if solver == "lbfgs":
        tolerance, evaluations = float(estimator.tol), int(estimator.max_fun)
        return LBFGS(tolerance=tolerance, objective_tolerance=_GAIN, evaluations=evaluations)
    record = OPTIMIZERS.make(solver)
    given = {
        field: float(getattr(estimator, parameter))
        for field, parameter in _PARAMETERS.items()
        if field in record.parameters() and record.stepwise
    }
    return OPTIMIZERS.make(record, **given)


def is_stepwise(estimator: Any) -> bool:
    """Say whether the optimizer goes batch by batch; names that do not exist count as such."""
    spec = estimator.solver if estimator.optimizer is None else estimator.optimizer
    if isinstance(spec, str) and spec in OPTIMIZERS:
        return OPTIMIZERS[spec].stepwise
    return spec.stepwise if isinstance(spec, Optimizer) else True


def require_stepwise(estimator: Any) -> bool:
    """Return True where the optimizer goes batch by batch: the condition of `partial_fit`.

    Raises
    ------
    UsageError
        It does not. scikit-learn tells of it as the cause of the missing attribute.
    """
    if is_stepwise(estimator):
        return True
    raise UsageError(
        "partial_fit is only available for stochastic optimizers",
        where="solver" if estimator.optimizer is None else "optimizer",
        expected="an optimizer that goes batch by batch",
        got=shown(estimator.solver if estimator.optimizer is None else estimator.optimizer),
        do='choose "adam" or "sgd", or call fit with warm_start=True',
    )


def follows_solver_rate(estimator: Any) -> bool:
    """Say whether `learning_rate` (invscaling, adaptive) acts: for the solver "sgd" only."""
    return estimator.optimizer is None and estimator.solver == "sgd"


def choose_penalties(estimator: Any) -> tuple[Penalty, ...]:
    """Return the penalties: alpha, weight decay, and those given."""
    penalties: list[Penalty] = []
    if estimator.alpha > 0:
        penalties.append(L2Shared(float(estimator.alpha)))
    if estimator.weight_decay > 0:
        penalties.append(WeightDecay(float(estimator.weight_decay)))
    given = estimator.penalties
    if given is not None:
        several = given if isinstance(given, (list, tuple)) else (given,)
        penalties.extend(PENALTIES.make(spec) for spec in several)
    return tuple(penalties)
