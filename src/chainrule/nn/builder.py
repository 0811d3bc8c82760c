"""Layers speak to the builder; the builder names tensors, checks shapes and collects the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chainrule.checks import Each, Integer, shown
from chainrule.errors import InvalidParameterError, ShapeError
from chainrule.frozen import frozen
from chainrule.maths.activation import Activation
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.nn.graph import Graph, Node, Parameter, Tensor
from chainrule.ops.op import Op
from chainrule.ops.shapes import ROWS, Dim, Shape, shape_text

__all__ = ["GraphBuilder", "Start", "following_initialiser", "input_tensor"]


@frozen
class Start:
    """How one trainable tensor starts: initialiser, gain, and which rules move it."""

    initialiser: Initialiser
    gain: float = 1.0
    penalised: bool = False
    rate_factor: float = 1.0
    decay_factor: float = 1.0


_SAMPLE = Each(Integer())


def input_tensor(sample_shape: tuple[int, ...]) -> Tensor:
    """Return the input `X` for samples of shape `(d,)` or `(T, d)`."""
    if not _SAMPLE.accepts(sample_shape):
        raise InvalidParameterError(
            "the shape of a sample is not understood",
            where="sample_shape",
            expected="(d,) or (T, d), " + _SAMPLE.describe(),
            got=shown(sample_shape),
        )
    symbols = {1: ("d_0",), 2: ("T", "d_0")}.get(len(sample_shape))
    if symbols is None or any(size < 1 for size in sample_shape):
        raise ShapeError(
            "a network reads tables or sequences",
            where="X",
            expected="(N, d) or (N, T, d), with at least one column",
            got=str(("N", *sample_shape)).replace("'", ""),
        )
    dims = tuple(Dim(symbol, size) for symbol, size in zip(symbols, sample_shape, strict=True))
    return Tensor("X", (ROWS, *dims))


@dataclass
class GraphBuilder:
    """Collects nodes while layers build themselves.

    Names count up per kind: the second `Dense` is `dense_2`, its tensors are `dense_2.W`,
    `dense_2.Z`. A label given by the user replaces the counted name.
    """

    input: Tensor
    nodes: list[Node] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    running: list[Tensor] = field(default_factory=list)
    running_start: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)
    widths: int = 0

    def unique(self, kind: str, label: str | None) -> str:
        """Return a free name for a node."""
        if label is not None:
            if label in self.names:
                raise InvalidParameterError(
                    "two layers have the same label",
                    where=label,
                    do="give each layer its own label",
                )
            self.names.add(label)
            return label
        while True:
            self.counts[kind] += 1
            name = f"{kind}_{self.counts[kind]}"
            if name not in self.names:
                self.names.add(name)
                return name

    def add(
        self,
        kind: str,
        op: Op,
        inputs: tuple[Tensor, ...],
        starts: Mapping[str, Start] | None = None,
        label: str | None = None,
        running_start: Mapping[str, float] | None = None,
    ) -> Tensor:
        """Append one operation and return its output.

        Raises
        ------
        ShapeError
            The inputs do not fit; names the layer, the tensor, expected and got.
        """
        name = self.unique(kind, label)
        local = dict(zip(op.inputs(), inputs, strict=True))
        shapes = {key: tensor.shape for key, tensor in local.items()}
        try:
            output = Tensor(f"{name}.{op.output}", self._symbols(op.infer(shapes)))
        except ShapeError as error:
            raise self._placed(error, name, local) from None
        inner = op.inner_shapes({**shapes, op.output: output.shape})
        inner = {key: self._renamed(shape, output) for key, shape in inner.items()}
        self._parameters(name, op, inner, starts or {})
        running = {key: Tensor(f"{name}.{key}", inner[key]) for key in op.running}
        self.running.extend(running.values())
        for key, value in (running_start or {}).items():
            self.running_start[f"{name}.{key}"] = value
        node = Node(
            name=name,
            op=op,
            inputs={key: tensor.name for key, tensor in local.items()},
            output=output,
            trainable={key: f"{name}.{key}" for key in op.trainable()},
            running=running,
            noise={key: Tensor(f"{name}.{key}", inner[key]) for key in op.noise},
        )
        self.nodes.append(node)
        return output

    def graph(self, output: Tensor) -> Graph:
        """Return the finished graph."""
        return Graph(
            self.input,
            tuple(self.nodes),
            tuple(self.parameters),
            tuple(self.running),
            output,
            self.running_start,
        )

    def _parameters(
        self, name: str, op: Op, inner: Mapping[str, Shape], starts: Mapping[str, Start]
    ) -> None:
        for local in op.trainable():
            shape = inner[local]
            fans = [dim.size or 1 for dim in shape]
            start = starts.get(local, Start(INITIALISERS.make("zeros")))
            self.parameters.append(
                Parameter(
                    name=f"{name}.{local}",
                    shape=shape,
                    initialiser=start.initialiser,
                    fan_in=fans[0],
                    fan_out=fans[-1],
                    gain=start.gain,
                    penalised=start.penalised,
                    rate_factor=start.rate_factor,
                    decay_factor=start.decay_factor,
                )
            )

    def _symbols(self, shape: Shape) -> Shape:
        """Give a new width its own symbol: d_1, d_2, ... in the order of appearance."""
        if shape[-1].symbol != "d_out":
            return shape
        self.widths += 1
        return (*shape[:-1], replace(shape[-1], symbol=f"d_{self.widths}"))

    def _renamed(self, shape: Shape, output: Tensor) -> Shape:
        return tuple(output.shape[-1] if dim.symbol == "d_out" else dim for dim in shape)

    def _placed(self, error: ShapeError, name: str, local: Mapping[str, Tensor]) -> ShapeError:
        tensor = local.get(error.where)
        where = f"layer {name}, input {error.where}"
        if tensor is not None:
            where += f" = {tensor.name} {shape_text(tensor.shape)}"
        return ShapeError(
            error.what, where=where, expected=error.expected, got=error.got, do=error.do
        )


def following_initialiser(
    choice: Initialiser | str | None, following: Activation | None
) -> tuple[Initialiser, float]:
    """Return initialiser and gain of a weight matrix, from the choice and the next activation."""
    gain = following.gain() if following else 1.0
    if choice is None:
        choice = following.initialiser if following else "glorot_uniform"
    return INITIALISERS.make(choice), gain
