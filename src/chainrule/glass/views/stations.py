"""A network as the stations that a row passes, read from the records of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.trace.record import Record
from chainrule.glass.views.sections import convention_of

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["Station", "stations"]


@frozen
class Station:
    """The output of one layer, or the input of the network.

    `sources` are the positions of the stations that it reads, `weights` the matrix (features in,
    features out) between the last of them and itself, if there is one.
    """

    layer: str
    record: Record
    features: int
    parameters: tuple[Record, ...]
    sources: tuple[int, ...]
    weights: np.ndarray | None

    @property
    def count(self) -> int:
        """How many numbers the layer learns."""
        return sum(record.value.size for record in self.parameters)

    @property
    def sum_text(self) -> str:
        """The parameters as a sum of products, `2×3 + 3 = 9`; "" without any."""
        sizes = ["×".join(str(k) for k in _plain(r.shape)) or "1" for r in self.parameters]
        if not sizes:
            return ""
        text = " + ".join(sizes)
        return text if text == str(self.count) else f"{text} = {self.count:,}"


def _plain(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out the second axis of a vector that stands as a column."""
    return shape[:-1] if len(shape) == 2 and shape[-1] == 1 else shape


def stations(trace: Trace) -> tuple[Station, ...]:
    """Return the stations in the order of the forward pass."""
    columns = convention_of(trace) == "columns"
    forward = [record for record in trace if record.role == "forward" and record.layer]
    layers = list(dict.fromkeys(record.layer for record in forward))
    outputs = [_output(layer, forward) for layer in layers]
    # Not every source is a station: a layer may read the network's input itself.
    owner = {r.name: 1 + layers.index(r.layer) for r in forward}
    inputs = [record for record in trace if record.role == "input"][:1]
    owner |= {record.name: 0 for record in inputs}
    result = [Station("", r, _features(r, columns), (), (), None) for r in inputs]
    for place, (layer, output) in enumerate(zip(layers, outputs, strict=True), start=1):
        reads = (owner.get(name, place) for r in forward if r.layer == layer for name in r.parents)
        sources = tuple(sorted({source for source in reads if source < place}))
        learnt = tuple(r for r in trace if r.role == "parameter" and r.layer == layer)
        before = result[sources[-1]].features if sources and result else 0
        features = _features(output, columns)
        weights = _weights(learnt, (before, features), columns)
        result.append(Station(layer, output, features, learnt, sources, weights))
    return tuple(result)


def _output(layer: str, forward: list[Record]) -> Record:
    """Return the record of a layer that others read; the last one where there are several."""
    own = [record for record in forward if record.layer == layer]
    read = {name for record in forward if record.layer != layer for name in record.parents}
    return next((record for record in reversed(own) if record.name in read), own[-1])


def _features(record: Record, columns: bool) -> int:
    if not record.shape:
        return 1
    return record.shape[-2 if columns and len(record.shape) >= 2 else -1]


def _weights(
    learnt: tuple[Record, ...], shape: tuple[int, int], columns: bool
) -> np.ndarray | None:
    for record in learnt:
        matrix = record.value.T if columns else record.value
        if matrix.shape == shape and not (columns and shape[1] == 1 and record is not learnt[0]):
            return matrix
    return None
