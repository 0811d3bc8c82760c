"""A loss that is Python, called back by the compiled engine once a step.

Decisions
---------
a) The compiled engine keeps the whole pass and calls Python in the middle of each step. The other
   way was three calls a step: forward; the loss, in plain Python; backward and update. It would
   need no lock in C++. But it would make, check and tear down a call and wake the team of threads
   twice a step (a call of one step of 20-64-32-1 takes 42 us, the step in it 9); and the pass's own
   rules (when Ctrl-C and the pulse are heard, what is known before the update, how many threads
   are worth it) would stand a second time, in Python.
b) One call a step, for the whole batch, by the thread that called the engine: it takes the lock,
   the others wait in the team's barrier. So the loss sees the same bits on any number of threads,
   and no worker ever waits for the lock: nothing can lock up.
c) The loss reads copies: it may keep what it was given, as on the reference engine, and what it
   changes harms nothing. What it gives back is checked by one function for both, `judged`.
d) The reference engine ends a run in the step whose update gave weights that are not finite. The
   compiled one sees that a step later, by raw outputs that are not finite, and a loss may well
   refuse these. So such an error waits until it is known which step was bad: if it was the one
   before, the run has diverged there, and this step was never asked for.
e) A loss is a function of raw outputs and targets. After a run that diverged, a pass may be done
   once more up to its last good step, and the loss is then asked again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.maths.loss import Loss, judged

__all__ = ["NO_CALLBACK", "LossCallback"]


class LossCallback:
    """The loss of a plan, as the compiled engine calls it.

    Parameters
    ----------
    loss : Loss
    rows, raw_width, targets : int
        The largest batch, and the columns of raw outputs and targets.
    dtype : dtype
        Of the engine.

    Example
    -------
    >>> from chainrule.engine.native_loss import LossCallback
    >>> from chainrule.maths.losses_regression import SquaredError
    >>> callback = LossCallback(SquaredError(), 2, 1, 1, np.dtype("float64"))
    >>> callback.raw[:], callback.Y[:] = [[3.0], [1.0]], [[1.0], [1.0]]
    >>> callback(2)
    >>> callback.values, callback.slopes.ravel()
    (array([4., 0.]), array([4., 0.]))
    """

    def __init__(
        self, loss: Loss, rows: int, raw_width: int, targets: int, dtype: np.dtype
    ) -> None:
        self.loss = loss
        self.raw = np.empty((rows, raw_width), dtype)
        self.Y = np.empty((rows, targets), dtype)
        self.values = np.empty(rows, dtype)
        self.slopes = np.empty((rows, raw_width), dtype)
        self.trouble: Exception | None = None
        """What the loss raised at raw outputs that are not finite."""

    def __call__(self, rows: int) -> None:
        """Judge the first rows of `raw` and `Y`, and leave `values` and `slopes`."""
        raw, Y = self.raw[:rows], self.Y[:rows]
        try:
            with np.errstate(all="ignore"):
                values, slopes = judged(self.loss, raw.copy(), Y.copy())
                self.values[:rows] = values
                self.slopes[:rows] = slopes
        except Exception as error:
            if np.isfinite(raw).all():
                raise
            self.trouble = error
            self.values[:rows] = np.nan

    def fields(self) -> dict[str, Any]:
        """Return what the binary is told of it."""
        return {
            "own_loss": self,
            "own_raw": self.raw,
            "own_Y": self.Y,
            "own_values": self.values,
            "own_slopes": self.slopes,
        }


NO_CALLBACK: dict[str, Any] = dict.fromkeys(
    ("own_loss", "own_raw", "own_Y", "own_values", "own_slopes")
)
"""The same where the binary knows the loss."""
