"""`sweep`: many settings over the same splits and seeds, on every core, with nothing lost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.experiments.axes import Span, axes_of, first_of
from chainrule.experiments.bench import Listener
from chainrule.experiments.campaign import Campaign
from chainrule.experiments.design import Axes, epochs_of, loss_of
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.search import Search
from chainrule.experiments.splits import Scheme, material_of

__all__ = ["sweep"]


def sweep(
    network: Any,
    X: Any,
    y: Any,
    *,
    axes: Mapping[str, Any],
    method: str = "grid",
    runs: int | None = None,
    repeats: int = 1,
    folds: int | None = None,
    validation: Sequence[Any] | None = None,
    validation_share: float | None = None,
    test: Sequence[Any] | float | None = None,
    sample_weight: Any = None,
    score: Any = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    seed: int = 0,
    eta: int = 3,
    first_epochs: int | None = None,
    on_result: Listener | None = None,
    **arguments: Any,
) -> Sweep:
    r"""Train a network for every setting of some axes, over the same splits and seeds.

    Each setting runs once for each repeat (and fold). Repeat r has the seed `seed + r`, in every
    setting: the same rows held back, the same order, the same noise. With `validation_share` and
    without `test`, a run has the bits of `chainrule.train` called with its settings, its seed and
    that share.

    Parameters
    ----------
    network : Layer, or function that returns one
        A function is called with those axes, or fixed values, that its parameters name.
    X, y, sample_weight
        As for `train`; one table in memory.
    axes : mapping of name to values
        A name is an argument of `train` (`batch_size`, `optimizer`), a field of one
        (`"optimizer.beta1"`, `"schedule.warmup"`), `learning_rate`, or a parameter of the network's
        function. Values are a list, a range as text (`"16:256:2x"`, `"1:5"`), or a
        `chainrule.experiments.Span` to draw from (also as text: `"1e-4:1e-1:log"`).
    method : "grid", "random", "halving" or "optuna"
        All settings; `runs` settings at random; successive halving; Optuna's sampler.
    runs : int, optional
        Settings to draw, 20 if not given; successive halving then draws too.
    repeats : int
    folds : int, optional
        Each repeat is a cross-validation with so many folds.
    validation : (X, y), optional
        Rows to score by instead; a repeat then varies the seed alone.
    validation_share : float, optional
        Share of the rows to hold back in each repeat; 0.2 if nothing else is said.
    test : (X, y), or float, optional
        Rows that only `test_score` sees; a share is held back once, the same for all.
    score : str, optional
        A metric, or "loss"; by default the first metric of the loss.
    out : path, optional
        Ledger of finished runs. Where it exists the sweep goes on from it.
    workers : int, optional
        Runs at a time; by default one for each core. 1 stays in this process.
    seed : int
    eta, first_epochs : int
        Of successive halving: keep one of `eta`; epochs of the first rung.
    on_result : function of (Result, done, planned), optional
    **arguments
        What is fixed: arguments of `train`, fields such as `learning_rate`, and values for the
        network's function.

    Returns
    -------
    Sweep
        Also after Ctrl-C, with what is finished (`stop_reason` "interrupted").

    Raises
    ------
    ChainruleError
        A setting, the data or the ledger cannot be used. Nothing has been trained then.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> found = cr.sweep(
    ...     lambda width: nn.Sequential(nn.Dense(width, "tanh"), nn.Dense(1)),
    ...     X,
    ...     np.sin(4 * X[:, 0]),
    ...     axes={"width": [1, 8], "learning_rate": [0.01, 0.05]},
    ...     repeats=2,
    ...     loss="squared_error",
    ...     epochs=50,
    ...     workers=1,
    ... )
    >>> len(found.rows), len(found.table())
    (8, 4)
    >>> found.best.settings["width"]
    8
    """
    scheme = Scheme(repeats, seed, validation_share, folds, validation is not None)
    checked = axes_of(axes)
    first = {**arguments, **{name: first_of(values) for name, values in checked.items()}}
    dtype = "float64" if "float64" in _values(checked, arguments, "dtype") else "float32"
    data: dict[str, Any] = {"sample_weight": sample_weight, "validation": validation, "test": test}
    material = material_of(X, y, loss_of(first), scheme, dtype=dtype, **data)
    search = Search(checked, seed, True, epochs_of(arguments), runs, eta, first_epochs)
    campaign = Campaign(network, material, scheme, arguments, search, method=method, score=score)
    return campaign.run(out, workers, on_result)


def _values(axes: Axes, arguments: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    values = axes.get(name, (arguments.get(name),))
    return () if isinstance(values, Span) else values
