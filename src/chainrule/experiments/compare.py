"""`compare`: a few settings over the same splits and seeds, and whether they differ at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.experiments.bench import Listener
from chainrule.experiments.campaign import Campaign
from chainrule.experiments.comparison import MOST, Comparison, compared
from chainrule.experiments.design import NAME, epochs_of, loss_of
from chainrule.experiments.result import label_of, setting_text
from chainrule.experiments.search import Search
from chainrule.experiments.splits import Scheme, material_of

__all__ = ["compare", "named_settings"]


def compare(
    settings: Mapping[str, Mapping[str, Any]] | Sequence[Mapping[str, Any]],
    X: Any,
    y: Any,
    *,
    network: Any = None,
    repeats: int = 10,
    folds: int | None = None,
    validation: Sequence[Any] | None = None,
    validation_share: float | None = None,
    test: Sequence[Any] | float | None = None,
    sample_weight: Any = None,
    score: Any = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    seed: int = 0,
    on_result: Listener | None = None,
    **arguments: Any,
) -> Comparison:
    r"""Train several settings over the same splits and seeds, and say whether they differ.

    Differences are paired: d of a split is the score of one setting minus that of the other on the
    same rows with the same seed. They are tested by the corrected resampled t-test (training
    rows of repeated splits overlap), beside the signed-rank and the sign test; p-values of several
    pairs are corrected by Holm's method.

    Parameters
    ----------
    settings : mapping of name to setting, or sequence of settings
        A setting is a mapping as one of `sweep`'s: arguments of `train`, fields by dotted name,
        parameters of the network's function, or a `network` of its own.
    X, y
        As for `train`.
    network : Layer, or function that returns one, optional
        For settings without one.
    repeats : int
        Ten by default: with fewer only large differences can be told from chance.
    folds, validation, validation_share, test, sample_weight, score, out, workers, seed, on_result
        As for `sweep`.
    **arguments
        What is the same for all settings.

    Returns
    -------
    Comparison
        `print` it, or read `pairs`, `ranks` and `table()`.

    Raises
    ------
    ChainruleError
        A setting, the data or the ledger cannot be used. Nothing has been trained then.

    Source: Nadeau, Bengio, "Inference for the generalization error" (Machine Learning 2003).

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> found = cr.compare(
    ...     {"slow": {"learning_rate": 1e-6}, "quick": {"learning_rate": 0.03}},
    ...     X,
    ...     3 * X[:, 0],
    ...     network=nn.Dense(1),
    ...     loss="squared_error",
    ...     epochs=20,
    ...     repeats=5,
    ...     workers=1,
    ... )
    >>> found.pairs[0].better, found.pairs[0].differs
    ('quick', True)
    """
    named = named_settings(settings)
    scheme = Scheme(repeats, seed, validation_share, folds, validation is not None)
    values = {name for setting in named for name in [setting.get("dtype")]}
    dtype = "float64" if "float64" in (values | {arguments.get("dtype")}) else "float32"
    data: dict[str, Any] = {"sample_weight": sample_weight, "validation": validation, "test": test}
    material = material_of(X, y, loss_of({**arguments, **named[0]}), scheme, dtype=dtype, **data)
    search = Search({}, seed, True, epochs_of(arguments))
    campaign = Campaign(network, material, scheme, arguments, search, score=score, settings=named)
    return compared(campaign.run(out, workers, on_result))


def named_settings(
    settings: Mapping[str, Mapping[str, Any]] | Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return settings, each with its name under "setting": the one given, or its values in words.

    Raises
    ------
    UsageError
        Fewer than two, far too many, or two with one name.

    Example
    -------
    >>> from chainrule.experiments.compare import named_settings
    >>> named_settings([{"optimizer": "sgd"}, {"optimizer": "adam"}])[1]["setting"]
    'optimizer=adam'
    """
    pairs: list[tuple[Any, Any]] = []
    if isinstance(settings, Mapping):
        pairs = list(settings.items())
    elif isinstance(settings, (list, tuple)):
        pairs = [(None, setting) for setting in settings]
    for _, setting in pairs:
        if not isinstance(setting, Mapping):
            raise InvalidParameterError(
                "this is not a setting",
                where="settings",
                expected="a mapping such as {'optimizer': 'sgd', 'learning_rate': 0.1}",
                got=shown(setting),
            )
    if len(pairs) < 2:
        raise UsageError(
            "a comparison needs at least two settings",
            where="settings",
            expected="{'name': {...}, 'other': {...}}, or a list of settings",
            got=shown(settings),
        )
    if len(pairs) > MOST:
        raise UsageError(
            f"a comparison has at most {MOST} settings",
            where="settings",
            got=f"{len(pairs):,}",
            do="find the good ones by chainrule.sweep",
        )
    found = [
        {**setting, NAME: _name(name or setting.get(NAME), setting)} for name, setting in pairs
    ]
    names = [setting[NAME] for setting in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError("two settings have one name", where="settings", got=twice)
    return found


def _name(name: Any, setting: Mapping[str, Any]) -> str:
    if name is not None:
        return str(name)
    return setting_text({key: label_of(value) for key, value in setting.items()})
