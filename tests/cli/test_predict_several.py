"""Predictions of several targets at once, in every form."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import duckdb
import numpy as np
import pytest

from chainrule import nn
from chainrule.plan import make_plan
from chainrule.storage import Model
from chainrule.tabular import Encoder, read_table
from chainrule.tabular.target import TargetCode
from tests.cli.commands import Commands
from tests.tabular.nasty_parts import table


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_each_target_has_a_column(commands: Commands, loss: str) -> None:
    path = commands.write("t.csv", table())
    codes = Encoder.fit(read_table(path), "y").codes
    encoder = Encoder(codes, TargetCode("y", "number", "regression"))
    plan = make_plan(nn.Dense(2), (encoder.width(),), loss, 2)
    model = Model(plan, plan.initial_weights(2), encoder=encoder.document())
    model.save("m.safetensors")
    names = ["prediction 1", "prediction 2"]
    rows = list(csv.reader(io.StringIO(commands.run("predict", "m.safetensors", path).out)))
    assert rows[0] == names
    expected = np.array(rows[1:], float)
    assert expected.shape == (40, 2)
    told: Any = commands.run("predict", "m.safetensors", path, "--json").document()
    np.testing.assert_array_equal(told["predictions"], expected)
    for name in ("p.jsonl", "p.parquet"):
        assert commands.run("predict", "m.safetensors", path, "--out", name).code == 0
    lines = [json.loads(line) for line in (commands.folder / "p.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [names] * 40
    np.testing.assert_array_equal([list(line.values()) for line in lines], expected)
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM 'p.parquet'").fetchall()
    np.testing.assert_array_equal(found, expected)
