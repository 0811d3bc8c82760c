"""Running a learner's file in another process, with limits. This is no sandbox.

Decisions
---------
a) The file runs with time, memory and file-size limits, in an empty folder of its own, with an
   empty environment and no input: what goes wrong by accident stays there. Code that *means* harm
   can still read and delete what its user may. Whoever marks strangers' files does it in a
   container or a virtual machine.
b) Nothing that the process wrote is executed or unpickled: the reply is JSON and plain arrays.
c) The exercise's constants are read from the source as literals, before anything runs.
d) The folder is locked by this process and by nothing else. If it is killed before it can clean up,
   the kernel drops the lock, and the next file that is marked takes the folder away. The process
   that was left behind ends by an alarm of its own.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DataError, UsageError
from chainrule.frozen import frozen
from chainrule.glass.marker.calling import Returned, Trouble
from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.forms import Form
from chainrule.glass.marker.judgement import RUN_IT, STOPS
from chainrule.glass.marker.mark import CONSTANTS, exercise_from, mark_calls
from chainrule.glass.marker.textbook import Point
from chainrule.glass.marker.verdict import Finding, Verdict
from chainrule.training.blocks_folder import passing_folder, said

__all__ = ["Limits", "mark_file", "read_constants"]

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from chainrule.glass.marker.worker import main; main(sys.argv[2])"
)
_START_SECONDS = 60.0
"""For the interpreter and NumPy to start, on a busy machine."""
_LARGEST_REPLY = 64 * 2**20
_LARGEST_SOURCE = 2**20


@frozen
class Limits:
    """What a learner's process may use."""

    seconds: float = 20.0
    """Of wall time, and of processor time."""
    megabytes: int = 2048
    """Of address space; not enforced on Windows and macOS."""


class _StoppedError(Exception):
    """The process gave no reply."""


def read_constants(path: Path) -> dict[str, Any]:
    """Return the upper-case names that a file sets to literals, without running it.

    Raises
    ------
    DataError
        The file cannot be read, or is no text.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise DataError(
            "the file cannot be read", where=str(path), got=error.strerror or str(error)
        ) from None
    if len(source) > _LARGEST_SOURCE:
        raise DataError("the file is too large to be an exercise", where=str(path),
                        expected="at most 1 MiB", got=f"{len(source):,} bytes")  # fmt: skip
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}  # the process will say where
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id.isupper():
                with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError):
                    found[target.id] = ast.literal_eval(node.value)
    return found


def _ask_for_literals(path: Path, constants: Mapping[str, Any]) -> None:
    """Say which constants the file computes: they are read from its text, before it runs."""
    computed = CONSTANTS.keys() - constants.keys()
    for node in ast.parse(path.read_bytes()).body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in computed:
                raise UsageError(
                    f"{target.id} is computed, but is read before the file runs",
                    where=f"{path.name}, line {node.lineno}",
                    expected="plain numbers and words, such as (2, 3, 1)",
                    got=ast.unparse(node.value)[:80],
                ) from None


def mark_file(
    path: str | Path,
    reference: object = None,
    *,
    limits: Limits | None = None,
    seed: int = 0,
    **stated: Any,
) -> Verdict:
    """Mark the functions in a Python file, which runs in another process with limits.

    Parameters
    ----------
    path : path
    reference : Exercise, widths, or mapping, optional
        What it says goes before the file's own constants.
    limits : Limits, optional
    seed : int
    stated : other parameters of `Exercise`

    Raises
    ------
    DataError, UsageError
        The file cannot be read, or states no exercise.

    Source: setrlimit(2). No sandbox: see the decisions at the top of this module.

    Example
    -------
    >>> from pathlib import Path
    >>> from chainrule.glass.marker import mark_file
    >>> mark_file(Path("no_such_file.py"), (2, 1))
    Traceback (most recent call last):
    chainrule.errors.DataError: the file cannot be read
      where:    no_such_file.py
      got:      No such file or directory
    """
    path = Path(path).absolute() if Path(path).exists() else Path(path)
    constants = read_constants(path)
    try:
        exercise = exercise_from(constants, reference, stated)
    except UsageError:
        if trouble := _syntax_error(path):
            return _without_reply(path, trouble)
        _ask_for_literals(path, constants)
        raise
    kept = limits or Limits()
    try:
        return mark_calls(exercise, lambda calls: _run(path, exercise, calls, kept), seed)
    except _StoppedError as stopped:
        return _without_reply(path, str(stopped))


def _without_reply(path: Path, says: str) -> Verdict:
    finding = Finding(STOPS.name, path.name, says, RUN_IT)
    return Verdict(False, (), (finding,), "", "", (), "")


def _syntax_error(path: Path) -> str:
    """Return where the file is no Python, or nothing."""
    try:
        ast.parse(path.read_bytes())
    except SyntaxError as error:
        return (f"line {error.lineno}: " if error.lineno else "") + f"SyntaxError: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _run(
    path: Path, exercise: Exercise, calls: Sequence[tuple[Point, Form]], limits: Limits
) -> list[Returned]:
    with passing_folder(_temporary()) as folder:
        try:
            (folder / "work").mkdir()
            _write_request(folder, path, exercise, calls, limits)
        except OSError as error:
            raise said(error, folder) from error
        _start(folder, limits)
        return _read_reply(folder, [form for _, form in calls])


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        raise ChainruleError(
            "there is no folder for temporary files that can be written",
            do="let the environment variable TMPDIR name one",
        ) from None


def _write_request(
    folder: Path,
    path: Path,
    exercise: Exercise,
    calls: Sequence[tuple[Point, Form]],
    limits: Limits,
) -> None:
    points: list[Point] = []
    listed: list[dict[str, Any]] = []
    for point, form in calls:
        if not any(point is known for known in points):
            points.append(point)
        position = next(n for n, known in enumerate(points) if known is point)
        listed.append({"point": position, "form": asdict(form)})
    arrays: dict[str, Any] = {}
    for number, point in enumerate(points):
        arrays |= {f"{number}.X": point.X, f"{number}.Y": point.Y}
        for layer in range(1, exercise.depth + 1):
            arrays |= {f"{number}.W{layer}": point.W[layer], f"{number}.b{layer}": point.b[layer]}
    request = {
        "path": str(path),
        "exercise": exercise.document(),
        "networks": [list(point.exercise.network) for point in points],
        "calls": listed,
        "limits": asdict(limits),
    }
    np.savez(folder / "request.npz", **arrays)
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")


def _start(folder: Path, limits: Limits) -> None:
    """Run the worker to its end, or kill it and all that it started."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**kept, **threads, "HOME": str(folder / "work"), "TMPDIR": str(folder / "work")}
    command = [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(sys.path), str(folder)]
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=folder / "work", env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=errors, start_new_session=os.name == "posix",
        )  # fmt: skip
        try:
            code = _wait(process, folder / "started", limits.seconds)
        finally:
            _kill(process)
    if (folder / "reply.json").exists() and code == 0:
        return
    if code is None or (os.name == "posix" and code in (-signal.SIGXCPU, -signal.SIGALRM)):
        raise _StoppedError(f"the file did not finish within {limits.seconds:g} seconds")
    if os.name == "posix" and code == -signal.SIGKILL:  # by the hard limit, or by the system
        raise _StoppedError(
            f"the process ended without a reply (exit {code}): it did not finish within "
            f"{limits.seconds:g} seconds of processor time, or the machine ran out of memory"
        )
    last = _last_line(folder / "errors.txt")
    raise _StoppedError(
        f"the process ended without a reply (exit {code})" + (f": {last}" if last else "")
    )


def _wait(process: subprocess.Popen[bytes], started: Path, seconds: float) -> int | None:
    """Return the exit code, or None when the time is up; it counts from when the file is loaded."""
    until = time.monotonic() + _START_SECONDS
    waiting = True
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(0.05)
        if waiting and started.exists():
            waiting, until = False, time.monotonic() + seconds
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(100_000).decode("utf-8", "replace").strip()
    return text.splitlines()[-1][:300] if text else ""


def _read_reply(folder: Path, forms: Sequence[Form]) -> list[Returned]:
    """Read what came back; a damaged reply is a process that stopped."""
    try:
        if (folder / "reply.npz").stat().st_size > _LARGEST_REPLY:
            raise _StoppedError("the file returned too much")
        document = json.loads((folder / "reply.json").read_bytes())
        with np.load(folder / "reply.npz", allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        if document.get("load"):
            raise _StoppedError(_load_words(document["load"]))
        entries = document["calls"]
        return [_returned(n, entries[n], arrays, form) for n, form in enumerate(forms)]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        EOFError,
        AttributeError,
    ) as error:
        raise _StoppedError(f"the process gave no usable reply ({type(error).__name__})") from None


def _load_words(trouble: dict[str, Any]) -> str:
    where = f"line {int(trouble['line'])}: " if trouble.get("line") else ""
    return f"{where}{trouble['error']}: {trouble['message']}"[:1000]


def _returned(number: int, entry: dict[str, Any], arrays: dict[str, Any], form: Form) -> Returned:
    held: dict[str, dict[str, Any]] = {"tensors": {}, "again": {}}
    for kind, names in held.items():
        for name in entry[kind]:
            names[str(name)] = arrays[f"{number}.{kind}.{name}"]
    trouble = entry["trouble"]
    if trouble is not None:
        shapes = {str(n): tuple(int(s) for s in shape) for n, shape in trouble["shapes"].items()}
        trouble = Trouble(str(trouble["error"]), str(trouble["message"]), int(trouble["line"]),
                          str(trouble["text"]), shapes, str(trouble["place"]))  # fmt: skip
    loss = None if entry["loss"] is None else float(entry["loss"])
    changed, asked = bool(entry["changed"]), bool(entry["asked"])
    return Returned(form, held["tensors"], held["again"], loss, trouble, changed, asked)
