"""What an operation is: `forward`, `backward`, shapes and cost, as one frozen record.

Decisions
---------
a) Tensors travel by local name (`X`, `W`, `b`, `Z`) in mappings, not by position. `forward`
   returns its output *and* every intermediate value, `backward` reads them back, so nothing that
   the derivative needs is hidden in a closure: a trace can print all of it.
b) Operations are pure and use only the array-API namespace of their inputs. They are the truth of
   the library: the compiled engine must give the same numbers.
c) Random numbers are inputs. `draw` turns a stream into noise tensors; `forward` never draws, so
   that the same mask can be differentiated, repeated and printed.
d) Running moments are inputs and outputs (`running_mean` -> `new_running_mean`), for the same
   reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

from chainrule.maths.arrays import Array
from chainrule.ops.shapes import Shape
from chainrule.registry import Record, new_registry
from chainrule.streams import Stream

__all__ = ["OPS", "Op", "Tensors"]

Tensors: TypeAlias = Mapping[str, Array]


class Op(Record):
    """Base of the operations. Fields are the attributes of one use."""

    output: ClassVar[str] = "Z"
    """Local name of the result."""
    running: ClassVar[tuple[str, ...]] = ()
    """Local names of moments that training updates without a gradient."""
    noise: ClassVar[tuple[str, ...]] = ()
    """Local names of the random tensors that `draw` makes for each training batch."""
    backward_latex: ClassVar[Mapping[str, str]] = {}
    """Formula of each gradient, keyed by the local name of the tensor: `{"W": r"X^\\top dZ"}`."""

    def inputs(self) -> tuple[str, ...]:
        """Return the local names of the inputs."""
        return ("X",)

    def differentiable(self) -> tuple[str, ...]:
        """Return the inputs that have a gradient: all, unless they are codes to look up."""
        return self.inputs()

    def trainable(self) -> tuple[str, ...]:
        """Return the local names of the trainable tensors."""
        return ()

    def analytic(self) -> bool:
        """Say whether the operation holds for complex inputs (complex-step derivative)."""
        return True

    def kinks(self) -> Mapping[str, tuple[float, ...]]:
        """Return where the derivative jumps: values of an input, by its local name."""
        return {}

    def sample_inputs(self, uniform: Callable[[tuple[int, ...]], Array]) -> dict[str, Array]:
        """Return valid inputs by local name (for the laws); `uniform` draws from (0, 1)."""
        return {name: 4.0 * uniform((5, 4)) - 2.0 for name in self.inputs()}

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of the output, or raise `ShapeError` naming the local tensor."""
        return shapes["X"]

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return the shapes of trainable, running and noise tensors that the inputs decide."""
        return {}

    def draw(
        self, stream: Stream, shape: tuple[int, ...], start: int, factor: float
    ) -> dict[str, Array]:
        """Return the noise tensors for a batch.

        Parameters
        ----------
        stream : Stream
            The stream of this layer and epoch.
        shape : tuple of int
            Shape of the noise, rows first.
        start : int
            Offset of the batch's first element in the stream.
        factor : float
            Factor of the layer's schedule at this step.
        """
        return {}

    def rest(self, shape: tuple[int, ...], like: Array) -> dict[str, Array]:
        """Return the noise tensors that change nothing (prediction)."""
        return {}

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return the output and every intermediate value by local name."""
        raise NotImplementedError

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return the gradient of each input and trainable tensor by local name.

        Parameters
        ----------
        tensors : mapping
            Inputs, trainables, running moments, noise and all that `forward` returned.
        dOutput : array
            Gradient of the objective by the output.
        """
        raise NotImplementedError

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return the FLOPs of forward and backward; `shapes` are sizes by local name."""
        raise NotImplementedError


OPS = new_registry("op", Op)
