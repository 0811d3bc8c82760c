"""Gradient clipping: what happens to the flat gradient between backward pass and update.

Clipping caps an exploding gradient. It does nothing for a vanishing one: a gradient below the limit
passes through unchanged.
"""

from __future__ import annotations

import math

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.norms import norm_parts
from chainrule.registry import Record, new_registry

__all__ = ["CLIPPINGS", "ClipNorm", "ClipValue", "Clipping"]


class Clipping(Record):
    """Base of the ways to clip the flat gradient of all parameters."""

    def clip(self, gradient: Array) -> tuple[Array, float]:
        """Return the clipped gradient, and how much of it was kept.

        Parameters
        ----------
        gradient : (P,)
            Never written to.

        Returns
        -------
        clipped : (P,)
            A gradient with an entry that is not finite comes back as it is: hiding a divergence
            is not this function's business.
        kept : float in [0, 1]
            1.0 says that nothing was clipped.
        """
        raise NotImplementedError


CLIPPINGS = new_registry("clipping", Clipping)


@CLIPPINGS.register
@frozen
class ClipNorm(Clipping):
    r"""Shorten the whole gradient to a given length and keep its direction.

    .. math:: g \leftarrow g \cdot \tau / \|g\| \quad\text{if } \|g\| > \tau

    with :math:`g` = `gradient` (all parameters together), :math:`\tau` = `limit`, and `kept` =
    :math:`\min(1, \tau / \|g\|)`. The norm is taken without overflow, so a gradient of `1e300`
    is shortened as well as one of 10.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks"
    (ICML 2013), algorithm 1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.clipping import ClipNorm
    >>> ClipNorm(1.0).clip(np.array([3.0, 4.0]))
    (array([0.6, 0.8]), 0.2)
    """

    name = "clip_norm"
    rules = {"limit": Real(0, closed="neither")}
    latex = r"g \leftarrow g \cdot \min(1, \tau / \|g\|_2)"
    source = "Pascanu, Mikolov, Bengio (ICML 2013), algorithm 1"
    limit: float = 1.0

    def clip(self, gradient: Array) -> tuple[Array, float]:
        largest, relative = norm_parts(gradient)
        limit = float(self.limit)
        if not math.isfinite(largest) or largest * relative <= limit:
            return gradient, 1.0
        # Two factors, because limit / norm is 0 where the norm itself is beyond the largest float.
        return gradient / largest * (limit / relative), limit / relative / largest


@CLIPPINGS.register
@frozen
class ClipValue(Clipping):
    r"""Cut every entry of the gradient to an interval; the direction may change.

    .. math:: g_i \leftarrow \max(-\tau, \min(\tau, g_i))

    with :math:`g` = `gradient`, :math:`\tau` = `limit`, and `kept` = the share of the entries that
    were inside the interval already.

    Source: Mikolov, "Statistical language models based on neural networks" (PhD thesis, Brno
    2012).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.clipping import ClipValue
    >>> ClipValue(0.5).clip(np.array([0.1, -2.0]))
    (array([ 0.1, -0.5]), 0.5)
    """

    name = "clip_value"
    rules = {"limit": Real(0, closed="neither")}
    latex = r"g_i \leftarrow \max(-\tau, \min(\tau, g_i))"
    source = "Mikolov, PhD thesis (Brno University of Technology, 2012)"
    limit: float = 0.5

    def clip(self, gradient: Array) -> tuple[Array, float]:
        xp = namespace(gradient)
        count = math.prod(gradient.shape)
        if count == 0 or not bool(xp.all(xp.isfinite(gradient))):
            return gradient, 1.0
        limit = float(self.limit)
        outside = int(xp.count_nonzero(xp.abs(gradient) > limit))
        if outside == 0:
            return gradient, 1.0
        return xp.clip(gradient, -limit, limit), 1.0 - outside / count
