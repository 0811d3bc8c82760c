"""Derivatives of plain functions, by the same two methods as the gradient check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.glass.complex_step import COMPLEX_STEP

__all__ = ["derivative", "gradient_of", "relative", "tolerance"]

_PLACES = np.array([-2.0, -1.0, 1.0, 2.0])
_WEIGHTS = np.array([1.0, -8.0, 8.0, -1.0]) / 12.0


def tolerance(analytic: bool) -> float:
    """Return the largest relative error that passes."""
    return 1e-11 if analytic else 1e-7


def derivative(function: Callable[[Any], Any], point: np.ndarray, analytic: bool) -> np.ndarray:
    """Return the element-wise derivative of an element-wise function."""
    if analytic:
        return np.imag(function(point + 1j * COMPLEX_STEP)) / COMPLEX_STEP
    step = 1e-4 * np.maximum(1.0, np.abs(point))
    parts = [w * function(point + p * step) for w, p in zip(_WEIGHTS, _PLACES, strict=True)]
    return sum(parts) / step


def gradient_of(
    function: Callable[[Any], Any], point: np.ndarray, analytic: bool, step: float = 1e-4
) -> np.ndarray:
    """Return the gradient of a function to a number, coordinate by coordinate."""
    gradient = np.zeros(point.shape)
    for index in np.ndindex(point.shape):
        along = np.zeros(point.shape)
        along[index] = 1.0
        if analytic:
            gradient[index] = np.imag(function(point + 1j * COMPLEX_STEP * along)) / COMPLEX_STEP
        else:
            values = [function(point + place * step * along) for place in _PLACES]
            gradient[index] = float(_WEIGHTS @ np.array(values)) / step
    return gradient


def relative(ours: Any, theirs: Any, floor: float = 1e-300) -> float:
    """Return ||a - b|| / max(||a|| + ||b||, floor)."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    scale = max(float(np.linalg.norm(ours) + np.linalg.norm(theirs)), floor)
    return float(np.linalg.norm(ours - theirs)) / scale
