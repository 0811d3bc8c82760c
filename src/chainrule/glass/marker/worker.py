"""The other process: loads a learner's file under limits, makes the calls, writes the reply."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import math
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.glass.marker.calling import Returned, Student, call_student, find_student, trouble_of
from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.forms import Form
from chainrule.glass.marker.textbook import Point

__all__ = ["main"]

_LARGEST_ARRAY = 10**6
_GRACE_SECONDS = 10


def main(name: str) -> None:
    """Do what the request in a folder says; the reply is written beside it."""
    folder = Path(name)
    request = json.loads((folder / "request.json").read_bytes())
    points = _points(folder, request)
    (folder / "started").touch()
    _limit(**request["limits"])
    path = Path(request["path"])
    sys.path.insert(0, str(path.parent))
    reply: dict[str, Any] = {"load": None, "calls": []}
    arrays: dict[str, Any] = {}
    try:
        student = _student(path)
    except BaseException as error:  # noqa: BLE001 - a learner's file may raise anything
        found = asdict(trouble_of(error, "load"))
        if isinstance(error, SyntaxError) and error.lineno:
            found["line"] = error.lineno
        reply["load"] = found
    else:
        for number, call in enumerate(request["calls"]):
            returned = call_student(student, points[call["point"]], Form(**call["form"]))
            reply["calls"].append(_entry(number, returned, arrays))
    np.savez(folder / "reply.npz", **arrays)
    (folder / "reply.json").write_text(json.dumps(reply), encoding="utf-8")


def _student(path: Path) -> Student:
    loader = importlib.machinery.SourceFileLoader("student", str(path))
    spec = importlib.util.spec_from_loader("student", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["student"] = module
    loader.exec_module(module)
    student = find_student(module)
    if student is None:
        raise LookupError("there is no function forward or backward, nor a class with both")
    return student


def _points(folder: Path, request: dict[str, Any]) -> list[Point]:
    told = request["exercise"]
    with np.load(folder / "request.npz", allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    points: list[Point] = []
    for number, network in enumerate(request["networks"]):
        exercise = Exercise(
            tuple(network), tuple(told["activations"]), told["loss"], None, told["reduction"],
            told["penalty"], told["layout"], told["targets"], told["optimizer"],
        )  # fmt: skip
        layers = range(1, exercise.depth + 1)
        W = (np.zeros(0), *(arrays[f"{number}.W{layer}"] for layer in layers))
        b = (np.zeros(0), *(arrays[f"{number}.b{layer}"] for layer in layers))
        points.append(Point(arrays[f"{number}.X"], arrays[f"{number}.Y"], W, b, exercise))
    return points


def _limit(seconds: float, megabytes: int) -> None:
    """Set the limits that this system knows."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock remains
        return
    whole = math.ceil(seconds)
    # The parent's clock stops this process; if the parent is killed first, the alarm does.
    signal.alarm(whole + _GRACE_SECONDS)
    wanted = {
        resource.RLIMIT_CPU: whole,
        resource.RLIMIT_AS: megabytes * 2**20,
        resource.RLIMIT_FSIZE: 64 * 2**20,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        _, hard = resource.getrlimit(limit)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(limit, (ceiling, ceiling))
        except (ValueError, OSError):  # macOS does not limit the address space
            continue


def _entry(number: int, returned: Returned, arrays: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"tensors": [], "again": []}
    entry |= {"changed": returned.changed, "asked": returned.asked}
    for kind, held in (("tensors", returned.tensors), ("again", returned.again)):
        for name, value in held.items():
            if value.dtype.kind in "fiub" and value.size <= _LARGEST_ARRAY:
                arrays[f"{number}.{kind}.{name}"] = value
                entry[kind].append(name)
    loss = returned.loss
    entry["loss"] = loss if loss is not None and math.isfinite(loss) else None
    entry["trouble"] = None if returned.trouble is None else asdict(returned.trouble)
    return entry
