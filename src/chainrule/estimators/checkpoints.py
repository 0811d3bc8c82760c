"""Checkpoints of an estimator's `fit`: one safetensors file from which it goes on to the same bits.

Decisions
---------
a) `chainrule.train` has checkpoints of its own, from which a run goes on without a generator. Here
   the orders of rows come from NumPy's generator, as in scikit-learn, so its state is saved too.
b) A file holds the state between two epochs. An epoch that is cut off by Ctrl-C, by `max_time` or
   by a kill is done again from its start, with the same order and the same noise.
c) The file tells whose run it is: parameters, data, engine. Another one is refused by name. Only
   what changes no update may differ: `max_iter` (without a schedule), `max_time`, `verbose`,
   `on_event`, and the checkpoint's own parameters.
d) Written whole or not at all, under a digest, as every file of the library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.engine.native import info
from chainrule.engine.protocol import Buffers
from chainrule.errors import CheckpointError, FileFormatError, OutputExistsError, UsageError
from chainrule.estimators.checkpoint_fields import fault_in
from chainrule.estimators.checkpoint_writer import FORMAT, KEY, SEAL, VERSION
from chainrule.estimators.loop import Loop
from chainrule.estimators.progress import OptimizerState, Progress
from chainrule.estimators.rows import Source
from chainrule.files import readable_file, require_writable
from chainrule.frozen import frozen
from chainrule.registry import Record
from chainrule.training.augmentation import choose_augmentations
from chainrule.training.document import number, seal
from chainrule.training.identity import require_same, require_same_course

__all__ = ["Saved", "identity", "place_of", "require_savable"]

_CHUNK = 65_536
_GENERATOR_WORDS = 624
"""Of the state of scikit-learn's generator, a Mersenne twister."""
_FREE = frozenset(
    ("checkpoint", "checkpoint_every", "max_iter", "max_time", "on_event", "resume", "verbose")
)
"""Parameters that change no update."""


def require_savable(estimator: Any, stepwise: bool, incremental: bool) -> None:
    """Refuse checkpoints where there are no epochs to save, or a file that may not be written.

    Raises
    ------
    UsageError, OutputExistsError
    """
    if estimator.checkpoint is None and estimator.resume is None:
        return
    where = "checkpoint" if estimator.resume is None else "resume"
    if not stepwise:
        do = "choose another solver, or keep the fitted estimator with to_model().save(path)"
        raise UsageError("lbfgs has no epochs between which it could be saved", where=where, do=do)
    if incremental:
        do = "pickle the estimator after the call: it holds the optimizer's state"
        raise UsageError("partial_fit writes and reads no checkpoints", where=where, do=do)
    path, overwrite = place_of(estimator)
    try:
        require_writable(path, overwrite=overwrite)
    except OutputExistsError as error:
        do = "go on from it with resume=, or choose another name"
        raise OutputExistsError(error.what, where=error.where, do=do) from None


def place_of(estimator: Any) -> tuple[Any, bool]:
    """Return where checkpoints go, and whether a file there may be replaced: that of `resume`."""
    path = estimator.resume if estimator.checkpoint is None else estimator.checkpoint
    return path, estimator.resume is not None and str(path) == str(estimator.resume)


def identity(estimator: Any, engine: str, train: Source, held: Source | None) -> dict[str, Any]:
    """Return all that the weights depend on, as a document."""
    return {
        **_parameters(estimator),
        "estimator": type(estimator).__name__,
        "engine": engine,
        "instruction_set": info()["instruction_set"] if engine == "native" else "",
        "data": _digest(train),
        "validation": "" if held is None else _digest(held),
    }


def _parameters(estimator: Any) -> dict[str, str]:
    named = dict(estimator.get_params(deep=False))
    if not choose_augmentations(named["augment"]):
        del named["augment"]  # so that checkpoints of fits without it are what they were
    return {f"parameter {name}": _told(value) for name, value in named.items() if name not in _FREE}


def _told(value: Any) -> str:
    if isinstance(value, np.random.RandomState):
        return "a generator"
    if callable(value) and not isinstance(value, Record):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return repr(value)


def _digest(rows: Source) -> str:
    digest = hashlib.blake2b(digest_size=16)
    X = rows.X
    parts = [X] if rows.dense else [X.data, X.indices, X.indptr]
    for array in [*parts, rows.Y, *([] if rows.weights is None else [rows.weights])]:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        for start in range(0, len(array), _CHUNK):
            digest.update(np.ascontiguousarray(array[start : start + _CHUNK]).data)
    return digest.hexdigest()


def _numbers(cells: list[float | str] | None) -> list[float] | None:
    return None if cells is None else [number(one) for one in cells]


@frozen
class Saved:
    """A checkpoint that was read; `restore` makes a fit go on from it.

    Parameters
    ----------
    where : str
    document : dict
    tensors : dict of str to array
    """

    where: str
    document: dict[str, Any]
    tensors: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: Any) -> Saved:
        """Read a file.

        Raises
        ------
        CheckpointError, FileFormatError
            There is no such file, or it is none of an estimator, of another version, or damaged.
        """
        from safetensors import SafetensorError, safe_open

        where = str(readable_file(path, "checkpoint", CheckpointError))
        try:
            with safe_open(where, framework="np") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = metadata.get(KEY, "null")
            document = json.loads(text)
        except (SafetensorError, ValueError, RecursionError, KeyError, TypeError) as error:
            what = "the checkpoint is damaged, or not a checkpoint"
            do = "name a file that checkpoint= has written"
            raise FileFormatError(what, where=where, got=shown(str(error)), do=do) from None
        told = (document.get("format"), document.get("version")) if _is_object(document) else ()
        if told != (FORMAT, VERSION):
            raise FileFormatError(
                "the file is not a checkpoint of an estimator that this library can read",
                where=where,
                expected=f"format {FORMAT!r}, version {VERSION}",
                got=shown(told),
                do="name a file that checkpoint= has written; cr.train resumes its own",
            )
        if metadata.get(SEAL) != seal(text, tensors):
            raise _damaged(where)
        fault = fault_in(document)
        if fault:
            raise _damaged(f"{where}, {fault}")
        return cls(where, document, tensors)

    def require_parameters(self, estimator: Any) -> None:
        """Refuse an estimator whose parameters lead to other weights.

        Raises
        ------
        CheckpointError
            Names those that differ.
        """
        now = _parameters(estimator)
        run = self.document["run"]
        saved = {name: run[name] for name in run if name.startswith("parameter ")}
        require_same(saved, now, self.where)

    def state(self, fresh: OptimizerState) -> tuple[OptimizerState, Progress]:
        """Return where training goes on, shaped as the state that would start it afresh.

        Raises
        ------
        CheckpointError
            A tensor is missing or of another shape: the file belongs to another network.
        """
        document = self.document
        try:
            like = fresh.buffers
            slots = {name: self._like(f"slot.{name}", slot) for name, slot in like.slots.items()}
            weights = self._like("weights", like.weights)
            running = self._like("running", like.running)
            buffers = Buffers(weights, slots, running, int(document["step"]))
            split = None
            if "split.train" in self.tensors:
                split = (self.tensors["split.train"], self.tensors["split.held"])
            state = OptimizerState(
                fresh.optimizer,
                buffers,
                int(document["seed"]),
                int(document["epochs"]),
                float(document["scale"]),
                self.tensors.get("order"),
                split,
            )
            return state, self._progress()
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _damaged(self.where) from None

    def _like(self, name: str, vector: np.ndarray) -> np.ndarray:
        found = self.tensors.get(name, np.zeros(0, vector.dtype))
        if found.shape != vector.shape or found.dtype != vector.dtype:
            raise CheckpointError(
                "the checkpoint belongs to another network",
                where=f"{self.where}, tensor {name}",
                expected=f"{vector.shape} of {vector.dtype}",
                got=f"{found.shape} of {found.dtype}",
                do="pass the data and the parameters of the call that wrote it",
            )
        return found

    def _progress(self) -> Progress:
        document = self.document
        return Progress(
            _numbers(document["losses"]) or [],
            _numbers(document["scores"]),
            _numbers(document["validation_losses"]),
            number(document["best_loss"]),
            number(document["best_score"]),
            int(document["stale"]),
            int(document["seen"]),
        )

    def generator(self, given: Any) -> np.random.RandomState:
        """Return the generator where it stood; the user's own, if that is what was given."""
        try:
            position, has_gauss, gauss = self.document["random"]
            key = self.tensors["random"].reshape(_GENERATOR_WORDS)  # NumPy takes longer ones
            generator = given if isinstance(given, np.random.RandomState) else _any_generator()
            generator.set_state(("MT19937", key, int(position), int(has_gauss), number(gauss)))
        except (KeyError, TypeError, ValueError):
            raise _damaged(self.where) from None
        return generator

    def go_on(self, loop: Loop, run: Mapping[str, Any]) -> str:
        """Put the loop where the file stands; return why the run ended, if it had.

        Raises
        ------
        CheckpointError
            The file belongs to another run, or is further than `max_iter`.
        """
        document = self.document
        require_same(document["run"], dict(run), self.where)
        loop.first_step, done = document["first_step"], document["step"]
        before = document["total_steps"]
        require_same_course(loop.engine.plan, done, before, loop.total, self.where)
        if document["iterations"] > loop.settings.max_iter:
            raise CheckpointError(
                "the checkpoint is further than the epochs asked for",
                where=self.where,
                expected=f"max_iter of at least {document['iterations']}",
                got=str(loop.settings.max_iter),
                do="raise max_iter, or fit without resume=",
            )
        loop.epochs = document["iterations"]
        if document["best"] is not None:
            loop.best_epoch, step = document["best"]
            running = self._like("best.running", loop.state.buffers.running)
            weights = self._like("best.weights", loop.state.buffers.weights)
            loop.best = Buffers(weights, {}, running, step)
        return str(document["ended"])


def _any_generator() -> np.random.RandomState:
    return np.random.RandomState()  # scikit-learn's kind


def _is_object(document: object) -> bool:
    return isinstance(document, dict)


def _damaged(where: str) -> CheckpointError:
    do = "resume from a copy of the file, or train anew"
    return CheckpointError("the checkpoint is damaged", where=where, do=do)
