"""What an activation is: value, derivative, formula, kinks, range, and what its slope needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from chainrule.frozen import frozen
from chainrule.maths.arrays import Array
from chainrule.registry import Record, new_registry

__all__ = ["ACTIVATIONS", "Activation", "Kink", "Learned"]


@frozen
class Kink:
    """A point where the derivative jumps, and the slope that is used exactly there."""

    at: float
    slope: float
    reason: str = "the left-hand derivative"


@frozen
class Learned:
    """A parameter that training adjusts, one number per unit (shape `(d,)`)."""

    name: str
    initial: float
    latex: str


class Activation(Record):
    """Base of the activations `H = f(Z)`.

    A subclass gives `value` and, when it acts on each element alone, `slope`; otherwise
    (`elementwise = False`) it gives `backward`.
    """

    elementwise: ClassVar[bool] = True
    needs: ClassVar[Literal["z", "output", "both"]] = "z"
    """What the slope is computed from: the engine keeps only that."""
    analytic: ClassVar[bool] = True
    """True if the formula holds for complex Z near the real axis (complex-step derivative)."""
    range: ClassVar[str] = r"(-\infty, \infty)"
    domain: ClassVar[str] = r"\mathbb{R}"
    saturates: ClassVar[tuple[float | None, float | None]] = (None, None)
    """(z below which, z above which) the slope is under 1 % of its largest value; None: nowhere."""
    slope_latex: ClassVar[str] = ""
    numpy: ClassVar[str] = ""
    """The value in NumPy, as a reader would type it, with `Z` and the parameters by name."""
    slope_numpy: ClassVar[str] = ""
    """The slope in NumPy, with `Z`, `H` and the parameters by name."""
    learned: ClassVar[tuple[Learned, ...]] = ()
    initialiser: ClassVar[str] = "glorot_uniform"
    """Name of the initialiser that suits the layer before this activation."""

    def value(self, Z: Array, **learned: Array) -> Array:
        """Return `H = f(Z)`, same shape and dtype as Z."""
        raise NotImplementedError

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        """Return the element-wise derivative `f'(Z)`; `needs` says which argument is read."""
        raise NotImplementedError

    def backward(self, dH: Array, Z: Array, H: Array, **learned: Array) -> Array:
        """Return `dZ`, the derivative of the objective by Z, from `dH`."""
        return dH * self.slope(Z, H, **learned)

    def learned_gradients(
        self, dH: Array, Z: Array, H: Array, **learned: Array
    ) -> Mapping[str, Array]:
        """Return the gradient of each learned parameter, shape `(d,)`, keyed by name."""
        return {}

    def kinks(self) -> tuple[Kink, ...]:
        """Return the points where the derivative jumps."""
        return ()

    def gain(self) -> float:
        """Return the factor that keeps the variance of a signal through this activation."""
        return 1.0


ACTIVATIONS = new_registry("activation", Activation)
