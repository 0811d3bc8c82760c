"""`chainrule report`: the page of a model again, from its file and a table."""

from __future__ import annotations

from pathlib import Path

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, force_option, json_option

__all__ = ["command"]


@click.command("report", help=VERBS["report"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option(
    "--out", type=PATH, metavar="FILE", help="Where the page goes.  [default: beside MODEL]"
)
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@force_option
@json_option
@debug_option
def command(
    model: Path,
    data: Path,
    out: Path | None,
    drop_missing_target: bool,
    force: bool,
    as_json: bool,
) -> None:
    """With the table of training: the page of train. With another: scores on its rows."""
    from chainrule.cli.evaluation import findings_again
    from chainrule.cli.job import PAGES, beside, require_ending, require_outputs
    from chainrule.cli.report_page import report_page
    from chainrule.cli.screen import Screen
    from chainrule.cli.words import bytes_text
    from chainrule.files import atomic_write

    out = beside(model, ".html") if out is None else out
    require_outputs({"MODEL": model, "DATA": data}, {"--out": out}, force)
    require_ending("--out", out, PAGES)
    screen = Screen(as_json)
    found, same = findings_again(model, data, drop_missing_target)
    if not same:
        screen.note("this is not the table of the training: the page shows its rows, all of them")
    atomic_write(out, report_page(found), overwrite=force)
    screen.done(f"{out}, {bytes_text(out.stat().st_size)}: open it in a browser")
    if as_json:
        screen.json({"report": str(out), "table_of_training": same})
