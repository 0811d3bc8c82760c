"""`chainrule evaluate`: a model's scores on rows whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, dialect_options, force_option, json_option

__all__ = ["command"]


@click.command("evaluate", help=VERBS["evaluate"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--report", type=PATH, metavar="FILE", help="Where a page for the browser goes.")
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@dialect_options
@force_option
@json_option
@debug_option
def command(
    model: Path,
    data: Path,
    report: Path | None,
    drop_missing_target: bool,
    force: bool,
    as_json: bool,
    **dialect: Any,
) -> None:
    """Score a model on a table, or on pictures, beside a guess that ignores the inputs."""
    from chainrule.cli.evaluation import evaluate
    from chainrule.cli.job import PAGES, require_ending, require_outputs
    from chainrule.cli.model_file import load_model
    from chainrule.cli.pictures import code_of
    from chainrule.cli.screen import Screen
    from chainrule.cli.words import bytes_text
    from chainrule.files import atomic_write
    from chainrule.tabular.dialect import Dialect

    require_outputs({"MODEL": model, "DATA": data}, {"--report": report}, force)
    require_ending("--report", report, PAGES)
    loaded = load_model(model)
    if (code := code_of(loaded)) is not None:
        from chainrule.cli.pictures_use import evaluate_pictures

        evaluate_pictures(loaded, code, model, data, report, as_json)
        return
    screen = Screen(as_json)
    result = evaluate(model, data, drop_missing_target, Dialect(**dialect))
    result.show(screen)
    if report is not None:
        from chainrule.cli.report_page import report_page

        atomic_write(report, report_page(result.findings()), overwrite=force)
        screen.done(f"{report}, {bytes_text(report.stat().st_size)}: open it in a browser")
        screen.gap()
    if as_json:
        screen.json({**result.document(), "report": None if report is None else str(report)})
