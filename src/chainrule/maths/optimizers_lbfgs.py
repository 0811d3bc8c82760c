"""L-BFGS: the settings of SciPy's solver, for small data and exact minima."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.checks import Integer, Real
from chainrule.errors import UsageError
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer

__all__ = ["LBFGS"]


@OPTIMIZERS.register
@frozen
class LBFGS(Optimizer):
    r"""Newton-like steps from the last few gradients of the *whole* data, with a line search.

    .. math:: w \leftarrow w - \alpha\,H g

    with :math:`g` the gradient over all rows, :math:`H` an approximation of the inverse Hessian
    from the last `memory` steps, and :math:`\alpha` chosen by the line search. There are no
    batches and nothing to schedule: this record holds settings, and the engine runs
    `scipy.optimize.minimize(method="L-BFGS-B", options=scipy_options(...))` with them.

    Parameters
    ----------
    learning_rate : float
        Always 1: the line search chooses the length of each step, and any other value is refused
        rather than ignored.
    memory : int
        Number of steps that :math:`H` is built from.
    tolerance : float
        Stop when no component of the gradient is larger.
    objective_tolerance : float
        Stop when an iteration lowers the objective by less than this, relative to the larger of
        its size and 1.
    line_search_steps : int
        Evaluations within one iteration.
    evaluations : int
        Evaluations in all.

    Source: Byrd, Lu, Nocedal, Zhu, "A limited memory algorithm for bound constrained optimization"
    (SIAM J. Scientific Computing 16, 1995).

    Example
    -------
    >>> from chainrule.maths.optimizers import LBFGS
    >>> LBFGS(memory=5).scipy_options(iterations=200)["maxcor"]
    5
    """

    name = "lbfgs"
    stepwise = False
    rules = {
        "learning_rate": Real(1, 1),
        "memory": Integer(1),
        "tolerance": Real(0),
        "objective_tolerance": Real(0),
        "line_search_steps": Integer(1),
        "evaluations": Integer(1),
    }
    latex = r"w \leftarrow w - \alpha\,H g"
    update_latex = (
        r"H \approx (\nabla^2 J)^{-1}\ \text{from the last steps}",
        r"w \leftarrow w - \alpha\,H g,\ \alpha\ \text{by line search}",
    )
    source = "Byrd, Lu, Nocedal, Zhu (SIAM J. Scientific Computing 16, 1995)"
    learning_rate: float = 1.0
    memory: int = 10
    tolerance: float = 1e-5
    objective_tolerance: float = 2.2e-9
    line_search_steps: int = 20
    evaluations: int = 15000

    def scipy_options(self, iterations: int) -> dict[str, float | int]:
        """Return the options of SciPy's solver for so many iterations."""
        return {
            "maxiter": int(iterations),
            "maxcor": int(self.memory),
            "gtol": float(self.tolerance),
            "ftol": float(self.objective_tolerance),
            "maxls": int(self.line_search_steps),
            "maxfun": int(self.evaluations),
        }

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        raise UsageError(
            "L-BFGS has no update from one gradient",
            where="LBFGS.update",
            expected="an optimizer with `stepwise = True`",
            got="lbfgs, which evaluates the whole data several times a step",
            do="train with the whole data as one batch, or choose adam",
        )
