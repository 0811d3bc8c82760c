"""One run of a sweep as a document, its key, and the making of it.

Decisions
---------
a) Two designs were weighed: to send functions and arrays to the workers (pickle, cloudpickle), and
   to say a run as a JSON document. The second one won. A document has a digest, and the digest of
   everything that the numbers depend on is the key under which a finished run is found again, so
   a sweep that was killed, or grew, repeats nothing. It needs no `__main__` guard, runs nothing
   that it holds, and says in a file what was done.
b) What cannot be said so (a layer or loss of the user's own, a listener) runs in threads of this
   process. Its key is made as far as its parts can be written; without one it cannot be resumed,
   and a sweep with `out` says so before it starts.
c) Every run has one thread. Its numbers do not depend on the number of threads anyway.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.api import Run, train
from chainrule.engine.protocol import Buffers, Rows
from chainrule.engine.select import threads_of_engines
from chainrule.errors import ChainruleError, DivergenceError, InvalidParameterError
from chainrule.experiments.material import Material
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES
from chainrule.maths.metric import METRICS, Metric
from chainrule.registry import REGISTRIES, Record, to_document, value_registry
from chainrule.training.course import choose_metrics
from chainrule.training.scores import scores
from chainrule.training.targets import fit_targets, target_array

__all__ = ["Job", "perform", "read_job", "revive", "written"]

_UNWRITTEN = ("on_event",)
"""Arguments that change no number, and cannot be written."""
_KNOWN = 1000
"""Settings whose arguments a worker keeps."""


@frozen
class Job:
    """One run that is to be made.

    Parameters
    ----------
    settings : mapping
        Labels of the axes.
    arguments : mapping
        Of `chainrule.train`, with `network`, without data and seed.
    repeat, split, seed : int
    score : str
        A metric's name, or "loss".
    digest : str
        Of the split's data.
    document : mapping, optional
        The arguments as JSON values, where every part can be written.
    """

    settings: Mapping[str, Any]
    arguments: Mapping[str, Any]
    repeat: int
    split: int
    seed: int
    score: str
    digest: str
    document: Mapping[str, Any] | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> str:
        """Digest of everything that the run's numbers depend on; empty if it cannot be written."""
        if self.document is None:
            return ""
        whole = [self.document, self.seed, self.score, self.digest]
        text = json.dumps(whole, sort_keys=True, allow_nan=False)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def portable(self) -> bool:
        """Whether another process can make it: only parts of the library, and no listener."""
        return (
            self.document is not None
            and not any(self.arguments.get(name) for name in _UNWRITTEN)
            and not _foreign(self.document)
        )

    def message(self) -> dict[str, Any]:
        """Return what a worker needs to know."""
        names = ("settings", "repeat", "split", "seed", "score", "digest", "document")
        return {name: getattr(self, name) for name in names}

    def lost(self, reason: str) -> Result:
        """Return the result of a run that could not be made."""
        return replace(_empty(self), stop_reason="failed", fault=reason)


def read_job(message: Mapping[str, Any], known: dict[str, dict[str, Any]] | None = None) -> Job:
    """Return the job of a message.

    Parameters
    ----------
    message : mapping
        As `Job.message` makes it.
    known : dict, optional
        Arguments that were read before, by their text: a setting comes again with each split.
    """
    document = message["document"]
    known = {} if known is None else known
    text = json.dumps(document)
    if text not in known:
        if len(known) >= _KNOWN:
            known.clear()
        known[text] = revive(document)
    return Job(arguments=known[text], **message)


def written(arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return arguments of `train` as JSON values, or None if a part cannot be written.

    Example
    -------
    >>> import chainrule as cr
    >>> from chainrule.experiments.job import written
    >>> written({"optimizer": cr.SGD(0.1), "clip": 1.0})["clip"]
    1.0
    """
    try:
        return {
            name: _written(value)
            for name, value in sorted(arguments.items())
            if name not in _UNWRITTEN
        }
    except InvalidParameterError:
        return None


def _written(value: Any) -> Any:
    if isinstance(value, Mapping) and "record" not in value:
        return {"pairs": [[to_document(key), _written(item)] for key, item in value.items()]}
    if isinstance(value, (tuple, list)):
        return [_written(item) for item in value]
    if isinstance(value, Record):
        return value_registry(type(value)).document(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidParameterError("a number that is not finite cannot be written")
    return to_document(value)


def revive(value: Any) -> Any:
    """Return arguments from their JSON values: records, tuples, plain values."""
    if isinstance(value, list):
        return tuple(revive(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = str(value.get("record", "")).partition("/")[0]
    if kind in REGISTRIES:
        return REGISTRIES[kind].make(value)
    if set(value) == {"pairs"}:
        return {revive(key): revive(item) for key, item in value["pairs"]}
    return {name: revive(item) for name, item in value.items()}


def _foreign(value: Any) -> bool:
    """Say whether a document names a record that is not the library's own."""
    if isinstance(value, list):
        return any(_foreign(item) for item in value)
    if not isinstance(value, Mapping):
        return False
    kind, _, name = str(value.get("record", "")).partition("/")
    if kind in REGISTRIES and not REGISTRIES[kind][name].__module__.startswith("chainrule."):
        return True
    return any(_foreign(item) for item in value.values())


def perform(job: Job, material: Material) -> Result:
    """Make a run. What goes wrong with it is its result, and not an error.

    Parameters
    ----------
    job : Job
    material : Material
    """
    rows = material.rows(job.split, "training")
    arguments: dict[str, Any] = {
        **job.arguments,
        "metrics": _metrics(job),
        "validation": material.part(job.split, "validation"),
        "seed": job.seed,
    }
    if len(rows) == 3:
        arguments["sample_weight"] = rows[2]
    began = time.perf_counter()
    try:
        with threads_of_engines(1), material.draws.used():
            run = train(X=rows[0], y=rows[1], **arguments)
        seconds = time.perf_counter() - began
        if run.stop_reason == "interrupted":
            raise KeyboardInterrupt
        return _result(job, run, material, seconds)
    except DivergenceError as error:
        seconds = time.perf_counter() - began
        place = f"{error.where}: {error.got}"
        return replace(_empty(job), stop_reason="diverged", fault=place, seconds=seconds)
    except ChainruleError as error:
        return job.lost(_in_one_line(error))


def _in_one_line(error: ChainruleError) -> str:
    parts = [text for label, text in error.parts().items() if text and label != "do"]
    return "; ".join([error.what, *parts])


def _metrics(job: Job) -> tuple[Metric, ...]:
    """Return the metrics of the run: those asked for, and the one that the sweep scores by."""
    chosen = choose_metrics(job.arguments.get("metrics"), LOSSES.make(job.arguments["loss"]))
    if job.score == "loss" or any(metric.name == job.score for metric in chosen):
        return chosen
    return (*chosen, METRICS.make(job.score))


def _empty(job: Job) -> Result:
    return Result(
        settings=job.settings,
        repeat=job.repeat,
        seed=job.seed,
        split=job.split,
        score=math.nan,
        epochs=int(job.arguments.get("epochs") or 0),
        key=job.key,
    )


def _result(job: Job, run: Run, material: Material, seconds: float) -> Result:
    rows = run.history.rows
    restored = bool(job.arguments.get("restore_best", True)) and run.best_epoch > 0
    row = rows[run.best_epoch - 1 if restored else -1]
    lost = run.stop_reason == "diverged"
    return replace(
        _empty(job),
        score=math.nan if lost else float(row[f"validation_{job.score}"]),
        test_score=math.nan if lost else _test_score(job, run, material),
        history=rows,
        stop_reason=run.stop_reason,
        fault=run.fault,
        seconds=seconds,
        best_epoch=run.best_epoch,
        recording=None if run.recording is None else run.recording.to_document(),
    )


def _test_score(job: Job, run: Run, material: Material) -> float:
    held = material.part(job.split, "test")
    if held is None:
        return math.nan
    model = run.model
    targets, _ = fit_targets(target_array(material.rows(job.split, "training")[1]), model.loss)
    X, y, *rest = held
    Y = targets.encode(target_array(y))
    weights = np.asarray(rest[0], np.float64) if rest else None
    rows = Rows(np.ascontiguousarray(X, model.dtype), Y.astype(model.dtype), weights)
    buffers = Buffers(model.weights, {}, model.state, 0)
    metrics = () if job.score == "loss" else (METRICS.make(job.score),)
    found = scores(model.engine, buffers, rows, metrics, with_loss=job.score == "loss")
    return float(found[job.score])
