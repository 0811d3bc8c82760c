"""Layers that steady training: dropout, batch norm, layer norm."""

from __future__ import annotations

from chainrule.checks import AnyOf, NoneValue, Real
from chainrule.frozen import frozen
from chainrule.maths.activation import Activation
from chainrule.maths.initialiser import INITIALISERS
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.nn.builder import GraphBuilder, Start
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import LABEL, LAYERS, Layer
from chainrule.ops import dropout, normalise

__all__ = ["BatchNorm", "Dropout", "LayerNorm"]


def _scale_and_shift() -> dict[str, Start]:
    return {
        "gamma": Start(INITIALISERS.make("constant", value=1.0)),
        "beta": Start(INITIALISERS.make("zeros")),
    }


@LAYERS.register
@frozen
class Dropout(Layer):
    """Drop a fraction `rate` of the elements while training and scale the rest by `1/(1 - rate)`.

    `schedule` multiplies the rate over the run, as schedules do for the learning rate.

    Source: Srivastava et al., "Dropout" (JMLR 2014).

    Example
    -------
    >>> from chainrule import nn
    >>> nn.Dropout(0.1).rate
    0.1
    """

    name = "dropout"
    rules = {
        "rate": Real(0, 1, closed="left"),
        "schedule": AnyOf(NoneValue(), SCHEDULES.any_of()),
        "label": LABEL,
    }
    latex = dropout.Dropout.latex
    source = dropout.Dropout.source
    transparent = True

    rate: float = 0.5
    schedule: Schedule | str | None = None
    label: str | None = None

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append the dropout."""
        schedule = None if self.schedule is None else SCHEDULES.make(self.schedule)
        return graph.add("dropout", dropout.Dropout(self.rate, schedule), (X,), None, self.label)


@LAYERS.register
@frozen
class BatchNorm(Layer):
    """Normalise each feature over the batch; prediction uses running moments.

    Source: Ioffe and Szegedy, "Batch normalization" (2015).

    Example
    -------
    >>> from chainrule import nn
    >>> [p.name for p in nn.build_graph(nn.BatchNorm(), (5,)).parameters]
    ['batch_norm_1.gamma', 'batch_norm_1.beta']
    """

    name = "batch_norm"
    rules = {**normalise.BatchNorm.rules, "label": LABEL}
    latex = normalise.BatchNorm.latex
    source = normalise.BatchNorm.source
    transparent = True

    momentum: float = 0.1
    epsilon: float = 1e-5
    label: str | None = None

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append the normalisation."""
        op = normalise.BatchNorm(self.momentum, self.epsilon)
        first = {"running_variance": 1.0}
        return graph.add("batch_norm", op, (X,), _scale_and_shift(), self.label, first)


@LAYERS.register
@frozen
class LayerNorm(Layer):
    """Normalise each row over its features.

    Source: Ba, Kiros, Hinton, "Layer normalization" (2016).

    Example
    -------
    >>> from chainrule import nn
    >>> nn.LayerNorm().epsilon
    1e-05
    """

    name = "layer_norm"
    rules = {**normalise.LayerNorm.rules, "label": LABEL}
    latex = normalise.LayerNorm.latex
    source = normalise.LayerNorm.source
    transparent = True

    epsilon: float = 1e-5
    label: str | None = None

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append the normalisation."""
        op = normalise.LayerNorm(self.epsilon)
        return graph.add("layer_norm", op, (X,), _scale_and_shift(), self.label)
