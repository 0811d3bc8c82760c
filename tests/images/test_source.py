"""Every form of pictures gives the same rows; what does not fit together is named."""

from __future__ import annotations

import itertools
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import chainrule as cr
from chainrule.errors import DataError, InvalidParameterError, MissingExtraError, UsageError
from chainrule.images import PixelCode, image_parts, is_image_source
from chainrule.images.arrays import read_npy
from tests.images.pictures import LABELS, idx, stack, write_mnist

GOOD = {"shape": [28, 28], "white": 255.0, "resized": False}


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_has_two_parts(tmp_path: Path, packed: bool) -> None:
    images = write_mnist(tmp_path / "mnist", packed)
    assert image_parts(tmp_path / "mnist") == ("train", "test")
    train, test = (cr.read_images(tmp_path / "mnist", part) for part in ("train", "test"))
    assert np.array_equal(train.X, (images.reshape(4, 6) / np.float32(255)).astype(np.float32))
    assert np.array_equal(test.X, train.X[::-1])
    assert train.labels().tolist() == list(LABELS)
    assert test.labels().tolist() == list(LABELS[::-1])
    assert (train.shape, train.white, train.classes, len(train)) == ((3, 2), 255.0, (1, 2, 3), 4)
    assert np.array_equal(cr.read_images(tmp_path / "mnist").X, train.X)


def test_one_file_brings_its_labels(tmp_path: Path) -> None:
    write_mnist(tmp_path / "m")
    alone = cr.read_images(tmp_path / "m" / "t10k-images-idx3-ubyte.gz")
    assert alone.labels().tolist() == list(LABELS[::-1])
    (tmp_path / "m" / "t10k-labels-idx1-ubyte.gz").unlink()
    alone = cr.read_images(tmp_path / "m" / "t10k-images-idx3-ubyte.gz")
    assert alone.y is None
    assert alone.classes == ()
    with pytest.raises(DataError, match="have no labels"):
        alone.labels()


def save(folder: Path, images: np.ndarray, labels: object = None, prefix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{prefix}images.npy", images)
    if labels is not None:
        np.save(folder / f"{prefix}labels.npy", np.asarray(labels))
    return folder


@pytest.mark.parametrize(
    ("images", "shape", "white"),
    [
        (stack(), (3, 2), 255.0),
        (stack().astype(np.int64), (3, 2), 255.0),
        (stack().astype(">u2") * 256, (3, 2), 65_535.0),
        (stack() / 255, (3, 2), 1.0),
        (stack() > 100, (3, 2), 1.0),
        (stack()[..., None], (3, 2), 255.0),
        (np.asfortranarray(stack()), (3, 2), 255.0),
        (np.repeat(stack()[..., None], 3, axis=3), (3, 2, 3), 255.0),
        (stack(4, 3, 3).reshape(4, 9), (3, 3), 255.0),
    ],
    ids=lambda value: str(value.dtype) + str(value.shape) if isinstance(value, np.ndarray) else "",
)
def test_arrays_of_pixels(
    tmp_path: Path, images: np.ndarray, shape: tuple[int, ...], white: float
) -> None:
    found = cr.read_images(save(tmp_path / "a", images, LABELS))
    assert (found.shape, found.white) == (shape, white)
    wanted = images.reshape(4, -1).astype(np.float64) / white
    assert np.allclose(found.X, wanted, atol=1e-7)
    assert found.X.dtype == np.float32
    assert found.labels().tolist() == list(LABELS)


def test_parts_of_arrays_and_words_as_labels(tmp_path: Path) -> None:
    save(tmp_path / "a", stack(), ["cat", "dog", "cat", "eel"], "train_")
    save(tmp_path / "a", stack(2), ["eel", "cat"], "test_")
    assert image_parts(tmp_path / "a") == ("train", "test")
    assert cr.read_images(tmp_path / "a").classes == ("cat", "dog", "eel")
    assert len(cr.read_images(tmp_path / "a", "test")) == 2


BAD_ARRAYS = {
    "vectors": (np.zeros(5, np.uint8), "no stack of pictures"),
    "rows that are no squares": (np.zeros((2, 5), np.uint8), "no stack of pictures"),
    "five channels": (np.zeros((2, 3, 3, 5), np.uint8), "no stack of pictures"),
    "negative numbers": (np.full((2, 3, 3), -1), "no pixels"),
    "large numbers": (np.full((2, 3, 3), 256), "no pixels"),
    "complex numbers": (np.zeros((2, 3, 3), complex), "no pixels"),
    "words": (np.full((2, 3, 3), "a"), "no pixels"),
    "nan": (np.full((2, 3, 3), np.nan), "not a finite number"),
    "floats to 255": (np.full((2, 3, 3), 255.0), "too large for fractions"),
    "nothing": (np.zeros((0, 3, 3), np.uint8), "empty"),
}


@pytest.mark.parametrize(("array", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_arrays_that_are_no_pictures(tmp_path: Path, array: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        cr.read_images(save(tmp_path / "a", array))


@pytest.mark.parametrize(
    ("labels", "words"),
    [([1, 2], "not as many labels"), ([1.0] * 4, "no labels"), ([[1]] * 4, "no labels")],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        cr.read_images(save(tmp_path / "a", stack(), labels))


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, ("the pickle was run",))


def test_no_pickle_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.array([_Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="could run any program"):
        cr.read_images(path)
    path.write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(DataError, match="not a NumPy array file"):
        cr.read_images(path)


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"\x93NUMPY\x01\x00",
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999, 9, 9)}"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 9, 9)}"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 3)}", bytes(17)),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 3)}", bytes(19)),
        npy("{'descr': '|x9', 'fortran_order': False, 'shape': (2, 3, 3)}", bytes(18)),
        npy("__import__('os').system('false')"),
        npy("(" * 90),
    ],
    ids=range(8),
)
def test_hostile_headers_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.npy"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_npy(path)


def draw(path: Path, array: np.ndarray, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).convert(mode).save(path)


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for name, row in (("dog/b.png", 1), ("dog/a.PNG", 0), ("cat/x.bmp", 2), ("cat/.hidden.png", 3)):
        draw(tmp_path / "animals" / name, stack()[row])
    (tmp_path / "animals/cat/notes.txt").write_text("no picture")
    return tmp_path / "animals"


def test_a_folder_for_each_class(animals: Path) -> None:
    found = cr.read_images(animals)
    assert found.labels().tolist() == ["cat", "dog", "dog"]
    assert [Path(name).name for name in found.names] == ["x.bmp", "a.PNG", "b.png"]
    assert np.allclose(found.X, stack()[[2, 0, 1]].reshape(3, 6) / 255, atol=1e-7)
    assert found.shape == (3, 2)
    assert found.take(np.array([1])).names == (found.names[1],)


def test_train_and_test_folders_and_loose_pictures(animals: Path, tmp_path: Path) -> None:
    (tmp_path / "both").mkdir()
    animals.rename(tmp_path / "both" / "train")
    draw(tmp_path / "both/test/cat/a.png", stack()[0])
    assert image_parts(tmp_path / "both") == ("train", "test")
    assert cr.read_images(tmp_path / "both", "test").labels().tolist() == ["cat"]
    loose = cr.read_images(tmp_path / "both/test/cat")
    assert loose.y is None
    one = cr.read_images(tmp_path / "both/test/cat/a.png")
    assert np.array_equal(one.X, loose.X)
    assert one.names == ("a.png",)


def test_colour_where_one_picture_has_it(animals: Path) -> None:
    draw(animals / "cat/red.png", np.full((3, 2, 3), (255, 0, 0), np.uint8), "RGB")
    found = cr.read_images(animals)
    assert found.shape == (3, 2, 3)
    pixels = found.X.reshape(-1, 3, 2, 3)
    assert (pixels[0] == [1, 0, 0]).all()
    assert (pixels[1:, ..., 0] == pixels[1:, ..., 2]).all()


def test_what_is_clear_is_black(tmp_path: Path) -> None:
    clear = np.zeros((3, 2, 4), np.uint8)
    clear[..., :3] = 200
    clear[0, 0, 3] = 255
    Image.fromarray(clear, "RGBA").save(tmp_path / "a.png")
    pixels = cr.read_images(tmp_path / "a.png").X.reshape(3, 2, 3)
    assert np.allclose(pixels[0, 0], 200 / 255)
    assert pixels.sum() == pytest.approx(3 * 200 / 255)


@pytest.mark.parametrize(
    ("orientation", "suffix"),
    [*itertools.product(range(10), ["png", "webp"]), (3, "tiff"), (4, "tiff")],
)
def test_a_picture_is_set_upright_as_its_camera_was_held(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    """A telephone writes all its pictures lying, and says how they are to be turned."""
    pixels = np.arange(6, dtype=np.uint8).reshape(3, 2) * 40
    notes = Image.Exif()
    notes[0x0112] = orientation
    picture = Image.fromarray(pixels)
    for name in ("a", "b"):
        picture.save(tmp_path / f"{name}.{suffix}", exif=notes, lossless=True)
    with Image.open(tmp_path / f"a.{suffix}") as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    found = cr.read_images(tmp_path)
    assert found.shape == upright.shape
    assert np.allclose(found.X, np.stack([upright.ravel()] * 2) / 255)
    assert cr.read_images(tmp_path, size=(4, 4)).shape[:2] == (4, 4)


def test_other_sizes_are_refused_or_made_alike(animals: Path) -> None:
    draw(animals / "dog/z.png", stack(1, 5, 5)[0])
    with pytest.raises(DataError, match="differ in size") as raised:
        cr.read_images(animals)
    assert "z.png" in raised.value.where
    assert (raised.value.expected, raised.value.got[:5]) == ("2 x 3 pixels, like x.bmp", "5 x 5")
    found = cr.read_images(animals, size=(4, 4))
    assert found.X.shape == (4, 16)


@pytest.mark.parametrize("size", [5, (0, 3), (3,), (3, 4.0), (3, 9999), "28,28"])
def test_sizes_that_are_none(animals: Path, size: object) -> None:
    with pytest.raises(InvalidParameterError, match="no size of a picture"):
        cr.read_images(animals, size=size)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"no picture", "cut"])
def test_damaged_pictures_are_named(animals: Path, content: bytes | str) -> None:
    large = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    for old in animals.glob("*/*"):
        old.unlink()
    draw(animals / "cat/good.png", large)
    whole = (animals / "cat/good.png").read_bytes()
    bad = whole[: len(whole) // 2] if content == "cut" else content
    (animals / "dog/bad.png").write_bytes(bad)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot be read") as raised:
        cr.read_images(animals)
    assert raised.value.where.endswith("bad.png")


def test_deep_and_huge_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 2), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match="more than 8 bits"):
        cr.read_images(tmp_path / "deep.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match=r"too large|cannot be read"):
        cr.read_images(tmp_path / "huge.png")


def test_without_pillow_the_message_is_the_command(
    animals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match="needs Pillow") as raised:
        cr.read_images(animals)
    assert raised.value.do == "pip install pillow"


def test_folders_that_cannot_be_understood(animals: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no pictures in the folder"):
        cr.read_images(tmp_path / "none")
    draw(animals / "loose.png", stack()[0])
    with pytest.raises(DataError, match="both beside and in folders"):
        cr.read_images(animals)
    write_mnist(tmp_path / "m")
    (tmp_path / "m/train-images-idx3-ubyte").write_bytes(idx(stack()))
    with pytest.raises(DataError, match="same part"):
        cr.read_images(tmp_path / "m")
    with pytest.raises(DataError, match="no such picture"):
        cr.read_images(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no part 'test'") as raised:
        cr.read_images(save(tmp_path / "a", stack()), "test")
    assert raised.value.expected == "one of all"


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("homes.csv", False),
        ("-", False),
        ("homes.parquet", False),
        ("images.npy", True),
        ("x.PNG", True),
        ("train-images.idx3-ubyte", True),
        ("train-images-idx3-ubyte.gz", True),
        ("train.gz", False),
    ],
)
def test_what_means_pictures(name: str, pictures: bool) -> None:
    assert is_image_source(name) == pictures


def test_the_code_of_a_model_refuses_other_pictures(tmp_path: Path) -> None:
    images = cr.read_images(save(tmp_path / "a", stack()))
    code = PixelCode.of(images)
    assert code.encode(images) is images.X
    other = cr.read_images(save(tmp_path / "b", stack(2, 2, 2)))
    with pytest.raises(DataError, match="another size") as raised:
        code.encode(other)
    assert raised.value.expected == "2 x 3 pixels, grey"
    floats = cr.read_images(save(tmp_path / "c", stack() / 255))
    with pytest.raises(DataError, match="another kind"):
        code.encode(floats)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"width": 784},
        {"width": 784, "pixels": None},
        {"pixels": GOOD},
        {"width": 783, "pixels": GOOD},
        {"width": 784, "pixels": GOOD, "more": 1},
        *(
            {"width": 784, "pixels": {**GOOD, **changed}}
            for changed in (
                {"shape": [784]},
                {"shape": [28, 28, 1, 1]},
                {"shape": [784, True]},
                {"shape": [28, 28.0]},
                {"shape": [-28, -28]},
                {"white": 0},
                {"white": float("nan")},
                {"white": True},
                {"resized": 1},
                {"more": 1},
            )
        ),
    ],
    ids=str,
)
def test_documents_that_are_no_code(document: object) -> None:
    with pytest.raises(cr.errors.FileFormatError, match="not valid"):
        PixelCode.from_document(document)


@pytest.mark.parametrize("path", [None, 3, b"folder", "half a pair \ud800", "x" * 10_000])
def test_paths_that_are_none(path: Any) -> None:
    with pytest.raises((InvalidParameterError, DataError)):
        cr.read_images(path)
