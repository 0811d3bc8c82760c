"""The depth experiment: what is left of a gradient after 2 to 50 layers.

Decisions
---------
a) Networks of equal layers are built with the library's own layers, and one true backward pass is
   done through each. Nothing is simulated.
b) Two numbers are kept apart that the course notes multiply in one formula: the product of the
   slopes alone, and what arrives in fact, with the weights, norms and skips on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checks import Each, Integer, check_parameters
from chainrule.engine.protocol import Buffers, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS
from chainrule.nn.combine import Residual, Sequential
from chainrule.nn.dense import Activation, Dense
from chainrule.nn.layer import Layer
from chainrule.nn.regularise import BatchNorm
from chainrule.plan.plan import make_plan
from chainrule.registry import suggest
from chainrule.streams import Stream

__all__ = ["DEPTHS", "SCHEMES", "DepthPoint", "DepthReport", "depth_experiment"]

DEPTHS = (2, 5, 10, 20, 30, 40, 50)
ACTIVATION_NAMES = ("sigmoid", "tanh", "relu")


def _block(initialiser: str, normed: bool = False) -> Callable[[str, int], list[Layer]]:
    def build(activation: str, width: int) -> list[Layer]:
        norm: list[Layer] = [BatchNorm()] if normed else []
        dense = Dense(width, initialiser=initialiser)
        return [dense, *norm, Activation(activation)]

    return build


def _skipped(activation: str, width: int) -> list[Layer]:
    return [Residual(*_block("he_normal")(activation, width))]


SCHEMES: dict[str, Callable[[str, int], list[Layer]]] = {
    "Xavier": _block("glorot_normal"),
    "He": _block("he_normal"),
    "batch norm": _block("he_normal", normed=True),
    "residual": _skipped,
}
"""What one layer is made of, by the name of the scheme; the last two start as He's."""


@frozen
class DepthPoint:
    """One network's answer.

    Parameters
    ----------
    activation, scheme : str
    depth : int
        Layers.
    gradient : float
        Root mean square of the gradient of the input over that of the output; geometric mean over
        the seeds.
    slopes : float
        Product over the layers of the root mean square slope of the activation.
    """

    activation: str
    scheme: str
    depth: int
    gradient: float
    slopes: float


@frozen
class DepthReport:
    """All points, in the order of activation, scheme and depth."""

    points: tuple[DepthPoint, ...]
    width: int
    rows: int
    seeds: int

    def line(self, activation: str, scheme: str) -> list[DepthPoint]:
        """Return the points of one activation and scheme, by depth."""
        return [
            point
            for point in self.points
            if point.activation == activation and point.scheme == scheme
        ]

    def activations(self) -> tuple[str, ...]:
        """Return the activations in order."""
        return tuple(dict.fromkeys(point.activation for point in self.points))

    def schemes(self) -> tuple[str, ...]:
        """Return the schemes in order."""
        return tuple(dict.fromkeys(point.scheme for point in self.points))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: width, rows, seeds, and the points."""
        points = [
            {
                "activation": point.activation,
                "scheme": point.scheme,
                "depth": point.depth,
                "gradient": point.gradient,
                "slopes": point.slopes,
            }
            for point in self.points
        ]
        return {"width": self.width, "rows": self.rows, "seeds": self.seeds, "points": points}


def depth_experiment(
    depths: Sequence[int] = DEPTHS,
    activations: Sequence[str] = ACTIVATION_NAMES,
    schemes: Sequence[str] = tuple(SCHEMES),
    *,
    width: int = 64,
    rows: int = 64,
    seeds: int = 2,
    first_seed: int = 0,
) -> DepthReport:
    r"""Measure what is left of a gradient after many layers.

    .. math::
        \frac{\|dX\|}{\|dH^{(L)}\|}, \qquad \prod_{l=1}^{L} \sqrt{\overline{f'(Z^{(l)})^2}}

    with :math:`L` = each of `depths`, :math:`f` = each of `activations`, `width` units a layer and
    `rows` rows of normal inputs. The numbers are means over `seeds` seeds from `first_seed` on.

    Raises
    ------
    InvalidParameterError
        A depth, width or number is under 1, or a name is not known.

    Source: Glorot, Bengio (AISTATS 2010), figure 7; He et al., "Delving deep into rectifiers"
    (2015), figures 2 and 3.

    Example
    -------
    >>> from chainrule.glass.depth import depth_experiment
    >>> report = depth_experiment((2, 20), ("sigmoid",), ("Xavier",), width=16, seeds=1)
    >>> [point.gradient < 1e-6 for point in report.points]
    [False, True]
    """
    counts = {"depths": tuple(depths), "width": width, "rows": rows, "seeds": seeds}
    counts["first_seed"] = first_seed
    check_parameters(_RULES, counts, "depth_experiment.{}".format)
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise InvalidParameterError(
                f"there is no scheme {scheme!r}",
                expected="one of " + ", ".join(SCHEMES),
                do=suggest(scheme, SCHEMES),
            )
    points = [
        _point(activation, scheme, depth, width, rows, range(first_seed, first_seed + seeds))
        for activation in activations
        for scheme in schemes
        for depth in depths
    ]
    return DepthReport(tuple(points), width, rows, seeds)


_RULES = {
    "depths": Each(Integer(1, 1000)),
    "width": Integer(1),
    "rows": Integer(2),
    "seeds": Integer(1),
    "first_seed": Integer(),
}


def _point(
    activation: str, scheme: str, depth: int, width: int, rows: int, seeds: Sequence[int]
) -> DepthPoint:
    gradients: list[float] = []
    slopes: list[float] = []
    layers = [layer for _ in range(depth) for layer in SCHEMES[scheme](activation, width)]
    plan = make_plan(Sequential(*layers), (width,), "squared_error", width)
    engine = ReferenceEngine(plan, "float64")
    function = ACTIVATIONS.make(activation)
    for seed in seeds:
        X = Stream(seed, "depth:X").normal((rows, width))
        Y = Stream(seed, "depth:Y").normal((rows, width))
        buffers = Buffers(plan.initial_weights(seed), {}, plan.initial_running())
        tensors = engine.evaluate(buffers, Rows(X, Y), training=True).tensors
        output = plan.graph.output.name
        owner, _, local = output.rpartition(".")
        gradients.append(_log_rms(tensors["dX"]) - _log_rms(tensors[f"{owner}.d{local}"]))
        total = 0.0
        for node in plan.graph.nodes:
            if node.op.name == "activate":
                Z = tensors[node.tensor("Z")]
                total += _log_rms(function.slope(Z, tensors[node.output.name]))
        slopes.append(total)
    means = [math.exp(float(np.mean(values))) for values in (gradients, slopes)]
    return DepthPoint(activation, scheme, depth, *means)


def _log_rms(tensor: np.ndarray) -> float:
    """Return the logarithm of the root mean square; of the least positive number where it is 0."""
    size = float(np.sqrt(np.mean(np.square(tensor))))
    return math.log(max(size, 1e-300))
