"""`chainrule sweep`: a network for every setting of some axes, compared over the same splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import click

from chainrule.cli.config import config_option
from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Count, InSections
from chainrule.cli.sweep_options import (
    SECTIONS,
    VALUES,
    command_again,
    debug_option,
    json_option,
    out_option,
    run_options,
    table_options,
    value_options,
)

__all__ = ["command"]

METHODS = ("grid", "random", "halving", "optuna")


class _Sweep(InSections):
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = SECTIONS


@click.command(
    "sweep",
    cls=_Sweep,
    help=VERBS["sweep"],
    epilog="Several values make an option an axis. DATA is a table file, or pictures as for train.",
)
@click.argument("data", type=PATH)
@click.option("--target", metavar="COLUMN", help="The column to predict; needed for a table.")
@table_options
@value_options
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUES",
    help="Any other argument or field, such as optimizer.beta1=0.8,0.9; may stand several times.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="grid",
    show_default=True,
    help="All settings; some at random; fewer and longer; Optuna's proposals.",
)
@click.option("--runs", type=Count(), metavar="COUNT", help="Settings to draw.")
@click.option(
    "--eta",
    type=Count(2),
    default=3,
    show_default=True,
    help="Of halving: keep one setting of so many.",
)
@click.option("--first-epochs", type=Count(), metavar="COUNT", help="Of halving's first rung.")
@run_options(repeats=1)
@out_option("sweep")
@config_option
@json_option
@debug_option
@click.pass_context
def command(ctx: click.Context, out: Path, force: bool, as_json: bool, **params: Any) -> None:
    """Run a sweep over a table file and write its table and page."""
    from chainrule.cli import sweeping
    from chainrule.cli.screen import Screen
    from chainrule.cli.sweep_words import tell_train
    from chainrule.report.sweep_page import sweep_page

    screen, places = Screen(as_json), sweeping.Places(out)
    axes = {name: params[name].values for name in VALUES if _several(params[name])}
    more, others = _others(params.pop("others"))
    axes.update(others)
    _require_axes(axes)
    search = {name: params.pop(name) for name in ("method", "runs", "eta", "first_epochs")}
    task = sweeping.task_of({**params, "more": more}, axes, search)
    if force:  # what is there goes only for a sweep that can be made
        task.campaign.check()
    places.prepare(force)
    sweep = sweeping.run_task(task, places, screen, params["workers"])
    again, interrupted = command_again(ctx), sweep.stop_reason == "interrupted"
    if sweep.rows:
        screen.gap()
        sweeping.show_table(screen, sweep)
        page = None  # whoever interrupts does not wait for pictures
        if not interrupted:
            page = sweeping.page_of(sweep_page, sweep, task.title, again, screen)
        written = places.write(sweep, page)
        screen.done(sweeping.conclude(sweep))
        screen.gap()
        sweeping.tell_written(screen, written)
        if not interrupted and not as_json:
            told = {**params, **search, "more": {**more, **others}}
            tell_train(screen, sweep, told, task.options)
    if as_json:
        screen.json({"ledger": str(places.ledger), **sweep.document()})
    if interrupted:
        sweeping.tell_interrupted(screen, sweep, again)
        raise KeyboardInterrupt


def _require_axes(axes: Mapping[str, Any]) -> None:
    from chainrule.errors import UsageError

    if not axes:
        raise UsageError(
            "no option has several values, so there is nothing to vary",
            expected="such as --batch-size 16,32,64 --learning-rate 1e-3:1e-1:10x",
            do="for one setting use: chainrule train",
        )


def _several(values: Any) -> bool:
    return values is not None and not values.single


def _others(words: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `--set` fixes, and what it varies."""
    from chainrule.errors import UsageError
    from chainrule.experiments.axes import read_axis

    fixed: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        option = f"--{name.replace('_', '-')}"
        twice = name in fixed or name in axes
        if not equals or not name or name in VALUES or twice:
            wrong = f"{name} is set twice" if twice else "this sets nothing"
            raise UsageError(
                f"use the option {option}" if name in VALUES else wrong,
                where="--set",
                expected="NAME=VALUES, such as optimizer.beta1=0.8,0.9",
                got=word,
            )
        values = read_axis(f"--set {name}", text)
        if isinstance(values, tuple) and len(values) == 1:
            fixed[name] = values[0]
        else:
            axes[name] = values
    return fixed, axes
