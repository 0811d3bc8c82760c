"""Data for the doctor's proof: one set of generators for writing rules, another for judging them.

Each function takes a random generator and returns X, y and the task. Inputs and numeric targets
are standardised, as somebody who knows the trade would do it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

__all__ = ["HELD_OUT", "WRITING", "Table", "scaled"]

Table = tuple[np.ndarray, np.ndarray, str]
"""X, y, and "classes" or "number"."""


def scaled(values: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and deviation 1; constant ones become 0."""
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _whole(random: Generator) -> int:
    return int(random.integers(2**31))


def classification(random: Generator) -> Table:
    """Gaussian clusters at corners of a cube, 2 or 3 classes."""
    from sklearn.datasets import make_classification

    X, y = make_classification(
        n_samples=int(random.integers(1200, 2000)),
        n_features=int(random.integers(8, 14)),
        n_informative=int(random.integers(4, 7)),
        n_classes=int(random.integers(2, 4)),
        class_sep=float(random.uniform(1.2, 2.0)),
        flip_y=float(random.uniform(0.0, 0.05)),
        random_state=_whole(random),
    )
    return scaled(X), y, "classes"


def moons(random: Generator) -> Table:
    """Two interleaved half circles with noise."""
    from sklearn.datasets import make_moons

    noise = float(random.uniform(0.1, 0.3))
    X, y = make_moons(int(random.integers(900, 1500)), noise=noise, random_state=_whole(random))
    return scaled(X), y, "classes"


def friedman(random: Generator) -> Table:
    """Friedman's first function: ten columns of which five matter."""
    from sklearn.datasets import make_friedman1

    noise = float(random.uniform(0.2, 1.0))
    X, y = make_friedman1(int(random.integers(700, 1400)), noise=noise, random_state=_whole(random))
    return scaled(X), scaled(y), "number"


def waves(random: Generator) -> Table:
    """Draw a sum of sines of random directions."""
    rows, columns = int(random.integers(800, 1400)), int(random.integers(3, 8))
    X = random.normal(size=(rows, columns))
    directions = random.normal(size=(columns, 3)) / np.sqrt(columns)
    y = np.sin(1.5 * X @ directions).sum(axis=1) + 0.1 * random.normal(size=rows)
    return scaled(X), scaled(y), "number"


def linear(random: Generator) -> Table:
    """Draw a linear function of several columns, with noise."""
    rows, columns = int(random.integers(500, 1200)), int(random.integers(5, 20))
    X = random.normal(size=(rows, columns))
    weights = np.zeros(columns)
    weights[:5] = random.uniform(0.5, 1.5, size=5) * random.choice([-1, 1], size=5)
    y = X @ weights + random.uniform(0.2, 1.0) * random.normal(size=rows)
    return scaled(X), scaled(y), "number"


def circles(random: Generator) -> Table:
    """One circle within another."""
    from sklearn.datasets import make_circles

    X, y = make_circles(
        int(random.integers(700, 1200)),
        noise=float(random.uniform(0.05, 0.12)),
        factor=float(random.uniform(0.3, 0.6)),
        random_state=_whole(random),
    )
    return scaled(X), y, "classes"


def quantiles(random: Generator) -> Table:
    """Classes that are shells of one Gaussian."""
    from sklearn.datasets import make_gaussian_quantiles

    X, y = make_gaussian_quantiles(
        n_samples=int(random.integers(900, 1500)),
        n_features=int(random.integers(3, 6)),
        n_classes=int(random.integers(2, 4)),
        random_state=_whole(random),
    )
    return scaled(X), y, "classes"


def digits(random: Generator) -> Table:
    """Handwritten digits of 8 x 8 pixels in [0, 1]."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rows = random.permutation(len(X))[: int(random.integers(1000, 1700))]
    return X[rows] / 16.0, y[rows], "classes"


def spirals(random: Generator) -> Table:
    """Two or three arms that wind once around the middle."""
    arms, rows = int(random.integers(2, 4)), int(random.integers(900, 1500))
    y = random.integers(arms, size=rows)
    radius = random.uniform(0.15, 1.0, size=rows)
    angle = 4.0 * radius + y * 2 * np.pi / arms + 0.08 * random.normal(size=rows)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return scaled(X), y, "classes"


def products(random: Generator) -> Table:
    """Products and squares of columns, with noise and columns that do not matter."""
    rows, columns = int(random.integers(1000, 1600)), int(random.integers(4, 9))
    X = random.uniform(-1.7, 1.7, size=(rows, columns))
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2 - X[:, 3] + 0.15 * random.normal(size=rows)
    return scaled(X), scaled(y), "number"


def impedance(random: Generator) -> Table:
    """Friedman's second function: a circuit's impedance."""
    from sklearn.datasets import make_friedman2

    X, y = make_friedman2(int(random.integers(700, 1300)), noise=50.0, random_state=_whole(random))
    return scaled(X), scaled(y), "number"


def diabetes(random: Generator) -> Table:
    """442 patients of Efron et al. (2004), a weak and noisy signal."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    order = random.permutation(len(X))
    return scaled(X[order]), scaled(y[order]), "number"


def wine(random: Generator) -> Table:
    """178 wines with noise, each three times."""
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    rows = random.permutation(np.repeat(np.arange(len(X)), 4))
    return scaled(X)[rows] + 0.5 * random.normal(size=(len(rows), X.shape[1])), y[rows], "classes"


Generators = dict[str, Callable[[Generator], Table]]
WRITING: Generators = {
    member.__name__: member for member in (classification, moons, friedman, waves, linear)
}
HELD_OUT: Generators = {
    member.__name__: member
    for member in (circles, quantiles, digits, spirals, products, impedance, diabetes, wine)
}
