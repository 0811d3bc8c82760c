"""`train`, `predict`, `evaluate`, `resume`, `inspect` and `data` on pictures."""

from __future__ import annotations

import csv
import json
import re
import struct
import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule.cli.main import main
from chainrule.images import mnist
from chainrule.report.pictures import example_grid, weight_grid
from chainrule.report.png import data_address, png
from tests.images.pictures import bars, idx

QUICK = ("--hidden", "16", "--epochs", "12", "--out", "m.safetensors")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with pictures of bars as one array."""
    monkeypatch.chdir(tmp_path)
    Path("bars").mkdir()
    images, y = bars(240)
    np.save("bars/images.npy", images)
    np.save("bars/labels.npy", np.array(["lies", "stands"])[y])
    return tmp_path


def run(*words: str) -> int:
    return main(list(words))


def test_train_evaluate_and_predict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "bars", *QUICK, "--augment", "shift=1,noise=0.05", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"] == {"training": 144, "validation": 48, "test": 48}
    assert (told["classes"], told["shape"]) == (["lies", "stands"], [6, 6])
    assert told["scores"]["model"]["accuracy"] > 0.8
    assert (told["card"], told["report"]) == (None, "m.html")
    assert run("evaluate", "m.safetensors", "bars", "--json", "--report", "e.html") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["scores"]["rows"] == 240
    assert sum(map(sum, scores["confusion"])) == 240
    assert run("predict", "m.safetensors", "bars/images.npy", "--out", "p.csv") == 0
    with Path("p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["prediction", "probability lies", "probability stands"]
    model = cr.load("m.safetensors")
    images = cr.read_images("bars")
    assert [row["prediction"] for row in rows] == model.predict(images.X).tolist()
    accuracy = np.mean(model.predict(images.X) == images.labels())
    assert scores["scores"]["model"]["accuracy"] == pytest.approx(accuracy)
    assert model.record["settings"]["augment"] == ["shift=1", "noise=0.05"]
    assert [one["record"] for one in model.record["augment"]] == [
        "augmentation/shift",
        "augmentation/noise",
    ]


def test_every_form_gives_the_same_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Arrays, idx files and picture files hold the same pixels, so they give the same bits."""
    images, y = bars(60)
    for name, stack, labels in (("train", images, y), ("test", images[:20], y[:20])):
        Path("arrays").mkdir(exist_ok=True)
        Path("idx").mkdir(exist_ok=True)
        np.save(f"arrays/{name}_images.npy", stack)
        np.save(f"arrays/{name}_labels.npy", labels)
        stem = {"train": "train", "test": "t10k"}[name]
        Path(f"idx/{stem}-images-idx3-ubyte").write_bytes(idx(stack))
        Path(f"idx/{stem}-labels-idx1-ubyte").write_bytes(idx(labels.astype(np.uint8)))
    weights = []
    for form in ("arrays", "idx"):
        words = ("--epochs", "2", "--hidden", "4", "--out", f"{form}.safetensors", "--model-only")
        assert run("train", form, *words) == 0
        assert "48 to train, 12 to validate, 20 to test" in capsys.readouterr().out
        weights.append(cr.load(f"{form}.safetensors").weights.tobytes())
    assert weights[0] == weights[1]
    assert run("evaluate", "idx.safetensors", "arrays", "--json") == 0
    assert json.loads(capsys.readouterr().out)["scores"]["rows"] == 20


def test_a_folder_of_picture_files(capsys: pytest.CaptureFixture[str]) -> None:
    images, y = bars(40, side=8)
    for number, (image, label) in enumerate(zip(images, y, strict=True)):
        place = Path("files", ("lies", "stands")[label])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    words = ("--image-size", "6x5", "--epochs", "2", "--out", "f.safetensors", "--model-only")
    assert run("train", "files", *words) == 0
    assert "6 x 5 pixels, grey" in capsys.readouterr().out
    assert run("predict", "f.safetensors", "files/lies", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"][0].endswith(".png")
    assert len(told["predictions"]) == told["pictures"] == int(np.sum(y == 0))
    assert run("inspect", "f.safetensors") == 0
    assert "pictures of 6 x 5 pixels, grey" in capsys.readouterr().out
    assert run("inspect", "f.safetensors", "--config") == 0
    Path("run.toml").write_text(capsys.readouterr().out)
    assert "image-size = [6, 5]" in Path("run.toml").read_text()
    again = ("--config", "run.toml", "--out", "g.safetensors", "--model-only")
    assert run("train", "files", *again) == 0
    assert Path("f.safetensors").read_bytes() == Path("g.safetensors").read_bytes()


def test_a_checkpoint_resumes_to_the_same_bits() -> None:
    words = ("--augment", "shift=1,rotation", "--patience", "0", "--model-only")
    whole = ("train", "bars", "--hidden", "8", *words)
    assert run(*whole, "--epochs", "6", "--out", "whole.safetensors") == 0
    part = ("--checkpoint", "state", "--out", "part.safetensors")
    assert run(*whole, "--epochs", "3", *part) == 0
    assert run("resume", "state", "--epochs", "6", "--out", "rest.safetensors") == 0
    models = [cr.load(name) for name in ("whole.safetensors", "rest.safetensors")]
    assert models[0].weights.tobytes() == models[1].weights.tobytes()


def test_augmentation_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["a,b,y"] + [f"{i % 7},{i % 5},{i % 7 + i % 5}" for i in range(100)]
    Path("t.csv").write_text("\n".join(lines))
    words = ("train", "t.csv", "--target", "y", "--epochs", "2", "--model-only", "--force")
    for augment in ("none", "mixup=0.4,noise"):
        assert run(*words, "--augment", augment) == 0
    assert cr.load("model.safetensors").record["settings"]["augment"] == ["mixup=0.4", "noise"]
    capsys.readouterr()
    assert run(*words, "--augment", "shift") == 1
    assert "needs pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "bars", "--target", "x"), "--target is for tables"),
        (("train", "bars", "--memory", "128MB"), "--memory is for tables"),
        (("train", "bars", "--card", "c.md"), "--card is for tables"),
        (("train", "bars", "--task", "regression"), "learned by class"),
        (("train", "bars", "--loss", "huber"), "is for regression"),
        (("train", "bars", "--augment", "shfit"), "did you mean shift"),
        (("train", "bars", "--augment", "shift=much"), "shift=2"),
        (("train", "bars", "--augment", "shift=-1"), "[0"),
        (("train", "bars", "--image-size", "28"), "28x28"),
        (("train", "bars", "--image-size", "0x5"), "28x28"),
        (("train", "empty"), "no pictures in the folder"),
        (("train", "same"), "all pictures are of one class"),
        (("train", "bare"), "have no labels"),
        (("train", "no.csv", "--image-size", "5x5", "--target", "y"), "is for pictures"),
        (("train", "no.csv"), "missing option '--target'"),
        (("data", "cifar"), "mnist"),
    ],
)
def test_wrong_usage(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("empty", "same", "bare"):
        Path(name).mkdir()
    np.save("same/images.npy", bars(20)[0])
    np.save("same/labels.npy", np.ones(20, int))
    np.save("bare/images.npy", bars(20)[0])
    assert run(*words) in (1, 2)
    told = capsys.readouterr().err
    assert told.count("error: ") == 1
    assert message in told
    assert not list(Path().glob("*.safetensors"))


def test_models_and_data_that_do_not_belong_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "bars", *QUICK, "--model-only") == 0
    Path("t.csv").write_text("a,y\n" + "\n".join(f"{i},{2 * i}" for i in range(60)))
    Path("small").mkdir()
    np.save("small/images.npy", bars(20, side=5)[0])
    Path("odd").mkdir()
    np.save("odd/images.npy", bars(4)[0])
    np.save("odd/labels.npy", np.array(["lies", "leans", "lies", "lies"]))
    words = ("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "t.safetensors")
    assert run(*words, "--model-only") == 0
    capsys.readouterr()
    for wrong, message in (
        (("predict", "m.safetensors", "t.csv"), "this is a table"),
        (("evaluate", "m.safetensors", "t.csv"), "this is a table"),
        (("report", "m.safetensors", "t.csv"), "trained on pictures"),
        (("predict", "m.safetensors", "small"), "another size than in training"),
        (("evaluate", "m.safetensors", "small"), "another size than in training"),
        (("evaluate", "m.safetensors", "odd"), "leans was not among"),
        (("predict", "t.safetensors", "bars"), "is a folder"),
    ):
        assert run(*wrong) in (1, 2)
        assert message in capsys.readouterr().err


def decoded(address: str) -> np.ndarray:
    """Return the pixels of a grey PNG that a page holds."""
    content = b64decode(address.partition(",")[2])
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", content[start - 8 : start - 4])
    raw = np.frombuffer(zlib.decompress(content[start : start + length]), np.uint8)
    return raw.reshape(height, width + 1)[:, 1:]


def test_the_page_shows_errors_and_weights() -> None:
    images, y = bars(240)
    wrong = np.array(["lies", "stands"])[y]
    wrong[::12] = "lies"  # some labels are not right, so some pictures will be named wrongly
    np.save("bars/labels.npy", wrong)
    assert run("train", "bars", *QUICK, "--test-share", "0.4") == 0
    page = Path("m.html").read_text()
    assert "Named wrongly" in page
    assert "What the first layer looks for" in page
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,)', page)
    model = cr.load("m.safetensors")
    test_rows = json.loads(json.dumps(model.record["split"]))["test"]
    assert test_rows == 96
    addresses = re.findall(r'href="(data:[^"]+)"', page)
    assert len(addresses) > 16
    known = {image.tobytes() for image in images}
    assert decoded(addresses[0]).tobytes() in known
    assert "img-src data:" in page
    assert "<script" not in page


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 3)])
def test_png_is_read_back_by_others(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png(pixels))
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_pictures_of_pictures() -> None:
    grid = example_grid(np.array([[[0.0, 1.0]], [[2.0, 0.5]]]), [("<is>", "x"), ("is", "y")], "t")
    assert "&lt;is&gt;" in grid
    assert decoded(re.findall(r'href="([^"]+)', grid)[1]).tolist() == [[255, 128]]
    weights = weight_grid(np.array([[[-2.0, 0.0, 2.0]], [[0.0, 0.0, 0.0]]]), "w")
    shown = [decoded(address).tolist() for address in re.findall(r'href="([^"]+)', weights)]
    assert shown == [[[0, 128, 255]], [[128, 128, 128]]]
    assert example_grid(np.zeros((0, 2, 2)), [], "t") == weight_grid(np.zeros((0, 2, 2)), "t") == ""
    assert data_address(np.zeros((1, 1), np.uint8)).startswith("data:image/png;base64,iVBOR")


def test_data_says_what_came_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    told = {"mirrors": mnist.MIRRORS, "on_file": None}
    monkeypatch.setattr(mnist.fetch_mnist, "__kwdefaults__", told)
    assert run("data", "mnist", "--out", "m") == 1
    said = capsys.readouterr().err
    assert "could not be fetched" in said
    assert said.count("error: ") == 1
    assert not Path("m").exists()
