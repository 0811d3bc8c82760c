"""`train --memory --augment`: rows from a file are changed too, and the screen says so."""

from __future__ import annotations

import chainrule as cr
from tests.cli.commands import Commands
from tests.tabular.test_stream import text


def test_rows_of_a_table_larger_than_memory_are_augmented(commands: Commands) -> None:
    commands.write("homes.csv", text())
    words = ["train", "homes.csv", "--target", "price", "--memory", "128MB", "--epochs", "2"]
    assert commands.run(*words, "--out", "plain").code == 0
    changed = commands.run(*words, "--out", "changed", "--augment", "noise=0.5,mixup")
    assert changed.code == 0, changed.err
    assert "anew in each epoch: noise=0.5, mixup" in " ".join(changed.out.split())
    models = [cr.load(commands.folder / name) for name in ("plain", "changed")]
    assert models[0].weights.tobytes() != models[1].weights.tobytes()
    assert [one["record"] for one in models[1].record["augment"]] == [
        "augmentation/noise",
        "augmentation/mixup",
    ]
