"""Settings of a sweep in the words of the command line, and the command that trains with one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainrule.cli.again import train_command
from chainrule.cli.outcome import short_name
from chainrule.cli.pipeline import Settings
from chainrule.cli.screen import Screen
from chainrule.cli.sweep_options import VALUES
from chainrule.errors import ChainruleError
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.table import TableRow
from chainrule.registry import suggest

__all__ = ["in_options", "spoken", "tell_train"]

_NAMES = re.compile(rf"\b({'|'.join(name for name in VALUES if '_' in name)})=")


def spoken(text: str, score: str = "") -> str:
    """Return a sentence about settings with the names that options have, and that scores have.

    Example
    -------
    >>> spoken("batch_size=16, patience=None has the best mean r2", "r2")
    'batch-size=16, patience=0 has the best mean R²'
    """
    text = _NAMES.sub(lambda match: match[0].replace("_", "-"), text)
    text = text.replace("patience=None", "patience=0").replace("schedule=None", "schedule=constant")
    return re.sub(rf"\bmean {re.escape(score)}\b", f"mean {short_name(score)}", text)


def in_options(error: ChainruleError) -> None:
    """Tell of an argument that nobody knows by the options of the command line."""
    if not error.what.startswith("there is no argument"):
        return
    names = [name.replace("_", "-") for name in VALUES]
    wrong = error.got.strip("'\"").replace("_", "-")
    error.what = f"there is no option {wrong!r}"
    error.expected = f"one of {', '.join(names)}; or a field of one, such as optimizer.beta1"
    error.do = suggest(wrong, names) or error.do


def tell_train(
    screen: Screen,
    sweep: Sweep,
    params: Mapping[str, Any],
    table: Settings,
    named: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print the command that trains a model with the best setting; nothing if none has a score.

    Parameters
    ----------
    screen : Screen
    sweep : Sweep
    params : mapping
        Of the command's options.
    table : Settings
        What is said of the data.
    named : sequence of mappings
        The settings of a comparison, which has names for them.
    """
    rows = sweep.table()
    if not rows or rows[0].mean != rows[0].mean:
        return
    found = _settings(rows[0], params, table, named)
    if isinstance(found, str):
        screen.note(f"{found} is no option of train: such a network is trained from Python")
        return
    screen.command("next", train_command(params["data"], found))
    screen.gap()


def _settings(
    best: TableRow, params: Mapping[str, Any], table: Settings, named: Sequence[Mapping[str, Any]]
) -> Settings | str:
    """Return the settings of the best row, or the name of what `train` does not take."""
    setting = dict(best.settings)
    name = setting.pop("setting", None)
    chosen = next((own for own in named if own.get("setting") == name), {})
    setting |= {key: value for key, value in chosen.items() if key != "setting"}
    strange = [key for key in (*setting, *params.get("more", {})) if key not in VALUES]
    if strange:
        return strange[0]
    found: dict[str, Any] = {}
    for key, (kind, *_) in VALUES.items():
        stated = params[key]
        if key in setting:
            value = setting[key]
            found[key] = kind.convert(str(value), None, None) if isinstance(value, str) else value
        elif stated is not None:
            found[key] = stated.values[0]
    if params.get("method") == "halving":
        found["epochs"] = best.epochs
    found["patience"] = found.get("patience") or 0
    return replace(table, seed=params["seed"], **found)
