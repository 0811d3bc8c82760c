"""Augmentations of pictures: shift, rotation and scale, bilinear, drawn for each row.

Decisions
---------
a) A row is a picture written out line by line, channels innermost; its shape is a field. `None`
   means a square picture without channels, which the width of the rows gives.
b) Neighbours in a list are composed into one map, and the picture is resampled once: every
   resampling blurs, and three cost three times as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field

import numpy as np

from chainrule.checks import AnyOf, Each, Integer, NoneValue, Real
from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation, Draws
from chainrule.maths.loss import Loss
from chainrule.maths.warp import about_centre, composed, warp

__all__ = ["Geometric", "Rotation", "Scaling", "Shift", "resampled"]

_SHAPE = AnyOf(NoneValue(), Each(Integer(1), least=2))


@frozen
class Geometric(Augmentation):
    """Base of the augmentations that move the pixels of a picture by an affine map."""

    shape: tuple[int, ...] | None = field(default=None, kw_only=True)

    def picture(self, sample_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return height, width and channels of a row.

        Raises
        ------
        ShapeError
            The rows are not pictures of that shape.
        """
        width = math.prod(sample_shape)
        if self.shape is not None:
            stated = (*self.shape, 1)[:3]
            if len(self.shape) in (2, 3) and math.prod(self.shape) == width:
                return stated[0], stated[1], stated[2]
        elif math.isqrt(width) ** 2 == width and len(sample_shape) == 1:
            return math.isqrt(width), math.isqrt(width), 1
        raise ShapeError(
            f"{self.name} needs pictures, and the rows are none of that shape",
            where="augment",
            expected="a square number of features" if self.shape is None else f"{self.shape}",
            got=f"rows of shape {sample_shape}",
            do=f"state it: {type(self).__name__}(shape=(height, width)), with channels as a third",
        )

    def require(self, sample_shape: tuple[int, ...], loss: Loss) -> None:
        self.picture(sample_shape)

    def maps(self, draws: Draws, height: int, width: int) -> np.ndarray:
        """Return, `(n, 2, 3)`, where in the old picture each place of the new one is read."""
        raise NotImplementedError

    def apply(self, X: np.ndarray, Y: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        return resampled(X, [(self, draws)]), Y


@AUGMENTATIONS.register
@frozen
class Shift(Geometric):
    r"""Shift each picture by fractions of pixels, at most so many, in both directions.

    .. math:: x'(p) = x(p - s), \qquad s_k \sim U(-r, r)

    with :math:`r` = `pixels`. What comes in from outside is 0.

    Parameters
    ----------
    pixels : float
    shape : (height, width) or (height, width, channels), optional

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to
    visual document analysis" (ICDAR 2003), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X = np.eye(5)[2:3].repeat(5, axis=0).reshape(1, 25)  # one column of ones
    >>> moved, _ = Shift(1).apply(X, X, Draws(0, 0, 0, first=0, rows=1))
    >>> moved.reshape(5, 5)[2].round(3).tolist()
    [0.0, 0.0, 0.034, 0.966, 0.0]
    """

    name = "shift"
    rules = {"shape": _SHAPE, "pixels": Real(0)}
    latex = r"x'(p) = x(p - s), \quad s_k \sim U(-r, r)"
    source = "Simard, Steinkraus, Platt (ICDAR 2003), section 2"
    pixels: float = 2.0

    @classmethod
    def examples(cls) -> tuple[Shift, ...]:
        return (cls(), cls(1.5, shape=(2, 3)))

    def maps(self, draws: Draws, height: int, width: int) -> np.ndarray:
        shifts = self.pixels * draws.symmetric(2)
        still = np.broadcast_to(np.eye(2), (draws.rows, 2, 2))
        return about_centre(still, shifts, height, width)


@AUGMENTATIONS.register
@frozen
class Rotation(Geometric):
    r"""Turn each picture about its centre by an angle of at most so many degrees.

    .. math:: x'(p) = x(R_\varphi (p - c) + c), \qquad \varphi \sim U(-r, r)

    with :math:`r` = `degrees` and :math:`c` the centre.

    Parameters
    ----------
    degrees : float
    shape : (height, width) or (height, width, channels), optional

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to
    visual document analysis" (ICDAR 2003), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X = np.ones((1, 9))
    >>> turned, _ = Rotation(45).apply(X, X, Draws(0, 0, 0, first=0, rows=1))
    >>> turned.reshape(3, 3)[1, 1].round(3).item()  # the centre stays
    1.0
    """

    name = "rotation"
    rules = {"shape": _SHAPE, "degrees": Real(0, 180)}
    latex = r"x'(p) = x(R_\varphi (p - c) + c), \quad \varphi \sim U(-r, r)"
    source = "Simard, Steinkraus, Platt (ICDAR 2003), section 2"
    degrees: float = 10.0

    @classmethod
    def examples(cls) -> tuple[Rotation, ...]:
        return (cls(), cls(30, shape=(2, 3)))

    def maps(self, draws: Draws, height: int, width: int) -> np.ndarray:
        angle = math.radians(self.degrees) * draws.symmetric(1)[:, 0]
        cosine, sine = np.cos(angle), np.sin(angle)
        turns = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
        return about_centre(turns, np.zeros((draws.rows, 2)), height, width)


@AUGMENTATIONS.register
@frozen
class Scaling(Geometric):
    r"""Stretch or shrink each picture about its centre, each axis by a factor of its own.

    .. math:: x'(p) = x(c + (p - c) / f), \qquad f_k \sim U(1 - r, 1 + r)

    with :math:`r` = `share` and :math:`c` the centre.

    Parameters
    ----------
    share : float
        0.1 is at most a tenth larger or smaller.
    shape : (height, width) or (height, width, channels), optional

    Source: Ciresan, Meier, Gambardella, Schmidhuber, "Deep, big, simple neural nets for handwritten
    digit recognition" (Neural Computation 22, 2010), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.augmentation import Draws
    >>> X = np.ones((1, 9))
    >>> scaled, _ = Scaling(0.5).apply(X, X, Draws(0, 0, 0, first=0, rows=1))
    >>> scaled.reshape(3, 3)[1, 1].round(3).item()  # the centre stays
    1.0
    """

    name = "scale"
    rules = {"shape": _SHAPE, "share": Real(0, 1, closed="left")}
    latex = r"x'(p) = x(c + (p - c) / f), \quad f_k \sim U(1 - r, 1 + r)"
    source = "Ciresan et al. (Neural Computation 22, 2010), section 2"
    share: float = 0.1

    @classmethod
    def examples(cls) -> tuple[Scaling, ...]:
        return (cls(), cls(0.2, shape=(2, 3)))

    def maps(self, draws: Draws, height: int, width: int) -> np.ndarray:
        factors = 1.0 + self.share * draws.symmetric(2)
        stretch = np.eye(2) / factors[:, None, :]
        return about_centre(stretch, np.zeros((draws.rows, 2)), height, width)


def resampled(X: np.ndarray, chain: Sequence[tuple[Geometric, Draws]]) -> np.ndarray:
    """Return pictures after several changes, resampled once."""
    height, width, channels = chain[0][0].picture(X.shape[1:])
    maps = chain[0][0].maps(chain[0][1], height, width)
    for then, draws in chain[1:]:
        maps = composed(maps, then.maps(draws, height, width))
    if channels == 1:
        return warp(X.reshape(-1, height, width), maps).reshape(X.shape)
    planes = X.reshape(-1, height, width, channels)
    moved = [warp(np.ascontiguousarray(planes[..., k]), maps) for k in range(channels)]
    return np.stack(moved, axis=-1).reshape(X.shape)
