"""`chainrule trace`: every number of one training step, and the proof of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    _ChoiceType = click.Choice[str]
else:  # older versions of click know no type arguments
    _ChoiceType = click.Choice

ENDINGS = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown", ".txt"),
    "latex": (".tex",),
    "worksheet": (".md", ".markdown", ".txt"),
    "answers": (".md", ".markdown", ".txt"),
    "svg": (".svg",),
}
MOST_MISMATCHES = 20


class _Examples(_ChoiceType):
    """The worked examples by name, imported when a value is read."""

    def __init__(self) -> None:
        super().__init__(())

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of an example."""
        from chainrule.errors import UnknownNameError
        from chainrule.glass.trace.examples import EXAMPLES
        from chainrule.registry import suggest

        if value in EXAMPLES:
            return str(value)
        raise UnknownNameError(
            f"there is no worked example {value!r}",
            where="--example",
            expected="one of " + ", ".join(EXAMPLES),
            do=suggest(value, EXAMPLES),
        )


def _files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each kind of file."""
    said = {
        "html": "One page for the browser, with everything in it.",
        "markdown": "A hand-out in Markdown.",
        "latex": "A hand-out in LaTeX.",
        "worksheet": "A worksheet with blanks.",
        "answers": "The answers to the worksheet.",
        "svg": "A picture of the network.",
    }
    for kind, text in reversed(said.items()):
        command = click.option(f"--{kind}", type=PATH, metavar="FILE", help=text)(command)
    return command


@click.command("trace", help=VERBS["trace"])
@click.argument("model", type=PATH, required=False)
@click.argument("table", metavar="[DATA]", type=PATH, required=False)
@click.option("--data", type=PATH, metavar="FILE", help="The same as DATA.")
@click.option(
    "--rows", metavar="ROWS", default="0:4", show_default=True, help="Rows of DATA: 0:4, or 0,3,7."
)
@click.option("--example", type=_Examples(), help="A worked example instead of a model.")
@click.option("--random", "count", type=Count(), metavar="N", help="N random networks.")
@click.option(
    "--seed",
    type=int,
    metavar="NUMBER",
    default=0,
    show_default=True,
    help="Of masks and networks.",
)
@click.option("--check", is_flag=True, help="Run every formula on its parents' numbers.")
@click.option("--explain", "path", metavar="PATH", help="One number: dense_1.dW[0,1].")
@click.option("--columns", is_flag=True, help="Samples as columns: Z = W X + b.")
@click.option("--sum", "summed", is_flag=True, help="The sum over the rows, not the mean.")
@click.option("--only", multiple=True, metavar="NAMES", help="Tensors to show: '*.dW', backward.")
@click.option(
    "--digits",
    type=click.IntRange(1, 17),
    metavar="COUNT",
    default=6,
    show_default=True,
    help="Significant digits of the numbers.",
)
@_files
@dialect_options
@force_option
@json_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context, as_json: bool, force: bool, count: int | None, **words: Any
) -> None:
    """Show one training step: formula, shape and numbers of each tensor."""
    from chainrule.cli.job import require_ending, require_outputs
    from chainrule.cli.screen import Screen

    words["data"] = _one_table(words.pop("table"), words["data"])
    files = {kind: words.pop(kind) for kind in ENDINGS}
    for kind, path in files.items():
        require_ending(f"--{kind}", path, ENDINGS[kind])
    given = {"MODEL": words["model"], "DATA": words["data"]}
    inputs = {name: path for name, path in given.items() if path is not None}
    require_outputs(inputs, {f"--{kind}": path for kind, path in files.items()}, force)
    screen = Screen(as_json)
    if count is not None:
        _require_alone(inputs, words, files)
        passed = _random(screen, count, words["seed"], as_json)
    else:
        passed = _one(screen, words, files, force, as_json)
    if not passed:
        ctx.exit(1)


def _one_table(argument: Path | None, option: Path | None) -> Path | None:
    """Return the table, which stands after the model or behind `--data`."""
    from chainrule.errors import UsageError

    if argument is not None and option is not None:
        raise UsageError("the table is stated twice", where="--data", do="leave --data out")
    return argument or option


def _require_alone(inputs: Any, words: dict[str, Any], files: dict[str, Any]) -> None:
    from chainrule.errors import UsageError

    others = [*inputs, *(f"--{kind}" for kind, path in files.items() if path is not None)]
    others += ["--example"] if words["example"] else []
    others += ["--explain"] if words["path"] else []
    if others:
        raise UsageError(
            f"--random draws networks of its own and shows none of them, so {others[0]} says "
            "nothing here",
            where=", ".join(others),
            do="leave it out",
        )


def _random(screen: Any, count: int, seed: int, as_json: bool) -> bool:
    from chainrule.cli.progress import CountProgress
    from chainrule.glass.trace.random_steps import check_random

    screen.title("trace", "every formula of random networks, run on its parents' numbers")
    with CountProgress(screen, "networks") as progress:
        report = check_random(count, seed, progress)
    worst = report.worst
    screen.facts(
        {
            "networks": f"{count:,}",
            "formulas": f"{report.formulas:,}",
            "gradients": f"{report.gradients:,}, each beside an independent derivative",
            "worst error": f"{worst.proof.worst:.1e}, allowed 1e-12",
            "of": f"{worst.proof.where} in network {worst.number}: {worst.name}",
        }
    )
    screen.gap()
    for row in report.mismatches[:MOST_MISMATCHES]:
        wrong = ", ".join((*row.proof.mismatches, *row.proof.failed_gradients))
        screen.failure(f"network {row.number}: {row.name}", wrong)
    screen.line(f"{len(report.mismatches)} mismatches")
    screen.gap()
    if as_json:
        screen.json({"seed": seed, **report.to_document()})
    return not report.mismatches


def _one(
    screen: Any, words: dict[str, Any], files: dict[str, Any], force: bool, as_json: bool
) -> bool:
    from chainrule.cli.words import bytes_text
    from chainrule.files import atomic_write

    step = _step(words)
    step = step.only(*words["only"]) if words["only"] else step
    explained = None if words["path"] is None else step.explain(words["path"])
    proof = step.check() if words["check"] or as_json else None
    for kind, path in files.items():
        if path is not None:
            atomic_write(path, _text(step, kind).encode(), overwrite=force)
            screen.done(f"{path}, {bytes_text(path.stat().st_size)}")
    if explained is not None and not as_json:
        screen.data(f"{explained}\n")
    if not any([as_json, explained, words["check"], *files.values()]):
        screen.data(step.to_text(min(screen.console.width, 100)) + "\n")
    if words["check"] and proof is not None:
        _show_proof(screen, proof)
    if as_json:
        said = {} if explained is None else {"explanation": explained.to_document()}
        screen.json({**step.to_document(), **said})
    return proof is None or bool(proof)


def _show_proof(screen: Any, proof: Any) -> None:
    facts = {
        "formulas": f"{proof.formulas}, worst error {proof.worst:.1e}, allowed 1e-12",
        "gradients": f"{proof.gradients}, each beside an independent derivative",
    }
    screen.facts(facts)
    for name in (*proof.mismatches, *proof.failed_gradients):
        screen.failure(name, "does not hold")
    screen.line(f"{len(proof.mismatches) + len(proof.failed_gradients)} mismatches")


def _text(step: Any, kind: str) -> str:
    if kind in ("worksheet", "answers"):
        return step.to_worksheet(answers=kind == "answers")
    return getattr(step, f"to_{kind}")()


def _step(words: dict[str, Any]) -> Any:
    """Return the trace that was asked for."""
    from chainrule.errors import UsageError

    model, data, name = words["model"], words["data"], words["example"]
    convention = "columns" if words["columns"] else None
    reduction = "sum" if words["summed"] else None
    if name is not None:
        if model is not None or data is not None:
            raise UsageError("an example has a network and rows of its own", where="--example")
        from chainrule.glass.trace.examples import example

        return example(name, convention, words["digits"], reduction)
    if model is None or data is None:
        raise UsageError(
            "there is nothing to trace",
            expected="a model and its rows, or a worked example",
            do="chainrule trace MODEL TABLE, or chainrule trace --example mazur",
        )
    from chainrule.cli.trace_rows import model_step

    dialect = {key: words[key] for key in ("delimiter", "encoding", "decimal")}
    settings = {"digits": words["digits"], "seed": words["seed"], "reduction": reduction}
    if convention is not None:
        settings["convention"] = convention
    return model_step(model, data, words["rows"], dialect, settings)
