"""Settings that Optuna's sampler proposes, in generations as wide as there are workers."""

from __future__ import annotations

import importlib
from typing import Any

from chainrule.errors import MissingExtraError
from chainrule.experiments.axes import Span
from chainrule.experiments.bench import Bench
from chainrule.experiments.result import label_of
from chainrule.experiments.search import Search

__all__ = ["optuna_search", "require_optuna"]

_TRIALS = 20


def optuna_search(search: Search, bench: Bench) -> None:
    """Ask Optuna's tree-structured Parzen estimator for settings, and tell it their scores.

    A generation is told in the order in which it was asked for, whichever run ended first, so the
    same sweep proposes the same settings again.

    Raises
    ------
    MissingExtraError
        Optuna is not installed.

    Source: Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization"
    (NeurIPS 2011).
    """
    optuna = require_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="minimize", sampler=optuna.samplers.TPESampler(seed=search.seed)
    )
    left = search.runs or _TRIALS
    while left:
        trials = [study.ask() for _ in range(min(bench.workers, left))]
        left -= len(trials)
        settings = [_setting(search, trial) for trial in trials]
        different = [
            place for place, setting in enumerate(settings) if setting not in settings[:place]
        ]
        results = bench.make([settings[place] for place in different])
        for trial, setting in zip(trials, settings, strict=True):
            place = next(n for n, home in enumerate(different) if settings[home] == setting)
            cost = search.cost(results[place])
            failed = cost == float("inf")
            state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
            study.tell(trial, None if failed else cost, state=state)


def _setting(search: Search, trial: Any) -> dict[str, Any]:
    """Return a trial's setting; values that are no plain ones go to Optuna by their place."""
    setting: dict[str, Any] = {}
    for name, values in search.axes.items():
        if isinstance(values, Span):
            suggest = trial.suggest_int if values.whole else trial.suggest_float
            value = suggest(name, values.low, values.high, log=values.log)
            setting[name] = value if values.whole else values.told(value)
        else:
            labels = [f"{place}: {label_of(value)}" for place, value in enumerate(values)]
            setting[name] = values[labels.index(trial.suggest_categorical(name, labels))]
    return setting


def require_optuna() -> Any:
    """Return Optuna.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return importlib.import_module("optuna")
    except ImportError:
        raise MissingExtraError(
            "this method needs Optuna, which is not installed",
            where="method",
            do='pip install optuna, or pass method="random"',
        ) from None
