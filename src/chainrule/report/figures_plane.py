"""Pictures of two numbers: the rate finder's curve, optimizers in a valley, regions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.report.figures_axes import axis, grid, limits, shape
from chainrule.report.figures_canvas import (
    BOLD,
    COLOURS,
    FAINT,
    FIRST,
    INK,
    LINE,
    PAPER,
    SECOND,
    WIDE,
    Picture,
    plain,
)
from chainrule.report.figures_groups import worded

__all__ = ["boundary_picture", "finder_picture", "rosenbrock", "valley_picture"]

_MOST_ROWS = 300
_MARKS = "os^DvP*X<>"
_Function = Callable[[np.ndarray, np.ndarray], np.ndarray]


def finder_picture(
    rates: Sequence[float],
    losses: Sequence[float],
    chosen: float,
    *,
    smooth: Sequence[float] | None = None,
    why: str = "",
) -> Picture:
    """Return the loss of a rate finder's steps over the learning rate, with the chosen rate.

    Parameters
    ----------
    rates, losses : sequence of float
        One of each for every step; losses that are not finite end the curve with a cross.
    chosen : float
        The rate that is advised; NaN for none.
    smooth : sequence of float, optional
        The smoothed losses, drawn strong.
    why : str
        How the rate was chosen, for the caption.

    Raises
    ------
    DataError
        No loss is finite, or a rate is not above 0.

    Example
    -------
    >>> from chainrule.report.figures_plane import finder_picture
    >>> picture = finder_picture([1e-3, 1e-2, 1e-1, 1.0], [2.3, 2.0, 1.0, 9.0], 0.05)
    >>> "chosen: 0.05" in picture.svg()
    True
    """
    places, values = np.array(rates, float), np.array(losses, float)
    known = np.isfinite(values)
    if len(places) != len(values) or not known.any() or not (places > 0).all():
        raise DataError(
            "the curve of a rate finder needs as many rates above 0 as losses, and a finite loss",
            got=f"{len(places)} rates, {int(known.sum())} finite of {len(values)} losses",
        )
    line = values if smooth is None else np.array(smooth, float)
    lost = np.flatnonzero(~known)

    def draw(figure: Any) -> None:
        plane = figure.subplots()
        # What comes after the blow-up would flatten all that is before it.
        start = float(line[np.isfinite(line)][0])
        seen = line[np.isfinite(line)]
        low, high, log = limits(seen[seen <= max(1.6 * start, float(np.quantile(seen, 0.5)))])
        axis(plane.xaxis, float(places.min()), float(places.max()), True, most=8)
        axis(plane.yaxis, low, high, log)
        if smooth is not None:
            plane.plot(places, values, ".", color=FAINT, markersize=3.5, alpha=0.6)
        plane.plot(places, line, color=FIRST, linewidth=2.2)
        if len(lost):
            plane.plot(places[lost[0]], high, "x", color=INK, ms=9, mew=2.4, clip_on=False)
            _note(plane, "diverged", (float(places[lost[0]]), high), (-10, -2), "right")
        if math.isfinite(chosen):
            _chosen(plane, places, line, chosen)
        plane.set_xlabel("learning rate")
        plane.set_ylabel("loss of the batch")

    caption = f"One step for each rate, from low to high. {why}".strip()
    if smooth is not None:
        caption += " Dots: losses of the batches; line: smoothed."
    return Picture("loss against learning rate", 720, 360, draw, caption)


def _chosen(plane: Any, rates: np.ndarray, line: np.ndarray, chosen: float) -> None:
    known = np.isfinite(line)
    height = float(np.interp(math.log(chosen), np.log(rates[known]), line[known]))
    plane.axvline(chosen, color=SECOND, linewidth=1.4, linestyle=(0, (4, 3)))
    plane.plot(chosen, height, "D", color=SECOND, markersize=9, zorder=4)
    left = math.log(chosen / rates.min()) > 0.6 * math.log(rates.max() / rates.min())
    words = f"chosen: {worded(float(chosen))}"
    offset, side = ((-8, -10), "right") if left else ((8, -10), "left")
    _note(plane, words, (chosen, plane.get_ylim()[1]), offset, side)


def _note(plane: Any, words: str, place: tuple[float, float], offset: Any, side: str) -> None:
    paper = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "boxstyle": "round,pad=0.2"}
    plane.annotate(
        words,
        place,
        xytext=offset,
        textcoords="offset points",
        ha=side,
        va="center",
        color=INK,
        fontweight=BOLD,
        bbox=paper,
        zorder=6,
    )


def rosenbrock(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Return Rosenbrock's valley, least at (1, 1).

    .. math:: f(x, y) = (1 - x)^2 + 100 \, (y - x^2)^2

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a function"
    (The Computer Journal 1960).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.report.figures_plane import rosenbrock
    >>> rosenbrock(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    array([0., 1.])
    """
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def valley_picture(
    paths: Mapping[str, Sequence[Sequence[float]] | np.ndarray],
    *,
    function: _Function = rosenbrock,
    least: tuple[float, float] = (1.0, 1.0),
    window: tuple[float, float, float, float] = (-2.0, 2.0, -1.0, 3.0),
) -> Picture:
    """Return the ways of optimizers down a valley: a plane for each, over lines of equal height.

    Parameters
    ----------
    paths : mapping of name to (T, 2) points
        From the start on. A path that leaves the plane or the finite numbers ends in a cross.
    function : callable
        Of two arrays; positive but for its least value.
    least : (x, y)
        Where the function is least.
    window : (left, right, low, high)

    Example
    -------
    >>> from chainrule.report.figures_plane import valley_picture
    >>> picture = valley_picture({"sgd": [(-1.5, 2.0), (-1.2, 1.5), (-1.1, 1.2)]})
    >>> "sgd" in picture.svg()
    True
    """
    if not paths:
        raise DataError("there is no path to draw", expected="a mapping of names to points")
    points = {name: np.array(path, float).reshape(-1, 2) for name, path in paths.items()}
    rows, columns = shape(len(points))
    left, right, low, high = window
    x, y = np.meshgrid(np.linspace(left, right, 121), np.linspace(low, high, 121))
    heights = np.log10(np.maximum(function(x, y), 1e-6))

    def draw(figure: Any) -> None:
        planes = grid(figure, len(points), sharex=True, sharey=True)
        for plane, (name, path) in zip(planes, points.items(), strict=True):
            plane.grid(False)
            levels = np.linspace(-1.5, float(heights.max()), 9)
            plane.contour(
                x, y, heights, levels, colors=FAINT, linewidths=0.7, alpha=0.55, linestyles="solid"
            )
            axis(plane.xaxis, left, right, False, most=5)
            axis(plane.yaxis, low, high, False, most=5)
            plane.plot(*least, "*", color=INK, markersize=13, zorder=3)
            words = _walk(plane, path, function, window)
            plane.set_title(f"{plain(name, 34)}\n{words}")
        figure.supxlabel("first weight", fontsize=12, color=FAINT)
        figure.supylabel("second weight", fontsize=12, color=FAINT)

    width = WIDE if columns > 1 else 560
    caption = (
        "Grey: lines of equal height, by powers of ten. Circle: start. Square: end. "
        "Star: the least value. Cross: the path leaves the picture."
    )
    return Picture(
        "optimizers in a valley", width, 60 + rows * (315 if columns > 1 else 420), draw, caption
    )


def _walk(plane: Any, path: np.ndarray, function: _Function, window: Any) -> str:
    """Draw a path and return in words how it ended."""
    left, right, low, high = window
    known = np.isfinite(path).all(axis=1)
    with np.errstate(invalid="ignore"):
        inside = (path >= (left, low)).all(axis=1) & (path <= (right, high)).all(axis=1)
    gone = np.flatnonzero(~(known & inside))
    lost = np.flatnonzero(~known)
    shown = path[: int(gone[0])] if len(gone) and len(lost) else path
    thin = shown[np.unique(np.linspace(0, len(shown) - 1, min(len(shown), 1500)).astype(int))]
    plane.plot(*thin.T, color=SECOND, linewidth=1.8, zorder=4)
    if len(shown):
        style = {"markerfacecolor": PAPER, "markeredgecolor": SECOND, "mew": 2, "zorder": 5}
        plane.plot(*shown[0], "o", markersize=8, **style)
    if len(lost) or (len(gone) and gone[-1] == len(path) - 1):
        place = np.clip(shown[-1] if len(shown) else path[0], (left, low), (right, high))
        plane.plot(*place, "x", color=INK, markersize=10, mew=2.6, clip_on=False, zorder=6)
    if len(lost):
        return f"diverged at step {int(lost[0])}"
    plane.plot(*shown[-1], "s", color=SECOND, markersize=7, zorder=5)
    end = float(function(*shown[-1][:, None])[0])
    return (
        f"height {worded(float(f'{end:.2g}'))} after {len(path) - 1:,} step{'s' * (len(path) != 2)}"
    )


def boundary_picture(
    X: np.ndarray,
    y: Sequence[Any] | np.ndarray,
    models: Mapping[str, Callable[[np.ndarray], Any]],
    *,
    names: tuple[str, str] = ("first feature", "second feature"),
) -> Picture:
    """Return where classifiers of two features change their mind: a plane for each.

    Parameters
    ----------
    X : (N, 2) array
    y : (N,) labels
    models : mapping of name to callable
        Each returns the label of every row of an (M, 2) array.
    names : (str, str)
        Of the features, with their units.

    Raises
    ------
    DataError
        X has not two columns, or y not as many rows.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.report.figures_plane import boundary_picture
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    >>> picture = boundary_picture(
    ...     X, ["a", "b", "b"], {"half": lambda x: np.where(x[:, 0] > 0.5, "b", "a")}
    ... )
    >>> "half" in picture.svg()
    True
    """
    X, labels = np.asarray(X, float), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2 or len(labels) != len(X) or not models or not len(X):
        raise DataError(
            "regions are drawn of classifiers of two features",
            expected="X of shape (N, 2), N labels, and a model",
            got=f"X {X.shape}, {len(labels)} labels, {len(models)} models",
        )
    classes = list(dict.fromkeys(labels.tolist()))
    classes = sorted(classes) if all(isinstance(c, (int, float)) for c in classes) else classes
    rows, columns = shape(len(models))
    bounds = [limits(X[:, place])[:2] for place in (0, 1)]
    bounds = [limits([*bound])[:2] if bound[0] > 0 else bound for bound in bounds]

    def draw(figure: Any) -> None:
        planes = grid(figure, len(models), sharex=True, sharey=True)
        for number, (plane, (name, model)) in enumerate(zip(planes, models.items(), strict=True)):
            plane.grid(False)
            right = float(np.mean(np.asarray(model(X)) == labels))
            plane.set_title(f"{plain(name, 34)}\n{100 * right:.1f} % of these rows right")
            _regions(plane, model, classes, bounds)
            _dots(plane, X, labels, classes, legend=number == 0)
            axis(plane.xaxis, *bounds[0], False, most=5)
            axis(plane.yaxis, *bounds[1], False, most=5)
        figure.supxlabel(plain(names[0]), fontsize=12, color=FAINT)
        figure.supylabel(plain(names[1]), fontsize=12, color=FAINT)

    width = WIDE if columns > 1 else 620
    height = 70 + rows * (315 if columns > 1 else 400)
    caption = "Lines: where the predicted class changes. Signs: the rows by their true class."
    return Picture("regions of the classifiers", width, height, draw, caption)


def _regions(plane: Any, model: Any, classes: Sequence[Any], bounds: Any) -> None:
    (left, right), (low, high) = bounds
    x, y = np.meshgrid(np.linspace(left, right, 121), np.linspace(low, high, 121))
    said = np.asarray(model(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)
    for number, label in enumerate(classes):
        share = (said == label).astype(float)
        if share.min() < share.max():
            plane.contour(x, y, share, [0.5], colors=INK, linewidths=1.3, zorder=2)
        if share.max() > 0.5:
            colour = COLOURS[number % len(COLOURS)]
            plane.contourf(x, y, share, [0.5, 1.5], colors=[colour], alpha=0.16, zorder=1)


def _dots(
    plane: Any, X: np.ndarray, labels: np.ndarray, classes: Sequence[Any], legend: bool
) -> None:
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), _MOST_ROWS)).astype(int))
    for number, label in enumerate(classes):
        of = rows[labels[rows] == label]
        style = {"ms": 5, "mec": LINE, "mew": 0.5, "alpha": 0.85}
        sign, colour = _MARKS[number % len(_MARKS)], COLOURS[number % len(COLOURS)]
        plane.plot(*X[of].T, sign, color=colour, label=plain(label, 20), zorder=3, **style)
    if legend and len(classes) <= 10:
        plane.legend(frameon=True, framealpha=0.9, edgecolor=LINE, facecolor=PAPER, fontsize=11)
