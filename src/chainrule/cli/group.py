"""The group of verbs. A verb's file is imported when the verb is called, not before."""

from __future__ import annotations

import importlib

import click

from chainrule._version import __version__

__all__ = ["VERBS", "click", "group"]

VERBS = {
    "demo": "Train on a bundled real table, score it, write a model.",
    "train": "Train a network on a table and write the model.",
    "predict": "Predict the rows of a table with a trained model.",
    "evaluate": "Score a trained model on a table whose answers are known.",
    "inspect": "Show what is in a model file.",
    "report": "Write the page for the browser again, from a model and a table.",
    "resume": "Go on with a training that was stopped, from its checkpoint.",
    "trace": "Show every number of one training step, with its formula.",
    "sweep": "Train a network for every setting of some options, and rank them.",
    "compare": "Say whether a few settings differ, over the same splits and seeds.",
    "lab-notes": "Do one of the course's experiments, and judge its claims by the numbers.",
    "lr-find": "Suggest a learning rate, from a short run whose rate rises.",
    "doctor": "Say what is wrong with a training run, and what to change.",
    "depth": "Draw what is left of a gradient after 2 to 50 layers.",
    "gradcheck": "Check every gradient against the derivative of the loss.",
    "mark": "Mark a learner's own backpropagation: which mistake, and where.",
    "methods": "Compare naive Bayes, a decision tree and a network on real tables.",
    "data": "Fetch public data that is not in the package: MNIST.",
    "list": "List the activations, losses, optimizers and their like.",
    "completion": "Print the script that completes words in bash, zsh or fish.",
}
"""The verbs and what they do, in the order in which a newcomer meets them."""


class _Verbs(click.Group):
    """A group that knows the names of its verbs and imports one when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"chainrule.cli.{cmd_name.replace('-', '_')}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from chainrule.errors import UnknownNameError
            from chainrule.registry import suggest

            raise UnknownNameError(
                f"there is no verb {args[0]!r}",
                expected="one of " + ", ".join(VERBS),
                do=suggest(args[0], VERBS) or "see: chainrule --help",
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb explains itself: chainrule VERB --help",
    subcommand_metavar="VERB ...",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def group() -> None:
    """Train multilayer perceptrons by exact backpropagation."""
