"""Questions to the rows that a recording kept: what the data are like, and what can be learned.

Decisions
---------
a) Each question has an answer in well under a second: at most a thousand rows, linear algebra only,
   no training of another network.
b) "Is there anything to learn?" is asked of a method that cannot fail to train: kernel ridge
   regression, solved in closed form, fitted on one half of the rows and judged on the other. The
   same factorisation answers for shuffled targets too, which tells signal from luck.
c) All qualities are on one scale: the share of the targets' variance that is explained (R squared),
   with classes as columns of zeros and ones. A network and a kernel can be compared then.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.engine.walk import Walk, draw_noise
from chainrule.glass.doctor.signal import (
    column_shares,
    explained,
    look_for_signal,
    standardised,
)
from chainrule.glass.point import network_point
from chainrule.plan.plan import Plan
from chainrule.training.recording import Recording, Sample
from chainrule.training.recording_observe import activation_of, flat_elements

__all__ = ["examined"]

_BATCHES = 16
_SUSPECT = 0.85
"""A column that alone explains so much is looked at more closely."""


def examined(recording: Recording) -> Recording:
    """Return the recording with its findings; the same one if it has them or has no rows left."""
    sample = recording.sample
    if recording.findings is not None or sample is None:
        return recording
    plan = recording.plan
    Y = _targets(sample.rows)
    with np.errstate(all="ignore"):
        findings: dict[str, Any] = {
            "inputs": _inputs(plan, sample.rows),
            "targets": _target_facts(plan, Y),
            "signal": _signal(sample.rows, _calm(Y)),
            "network": _network(recording, sample),
            "units": _units(plan, sample),
        }
    return replace(recording, findings=findings)


def _targets(rows: Rows) -> np.ndarray:
    return np.asarray(rows.Y, np.float64)


def _calm(Y: np.ndarray) -> np.ndarray:
    """Return numeric targets with outliers drawn in: a stray cell is a fault of its own."""
    if np.isin(Y, (0.0, 1.0)).all():
        return Y
    return np.clip(Y, *np.quantile(Y, [0.01, 0.99], axis=0))


def _inputs(plan: Plan, rows: Rows) -> dict[str, Any]:
    """Return the scales of the columns that are quantities, not codes."""
    X = np.asarray(rows.X, np.float64)
    numeric = ~_codes(plan, rows)
    X = X.reshape(-1, X.shape[-1])
    middle = np.quantile(X, [0.02, 0.98], axis=0)
    typical = np.abs(middle).max(axis=0)
    deviation, peak = X.std(axis=0), np.abs(X).max(axis=0)
    calm = np.clip(X, *middle).std(axis=0)
    spread = np.where(calm > 0, calm, deviation)
    varied = numeric & (deviation > 0)
    facts: dict[str, Any] = {"columns": X.shape[1], "constant": int((deviation == 0).sum())}
    if not varied.any():
        return facts
    places = np.flatnonzero(varied)
    largest = places[np.argmax(typical[places])]
    smallest = places[np.argmin(deviation[places])]
    wildest = places[np.argmax(peak[places])]
    return {
        **facts,
        "largest": float(typical[largest]),
        "largest_at": int(largest),
        "smallest": float(deviation[smallest]),
        "smallest_at": int(smallest),
        "widest": float(spread[places].max()),
        "median": float(np.median(spread[places])),
        "shift": float((np.abs(X.mean(axis=0)) / np.maximum(spread, 1e-300))[places].max()),
        "peak": float(peak[wildest]),
        "peak_at": int(wildest),
        "peak_typical": float(typical[wildest]),
    }


def _codes(plan: Plan, rows: Rows) -> np.ndarray:
    """Return which columns hold codes of categories, whose size means nothing."""
    ops = [node.op for node in plan.graph.nodes]
    columns = rows.X.shape[-1]
    if not any(set(op.inputs()) - set(op.differentiable()) for op in ops):
        return np.zeros(columns, bool)
    few = Rows(rows.X[:4].astype(np.float64), rows.Y[:4].astype(np.float64))
    fixed = network_point(plan, few, training=False, seed=0).fixed[plan.graph.input.name]
    return np.asarray(np.asarray(fixed).reshape(-1, columns).any(axis=0))


def _target_facts(plan: Plan, Y: np.ndarray) -> dict[str, Any]:
    deviation = Y.std(axis=0)
    calm = _calm(Y)
    facts: dict[str, Any] = {
        "columns": Y.shape[1],
        "mean": float(np.abs(calm.mean(axis=0)).max()),
        "deviation": float(calm.std(axis=0).max()),
        "constant": bool((deviation <= 1e-7 * np.maximum(np.abs(Y).max(axis=0), 1e-30)).all()),
        "peak": float(np.abs(Y).max()),
        "typical": float(np.quantile(np.abs(Y), 0.98)),
    }
    if plan.loss.task == "classification":
        shares = Y.mean(axis=0)
        if Y.shape[1] == 1:
            shares = np.array([1.0 - shares[0], shares[0]])
        facts["shares"] = [float(share) for share in shares]
    return facts


def _signal(rows: Rows, Y: np.ndarray) -> dict[str, Any] | None:
    X = standardised(np.asarray(rows.X))
    found = look_for_signal(X, Y)
    if found is None:
        return None
    facts: dict[str, Any] = {**asdict(found), "surprise": found.surprise}
    whole = np.asarray(rows.X, np.float64).reshape(len(X), -1)
    shares = column_shares(whole, Y)
    best = int(np.argmax(shares))
    facts.update(column=best, column_share=float(shares[best]), columns=whole.shape[1])
    if shares[best] > _SUSPECT and whole.shape[1] > 1:
        others = look_for_signal(standardised(np.delete(whole, best, axis=1)), Y)
        rest = 0.0 if others is None else max(others.kernel, others.linear, 0.0)
        facts["others"] = rest
    return facts


def _network(recording: Recording, sample: Sample) -> dict[str, Any]:
    """Return how the network does on the rows: kept weights in prediction, last ones in both."""
    plan = recording.plan
    engine = ReferenceEngine(plan, recording.facts["dtype"])
    travel, size = _moved(plan, sample.first, sample.last)
    facts: dict[str, Any] = {"travel": travel, "size": size}
    for name, rows in (("train", sample.rows), ("validation", sample.validation)):
        if rows is None:
            continue
        raw = engine.raw(sample.kept.weights, sample.kept.running, rows.X)
        facts[name] = _quality(plan, np.asarray(raw, np.float64), _targets(rows))
    last = engine.raw(sample.last.weights, sample.last.running, sample.rows.X)
    Y = sample.rows.Y
    facts["prediction_loss"] = float(plan.loss.value(last, Y).mean())
    facts["last"] = _quality(plan, np.asarray(last, np.float64), _targets(sample.rows))
    if sample.validation is not None:
        held = engine.raw(sample.last.weights, sample.last.running, sample.validation.X)
        facts["held"] = _quality(plan, np.asarray(held, np.float64), _targets(sample.validation))
    if any(node.op.noise or node.op.running for node in plan.graph.nodes):
        facts["training_loss"] = _training_loss(recording, engine, sample)
    return facts


def _moved(plan: Plan, first: Buffers, last: Buffers) -> tuple[float, float]:
    """Return how far the weight matrix that moved most went, in units of its first norm.

    And the median of the matrices' last norms in the same units.
    """
    start, moved = plan.parameters.views(first.weights), plan.parameters.views(last.weights)
    farthest, sizes = 0.0, [1.0]
    for name, W in start.items():
        if W.ndim == 2:
            way, norm = float(np.linalg.norm(moved[name] - W)), float(np.linalg.norm(W))
            farthest = max(farthest, way / norm if norm else (math.inf if way else 0.0))
            sizes.append(float(np.linalg.norm(moved[name])) / norm if norm else math.inf)
    return farthest, float(np.median(sizes[1:] or sizes))


def _quality(plan: Plan, raw: np.ndarray, Y: np.ndarray) -> dict[str, Any]:
    P = np.asarray(plan.loss.predict(raw))
    quality: dict[str, Any] = {"loss": float(plan.loss.value(raw, Y).mean())}
    quality["explained"] = math.nan
    if P.shape[1] >= Y.shape[1]:  # a loss may predict more than the target: variances, quantiles
        quality["explained"] = explained(P[:, : Y.shape[1]], Y)
    if plan.loss.task == "classification":
        if Y.shape[1] == 1:
            P, Y = np.hstack([1.0 - P, P]), np.hstack([1.0 - Y, Y])
        said, truth = P.argmax(axis=1), Y.argmax(axis=1)
        quality["accuracy"] = float((said == truth).mean())
        quality["recall"] = [
            float((said[truth == k] == k).mean()) if (truth == k).any() else math.nan
            for k in range(Y.shape[1])
        ]
    return quality


def _training_loss(recording: Recording, engine: ReferenceEngine, sample: Sample) -> float:
    """Return the mean loss of the rows in training mode, in batches as the run's own."""
    plan, batch = recording.plan, int(recording.facts["batch"])
    last, rows = sample.last, sample.rows
    losses: list[float] = []
    parameters = plan.parameters.views(last.weights)
    running = plan.running.views(last.running)
    for turn, start in enumerate(range(0, max(len(rows) - batch, 0) + 1, batch)):
        if turn == _BATCHES:
            break
        part = rows.take(slice(start, start + batch))
        drawn = draw_noise(plan, 0, 0, start, len(part), (last.step, max(last.step, 1)))
        noise = {name: value.astype(engine.dtype) for name, value in drawn.items()}
        walk = Walk(plan, parameters, running, noise, training=True)
        losses.append(float(plan.loss.value(walk.forward(part.X), part.Y).mean()))
    return float(np.mean(losses))


def _units(plan: Plan, sample: Sample) -> dict[str, dict[str, float]]:
    """Return the flat and dead shares of each activation over the rows, before and after."""
    facts: dict[str, dict[str, float]] = {}
    for moment, buffers in (("first", sample.first), ("last", sample.last)):
        for name, (flat, dead) in _flat_shares(plan, buffers, sample.rows).items():
            facts.setdefault(name, {}).update({f"{moment}_flat": flat, f"{moment}_dead": dead})
    return facts


def _flat_shares(plan: Plan, buffers: Buffers, rows: Rows) -> dict[str, tuple[float, float]]:
    parameters = plan.parameters.views(buffers.weights)
    walk = Walk(plan, parameters, plan.running.views(buffers.running), {}, training=False)
    walk.forward(rows.X)
    shares: dict[str, tuple[float, float]] = {}
    for node in plan.graph.nodes:
        function = activation_of(node)
        flat = None if function is None else flat_elements(function, walk.tensors[node.tensor("Z")])
        if flat is not None:
            dead = flat.reshape(-1, flat.shape[-1]).all(axis=0)
            shares[node.name] = float(flat.mean()), float(dead.mean())
    return shares
