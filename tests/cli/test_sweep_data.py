"""`sweep`, `compare` and `lr-find` take the data that `train` takes: tables without some columns,
and pictures."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.cli.learnable import learnable
from chainrule.cli.pictures import Pictures
from chainrule.cli.pipeline import Prepared, Settings
from chainrule.cli.sweep_pictures import sweep_pictures
from chainrule.errors import UsageError
from chainrule.experiments.splits import Scheme
from tests.cli.commands import Commands, Result
from tests.images.pictures import bars, idx

QUICK = ("--hidden", 4, "--epochs", 2, "--workers", 1)
RATES = ("--learning-rate", "0.01,0.1")
TWO = ("--setting", "learning-rate=0.01", "--setting", "learning-rate=0.1", "--repeats", 2)
FORMS = ("arrays", "arrays/images.npy", "idx", "idx/train-images-idx3-ubyte", "folders")


@pytest.fixture
def data(commands: Commands) -> Commands:
    """Write a table with a number of the row, and pictures in every form."""
    lines = ['number,"a, b",x,y']
    lines += [f"{row + 1000},{row % 3},{row % 7},{'uv'[row % 7 > 3]}" for row in range(90)]
    commands.write("t.csv", "\n".join(lines) + "\n")
    images, y = bars(80)
    for name in ("arrays", "idx", "folders/lies", "folders/stands"):
        Path(name).mkdir(parents=True)
    np.save("arrays/images.npy", images)
    np.save("arrays/labels.npy", np.array(["lies", "stands"])[y])
    for stem, rows in (("train", slice(0, 60)), ("t10k", slice(60, 80))):
        Path(f"idx/{stem}-images-idx3-ubyte").write_bytes(idx(images[rows]))
        Path(f"idx/{stem}-labels-idx1-ubyte").write_bytes(idx(y[rows].astype(np.uint8)))
    for row, (image, label) in enumerate(zip(images, y, strict=True)):
        Image.fromarray(image).save(f"folders/{('lies', 'stands')[label]}/{row}.png")
    return commands


def ran(commands: Commands, *words: object) -> dict[str, Any]:
    result = commands.run(*words, "--json")
    assert result.code == 0, result.err
    document: dict[str, Any] = result.document()
    return document


@pytest.mark.parametrize("verb", [("sweep", *RATES), ("compare", *TWO)])
def test_columns_are_left_out(data: Commands, verb: tuple[str, ...]) -> None:
    words = (verb[0], "t.csv", "--target", "y", *verb[1:], *QUICK)
    lines = Path("t.csv").read_text().splitlines()
    data.write("less.csv", "".join(line.split(",", 2)[-1] + "\n" for line in lines[1:]))
    data.write("less.csv", "x,y\n" + Path("less.csv").read_text())
    ran(data, *words, "--out", "all")
    ran(data, *words, "--ignore", 'number,"a, b"', "--out", "some")
    ran(data, verb[0], "less.csv", *words[2:], "--out", "less")
    assert _digests("some") == _digests("less") != _digests("all")


def _digests(folder: str) -> list[str]:
    """Return the digests of the numbers that the runs of a folder read."""
    first = (Path(folder) / "runs.jsonl").read_text().splitlines()[0]
    digests: list[str] = json.loads(first)["sweep"]["splits"]
    return digests


def test_lr_find_leaves_columns_out(data: Commands) -> None:
    words = ("lr-find", "t.csv", "--target", "y", "--hidden", 4, "--ramps", 1)
    found = data.run(*words, "--ignore", 'number,"a, b"')
    assert found.code == 0, found.err
    line = next(line for line in found.out.splitlines() if "chainrule train" in line)
    again = shlex.split(line[line.index("chainrule") :])
    assert again[again.index("--ignore") + 1] == 'number,"a, b"'
    assert data.run(*again[1:], "--epochs", 1, "--model-only").code == 0
    assert cr.load("model.safetensors").input_shape == (1,)


@pytest.mark.parametrize("form", FORMS)
def test_pictures_of_every_form(data: Commands, form: str) -> None:
    document = ran(data, "sweep", form, *RATES, *QUICK, "--repeats", 2)
    assert (document["score"], document["runs"], document["failed"]) == ("accuracy", 4, 0)
    assert "<html" in (data.folder / "sweep" / "report.html").read_text()
    compared = ran(data, "compare", form, *TWO, *QUICK)
    assert len(compared["ranks"]) == 2
    rate = data.run("lr-find", form, "--hidden", 4, "--ramps", 1, "--force")
    assert rate.code == 0, rate.err
    assert f"chainrule train {form} --hidden 4 --learning-rate" in rate.out


def test_every_form_holds_the_same_splits(data: Commands) -> None:
    settings, scheme = Settings(""), Scheme(2, 0, 0.2)
    found = [sweep_pictures(Path(form), settings, scheme, [None]) for form in FORMS]
    assert found[0].material.digests() == found[1].material.digests()
    counts = [[one.rows, one.test_rows, one.features, one.noun] for one in found]
    assert counts == [
        *([80, 16, 36, "picture"], [80, 16, 36, "picture"], [80, 20, 36, "picture"]),
        *([60, 12, 36, "picture"], [80, 16, 36, "picture"]),
    ]
    for one in found:
        parts = [one.material.rows(1, name)[0] for name in ("training", "validation", "test")]
        rows = {row.tobytes() for row in np.concatenate(parts[:2])}
        assert len(parts[0]) + len(parts[1]) + one.test_rows == one.rows
        assert len(parts[2]) == one.test_rows
        assert len(rows) <= len(parts[0]) + len(parts[1])


def test_test_pictures_that_lie_apart_are_the_test(data: Commands) -> None:
    found = sweep_pictures(Path("idx"), Settings("", dtype="float64"), Scheme(1, 0, 0.25), [None])
    X, y = found.material.rows(0, "test")[:2]
    apart = cr.read_images("idx", "test")
    assert (X.dtype, X.tolist()) == (np.dtype("float64"), apart.X.astype(float).tolist())
    assert y.tolist() == apart.labels().tolist()
    assert found.material.count(0, "validation") == 12


def test_the_command_goes_on_with_columns_and_sizes(data: Commands) -> None:
    size = ("--image-size", "4x3", "--loss", "softmax_cross_entropy,binary_cross_entropy")
    result = data.run("sweep", "folders", *size, *QUICK)
    assert result.code == 0, result.err
    assert "pixels    12" in result.out
    page = (data.folder / "sweep" / "report.html").read_text(encoding="utf-8")
    assert "--image-size 4x3" in page
    table = ("sweep", "t.csv", "--target", "y", "--ignore", 'number,"a, b"', *RATES, *QUICK)
    assert data.run(*table, "--out", "other").code == 0
    page = (data.folder / "other" / "report.html").read_text(encoding="utf-8")
    assert page.count("--ignore") >= 1
    assert "a, b" in page


def test_a_sweep_folder_is_still_compared_alone(data: Commands) -> None:
    assert data.run("sweep", "arrays", *RATES, *QUICK, "--repeats", 2).code == 0
    assert data.run("compare", "sweep").code == 0
    assert data.run("compare", "sweep/runs.jsonl").code == 0
    for path in ("arrays", "t.csv", "nothing"):
        result = data.run("compare", path)
        assert (result.code, "--target" in result.err) == (2, True)


def _refused(data: Commands, words: tuple[object, ...]) -> list[Result]:
    return [
        data.run("sweep", *words, *RATES, *QUICK),
        data.run("compare", *words, *TWO, *QUICK),
        data.run("lr-find", *words, "--hidden", 4),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("t.csv", "--target", "y", "--ignore", "numbers"), "did you mean number?"),
        (("t.csv", "--target", "y", "--ignore", "y"), "cannot be left out"),
        (("t.csv", "--target", "y", "--ignore", 'x,number,"a, b"'), "only column"),
        (("t.csv", "--target", "y", "--image-size", "4x3"), "for pictures"),
        (("arrays", "--target", "y"), "for tables"),
        (("arrays", "--ignore", "x"), "for tables"),
        (("arrays", "--drop-missing-target"), "for tables"),
        (("arrays", "--task", "regression"), "by class"),
        (("arrays", "--loss", "huber"), "for regression"),
        (("folders/lies",), "no labels"),
    ],
)
def test_what_does_not_fit(data: Commands, words: tuple[object, ...], said: str) -> None:
    before = data.files()
    for result in _refused(data, words):
        assert result.code in (1, 2)
        assert said in result.err
    assert data.files() == before


def test_a_missing_target_is_named_with_the_columns(data: Commands) -> None:
    for result in (data.run("sweep", "t.csv", *RATES), data.run("lr-find", "t.csv")):
        assert (result.code, "number, a, b, x, y" in result.err) == (2, True)
    with pytest.raises(UsageError):
        sweep_pictures(Path("arrays"), Settings("", loss="huber"), Scheme(1, 0, 0.2), ["huber"])


def test_one_way_to_read_both(data: Commands) -> None:
    assert isinstance(learnable(Path("arrays"), Settings("")), Pictures)
    table = learnable(Path("t.csv"), Settings("y", ignore=("number",)))
    assert isinstance(table, Prepared)
    assert table.encoder.features == ("a, b", "x")
