"""The first milliseconds of the command: an interrupt before `main` has begun."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.commands import Result

INTERRUPT = """
import signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
signal.signal(signal.SIGINT, {before})
sys.argv[1:] = ["list"]
"""
START = """
from chainrule.cli.entry import main
sys.exit(main())
"""
LISTENING, IGNORING = "signal.default_int_handler", "signal.SIG_IGN"


def interrupted(module: str, before: str = LISTENING, start: str = START) -> Result:
    """Run the command, interrupted when it begins to import a module."""
    program = INTERRUPT.format(module=module, before=before) + start
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return Result(found.returncode, found.stdout, found.stderr)


@pytest.mark.parametrize(
    "module",
    [
        *("chainrule.cli.main", "chainrule.errors", "chainrule.cli.group"),
        *("click", "chainrule.cli.list", "chainrule.nn", "numpy"),
    ],
)
def test_an_interrupt_of_an_import_is_no_traceback(module: str) -> None:
    result = interrupted(module)
    assert (result.code, result.out, result.err.strip()) == (130, "", "interrupted")


def test_an_interrupt_while_an_error_is_told() -> None:
    start = START.replace("sys.exit", "sys.argv[1:] = ['lsit']\nsys.exit")
    result = interrupted("chainrule.cli.screen", start=start)
    assert (result.code, result.err.strip()) == (130, "interrupted")


def test_who_ignores_interrupts_is_not_interrupted() -> None:
    result = interrupted("chainrule.cli.main", IGNORING)
    assert result.code == 0, result.err
    assert "activation" in result.out


def test_after_the_imports_interrupts_are_heard_as_ever() -> None:
    heard = "import chainrule.cli.main as command\ncommand.main = lambda: 0\n"
    told = "\nprint(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    start = heard + START.replace("sys.exit(main())", "main()") + told
    assert interrupted("nothing", start=start).out == "True\n"


def test_the_module_is_the_command() -> None:
    words = [sys.executable, "-m", "chainrule", "--version"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.stdout.startswith("chainrule ")
