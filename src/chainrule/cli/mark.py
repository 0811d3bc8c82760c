"""`chainrule mark`: a learner's own forward and backward functions against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Finite, Member, Widths, debug_option, json_option

__all__ = ["command"]

STYLES = {"right": "right", "wrong": "WRONG", "shape": "WRONG SHAPE", "missing": "MISSING"}


EPILOG = """FILE defines forward(params, X), which returns the prediction and a cache, and
backward(params, X, y, cache), which returns the gradients. params holds W1, b1, W2, b2, ...;
the gradients are dW1, db1, dW2, db2, ... Constants NETWORK, ACTIVATION, LOSS and the like may
stand in FILE instead of the options. The exit code is 0 if all is right, otherwise 1."""


@click.command("mark", help=VERBS["mark"], epilog=EPILOG)
@click.argument("file", type=PATH)
@click.option("--network", type=Widths(), help="Widths, inputs first: 2,3,1. Or NETWORK in FILE.")
@click.option("--activation", type=Member("activation"), help="Of the hidden layers.")
@click.option("--output", type=Member("activation"), help="Activation of the last layer.")
@click.option("--loss", metavar="NAME", help="mse, half_mse, bce, cce, or a name of the library.")
@click.option("--reduction", type=click.Choice(("mean", "sum")), help="Over the rows.")
@click.option("--layout", type=click.Choice(("rows", "columns")), help="What the samples are.")
@click.option("--l2", type=Finite(min=0), metavar="NUMBER", help="Strength of lambda/2 |W|^2.")
@click.option(
    "--seed", type=int, metavar="NUMBER", default=0, help="Of the data on which FILE is tried."
)
@click.option("--seconds", type=Finite(min=0.1, max=3600), metavar="SECONDS", default=20.0,
              show_default=True, help="Time limit of FILE.")  # fmt: skip
@click.option("--megabytes", type=click.IntRange(min=64), metavar="MB", default=2048,
              show_default=True, help="Memory limit of FILE.")  # fmt: skip
@json_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    as_json: bool,
    seed: int,
    seconds: float,
    megabytes: int,
    l2: float | None,
    **stated: Any,
) -> None:
    """Say whether the backpropagation in FILE is right, and which mistake was made where.

    FILE runs in another process with limits. That is no sandbox.
    """
    from chainrule.cli.screen import Screen
    from chainrule.glass.marker import Limits, mark_file

    if l2 is not None:
        stated["penalty"] = {"record": "penalty/l2", "strength": l2}
    screen = Screen(as_json)
    screen.title("mark", str(file))
    verdict = mark_file(file, limits=Limits(seconds, megabytes), seed=seed, **stated)
    _show(screen, verdict)
    if as_json:
        screen.json(verdict.to_dict())
    if not verdict.right:
        ctx.exit(1)


def _show(screen: Any, verdict: Any) -> None:
    facts = {"exercise": verdict.exercise, "arrays": verdict.layout, "loss": verdict.convention}
    screen.facts({name: text for name, text in facts.items() if text})
    screen.gap()
    if verdict.tensors:
        rows = [(t.name, STYLES[t.status], _evidence(t)) for t in verdict.tensors]
        screen.table(("tensor", "", "evidence"), rows)
        screen.gap()
    for number, finding in enumerate(verdict.findings, 1):
        _show_finding(screen, number, finding)
    for note in verdict.notes:
        screen.note(note)
    if verdict.right:
        screen.done("every tensor is right")
    else:
        wrong = sum(tensor.status != "right" for tensor in verdict.tensors)
        off = f"{wrong} of {len(verdict.tensors)} tensors are off"
        screen.failure("not right yet", off if verdict.tensors else "no tensor was computed")
    screen.gap()


def _show_finding(screen: Any, number: int, finding: Any) -> None:
    screen.numbered(number, finding.sentence)
    words = {"why": finding.teaches}
    if finding.wrong:
        words |= {"it is": finding.wrong, "should be": finding.right}
    if finding.after is not None:
        size = "" if finding.before is None else f"off by {finding.before:.1e}; "
        words["evidence"] = f"{size}{finding.after:.1e} from what this mistake predicts"
    if finding.also:
        words["or"] = ", ".join(finding.also) + ": the same numbers on this data"
    screen.facts(words)
    screen.gap()


def _evidence(tensor: Any) -> str:
    if tensor.status == "missing":
        return ""
    if tensor.status == "shape":
        return f"{tensor.shape} where {tensor.expected} is expected"
    return f"off by {tensor.difference:.1e}"
