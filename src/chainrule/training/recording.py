"""What a recorded run remembers: a few dozen observations, the losses of its steps, and its end.

Decisions
---------
a) Two designs were weighed: statistics inside the compiled engine, and stopping it now and then.
   The second one won. The loop splits the engine's pass at chosen steps; there, one batch goes
   through the reference operations with the weights as they stand, and the weights are compared
   before and after one true update. Splitting a pass never changes its bits, the compiled code
   stays free of branches for the curious, and what is observed is what the glass box prints.
b) Which steps are observed depends on the run's settings alone, never on a clock: the same run
   leaves the same recording.
c) A recording is plain numbers beside a plan. Whoever diagnoses it needs neither engine nor data;
   the few rows that it keeps (`sample`) serve for further questions, and never reach a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers, Rows
from chainrule.errors import FileFormatError
from chainrule.frozen import frozen
from chainrule.plan.plan import Plan
from chainrule.training.document import cell, number

__all__ = ["NodeState", "ParameterState", "Recording", "Sample", "Series", "Snapshot"]

_DIGITS = 6


@frozen
class NodeState:
    """What one operation did in one observed batch.

    Parameters
    ----------
    output : float
        Root mean square of the output.
    gradient : float
        Root mean square of the gradient of the output, for one row: the factor 1/N is undone.
    flat : float
        Share of the elements where an activation's slope is under 1 % of its largest; NaN for
        other operations.
    dead : float
        Share of an activation's units that are flat in every row of the batch; NaN for others.
    """

    output: float
    gradient: float
    flat: float
    dead: float


@frozen
class ParameterState:
    """One trainable tensor around one update.

    Parameters
    ----------
    norm, gradient : float
        Norms of the tensor and of its gradient before the update.
    update : float
        Norm of the change that the update made, over the norm of the tensor.
    spread : float
        Largest difference between two columns of a matrix in one row, over the largest element:
        0 says that all units are copies of each other. NaN for vectors.
    gradient_spread : float
        The same for the gradient.
    """

    norm: float
    gradient: float
    update: float
    spread: float
    gradient_spread: float


@frozen
class Snapshot:
    """One observation.

    Parameters
    ----------
    step : int
        Updates done before it.
    epoch : int
        Counted from 1.
    rows : int
        Rows that were observed.
    loss : float
        Objective of these rows, in training mode.
    gradient_norm : float
    kept : float
        What clipping left of the gradient: 1 is all of it.
    entropy : float
        Mean entropy of the predicted distribution over that of a uniform one; NaN for regression.
    nodes : mapping of name to NodeState
    parameters : mapping of name to ParameterState
    """

    step: int
    epoch: int
    rows: int
    loss: float
    gradient_norm: float
    kept: float
    entropy: float
    nodes: Mapping[str, NodeState]
    parameters: Mapping[str, ParameterState]


@frozen
class Series:
    """Loss and gradient norm of the updates, thinned out evenly where there are many.

    Parameters
    ----------
    step : (M,) int
        Updates done before each.
    loss, norm : (M,)
        Objective of the batch, and norm of its gradient before clipping.
    clipped : float
        Share of all updates whose gradient was longer than the limit of `clip_norm`; NaN without.
    """

    step: np.ndarray
    loss: np.ndarray
    norm: np.ndarray
    clipped: float = float("nan")


@frozen
class Sample:
    """Some rows of a run and its weights, for questions that are asked after the training.

    Parameters
    ----------
    rows, validation : Rows
    first, last, kept : Buffers
        State before the first update, after the last one, and of the returned model.
    """

    rows: Rows
    validation: Rows | None
    first: Buffers
    last: Buffers
    kept: Buffers


@frozen
class Recording:
    """A recorded run.

    Parameters
    ----------
    plan : Plan
    facts : dict
        `rows`, `validation_rows`, `batch`, `steps_per_epoch`, `epochs` (planned), `seed`, `dtype`,
        `weighted` (rows have weights of their own), `stop_reason`, `fault`, `best_epoch`, and
        `names` of the columns of X, if they have any.
    history : sequence of dict
    snapshots : sequence of Snapshot
    series : Series
    sample : Sample, optional
        Only while the run is at hand; not in files.
    findings : dict, optional
        Answers to questions about data and network (`chainrule.glass.doctor`), once asked.
    """

    plan: Plan
    facts: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    snapshots: Sequence[Snapshot]
    series: Series
    sample: Sample | None = field(default=None, repr=False, compare=False)
    findings: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    def to_document(self) -> dict[str, Any]:
        """Return the recording as JSON values, without the plan and without any row of data."""
        return {
            "facts": dict(self.facts),
            "history": [{key: _cell(value) for key, value in row.items()} for row in self.history],
            "snapshots": [_from_snapshot(snapshot) for snapshot in self.snapshots],
            "series": {
                "step": [int(step) for step in self.series.step],
                "loss": [_cell(value) for value in self.series.loss],
                "norm": [_cell(value) for value in self.series.norm],
                "clipped": _cell(self.series.clipped),
            },
            "findings": None if self.findings is None else _plain(self.findings),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], plan: Plan) -> Recording:
        """Return the recording that `to_document` wrote.

        Raises
        ------
        FileFormatError
            The document is not one.
        """
        try:
            series = document["series"]
            findings = document["findings"]
            return cls(
                plan,
                dict(document["facts"]),
                [{key: number(value) for key, value in row.items()} for row in document["history"]],
                [_to_snapshot(snapshot) for snapshot in document["snapshots"]],
                Series(
                    np.array(series["step"], np.int64),
                    np.array([number(value) for value in series["loss"]]),
                    np.array([number(value) for value in series["norm"]]),
                    float(number(series["clipped"])),
                ),
                findings=None if findings is None else _read(findings),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(
                "the recording of the training is damaged", got=f"{type(error).__name__}: {error}"
            ) from None


def _cell(value: Any) -> Any:
    """Return a number as JSON takes it, with the digits that a diagnosis needs."""
    if isinstance(value, (bool, int, np.integer)):
        return int(value)
    return cell(float(f"{float(value):.{_DIGITS}g}"))


def _numbers(state: Any) -> list[Any]:
    return [_cell(getattr(state, entry.name)) for entry in fields(state)]


def _from_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    document: dict[str, Any] = {
        entry.name: _cell(getattr(snapshot, entry.name))
        for entry in fields(snapshot)
        if entry.name not in ("nodes", "parameters")
    }
    document["nodes"] = {name: _numbers(state) for name, state in snapshot.nodes.items()}
    document["parameters"] = {name: _numbers(state) for name, state in snapshot.parameters.items()}
    return document


def _to_snapshot(document: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        step=int(document["step"]),
        epoch=int(document["epoch"]),
        rows=int(document["rows"]),
        loss=number(document["loss"]),
        gradient_norm=number(document["gradient_norm"]),
        kept=number(document["kept"]),
        entropy=number(document["entropy"]),
        nodes={
            name: NodeState(*(number(value) for value in values))
            for name, values in document["nodes"].items()
        },
        parameters={
            name: ParameterState(*(number(value) for value in values))
            for name, values in document["parameters"].items()
        },
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, str) or value is None:
        return value
    return _cell(value)


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_read(entry) for entry in value]
    return number(value) if value in ("nan", "inf", "-inf") else value
