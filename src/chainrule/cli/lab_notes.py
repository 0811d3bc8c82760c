"""`chainrule lab-notes`: one of the course's experiments, with its conclusion and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    Count,
    debug_option,
    dialect_options,
    force_option,
    json_option,
)

__all__ = ["command"]

DATA = "digits, housing, or a table's file.  [default: the recipe's own]"
OUT = "Folder for NAME.html and NAME.json, made if it is not there."
HTML = "Where the page goes.  [default: NAME.html here; none with --json or --out]"


@click.command("lab-notes", help=VERBS["lab-notes"])
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--data", metavar="FILE", help=DATA)
@click.option("--target", metavar="COLUMN", help="The column to predict, of a table's file.")
@click.option("--repeats", type=click.IntRange(1, 1000), help="Splits and seeds of each setting.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first repeat.")
@click.option("--quick", is_flag=True, help="Fewer epochs, rows and settings: to see how it goes.")
@click.option("--workers", type=Count(), help="Runs at a time.  [default: each core]")
@click.option("--out", type=PATH, metavar="FOLDER", help=OUT)
@click.option("--html", type=PATH, metavar="FILE", help=HTML)
@dialect_options
@force_option
@json_option
@debug_option
def command(name: str | None, as_json: bool, force: bool, **options: Any) -> None:
    """Do a recipe and print its conclusions; without a name, list them."""
    from chainrule.cli.screen import Screen
    from chainrule.experiments.recipes import RECIPES

    screen = Screen(as_json)
    if name is None:
        _list(screen, as_json)
        return
    recipe = RECIPES.make(name)
    places = _places(recipe.name, options.pop("out"), options.pop("html"), force, as_json)
    screen.title(recipe.title, recipe.question)
    report = _done(screen, recipe, options)
    _show(screen, report)
    for kind, path in places.items():
        _write(kind, path, report, force)
        screen.done(f"the {'page' if kind == 'html' else 'numbers'}: {path}")
    if as_json:
        found = {kind: str(path) for kind, path in places.items()}
        screen.json({**report.to_dict(), "out": found})


def _list(screen: Any, as_json: bool) -> None:
    from chainrule.experiments.recipes import RECIPES

    found = {recipe.name: recipe().question for recipe in RECIPES}
    if as_json:
        screen.json(found)
        return
    screen.title("lab notes", f"{len(found)} recipes")
    screen.facts(found)
    screen.gap()
    screen.command("begin", "chainrule lab-notes batch-and-rate")
    screen.gap()


def _places(
    name: str, out: Path | None, html: Path | None, force: bool, as_json: bool
) -> dict[str, Path]:
    """Return what is written where, and look at all places before any work is done."""
    from chainrule.cli.job import PAGES, require_ending
    from chainrule.errors import ChainruleError
    from chainrule.files import require_writable

    require_ending("--html", html, PAGES)
    places: dict[str, Path] = {}
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ChainruleError(
                "the folder cannot be made", where=str(out), got=error.strerror or str(error)
            ) from None
        places = {"html": out / f"{name}.html", "json": out / f"{name}.json"}
    elif html is None and not as_json:
        places = {"html": Path(f"{name}.html")}
    if html is not None:
        places["html"] = html
    for path in places.values():
        require_writable(path, overwrite=force)
    return places


def _done(screen: Any, recipe: Any, options: dict[str, Any]) -> Any:
    from chainrule.cli.progress import CountProgress
    from chainrule.experiments.recipes import lab_notes
    from chainrule.experiments.recipes.task import BUNDLED
    from chainrule.tabular import Dialect, read_table

    data, target = options.pop("data"), options.pop("target")
    dialect = Dialect(*(options.pop(part) for part in ("delimiter", "encoding", "decimal")))
    _require_target(data, target, BUNDLED)
    table = data
    if recipe.home and data is not None and data not in BUNDLED:
        table = read_table(data, dialect=dialect)
    with CountProgress(screen, "runs") as progress:
        return lab_notes(recipe.name, table, target, progress=progress, **options)


def _require_target(data: str | None, target: str | None, bundled: tuple[str, ...]) -> None:
    from chainrule.errors import UsageError

    if target is not None and (data is None or data in bundled):
        raise UsageError(
            "--target names a column of a table's file, and there is none",
            do="pass --data FILE too, or leave --target out",
        )
    if data is not None and data not in bundled and target is None:
        raise UsageError("the target is not named", where=data, do="pass --target COLUMN")


def _show(screen: Any, report: Any) -> None:
    from chainrule.cli.words import duration

    facts = report.evidence.facts
    if facts is not None:
        screen.facts({"data": facts.words(), "varied": report.recipe.varied})
        screen.gap()
    for sheet in report.recipe.sheets(report.evidence)[: 1 if facts is not None else None]:
        screen.line((sheet.title, "title"))
        screen.gap()
        screen.table(sheet.heads, sheet.rows, right=sheet.right)
        screen.gap()
    for place, conclusion in enumerate(report.conclusions, 1):
        screen.numbered(place, conclusion.claim)
        style = {"supported": "good", "not supported": "bad"}.get(conclusion.direction, "note")
        screen.beneath((conclusion.direction, style))
        for sentence in conclusion.sentences:
            screen.beneath(sentence)
        screen.gap()
    for words in report.observations():
        screen.note(words)
    screen.done(f"{len(report.conclusions)} claims judged in {duration(report.seconds)}")


def _write(kind: str, path: Path, report: Any, force: bool) -> None:
    import json

    from chainrule.files import atomic_write

    if kind == "html":
        report.to_html(path, overwrite=force)
        return
    text = json.dumps(report.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)
    atomic_write(path, f"{text}\n".encode(), overwrite=force)
