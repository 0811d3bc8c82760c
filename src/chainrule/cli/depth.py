"""`chainrule depth`: what is left of a gradient after 2 to 50 layers, with a picture."""

from __future__ import annotations

from pathlib import Path

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Widths, debug_option, force_option, json_option
from chainrule.cli.words import amount

__all__ = ["command"]

DEPTHS = "Numbers of layers, rising.  [default: 2,5,10,20,30,40,50]"
OUT = "Where the picture goes, as SVG.  [default: depth.svg, and none with --json]"


@click.command("depth", help=VERBS["depth"])
@click.option("--out", type=PATH, metavar="FILE", help=OUT)
@click.option("--depths", type=Widths(), metavar="L,L,...", help=DEPTHS)
@click.option(
    "--width",
    type=click.IntRange(1, 4096),
    metavar="UNITS",
    default=64,
    show_default=True,
    help="Of each hidden layer.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    metavar="COUNT",
    default=2,
    show_default=True,
    help="Networks for each point; their mean is drawn.",
)
@force_option
@json_option
@debug_option
def command(
    out: Path | None,
    depths: tuple[int, ...] | None,
    width: int,
    seeds: int,
    force: bool,
    as_json: bool,
) -> None:
    """Send one gradient back through deep networks, and draw what arrives."""
    from chainrule.cli.screen import Screen
    from chainrule.files import atomic_write, require_writable
    from chainrule.glass.depth import DEPTHS as DEFAULT_DEPTHS
    from chainrule.glass.depth import depth_experiment
    from chainrule.report.depth_chart import depth_chart

    if out is None and not as_json:
        out = Path("depth.svg")
    if out is not None:
        require_writable(out, overwrite=force)
    counts = tuple(sorted(set(depths or DEFAULT_DEPTHS)))
    report = depth_experiment(counts, width=width, seeds=seeds)
    panels = {
        name: {
            scheme: [(point.depth, point.gradient) for point in report.line(name, scheme)]
            for scheme in report.schemes()
        }
        for name in report.activations()
    }
    first = report.schemes()[0]
    thin = {
        name: [(point.depth, point.slopes) for point in report.line(name, first)]
        for name in report.activations()
    }
    screen = Screen(as_json)
    screen.title("depth", f"the share of a gradient that is left; {width} units a layer")
    rows: list[tuple[str, ...]] = []
    for name, lines in panels.items():
        rows.append((name, "slopes alone", *(amount(share, 1) for _, share in thin[name])))
        rows += [
            ("", scheme, *(amount(share, 1) for _, share in line)) for scheme, line in lines.items()
        ]
    heads = ("activation", "layers", *(str(depth) for depth in counts))
    screen.table(heads, rows, right=tuple(range(2, len(heads))))
    screen.gap()
    if out is not None:
        atomic_write(out, depth_chart(panels, thin), overwrite=force)
        screen.done(f"the picture is in {out}")
    if as_json:
        screen.json({**report.to_dict(), "out": None if out is None else str(out)})
