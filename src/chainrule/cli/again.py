"""A run of `train` as the words that give it: for commands that are printed to be copied."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.cli.job import settings_document
from chainrule.cli.options import listed
from chainrule.cli.pipeline import Settings

__all__ = ["option_words", "train_command"]


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Return options as words of a command; a flag that is false is left out.

    Example
    -------
    >>> option_words({"hidden": [64, 32], "dropout": 0.1, "drop-missing-target": True})
    ['--hidden', '64,32', '--dropout', '0.1', '--drop-missing-target']
    """
    words: list[str] = []
    for name, value in options.items():
        if isinstance(value, bool):
            words += [f"--{name}"] * value
        else:
            words += [f"--{name}", _word(value)]
    return words


def _word(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return listed(value) or "none"  # a size of pictures, too, may be written so
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def train_command(data: Path, settings: Settings, out: Path | None = None, **changes: Any) -> str:
    """Return the command that trains with these settings: those that are not the defaults.

    Parameters
    ----------
    data : Path
    settings : Settings
    out : Path, optional
        Where the model goes.
    changes
        Settings that shall be others.

    Example
    -------
    >>> from pathlib import Path
    >>> from chainrule.cli.pipeline import Settings
    >>> train_command(Path("homes.csv"), Settings("price"), batch_size=64)
    'chainrule train homes.csv --target price --batch-size 64'
    """
    stated = settings_document(replace(settings, **changes))
    usual = settings_document(Settings(""))
    options = {name: value for name, value in stated.items() if usual.get(name) != value}
    words = ["chainrule", "train", str(data), *option_words(options)]
    return shlex.join(words if out is None else [*words, "--out", str(out)])
