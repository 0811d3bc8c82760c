"""`chainrule methods`: naive Bayes, a decision tree and a network on the same real tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Count, debug_option, force_option, json_option

if TYPE_CHECKING:
    from chainrule.cli.screen import Screen
    from chainrule.experiments.methods import Methods

__all__ = ["command"]

OUT = "Where the page goes.  [default: methods.html]"


@click.command("methods", help=VERBS["methods"])
@click.argument("data", type=PATH, required=False)
@click.option("--target", metavar="COLUMN", help="The column to predict in DATA.")
@click.option("--only", is_flag=True, help="DATA alone, without the bundled tables.")
@click.option("--repeats", type=Count(), default=5, show_default=True, help="Splits.")
@click.option(
    "--rows", type=Count(50), default=10_000, show_default=True, help="Most training rows."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the splits.")
@click.option("--out", type=PATH, metavar="FILE", help=OUT)
@force_option
@json_option
@debug_option
def command(
    data: Path | None,
    target: str | None,
    only: bool,
    repeats: int,
    rows: int,
    seed: int,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare on California housing, digits, breast cancer and wine, and on DATA if given."""
    from chainrule.cli.job import PAGES, require_ending, require_outputs
    from chainrule.cli.progress import CountProgress
    from chainrule.cli.screen import Screen
    from chainrule.errors import UsageError
    from chainrule.experiments.methods import compare_methods
    from chainrule.experiments.methods_data import bundled_tables, file_table
    from chainrule.experiments.methods_page import methods_page
    from chainrule.experiments.methods_words import conclusions
    from chainrule.files import atomic_write

    if (data is None) != (target is None):
        raise UsageError("a table and its --target belong together", where="--target")
    if only and data is None:
        raise UsageError("--only needs a table", where="--only")
    out = Path("methods.html") if out is None else out
    require_outputs({} if data is None else {"DATA": data}, {"--out": out}, force)
    require_ending("--out", out, PAGES)
    screen = Screen(as_json)
    tables = [] if data is None or target is None else [file_table(data, target)]
    tables += [] if only else bundled_tables()
    with CountProgress(screen, "splits") as progress:
        found = compare_methods(tables, repeats=repeats, rows=rows, seed=seed, on_fit=progress)
    _show(screen, found)
    atomic_write(out, methods_page(found), overwrite=force)
    screen.done(f"{out}: open it in a browser")
    if as_json:
        fits = [asdict(fit) for fit in found.fits]
        screen.json({"out": str(out), "conclusions": conclusions(found), "fits": fits})


def _show(screen: Screen, found: Methods) -> None:
    from chainrule.experiments.methods import METHODS
    from chainrule.experiments.methods_words import conclusions, duration, summaries

    screen.title("methods", ", ".join(METHODS))
    cells = [
        (
            row.table if row.method == METHODS[0] else "",
            row.method,
            f"{100 * row.test_accuracy:.1f} %",
            f"{100 * row.gap:.1f}",
            duration(row.seconds),
            f"{row.enough:,}",
        )
        for row in summaries(found)
    ]
    heads = ("table", "method", "test", "overfits", "time", "rows needed")
    screen.table(heads, cells, (2, 3, 4, 5))
    screen.gap()
    for sentence in conclusions(found):
        screen.note(sentence)
    screen.gap()
