"""What the installed command and `python -m chainrule` call: `main`, safe from its first line on.

A Ctrl-C while the command line itself is still being imported ends it with 130, as it does later,
and without a traceback. Python's own start, before this file is reached, is out of reach.
"""

from __future__ import annotations

import os

__all__ = ["main"]

INTERRUPTED = 130


def main() -> int:
    """Import the command line and run it; return its exit code."""
    try:
        import signal

        # Until there is anything to lose, an interrupt ends the process at once: raised inside of
        # an import, it could also be lost in a callback of the import system. Whoever started the
        # command with interrupts ignored (nohup, a script's `&`) has them ignored.
        heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if heard:
            signal.signal(signal.SIGINT, _leave)
        from chainrule.cli.main import main as run

        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        return _said()


def _leave(*_: object) -> None:
    os._exit(_said())


def _said() -> int:
    os.write(2, b"interrupted\n")
    return INTERRUPTED
