"""`chainrule lr-find`: a learning rate for a table and a network, from a short rising run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.augment import Augments, augmentations_of, size_option
from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    Count,
    Finite,
    Member,
    Widths,
    debug_option,
    dialect_options,
    force_option,
    ignore_option,
    json_option,
)
from chainrule.cli.sweep_options import command_again

__all__ = ["command"]

_RAMP = ("low", "high", "steps", "ramps", "seed")
_OF_THE_RAMP = (*_RAMP, "out", "force", "as_json", "debug")
"""Options that a training has not, or not in this sense."""

_RATE = Finite(0, min_open=True)
_OUT = "Where the picture goes, .svg or .png.  [default: lr-find.svg, and none with --json]"


@click.command("lr-find", help=VERBS["lr-find"])
@click.argument("data", type=PATH)
@click.option("--target", metavar="COLUMN", help="The column to predict; needed for a table.")
@click.option("--task", type=click.Choice(["regression", "classification"]))
@ignore_option
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@click.option("--hidden", type=Widths(), default="64,32", show_default=True)
@click.option("--activation", type=Member("activation"), default="relu", show_default=True)
@click.option("--dropout", type=Finite(0, 1, max_open=True), default=0.0, show_default=True)
@click.option("--loss", type=Member("loss"), help="What is minimised.  [default: by the task]")
@click.option("--optimizer", type=Member("optimizer"), default="adam", show_default=True)
@click.option("--batch-size", type=Count(), help="[default: as chainrule train]")
@click.option(
    "--augment",
    type=Augments(),
    default="none",
    show_default=True,
    help="Change the training rows anew in each epoch.",
)
@click.option("--low", type=_RATE, default=1e-6, show_default=True, help="First rate.")
@click.option("--high", type=_RATE, default=10.0, show_default=True, help="Last rate.")
@click.option("--steps", type=click.IntRange(20, 100_000), help="Updates.  [default: 100 to 200]")
@click.option("--ramps", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first ramp.")
@click.option("--out", type=PATH, metavar="FILE", help=_OUT)
@dialect_options
@size_option
@force_option
@json_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context, data: Path, out: Path | None, force: bool, as_json: bool, **options: Any
) -> None:
    """Raise the rate until the loss breaks out, draw that, and suggest a rate."""
    from chainrule.cli.job import require_ending, require_fitting, require_outputs
    from chainrule.cli.screen import Screen

    require_ending("--out", out, (".svg", ".png"))
    if out is None and not as_json:
        out = Path("lr-find.svg")
    if out is not None and not out.suffix:
        out = out.with_suffix(".svg")
    require_outputs({"DATA": data}, {"--out": out}, force)
    require_fitting({"data": data, **options})
    screen = Screen(as_json)
    screen.title("learning rate", data.name or data.resolve().name)
    found, batch = _found(data, options)
    curve = screen.curve([float(value) for value in found.smoothed])
    facts = {
        "suggested": found.words(),
        "ramps": f"{len(found.losses)}, {len(found.rates)} updates in batches of {batch}",
        "loss": f"{curve}  from {found.smoothed[0]:.4f} to {min(found.smoothed):.4f}",
    }
    screen.facts(facts)
    screen.gap()
    again = command_again(ctx, "train", _OF_THE_RAMP)
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
    from chainrule.cli.learnable import learnable
    from chainrule.cli.pipeline import Settings, batch_of, network
    from chainrule.experiments.lr_find import lr_find

    ramp = {name: options[name] for name in _RAMP}
    told: dict[str, Any] = {name: options[name] for name in options if name not in ramp}
    told["target"] = told["target"] or ""
    settings = Settings(**told)
    prepared = learnable(data, settings)
    classes, loss = prepared.target.classes, prepared.loss
    targets = len(classes) if classes and not loss.link.elementwise else 1
    X, y = prepared.training()
    batch = batch_of(len(X), settings)
    net = network(settings, loss.raw_width(targets))
    ramp.update(
        optimizer=settings.optimizer,
        batch_size=batch,
        augment=augmentations_of(settings.augment, prepared.shape),
    )
    return lr_find(net, X, y, loss=loss, **ramp), batch
