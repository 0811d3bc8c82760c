"""The entry point: runs a verb and turns whatever goes wrong into one message and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. With `--json` an error is a document
on standard output too, `{"error": {"kind", "what", "where", "expected", "got", "do"},
"exit_code"}`, with null where there is no answer. Nothing above the standard library is imported
before it is needed, so that `chainrule --help` answers at once.
"""

from __future__ import annotations

import functools
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule import errors
from chainrule.errors import ChainruleError, MissingExtraError

__all__ = ["main"]

FAILED, USAGE, INTERRUPTED = 1, 2, 130
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Set to 1 before NumPy is loaded, unless the user has set them. Its matrix products give other
bits on more threads, and on a busy machine its threads wait for each other many times longer than
they compute."""
_EXTRA = ("click", "rich", "duckdb", "matplotlib")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Example
    -------
    >>> from chainrule.cli.main import main
    >>> main(["--version"])
    chainrule ...
    0
    """
    before = sys.unraisablehook
    try:
        sys.unraisablehook = functools.partial(_unraised, before)
        words = list(sys.argv[1:] if arguments is None else arguments)
        for variable in _THREADS:
            os.environ.setdefault(variable, "1")
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # what a poor terminal cannot show is a "?"
        return _answered(words)
    except KeyboardInterrupt:  # of the work, and of the telling of an error
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    finally:
        sys.unraisablehook = before


def _answered(words: list[str]) -> int:
    try:
        return _run(words or ["--help"])
    except ChainruleError as error:
        return _tell(error, words)
    except BrokenPipeError:
        # The reader of our output has gone (`chainrule ... | head`); Python must not complain too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MemoryError:
        return _tell(ChainruleError("there is not enough memory for this"), words)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        return _tell(_missing(missing), words) if missing in _EXTRA else _unexpected(error, words)
    except OSError as error:  # a full disk behind standard output, say
        told = ChainruleError(f"{error.strerror or error}", where=str(error.filename or ""))
        return _tell(told, words)
    except Exception as error:  # noqa: BLE001 - a person gets a sentence, never a traceback
        return _unexpected(error, words)


def _unraised(before: Callable[[Any], object], event: Any) -> None:
    """Interrupt again where Python lost the interrupt: in a destructor or another such callback."""
    if event.exc_type is not KeyboardInterrupt:
        before(event)
        return
    import signal
    import threading

    def interrupt() -> None:
        main_thread = threading.main_thread().ident
        if main_thread is None or not hasattr(signal, "pthread_kill"):  # Windows
            signal.raise_signal(signal.SIGINT)
        else:  # to the thread that has to hear it: it may be waiting for something
            signal.pthread_kill(main_thread, signal.SIGINT)

    again = threading.Timer(0.01, interrupt)
    again.daemon = True
    again.start()


def _run(words: list[str]) -> int:
    from chainrule.cli.group import click, group

    try:
        # The return value is the code of `ctx.exit()`, or None.
        code = group.main(words, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        from chainrule.cli.usage import usage_error

        raise usage_error(error, words) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    return code if isinstance(code, int) else 0


_SAID_HERE = {
    "overwrite=True": "--force",
    "go on from it with resume=": "go on from it with: chainrule resume",
    "lower the learning rate first": "try a smaller --learning-rate first",
    "lower the learning rate, by": "try a smaller --learning-rate, by",
    "drop_missing_target=True": "--drop-missing-target",
    "leave it out with ignore=": "leave it out with --ignore",
}
"""What messages call Python's arguments, and the option that does the same."""
_ARGUMENTS = ("memory", "delimiter", "encoding", "decimal")
"""Arguments that have an option of their name, as messages say where a value is wrong."""
_STATED = re.compile(r'\b(task|delimiter|encoding|decimal)="([^"]+)"')
"""The same for options with the name of their argument."""


def _tell(error: ChainruleError, words: Sequence[str]) -> int:
    from chainrule.cli.words import readable

    for argument, option in _SAID_HERE.items():
        error.do = error.do.replace(argument, option)
    error.do = _STATED.sub(r"--\1 \2", error.do)
    if error.where in _ARGUMENTS:
        error.where = f"--{error.where}"
    verb = words[0] if words else ""
    if not error.do and error.exit_code == USAGE and re.fullmatch("[a-z][a-z-]*", verb):
        error.do = f"see: chainrule {verb} --help"
    try:
        from chainrule.cli.screen import show_error
    except ImportError:  # without rich: the same words, without colour
        print(f"error: {readable(str(error), lines=True)}", file=sys.stderr)
    else:
        show_error(error)
    family = (kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)
    _document(words, {"kind": next(family), "what": error.what, **error.parts()}, error.exit_code)
    return error.exit_code


def _document(words: Sequence[str], answers: Mapping[str, str], code: int) -> None:
    """Print an error as JSON where a document was asked for: a script reads one in any case."""
    if "--json" not in words:
        return
    import json
    from contextlib import suppress

    document = {"error": {name: text or None for name, text in answers.items()}, "exit_code": code}
    with suppress(OSError):  # nobody reads it, and what is wrong has been said
        print(json.dumps(document, indent=2), flush=True)


def _missing(name: str) -> MissingExtraError:
    return MissingExtraError(
        f"the command line needs {name}, which is not installed",
        do='pip install "chainrule[cli]"',
    )


def _unexpected(error: Exception, words: list[str]) -> int:
    if "--debug" in words:
        raise error
    from chainrule._version import __version__
    from chainrule.cli.words import readable

    what = readable(f"{type(error).__name__}: {error}")
    again = "run the same command with --debug and report what it prints"
    print(
        f"error: this is a fault of Chainrule {__version__}, not yours: {what}\n"
        f"  do:       {again}",
        file=sys.stderr,
    )
    _document(words, {"kind": "Fault", "what": what, "do": again}, FAILED)
    return FAILED
