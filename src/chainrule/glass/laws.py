"""The law of the library, for every member: the gradient is the derivative of the reported loss.

Decisions
---------
a) The cases are products of the registries and name no member. A layer, an activation, a loss, a
   penalty, an initialiser or an operation is covered from the moment it is registered, a user's
   own included.
b) Structure is found by what layers declare: a layer with a field `layers` is a way to connect
   (residual, dense, parallel, ...), a `transparent` layer is one that may stand between a dense
   layer and its activation (a norm, a dropout, a scale).
c) A spread of the networks runs on the compiled engine too, and must give the same gradient.
d) There is no list of exceptions. A case that cannot be evaluated has failed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.glass.cases import Case, CheckRow, NetworkCase, OpCase
from chainrule.glass.compiled import CompiledCase, runs_compiled
from chainrule.glass.op_point import sample_inputs
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.initialiser import INITIALISERS
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.penalty import PENALTIES
from chainrule.nn.combine import Sequential
from chainrule.nn.dense import Activation, Dense
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.ops.op import OPS
from chainrule.registry import Registry

__all__ = ["LawReport", "check", "combinations", "run_laws"]

SEQUENCE = (3, 4)
COMPILED_SPREAD = 9
"""Each ninth network runs on the compiled engine too."""


def combinations() -> Iterator[Case]:
    """Yield every case, from the registries alone."""
    yield from _operations()
    yield from _networks()
    yield from _on_the_compiled_engine()


def _networks() -> Iterator[NetworkCase]:
    yield from _layers_with_losses()
    yield from _activations_with_norms_and_skips()
    yield from _penalties_on_layers()
    yield from _penalties_with_settings()
    yield from _settings()
    yield from _sequences()
    yield from _initialisers()


def check(case: Case) -> CheckRow:
    """Return the outcome of one case; an exception is a failure."""
    try:
        return case.check()
    except Exception as error:  # noqa: BLE001 - a member may fail in any way, and the row says how
        said = f"{type(error).__name__}: {error}"
        return CheckRow(case.group, case.name, "", np.inf, 0.0, False, said, 0.0)


@frozen
class LawReport:
    """The outcome of all cases."""

    rows: tuple[CheckRow, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether there are cases, and every one passed."""
        return bool(self.rows) and not self.failures

    @property
    def failures(self) -> tuple[CheckRow, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if not row.passed)

    def groups(self) -> dict[str, tuple[CheckRow, ...]]:
        """Return the rows by group, in order."""
        groups: dict[str, list[CheckRow]] = {}
        for row in self.rows:
            groups.setdefault(row.group, []).append(row)
        return {name: tuple(rows) for name, rows in groups.items()}

    def worst(self) -> dict[str, CheckRow]:
        """Return the row with the largest error for each method."""
        worst: dict[str, CheckRow] = {}
        for row in self.rows:
            if row.method not in worst or not row.error <= worst[row.method].error:
                worst[row.method] = row
        return worst

    def to_dict(self) -> dict[str, Any]:
        """Return JSON numbers, strings, lists and dictionaries."""
        return {
            "passed": self.passed,
            "cases": len(self.rows),
            "failed": len(self.failures),
            "seconds": self.seconds,
            "groups": {
                name: {"cases": len(rows), "failed": sum(not row.passed for row in rows)}
                for name, rows in self.groups().items()
            },
            "worst": {method: row.to_dict() for method, row in self.worst().items()},
            "rows": [row.to_dict() for row in self.rows],
        }


def run_laws(
    progress: Callable[[int, int], None] | None = None, cases: Iterable[Case] | None = None
) -> LawReport:
    """Check every case and return the report.

    Parameters
    ----------
    progress : callable, optional
        Called after each case with (cases done, cases in all).
    cases : iterable of Case, optional
        By default all `combinations()`.

    Returns
    -------
    LawReport
        `rows`: one `CheckRow` a case, with `group`, `name`, `method` ("complex", "central",
        "compiled", or "" if it could not be evaluated), `error`, `tolerance`, `passed`,
        `where` (worst tensor, or the exception), `gradient_norm` and `corners`. `passed`,
        `failures`, `groups()` (rows by group), `worst()` (row by method), `seconds`, and
        `to_dict()` with keys passed, cases, failed, seconds, groups {name: {cases, failed}},
        worst {method: row}, rows [row].

    Example
    -------
    >>> from itertools import islice
    >>> from chainrule.glass.laws import combinations, run_laws
    >>> report = run_laws(cases=islice(combinations(), 5))
    >>> report.passed, len(report.rows)
    (True, 5)
    """
    todo = list(combinations() if cases is None else cases)
    start = time.perf_counter()
    rows: list[CheckRow] = []
    for done, case in enumerate(todo, 1):
        rows.append(check(case))
        if progress is not None:
            progress(done, len(todo))
    return LawReport(tuple(rows), time.perf_counter() - start)


def _examples(registry: Registry[Any]) -> list[Any]:
    """Return every example of every member of a registry."""
    return [example for member in registry for example in member.examples()]


def _first_examples(registry: Registry[Any]) -> list[Any]:
    """Return the first example of every member."""
    return [member.examples()[0] for member in registry]


def _plain_loss() -> Loss:
    """Return the first loss without corners, for groups in which the loss is not the subject."""
    return next(loss for loss in _first_examples(LOSSES) if loss.analytic)


def _operations() -> Iterator[Case]:
    for op in _examples(OPS):
        yield OpCase(op)
        yield OpCase(op, training=False)
        if sample_inputs(op, sequence=True) is not None:
            yield OpCase(op, sequence=True)
            yield OpCase(op, training=False, sequence=True)


def _layers_with_losses() -> Iterator[NetworkCase]:
    for layer, loss in itertools.product(_examples(LAYERS), _examples(LOSSES)):
        yield NetworkCase("layer x loss", layer, loss)


def _activations_with_norms_and_skips() -> Iterator[NetworkCase]:
    loss = _plain_loss()
    between: list[tuple[Layer, ...]] = [()]
    between.extend((layer,) for layer in _first_examples(LAYERS) if layer.transparent)
    connections = [member for member in LAYERS if "layers" in member.rules]
    for record in _examples(ACTIVATIONS):
        for norm, connection in itertools.product(between, connections):
            inner = (Dense(4), *norm, Activation(record))
            layer = connection.from_fields({"layers": inner})
            yield NetworkCase("activation x norm x skip", layer, loss)


def _penalties_on_layers() -> Iterator[NetworkCase]:
    losses = itertools.cycle(_first_examples(LOSSES))
    for penalty, layer in itertools.product(_examples(PENALTIES), _first_examples(LAYERS)):
        yield NetworkCase("penalty x layer", layer, next(losses), penalties=(penalty,))


def _penalties_with_settings() -> Iterator[NetworkCase]:
    losses = itertools.cycle(_first_examples(LOSSES))
    choices: list[tuple[Reduction, bool]] = [("mean", True), ("sum", False), ("sum", True)]
    for penalty, (reduction, weighted) in itertools.product(_examples(PENALTIES), choices):
        yield NetworkCase(
            "penalty x reduction x weights",
            Dense(4),
            next(losses),
            penalties=(penalty,),
            reduction=reduction,
            weighted=weighted,
        )


def _settings() -> Iterator[NetworkCase]:
    losses = _examples(LOSSES)
    pairs = [
        *zip(_examples(LAYERS), itertools.cycle(losses), strict=False),
        *((Dense(4), loss) for loss in losses),
    ]
    choices = itertools.product(("mean", "sum"), (False, True), (True, False))
    for (layer, loss), (reduction, weighted, training) in itertools.product(pairs, choices):
        yield NetworkCase(
            "reduction x weights x mode",
            layer,
            loss,
            reduction=reduction,
            weighted=weighted,
            training=training,
        )


def _sequences() -> Iterator[NetworkCase]:
    loss = _plain_loss()
    for layer in _examples(LAYERS):
        if len(layer.sample_shape()) == 1 and _builds(layer, SEQUENCE):
            for training in (True, False):
                yield NetworkCase("sequence", layer, loss, sample_shape=SEQUENCE, training=training)


def _builds(layer: Layer, sample_shape: tuple[int, ...]) -> bool:
    try:
        build_graph(layer, sample_shape)
    except ShapeError:
        return False
    return True


def _initialisers() -> Iterator[NetworkCase]:
    loss = _plain_loss()
    for record, activation in zip(
        _examples(INITIALISERS), itertools.cycle(_first_examples(ACTIVATIONS)), strict=False
    ):
        layer = Sequential(Dense(4, activation, initialiser=record), Dense(3, initialiser=record))
        yield NetworkCase("initialiser", layer, loss)


def _on_the_compiled_engine() -> Iterator[Case]:
    for case in itertools.islice(_networks(), 0, None, COMPILED_SPREAD):
        if runs_compiled(case):
            yield CompiledCase(case)
