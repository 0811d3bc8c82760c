"""The compiled engine's elementary functions: errors in ulp of the exact result, on every set.

A unit in the last place is that of the exact result's power of two, or of the smallest denormal.
What is exact: for float32 the same function in float64, for float64 in decimals of 60 digits.
`CHAINRULE_NUMBERS=10000000 pytest tests/native/test_functions.py` looks at more numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import special

from chainrule.engine import info
from chainrule.engine.native import load_binary

COUNT = int(os.environ.get("CHAINRULE_NUMBERS", "100000"))
SETS = info()["instruction_sets"]
EXACT: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "log": np.log,
    "log1p": np.log1p,
    "softplus": lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
    "normal_cumulative": special.ndtr,
    "normal_density": lambda x: np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi),
}
MOST = {
    "exp": (1.1, 1.1),
    "expm1": (1.8, 2.3),
    "tanh": (2.6, 2.6),
    "sigmoid": (2.5, 2.2),
    "log": (0.9, 0.9),
    "log1p": (0.9, 0.9),
    "softplus": (2.1, 2.0),
    "normal_cumulative": (3.9, 3.9),
    "normal_density": (2.3, 2.3),
}
"""The largest errors, float32 and float64, as csrc/vmath.hpp states them."""
HARD = {
    "normal_cumulative": "-0x1.278864p0 -0x1.26c738p0 -0x1.5bef32p-1 -0x1.163ddp3 -0x1.163e56p3 "
    "-0x1.672328p-1 -0x1.c968p2 -0x1.dcfdd6p0 0x1.ecbed6p-9 -0x1.8ae784dc89198p-1 "
    "-0x1.0f235632df3d1p5 -0x1.097fad6dfd02p4",
    "normal_density": "-0x1.91b53p3 -0x1.45aa84p2",
}
"""Where an error was the largest of very many numbers, in one form of a function or another."""
ROOT_TWO_PI = Decimal("2.50662827463100050241576528481104525300698674060993831663")


def found(name: str, x: np.ndarray, isa: str) -> np.ndarray:
    """Return what the compiled engine says."""
    binary = load_binary()[0]
    assert binary is not None
    result = np.empty_like(x)
    binary.evaluate(isa, name, x, result)
    return result


def numbers(name: str, dtype: str, count: int) -> np.ndarray:
    """Return numbers at which a function's result is neither 0 nor infinite."""
    random = np.random.default_rng(len(name))
    wide, far = (85.0, 12.9) if dtype == "float32" else (700.0, 37.0)
    parts = {
        "log": [np.exp(random.uniform(-wide, wide, count)), random.uniform(0.5, 2.0, count)],
        "log1p": [random.uniform(-0.99, 3.0, count), np.exp(random.uniform(-15.0, wide, count))],
        "normal_cumulative": [random.uniform(-far, 0.0, count), random.normal(size=count)],
        "normal_density": [random.uniform(-far, far, count), random.normal(size=count)],
    }
    plain = [random.uniform(-wide, wide, count), 3.0 * random.normal(size=count)]
    small = random.choice([-1.0, 1.0], count) * np.exp(random.uniform(-12.0, -0.1, count))
    hard = [float.fromhex(text) for text in HARD.get(name, "").split()]
    drawn = [*parts.get(name, plain), np.abs(small) if name == "log" else small, hard]
    return np.concatenate(drawn).astype(dtype)


def ulps(result: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest distance of float32 numbers from exact ones, in ulp."""
    one = np.ldexp(1.0, np.maximum(np.frexp(exact)[1] - 24, -149))
    return float(np.max(np.abs(result - exact) / one))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("isa", SETS)
def test_errors_in_float32(name: str, isa: str) -> None:
    x = numbers(name, "float32", COUNT)
    with np.errstate(over="ignore", under="ignore"):
        assert ulps(found(name, x, isa), EXACT[name](x.astype(np.float64))) <= MOST[name][0]


def normal_cumulative(x: Decimal) -> Decimal:
    """Return the normal distribution: by a series near 0, else by density / (a + 1 / (a + ...))."""
    density = (-x * x / 2).exp() / ROOT_TWO_PI
    if abs(x) > 4:
        below = Decimal(0)
        for term in range(600, 0, -1):
            below = term / (abs(x) + below)
        tail = density / (abs(x) + below)
        return tail if x < 0 else 1 - tail
    total = term_now = x
    for odd in range(3, 300, 2):
        term_now *= x * x / odd
        total += term_now
    return Decimal("0.5") + density * total


DECIMAL: dict[str, Callable[[Decimal], Decimal]] = {
    "exp": lambda x: x.exp(),
    "expm1": lambda x: x.exp() - 1,
    "tanh": lambda x: 1 - 2 / ((2 * x).exp() + 1),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "log": lambda x: x.ln(),
    "log1p": lambda x: (1 + x).ln(),
    "softplus": lambda x: (1 + x.exp()).ln() if x > -60 else x.exp() * (1 - x.exp() / 2),
    "normal_cumulative": normal_cumulative,
    "normal_density": lambda x: (-x * x / 2).exp() / ROOT_TWO_PI,
}


@cache
def exact_of(name: str) -> tuple[np.ndarray, list[Decimal], np.ndarray]:
    """Return numbers, a function's exact results there, and their units in the last place."""
    x = numbers(name, "float64", COUNT // 250)
    with localcontext() as context:
        context.prec = 60
        exact = [DECIMAL[name](Decimal(float(number))) for number in x]
    exponents = np.frexp([float(value) for value in exact])[1]
    return x, exact, np.ldexp(1.0, np.maximum(exponents - 53, -1074))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("isa", SETS)
def test_errors_in_float64(name: str, isa: str) -> None:
    x, exact, one = exact_of(name)
    results = zip(found(name, x, isa), exact, one, strict=True)
    with localcontext() as context:
        context.prec = 60
        errors = [abs(Decimal(float(y)) - right) / Decimal(float(u)) for y, right, u in results]
    assert float(max(errors)) <= MOST[name][1]


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_no_number_stays_so_and_the_ends_are_exact(dtype: str, isa: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0], dtype)
    for name, exact in EXACT.items():
        with np.errstate(all="ignore"):
            right = exact(x)
        assert np.allclose(found(name, x, isa), right, rtol=1e-6, atol=0.0, equal_nan=True), name


def test_every_function_is_measured() -> None:
    binary = load_binary()[0]
    assert binary is not None
    assert set(binary.functions()) == set(EXACT) == set(DECIMAL) == set(MOST)


def test_the_measure_can_fail() -> None:
    one, more = np.ones(1), np.ones(1, np.float32) + np.float32(2.0**-23)
    assert ulps(more, one) == 1.0
    assert float(normal_cumulative(Decimal(-5))) == pytest.approx(special.ndtr(-5.0), rel=1e-14)
    with pytest.raises(ValueError, match="no function"):
        found("cosine", one, SETS[0])
    with pytest.raises(ValueError, match="differ in size"):
        load_binary()[0].evaluate(SETS[0], "exp", one, np.ones(2))  # type: ignore[union-attr]
