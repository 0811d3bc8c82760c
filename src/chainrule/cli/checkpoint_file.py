"""Reading a checkpoint where a person may have named the model, or a run that is over."""

from __future__ import annotations

import shlex
from pathlib import Path

from chainrule.cli.file_kind import SAFETENSORS, kind_of
from chainrule.cli.model_file import other_kind
from chainrule.errors import CheckpointError, FileFormatError
from chainrule.tabular.source import near_files
from chainrule.training.checkpoint import FORMAT, Checkpoint, read_checkpoint

__all__ = ["checkpoint_of", "is_checkpoint"]

_HEAD = 4096
_WANTED = "a checkpoint, which is beside the model while its training is interrupted"


def is_checkpoint(path: Path) -> bool:
    """Say whether a file begins as a checkpoint does; it may be damaged."""
    if kind_of(path) != SAFETENSORS:
        return False
    with path.open("rb") as file:
        return FORMAT.encode() in file.read(_HEAD)


def checkpoint_of(path: Path) -> Checkpoint:
    """Return what a checkpoint holds.

    Raises
    ------
    CheckpointError, FileFormatError
        It is none, or is gone because its run is over; the message says how to train longer.
    """
    model = path.with_name(path.name.removesuffix(".checkpoint") + ".safetensors")
    try:
        return read_checkpoint(path)
    except FileFormatError as error:
        if "chainrule-model" in error.got:
            error.what, error.expected, error.got = "this is a model, not a checkpoint", "", ""
            error.do = _longer(path)
        else:
            other_kind(error, path, "this is not a checkpoint", _WANTED, f"name {_WANTED}")
        raise
    except CheckpointError as error:
        if not path.exists() and model.is_file():
            error.what = f"there is no such checkpoint; {model.name} is there, so its run is over"
            error.do = _longer(model)
        elif error.do.startswith("did you mean"):
            error.do = near_files(path, (".checkpoint", ".ckpt"))
        error.do = error.do or f"name {_WANTED}"
        raise


def _longer(model: Path) -> str:
    """Return how a finished run is trained longer, whose state is not kept."""
    config = f"chainrule inspect {shlex.quote(str(model))} --config > run.toml"
    return (
        f"to train longer, begin anew in the folder of its table, and keep the state: {config} and "
        "then chainrule train --config run.toml --epochs 500 --patience 50 "
        "--checkpoint longer.checkpoint --out longer.safetensors"
    )
