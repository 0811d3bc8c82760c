"""`sweep`, `compare` and `lr-find` with `--augment`: fixed, as a setting, and as an axis."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ShapeError, UsageError
from chainrule.experiments.result import label_of
from tests.cli.commands import Commands, homes
from tests.experiments.small import network, small, table
from tests.images.pictures import bars

QUICK = ("--hidden", 4, "--epochs", 2, "--workers", 1)
RATES = ("--learning-rate", "0.01,0.1")


@pytest.fixture
def data(commands: Commands) -> Commands:
    commands.write("homes.csv", homes())
    images, y = bars(60)
    Path("arrays").mkdir()
    np.save("arrays/images.npy", images[:, :, :-1])  # not square
    np.save("arrays/labels.npy", y)
    return commands


def ran(commands: Commands, *words: object) -> dict[str, Any]:
    result = commands.run(*words, "--json")
    assert result.code == 0, result.err
    document: dict[str, Any] = result.document()
    return document


def runs(folder: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(folder) / "runs.jsonl").read_text().splitlines()]
    return [line["run"] for line in lines if "run" in line]


def test_augmentations_are_an_axis(data: Commands) -> None:
    axis = ("--augment", "none/noise=3/noise=3,mixup")
    found = ran(data, "sweep", "homes.csv", "--target", "price", *axis, *QUICK)
    assert found["axes"] == {"augment": ["none", "noise=3", "noise=3,mixup"]}
    plain = ran(data, "sweep", "homes.csv", "--target", "price", *RATES, *QUICK, "--out", "plain")
    assert plain["failed"] == 0
    scores = [run["score"] for run in runs("sweep")]
    assert len(set(scores)) == 3
    assert ran(data, "sweep", "homes.csv", "--target", "price", *axis, *QUICK) == {
        **found,
        "runs_from_ledger": 3,
    }


def test_a_run_of_the_axis_has_the_bits_of_train() -> None:
    X, y = table()
    members = (cr.Noise(0.5), cr.FeatureDropout(0.2))
    found = small(axes={"augment": [(), members]}, repeats=1, validation_share=0.25)
    alone = cr.train(
        *(network(), X, y),
        loss="softmax_cross_entropy",
        epochs=3,
        seed=0,
        validation_share=0.25,
        augment=members,
    )
    losses = [row["train_loss"] for row in found.rows[1].history]
    assert losses == [row["train_loss"] for row in alone.history.rows]
    assert [row.settings["augment"] for row in found.rows] == [
        "none",
        "noise=0.5,feature_dropout=0.2",
    ]


def test_none_is_as_if_nothing_were_said(data: Commands) -> None:
    words = ("sweep", "homes.csv", "--target", "price", *RATES, *QUICK)
    ran(data, *words)
    assert ran(data, *words, "--augment", "none")["runs_from_ledger"] == 2
    other = data.run(*words, "--augment", "noise")
    assert other.code == 2
    assert "another sweep" in other.err


def test_compare_takes_it_as_a_setting_and_for_all(data: Commands) -> None:
    two = ("--setting", "still: augment=none", "--setting", "moved: augment=shift=1,noise=0.2")
    found = ran(data, "compare", "arrays", *two, *QUICK, "--repeats", 2)
    assert (sorted(found["ranks"]), found["failed"]) == (["moved", "still"], 0)
    rates = ("--setting", "learning-rate=0.01", "--setting", "learning-rate=0.1")
    more = ("--augment", "rotation=15", "--repeats", 2, "--out", "all")
    assert ran(data, "compare", "arrays", *rates, *more, *QUICK)["failed"] == 0
    head = json.loads((Path("all") / "runs.jsonl").read_text().splitlines()[0])["sweep"]
    (stated,) = head["arguments"]["augment"]
    assert (stated["record"], stated["shape"]) == ("augmentation/rotation", [6, 5])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--augment", "shift", "--ignore", "town"), "needs pictures"),
        (("--augment", "none/nose"), "did you mean noise?"),
        (("--augment", "noise=loud/none"), "not a name such as shift"),
        (("--augment", "noise/noise"), "one value twice"),
        (("--optimizer", "lbfgs", "--augment", "none/noise"), "compares the whole objective"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    data: Commands, words: tuple[str, ...], said: str
) -> None:
    axis = ("--activation", "relu,tanh")
    result = data.run("sweep", "homes.csv", "--target", "price", *axis, *QUICK, *words)
    assert result.code in {1, 2}
    assert said in " ".join(result.err.split())
    assert not Path("sweep/runs.jsonl").exists()


def test_the_finder_ramps_over_changed_rows_and_hands_the_option_on(data: Commands) -> None:
    words = ("lr-find", "homes.csv", "--target", "price", "--hidden", "4,3", "--ramps", 2)
    plain = ran(data, *words)
    assert ran(data, *words, "--augment", "none") == plain
    changed = ran(data, *words, "--augment", "noise=0.3,mixup")
    assert changed["smoothed"] != plain["smoothed"]
    said = data.run(*words, "--augment", "noise=0.3,mixup", "--activation", "tanh")
    line = next(line for line in said.out.splitlines() if "chainrule train" in line)
    again = shlex.split(line[line.index("chainrule") :])
    assert again[:-2] == [
        *("chainrule", "train", "homes.csv", "--target", "price", "--hidden", "4,3"),
        *("--activation", "tanh", "--augment", "noise=0.3,mixup"),
    ]
    assert data.run(*again[1:], "--epochs", 1, "--model-only").code == 0
    record = cr.load("model.safetensors").record
    assert [one["record"] for one in record["augment"]] == [
        "augmentation/noise",
        "augmentation/mixup",
    ]


def test_the_finder_sees_the_rows_of_a_training_run() -> None:
    """At a rate of nearly nothing the finder's losses are those of training's first epochs."""
    X, y = table()
    told: dict[str, Any] = {"loss": "softmax_cross_entropy", "batch_size": 60, "dtype": "float64"}
    told |= {"augment": ["noise", "mixup"], "optimizer": "sgd"}
    net = nn.Sequential(nn.Dense(4, "tanh"), nn.Dense(2))
    seen = [
        [row["train_loss"] for row in cr.train(net, X, y, epochs=1, seed=seed, **told).history.rows]
        for seed in (5, 6)
    ]
    found = cr.lr_find(net, X, y, low=1e-6, high=10.0, ramps=2, seed=5, **told)
    # The first loss of a ramp is the level of its first epoch, which is one batch here.
    assert np.allclose(found.losses[:, :1], seen)


def test_the_finder_refuses_what_training_refuses() -> None:
    X, y = table()
    told: dict[str, Any] = {"loss": "softmax_cross_entropy"}
    with pytest.raises(ShapeError, match="needs pictures"):
        cr.lr_find(network(), X[:, :3], y, augment="shift", **told)
    with pytest.raises(UsageError, match="compares the whole objective"):
        small(axes={"optimizer": ["adam", "lbfgs"]}, augment="noise")


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (cr.Shift(), "shift"),
        (cr.Shift(1.5, shape=(3, 4)), "shift=1.5"),
        (cr.Rotation(3), "rotation=3"),
        (cr.FeatureDropout(0.2), "feature_dropout=0.2"),
        (cr.FeatureDropout(0.2, value=1.0), "feature_dropout(rate=0.2, value=1.0)"),
    ],
)
def test_an_augmentation_is_named_as_on_the_command_line(member: Any, text: str) -> None:
    assert label_of(member) == text
