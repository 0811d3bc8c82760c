"""A checkpoint that is damaged, or was edited, is refused by place, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import CheckpointError, FileFormatError
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.document import seal
from tests.training.runs import regress, small


def edited(path: Path, **fields: Any) -> None:
    """Write the checkpoint again with other fields in its document."""
    from safetensors.numpy import save_file

    checkpoint = read_checkpoint(path)
    document = {**checkpoint.document, **fields}
    document = {name: value for name, value in document.items() if value is not ...}
    text = json.dumps(document)
    sealed = {"chainrule": text, "digest": seal(text, checkpoint.tensors)}
    save_file(checkpoint.tensors, path, metadata=sealed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": 2}, "another version"),
        ({"format": "chainrule-model"}, "not a checkpoint"),
    ],
    ids=str,
)
def test_another_document(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=2, checkpoint=path)
    edited(path, **fields)
    with pytest.raises(FileFormatError, match=message):
        regress(epochs=2, resume=path)


ROW = {
    **dict.fromkeys(("epoch", "step"), 1),
    **dict.fromkeys(("train_loss", "learning_rate", "gradient_norm", "seconds"), 0.5),
}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"epoch": -1}, "epoch"),
        ({"epoch": 1.5}, "epoch"),
        ({"epochs": True}, "epochs"),
        ({"step": 10**30}, "step"),
        ({"step": ...}, "step"),
        ({"surplus": 1}, "surplus"),
        ({"run": []}, "run"),
        ({"rows": []}, "rows"),
        ({"rows": {}}, "rows"),
        ({"rows": [{}]}, "rows[0]"),
        ({"rows": [3]}, "rows[0]"),
        ({"rows": [{**ROW, "train_loss": None}]}, "rows[0]"),
        ({"rows": [{**ROW, "train_loss": "small"}]}, "rows[0]"),
        ({"rows": [{**ROW, "train_loss": [1.0]}]}, "rows[0]"),
        ({"rows": [{**ROW, "epoch": 2}]}, "rows[0]"),
        ({"rows": [{**ROW, "step": "nan"}]}, "rows[0]"),
        ({"rows": [{**ROW, "step": -1}]}, "rows[0]"),
        ({"plateau": {}}, "plateau"),
        ({"plateau": 3}, "plateau"),
        ({"plateau": dict.fromkeys(("known", "best", "waited", "resting", "factor"))}, "plateau"),
        ({"patience": 3}, "patience"),
        ({"patience": {"reference": 1.0, "waited": "x"}}, "patience"),
        ({"patience": {"reference": "x", "waited": 1}}, "patience.reference"),
        ({"best": {}}, "best"),
        ({"best": {"epoch": 1, "score": None, "step": 1}}, "best"),
        ({"best": {"epoch": 2, "score": 1.0, "step": 1}}, "best"),
        ({"best": {"epoch": 1, "score": 1.0, "step": 10**30}}, "best"),
    ],
    ids=str,
)
def test_a_damaged_document(fields: dict[str, Any], place: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    told: dict[str, Any] = {"schedule": cr.Plateau(), "metrics": (), "epochs": 1}
    regress(**told, checkpoint=path)
    edited(path, rows=[ROW])
    regress(**told, resume=path)
    edited(path, **fields)
    with pytest.raises(CheckpointError, match="the checkpoint is damaged") as caught:
        regress(**told, resume=path)
    assert caught.value.where == f"{path}, {place}"
    assert caught.value.do


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(network=nn.Dense(1), epochs=1, checkpoint=path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises((CheckpointError, FileFormatError)):
            regress(network=nn.Dense(1), epochs=1, resume=path)


def test_a_file_without_a_digest_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "run"
    regress(epochs=1, checkpoint=path)
    saved = read_checkpoint(path)
    save_file(saved.tensors, path, metadata={"chainrule": json.dumps(saved.document)})
    with pytest.raises(CheckpointError, match="damaged"):
        regress(epochs=1, resume=path)


def test_damaged_bytes(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=2, checkpoint=path)
    content = path.read_bytes()
    for damaged in (content[:-1], content[:100], b"\0" * 64, b"{}", content[8:]):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="damaged, or not a checkpoint"):
            regress(epochs=2, resume=path)


def test_tensors_that_do_not_fit(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "run"
    regress(epochs=2, checkpoint=path)
    checkpoint = read_checkpoint(path)
    text = json.dumps(checkpoint.document)
    for value in (np.zeros(3, np.float32), np.zeros(43), np.full(43, np.nan, np.float32)):
        tensors = {**checkpoint.tensors, "now.weights": value}
        save_file(tensors, path, metadata={"chainrule": text, "digest": seal(text, tensors)})
        with pytest.raises(FileFormatError, match="tensor of the checkpoint"):
            regress(epochs=2, resume=path)


def test_a_model_is_no_checkpoint_and_the_other_way_round(tmp_path: Path) -> None:
    run = regress(epochs=2, checkpoint=tmp_path / "run")
    run.model.save(tmp_path / "model")
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        regress(resume=tmp_path / "model")
    with pytest.raises(FileFormatError):
        cr.load(tmp_path / "run")


def test_a_hostile_number_of_epochs_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(network=small(), epochs=2, checkpoint=path)
    edited(path, epochs=10**15, total_steps=10**17)
    run = regress(epochs=3, resume=path)
    assert len(run.history) == 3
