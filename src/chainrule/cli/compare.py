"""`chainrule compare`: a few settings over the same splits and seeds, and whether they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from chainrule.cli.config import config_option
from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, InSections
from chainrule.cli.sweep_options import (
    SECTIONS,
    VALUES,
    command_again,
    debug_option,
    json_option,
    out_option,
    read_setting,
    run_options,
    table_options,
    value_options,
)

if TYPE_CHECKING:
    from chainrule.cli.screen import Screen
    from chainrule.experiments.comparison import Comparison
    from chainrule.experiments.outcome import Sweep

__all__ = ["command"]

_MOST_PAIRS = 15


class _Compare(InSections):
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Table, or pictures": SECTIONS["Table, or pictures"],
        "What is the same for all settings": tuple(VALUES),
        "Runs": ("settings", *SECTIONS["Runs"]),
        "Files": SECTIONS["Files"],
        "Others": (),
    }


@click.command(
    "compare",
    cls=_Compare,
    help=VERBS["compare"],
    epilog="DATA is a table file, or pictures as for train. It may also be the folder of a sweep: "
    "its runs are compared, and none is made.",
)
@click.argument("data", type=PATH)
@click.option("--target", metavar="COLUMN", help="The column to predict; needed for a table.")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="'NAME: OPTION=VALUE ...'",
    help="One of the settings; stands twice at least. NAME: may be left out.",
)
@table_options
@value_options
@run_options(repeats=10)
@out_option("comparison")
@config_option
@json_option
@debug_option
@click.pass_context
def command(ctx: click.Context, out: Path, force: bool, as_json: bool, **params: Any) -> None:
    """Compare settings and write table and page."""
    from chainrule.cli import sweeping
    from chainrule.cli.screen import Screen
    from chainrule.cli.sweep_words import tell_train
    from chainrule.experiments.comparison import compared
    from chainrule.images import is_image_source

    screen, again = Screen(as_json), command_again(ctx)
    path: Path = params["data"]
    ledger = path / sweeping.LEDGER if path.is_dir() else path
    if params["target"] is None and not (params["settings"] and is_image_source(path)):
        screen.title(str(path))
        _show(screen, compared(_of_ledger(ledger, params["settings"])), as_json)
        return
    named = _settings(params.pop("settings"))
    for name in VALUES:
        _require_single(name, params[name])
    places = sweeping.Places(out)
    task = sweeping.task_of(params, {}, {}, named)
    if force:  # what is there goes only for a comparison that can be made
        task.campaign.check()
    places.prepare(force)
    sweep = sweeping.run_task(task, places, screen, params["workers"])
    if sweep.stop_reason == "interrupted":
        sweeping.tell_interrupted(screen, sweep, again)
        raise KeyboardInterrupt
    comparison = compared(sweep)
    screen.gap()
    from chainrule.report.sweep_page import comparison_page

    page = sweeping.page_of(comparison_page, comparison, task.title, again, screen)
    written = places.write(sweep, page)
    _show(screen, comparison, as_json)
    sweeping.tell_written(screen, written)
    if not as_json:
        tell_train(screen, sweep, params, task.options, named)


def _of_ledger(ledger: Path, settings: tuple[str, ...]) -> Sweep:
    from chainrule.cli.sweeping import LEDGER
    from chainrule.errors import UsageError
    from chainrule.experiments.outcome import load_sweep

    if not settings and not ledger.exists():
        raise UsageError(
            "there is no such table, nor a sweep's folder",
            where=str(ledger.parent if ledger.name == LEDGER else ledger),
            expected=f"a table with --target COLUMN, or a folder with {LEDGER}",
        )
    if settings or ledger.suffix != ".jsonl":
        raise UsageError(
            "the column to predict is not named",
            where="--target",
            do="pass --target COLUMN (pictures need none, but two of --setting); or, to compare "
            "the runs of a sweep, pass its folder alone",
        )
    return load_sweep(ledger)


def _settings(words: tuple[str, ...]) -> list[dict[str, Any]]:
    from chainrule.errors import UsageError
    from chainrule.experiments.compare import named_settings

    if len(words) < 2:
        raise UsageError(
            "a comparison needs at least two settings",
            where="--setting",
            expected="such as --setting 'optimizer=sgd learning-rate=0.1' --setting optimizer=adam",
        )
    pairs = [read_setting(word) for word in words]
    if all(name is not None for name, _ in pairs):
        names = [str(name) for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError("two settings have one name", where="--setting", got=twice)
    return named_settings(
        [{**setting, **({} if name is None else {"setting": name})} for name, setting in pairs]
    )


def _require_single(name: str, values: Any) -> None:
    from chainrule.errors import UsageError

    if values is not None and not values.single:
        raise UsageError(
            "what is the same for all settings has one value",
            where=f"--{name.replace('_', '-')}",
            got=values.words,
            do="pass the values in --setting, or use chainrule sweep",
        )


def _show(screen: Screen, comparison: Comparison, as_json: bool) -> None:
    from chainrule.cli import sweeping
    from chainrule.cli.outcome import short_name
    from chainrule.cli.sweep_words import spoken

    sweeping.show_table(screen, comparison.sweep)
    score = comparison.sweep.score
    for pair in comparison.pairs[:_MOST_PAIRS]:
        screen.note(spoken(pair.words(short_name(score))))
    if len(comparison.pairs) > _MOST_PAIRS:
        screen.line(f"and {len(comparison.pairs) - _MOST_PAIRS:,} more pairs")
    screen.gap()
    screen.facts({"mean ranks": spoken(_ranks(comparison))})
    screen.gap()
    screen.done(spoken(comparison.conclusion(), score))
    screen.gap()
    if as_json:
        screen.json(comparison.document())


def _ranks(comparison: Comparison) -> str:
    ranks = sorted(comparison.ranks.items(), key=lambda entry: entry[1])
    words = ", ".join(f"{name} {rank:.2f}" for name, rank in ranks)
    if not math.isfinite(comparison.critical):
        return words or "no split was common to all settings"
    if comparison.critical > len(ranks) - 1:
        return f"{words} (no difference of ranks counts with so few runs)"
    return f"{words} (a difference counts from {comparison.critical:.2f} on)"
