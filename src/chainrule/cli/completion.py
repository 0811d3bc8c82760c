"""`chainrule completion`: the script with which a shell completes verbs, options and names."""

from __future__ import annotations

import os
from pathlib import Path

import click

from chainrule.cli.group import VERBS, group
from chainrule.cli.options import Known, debug_option, json_option

__all__ = ["command"]

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\b
To have it now and in every new shell:
  bash  chainrule completion bash >> ~/.bashrc
  zsh   chainrule completion zsh >> ~/.zshrc
  fish  chainrule completion fish > ~/.config/fish/completions/chainrule.fish"""


@click.command("completion", help=VERBS["completion"], epilog=EPILOG)
@click.argument("shell", type=Known("script for the shell", SHELLS), required=False)
@json_option
@debug_option
def command(shell: str | None, as_json: bool) -> None:
    """Print a shell's script to standard output."""
    from chainrule.cli.screen import Screen
    from chainrule.errors import UsageError

    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(
            "which shell it is cannot be told from $SHELL",
            expected="one of " + ", ".join(SHELLS),
            got=repr(name),
            do="name it: chainrule completion bash",
        )
    script = _script(name)
    screen = Screen(data_on_stdout=True)
    if as_json:
        screen.json({"shell": name, "script": script})
    else:
        screen.data(script)


def _script(shell: str) -> str:
    """Return what click has for a shell, without its look at bash, which need not be there."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None, shell
    made = found(group, {}, "chainrule", "_CHAINRULE_COMPLETE")
    return made.source_template % made.source_vars()
