"""The scripts for shells, and what they are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.commands import Commands

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(commands: Commands, shell: str) -> None:
    result = commands.run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "_CHAINRULE_COMPLETE" in result.out
    document = commands.run("completion", shell, "--json").document()
    assert document == {"shell": shell, "script": result.out}
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)


def test_the_shell_is_guessed(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "#compdef" in commands.run("completion").out
    monkeypatch.setenv("SHELL", "/usr/bin/elvish")
    result = commands.run("completion")
    assert (result.code, "chainrule completion bash" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("chainrule ev", "evaluate"),
        ("chainrule train --activation leaky", "leaky_relu"),
        ("chainrule train --learning", "--learning-rate"),
    ],
)
def test_words_are_completed(words: str, expected: str) -> None:
    variables = {
        "_CHAINRULE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = subprocess.run(
        [sys.executable, "-m", "chainrule"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert f"plain,{expected}" in result.stdout, result.stderr
