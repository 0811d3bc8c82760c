"""A sweep from its first check to its last run: what may go wrong is found before anything runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.checks import Integer, OneOf, check_parameters, shown
from chainrule.engine.native import reason_for_reference
from chainrule.engine.protocol import Rows
from chainrule.engine.select import warn_once
from chainrule.errors import ChainruleError, InvalidParameterError
from chainrule.experiments.axes import Span, axis_text, first_of
from chainrule.experiments.bench import Bench, Listener
from chainrule.experiments.design import (
    Recipe,
    grid,
    labels_of,
    loss_of,
    require_once,
    score_of,
)
from chainrule.experiments.job import written
from chainrule.experiments.ledger import Ledger
from chainrule.experiments.material import Material
from chainrule.experiments.optuna_search import require_optuna
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.result import label_of, setting_text
from chainrule.experiments.search import METHODS, Search
from chainrule.experiments.splits import Scheme
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES
from chainrule.plan.plan import make_plan
from chainrule.training.augmentation import choose_augmentations, require_augmentable
from chainrule.training.course import Course
from chainrule.training.targets import fit_targets, target_array

__all__ = ["Campaign"]

_METHOD = ("optimizer", "schedule", "penalties", "clip", "reduction", "groups")
_COURSE = ("epochs", "batch_size", "shuffle", "dtype", "train_metrics", "stopping", "restore_best")


@frozen
class Campaign:
    """All that a sweep is told.

    Parameters
    ----------
    network : Layer, or function that returns one
    material : Material
    scheme : Scheme
    arguments : mapping
        What is the same for all settings.
    search : Search
        Its axes are empty where `settings` are given.
    method : str
    score : str or Metric, optional
    settings : sequence of mappings, optional
        These settings and no others; each with its name under "setting".
    """

    network: Any
    material: Material
    scheme: Scheme
    arguments: Mapping[str, Any]
    search: Search
    method: str = "grid"
    score: Any = None
    settings: Sequence[Mapping[str, Any]] | None = None

    def run(
        self,
        out: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        listener: Listener | None = None,
    ) -> Sweep:
        """Check everything, then make the runs.

        Raises
        ------
        ChainruleError
            A setting or the ledger cannot be used. Nothing has been trained then.
        """
        _require_places(out, listener)
        if workers is not None:
            check_parameters({"workers": Integer(1)}, {"workers": workers}, str)
        recipe, greater = self.check()
        score = recipe.score
        search = replace(self.search, greater_is_better=greater)
        held = self._held()
        facts = {"score": score, "greater_is_better": greater, "held": held}
        ledger = None if out is None else Ledger(out, {**self._identity(recipe), **facts})
        bench = Bench(recipe, self.material, ledger, workers, listener)
        with ledger or nullcontext(), bench:
            reason = self._made(search, bench)
        notes = () if ledger is None else tuple(ledger.notes)
        labels = {name: axis_text(values) for name, values in search.axes.items()}
        if self.settings is not None:
            labels = {"setting": [setting["setting"] for setting in self.settings]}
        return Sweep(bench.rows, score, greater, labels, held, reason, bench.found, notes)

    def check(self) -> tuple[Recipe, bool]:
        """Check all but the ledger; return what makes the jobs, and whether more is better.

        Raises
        ------
        ChainruleError
            A setting cannot be used.
        """
        check_parameters({"method": OneOf(tuple(METHODS))}, {"method": self.method}, str)
        self._require_once()
        if self.method == "optuna":
            require_optuna()
        first = self._corners()[0]
        named = {**self.arguments, **first}
        score, greater = score_of(self.score, loss_of(named), named.get("metrics"), self._varies)
        recipe = Recipe(self.network, self.arguments, self.scheme, score, self.material.digests())
        for setting in self._corners():
            self._require_possible(recipe, setting)
        return recipe, greater

    def _require_once(self) -> None:
        fixed = [name for name, value in self.arguments.items() if value is not None]
        require_once([*self.search.axes, *fixed])
        if self.settings is None:
            return
        for setting in self.settings:  # what a setting says stands above what is the same for all
            require_once(list(setting))

    def _made(self, search: Search, bench: Bench) -> str:
        try:
            if self.settings is None:
                METHODS[self.method](search, bench)
            else:
                bench.make(self.settings)
        except KeyboardInterrupt:
            return "interrupted"
        return "finished"

    def _held(self) -> float:
        if self.scheme.fixed:
            return 0.0
        held, trained = (self.material.count(0, part) for part in ("validation", "training"))
        return held / trained

    def _varies(self, name: str) -> bool:
        if self.settings is None:
            return any(axis.partition(".")[0] == name for axis in self.search.axes)
        values = [label_of({**self.arguments, **setting}.get(name)) for setting in self.settings]
        return any(value != values[0] for value in values)

    def _corners(self) -> list[Mapping[str, Any]]:
        """Return settings in which each value of each axis stands once."""
        if self.settings is not None:
            return list(self.settings)
        axes = self.search.axes
        first = {name: first_of(values) for name, values in axes.items()}
        found: list[Mapping[str, Any]] = [first]
        for name, values in axes.items():
            others = (values.at(1 - 1e-9),) if isinstance(values, Span) else values[1:]
            found += [{**first, name: value} for value in others]
        return found

    def _require_possible(self, recipe: Recipe, setting: Mapping[str, Any]) -> None:
        """Make plan and course of a setting, without training.

        Raises
        ------
        ChainruleError
            It cannot be trained; the message names the setting.
        """
        try:
            arguments = recipe.resolved(setting)
            X, y = self.material.rows(0, "training")[:2]
            loss = LOSSES.make(arguments["loss"])
            targets, _ = fit_targets(target_array(y), loss)
            method = {name: arguments[name] for name in _METHOD if name in arguments}
            plan = make_plan(arguments["network"], X.shape[1:], loss, targets.width, **method)
            if reason := reason_for_reference(plan):  # workers' warnings are not seen
                warn_once(reason)
            told = {name: arguments[name] for name in _COURSE if arguments.get(name) is not None}
            told["augment"] = choose_augmentations(arguments.get("augment"))
            row = Rows(X[:1], np.zeros((1, targets.width), np.float32))
            require_augmentable(Course(plan, row, row, **told))
        except ChainruleError as error:
            error.where = ", ".join(filter(None, [error.where, setting_text(labels_of(setting))]))
            raise

    def _identity(self, recipe: Recipe) -> dict[str, Any]:
        """Return what makes this sweep this one, as JSON values for the ledger's first line."""
        search = self.search
        head: dict[str, Any] = {
            "method": self.method,
            "arguments": written(self.arguments) or "not written",
            "scheme": self.scheme.document(),
            "splits": list(recipe.digests),
        }
        axes = {name: axis_text(values) for name, values in search.axes.items()}
        if self.settings is not None:
            names = [setting["setting"] for setting in self.settings]
            return {**head, "axes": {"setting": names}, "meanings": list(self._meanings(recipe))}
        if self.method == "grid":
            made = (recipe.resolved(setting)["network"] for setting in self._networks())
            networks = {_digest({"network": network}) for network in made}
            return {**head, "axes": axes, "networks": sorted(networks)}
        drawn = {"seed": search.seed, "runs": search.runs}
        if self.method == "random":
            return {**head, "space": axes, **drawn, "runs": search.runs or 20}
        if self.method == "halving":
            drawn |= {"eta": search.eta, "first": search.first_epochs, "epochs": search.epochs}
        return {**head, "space": axes, "search": drawn}

    def _networks(self) -> list[dict[str, Any]]:
        return grid(self.search.axes) if callable(self.network) else [dict(self._corners()[0])]

    def _meanings(self, recipe: Recipe) -> Iterator[str]:
        for setting in self.settings or ():
            yield f"{setting['setting']}={_digest(recipe.resolved(setting))}"


def _require_places(out: Any, listener: Any) -> None:
    """Refuse what could not be written to, or told, after runs have been made."""
    if not isinstance(out, (str, os.PathLike, type(None))):
        raise InvalidParameterError("out is not a path", where="out", got=shown(out))
    if listener is not None and not callable(listener):
        raise InvalidParameterError("on_result is not a function", got=shown(listener))


def _digest(arguments: Mapping[str, Any]) -> str:
    text = json.dumps(written(arguments), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
