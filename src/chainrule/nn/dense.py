"""Layers that act on each row alone: dense, activation, scale."""

from __future__ import annotations

from chainrule.checks import AnyOf, Boolean, Integer, NoneValue, Real
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.activation import Activation as ActivationRecord
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.nn.builder import GraphBuilder, Start, following_initialiser
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import LABEL, LAYERS, Layer
from chainrule.ops.activate import Activate
from chainrule.ops.affine import Affine
from chainrule.ops.scale import Scale as ScaleOp

__all__ = ["Activation", "Dense", "Scale"]

FACTOR = Real(0, None)
START = AnyOf(NoneValue(), INITIALISERS.any_of())


@LAYERS.register
@frozen
class Activation(Layer):
    """Apply an activation of the registry (a name or a record): `H = f(Z)`.

    Each activation also has a constructor of its own: `nn.ReLU()`, `nn.LeakyReLU(alpha=0.1)`.

    Source: the activation's own record.

    Example
    -------
    >>> from chainrule import nn
    >>> nn.Activation("leaky_relu").function.alpha
    0.01
    """

    name = "activation"
    rules = {"function": ACTIVATIONS.any_of(), "label": LABEL}
    latex = r"H = f(Z)"
    source = "chainrule.maths.activation"

    function: ActivationRecord | str
    label: str | None = None

    def __post_init__(self) -> None:
        self.check()
        object.__setattr__(self, "function", ACTIVATIONS.make(self.function))

    @classmethod
    def examples(cls) -> tuple[Activation, ...]:
        """Return one layer for each example of each registered activation."""
        return tuple(cls(example) for member in ACTIVATIONS for example in member.examples())

    def __repr__(self) -> str:
        return super().__repr__() if self.label else repr(self.function)

    def record(self) -> ActivationRecord:
        """Return the activation's record."""
        return ACTIVATIONS.make(self.function)

    def first_activation(self) -> ActivationRecord:
        """Return this activation."""
        return self.record()

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the activation."""
        record = self.record()
        starts = {
            learned.name: Start(INITIALISERS.make("constant", value=learned.initial))
            for learned in record.learned
        }
        return graph.add(record.name, Activate(record), (X,), starts, self.label)


@LAYERS.register
@frozen
class Dense(Layer):
    r"""Connect every input to every unit: :math:`Z = X W + b`, then optionally an activation.

    Shapes: X `(N, d_in)` or `(N, T, d_in)`, W `(d_in, units)`, b `(units,)`.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : Activation or str, optional
        Applied to Z; the same as an activation layer behind this one.
    bias : bool
    initialiser : Initialiser or str, optional
        First values of W; by default the one that the following activation's record names.
    bias_initialiser : Initialiser or str
    rate_factor, decay_factor : float
        Factors on the learning rate and on the decay of this layer.
    label : str, optional
        Name of the layer in traces and errors, instead of `dense_1`.

    Source: Rumelhart, Hinton, Williams (1986).

    Example
    -------
    >>> from chainrule import nn
    >>> [p.name for p in nn.build_graph(nn.Dense(3, "relu"), (2,)).parameters]
    ['dense_1.W', 'dense_1.b']
    """

    name = "dense"
    rules = {
        "units": Integer(1),
        "activation": AnyOf(NoneValue(), ACTIVATIONS.any_of()),
        "bias": Boolean(),
        "initialiser": START,
        "bias_initialiser": INITIALISERS.any_of(),
        "rate_factor": FACTOR,
        "decay_factor": FACTOR,
        "label": LABEL,
    }
    latex = r"Z = X W + b"
    source = (
        "Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986"
    )

    units: int
    activation: ActivationRecord | str | None = None
    bias: bool = True
    initialiser: Initialiser | str | None = None
    bias_initialiser: Initialiser | str = "zeros"
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    label: str | None = None

    @classmethod
    def examples(cls) -> tuple[Dense, ...]:
        """Return a plain layer, one with an activation and one without a bias."""
        return (cls(3), cls(3, "tanh"), cls(2, bias=False))

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the affine map and the activation."""
        activation = None if self.activation is None else ACTIVATIONS.make(self.activation)
        initialiser, gain = following_initialiser(self.initialiser, activation or following)
        factors = (self.rate_factor, self.decay_factor)
        starts = {
            "W": Start(initialiser, gain, True, *factors),
            "b": Start(INITIALISERS.make(self.bias_initialiser), 1.0, False, *factors),
        }
        Z = graph.add("dense", Affine(self.units, self.bias), (X,), starts, self.label)
        if activation is None:
            return Z
        label = None if self.label is None else f"{self.label}_{activation.name}"
        return Activation(activation, label).build(graph, Z)


@LAYERS.register
@frozen
class Scale(Layer):
    r"""Multiply each feature by a learned number: :math:`Z = X \odot s`, s starting at `initial`.

    Shapes: X `(N, d)` or `(N, T, d)`, s `(d,)`.

    Source: Holzmueller, Grinsztajn, Steinwart, "Better by default" (2024).

    Example
    -------
    >>> from chainrule import nn
    >>> nn.build_graph(nn.Scale(), (5,)).parameters[0].name
    'scale_1.s'
    """

    name = "scale"
    rules = {
        "initial": Real(),
        "rate_factor": FACTOR,
        "decay_factor": FACTOR,
        "label": LABEL,
    }
    latex = r"Z = X \odot s"
    source = "Holzmueller, Grinsztajn, Steinwart, Better by Default, NeurIPS 2024"
    transparent = True

    initial: float = 1.0
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    label: str | None = None

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the scale."""
        first = INITIALISERS.make("constant", value=self.initial)
        starts = {"s": Start(first, 1.0, False, self.rate_factor, self.decay_factor)}
        return graph.add("scale", ScaleOp(), (X,), starts, self.label)
