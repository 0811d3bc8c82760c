"""`chainrule lr-find`: a learning rate for a table and a network, from a short rising run."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    Finite,
    Member,
    Widths,
    debug_option,
    dialect_options,
    force_option,
    json_option,
)

__all__ = ["command"]

_RATE = Finite(0, min_open=True)
_OUT = "Where the picture goes, .svg or .png.  [default: lr-find.svg, and none with --json]"


@click.command("lr-find", help=VERBS["lr-find"])
@click.argument("data", type=PATH)
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@click.option("--task", type=click.Choice(["regression", "classification"]))
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@click.option("--hidden", type=Widths(), default="64,32", show_default=True)
@click.option("--activation", type=Member("activation"), default="relu", show_default=True)
@click.option("--dropout", type=Finite(0, 1, max_open=True), default=0.0, show_default=True)
@click.option("--loss", type=Member("loss"), help="What is minimised.  [default: by the task]")
@click.option("--optimizer", type=Member("optimizer"), default="adam", show_default=True)
@click.option("--batch-size", type=click.IntRange(1), help="[default: as chainrule train]")
@click.option("--low", type=_RATE, default=1e-6, show_default=True, help="First rate.")
@click.option("--high", type=_RATE, default=10.0, show_default=True, help="Last rate.")
@click.option("--steps", type=click.IntRange(20, 100_000), help="Updates.  [default: 100 to 200]")
@click.option("--ramps", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first ramp.")
@click.option("--out", type=PATH, metavar="FILE", help=_OUT)
@dialect_options
@force_option
@json_option
@debug_option
def command(data: Path, out: Path | None, force: bool, as_json: bool, **options: Any) -> None:
    """Raise the rate until the loss breaks out, draw that, and suggest a rate."""
    from chainrule.cli.job import require_ending, require_outputs
    from chainrule.cli.screen import Screen

    require_ending("--out", out, (".svg", ".png"))
    if out is None and not as_json:
        out = Path("lr-find.svg")
    if out is not None and not out.suffix:
        out = out.with_suffix(".svg")
    require_outputs({"DATA": data}, {"--out": out}, force)
    screen = Screen(as_json)
    screen.title("learning rate", data.name)
    found, batch = _found(data, options)
    curve = screen.curve([float(value) for value in found.smoothed])
    facts = {
        "suggested": found.words(),
        "ramps": f"{len(found.losses)}, {len(found.rates)} updates in batches of {batch}",
        "loss": f"{curve}  from {found.smoothed[0]:.4f} to {min(found.smoothed):.4f}",
    }
    screen.facts(facts)
    screen.gap()
    again = f"chainrule train {quote(str(data))} --target {quote(options['target'])}"
    if options["optimizer"] != "adam":
        again += f" --optimizer {options['optimizer']}"
    screen.command("train", f"{again} --learning-rate {found.suggestion:.2g}")
    screen.gap()
    if out is not None:
        found.picture().save(out, overwrite=force)
        screen.done(f"the picture is in {out}")
    if as_json:
        screen.json(
            {**found.to_dict(), "batch_size": batch, "out": None if out is None else str(out)}
        )


def _found(data: Path, options: dict[str, Any]) -> tuple[Any, int]:
    from chainrule.cli.pipeline import Settings, batch_rows, network, prepare
    from chainrule.experiments.lr_find import lr_find
    from chainrule.tabular import read_table

    ramp = {name: options[name] for name in ("low", "high", "steps", "ramps", "seed")}
    settings = Settings(**{name: value for name, value in options.items() if name not in ramp})
    prepared = prepare(read_table(data, dialect=settings.dialect()), settings)
    classes, loss = prepared.encoder.target.classes, prepared.loss
    targets = len(classes) if classes and not loss.link.elementwise else 1
    X, y = prepared.part(prepared.split.training)
    batch = batch_rows(prepared, settings)
    net = network(settings, loss.raw_width(targets))
    return (
        lr_find(net, X, y, loss=loss, optimizer=settings.optimizer, batch_size=batch, **ramp),
        batch,
    )
