"""Where the first wrong tensor is, when no known mistake explains the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.search import Explanation
from chainrule.glass.marker.verdict import Finding

__all__ = ["place_finding"]

_TEACHES = (
    "No mistake that this marker knows gives these numbers, so it claims no more than the place: "
    "print that line's factors with their shapes, and compare one entry with a sum by hand."
)


def place_finding(
    exercise: Exercise, explanation: Explanation, names: Sequence[str], before: float | None
) -> Finding:
    """Return what can be said for certain: which tensors are right, and where the first is not."""
    right = explanation.explained
    listed = ", ".join(_label(name) for name in names if name in right)
    known = f"{listed} right" if listed else "no tensor is right"
    if explanation.mistakes:
        known = f"apart from that {listed} right" if listed else known
    if "yhat" in names and "yhat" not in right:
        return _finding("the forward pass", "the prediction differs already", before)
    for layer in range(exercise.depth, 0, -1):
        W, b = f"W{layer}", f"b{layer}"
        if (W in right or W not in names) and (b in right or b not in names):
            continue
        place, where = _between(layer, W in right, b in right, exercise.depth)
        return _finding(place, f"{known}; the first that is not lies in {where}", before)
    return _finding("", known, before)


def _between(layer: int, weights: bool, bias: bool, depth: int) -> tuple[str, str]:
    if bias:
        return f"layer {layer}: dW{layer}", f"the product for dW{layer}, since db{layer} is right"
    if weights:
        return f"layer {layer}: db{layer}", f"the sum for db{layer}, since dW{layer} is right"
    if layer == depth:
        return f"layer {layer}: dZ{layer}", f"dZ{layer}, where the way back begins"
    return (
        f"layer {layer}: dZ{layer}",
        f"the way from dZ{layer + 1} to dZ{layer}: the product with W{layer + 1}, or the slope",
    )


def _label(name: str) -> str:
    return name if name == "yhat" else f"d{name}"


def _finding(place: str, says: str, before: float | None) -> Finding:
    return Finding("", place, says, _TEACHES, before=before)
