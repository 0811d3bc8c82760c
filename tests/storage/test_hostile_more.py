"""More damaged and crafted files: numbers, names and texts that parsers disagree about."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import FileFormatError
from chainrule.storage import Model
from chainrule.storage.container import Container, FileSource, read_container
from tests.storage.models import small_model
from tests.storage.test_hostile_files import (
    put_together,
    refused,
    taken_apart,
    with_document,
    with_header,
)

BETA, W = "batch_norm_1.beta", "dense_1.W"


def with_text(change: Callable[[str], str]) -> bytes:
    """Change the header as text."""
    header, body = taken_apart(small_model().to_bytes())
    changed = change(json.dumps(header))
    assert changed != json.dumps(header)
    return put_together(changed.encode("utf-8", "surrogatepass"), body)


def with_own_text(change: Callable[[str], str]) -> bytes:
    """Change the document as text."""
    header, body = taken_apart(small_model(record={"loss": 1.5}).to_bytes())
    text = header["__metadata__"]["chainrule"]
    header["__metadata__"]["chainrule"] = changed = change(text)
    assert changed != text
    return put_together(header, body)


def first(key: str, number: str) -> Callable[[str], str]:
    """Write the first number of a list of the first tensor in another way."""

    def change(text: str) -> str:
        start = text.index(f'"{key}": [') + len(key) + 5
        end = min(place for place in (text.find(",", start), text.find("]", start)) if place > 0)
        return text[:start] + number + text[end:]

    return change


HEADERS: dict[str, tuple[Callable[[str], str], str]] = {
    "a byte-order mark": (lambda text: "\ufeff" + text, "as its first character"),
    "zero bytes behind": (lambda text: text + "\0" * 8, "not JSON"),
    "a comment behind": (lambda text: text + "//", "not JSON"),
    "half a character, escaped": (lambda text: text.replace(W, W + r"\ud800"), "not UTF-8"),
    "half a character, bare": (lambda text: text.replace(W, W + "\ud800"), "not UTF-8"),
    "both halves": (lambda text: text.replace(W, r"\ud83d\ude00"), "not those of the network"),
    "a zero in a name": (lambda text: text.replace(W, W + r"\u0000"), "not those of the network"),
    "a name twice, once escaped": (
        lambda text: text[:-1] + f', "\\u0064{W[1:]}": {{"dtype": "F32"}}}}',
        "stands twice",
    ),
    "metadata twice, once escaped": (
        lambda text: text[:-1] + r', "\u005f_metadata__": {"chainrule": "{}"}}',
        "stands twice",
    ),
    "a fraction as a length": (first("shape", "3.0"), "shape"),
    "a power of ten as a length": (first("shape", "3e0"), "shape"),
    "minus nought as a length": (first("shape", "-0"), "shape"),
    "false as a start": (first("data_offsets", "false"), "data_offsets"),
    "minus nought point nought": (first("data_offsets", "-0.0"), "data_offsets"),
    "a length beyond all floats": (first("shape", "1e400"), "not finite"),
    "a length of thousands of digits": (first("shape", "1" + "0" * 4200), "shape"),
    "a length of text": (first("shape", '"3"'), "shape"),
    "small letters as a type": (lambda text: text.replace('"F32"', '"f32"'), "number type"),
}


@pytest.mark.parametrize("attack", HEADERS)
def test_a_header_that_parsers_disagree_about(attack: str) -> None:
    change, message = HEADERS[attack]
    error = refused(with_text(change))
    assert message in str(error), error
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(f'"{W}"', f'"\\u0064{W[1:]}"'),
        lambda text: text + " " * 5000,
        first("data_offsets", "-0"),
    ],
    ids=["an escaped name", "blanks behind", "a start at minus nought"],
)
def test_what_is_only_written_oddly_loads(change: Callable[[str], str]) -> None:
    model = Model.from_bytes(with_text(change))
    assert model.weights.tobytes() == small_model().weights.tobytes()


DOCUMENTS: dict[str, tuple[Callable[[str], str], str]] = {
    "nothing": (lambda text: "", "not JSON"),
    "a list around": (lambda text: f"[{text}]", "not a JSON object"),
    "a byte-order mark": (lambda text: "\ufeff" + text, "not JSON"),
    "twice": (lambda text: text + text, "not JSON"),
    "a comment": (lambda text: "/**/" + text, "not JSON"),
    "a key twice": (lambda text: text[:-1] + ',"version":1}', "stands twice"),
    "a version of a fraction": (lambda text: text.replace('"version":1', '"version":1.0'), "not a"),
    "version nought": (lambda text: text.replace('"version":1', '"version":0'), "not a number"),
    "a version of thousands of digits": (
        lambda text: text.replace('"version":1', '"version":1' + "0" * 4200),
        "newer than this library",
    ),
    "a loss beyond all floats": (lambda text: text.replace("1.5", "1e400"), "not finite"),
    "a loss below all floats": (lambda text: text.replace("1.5", "[[-1e999]]"), "not finite"),
    "NaN": (lambda text: text.replace("1.5", "NaN"), "not finite"),
    "half a character": (lambda text: text.replace("1.5", r'"\ud800"'), "not UTF-8"),
    "half a character in a name": (lambda text: text.replace("loss", r"\udc80", 1), "UTF-8"),
    "a layer of truth": (lambda text: text.replace('"units":3', '"units":true'), "units"),
    "a layer and a fraction": (lambda text: text.replace('"units":3', '"units":3.5'), "units"),
}


@pytest.mark.parametrize("attack", DOCUMENTS)
def test_a_document_that_parsers_disagree_about(attack: str) -> None:
    change, message = DOCUMENTS[attack]
    error = refused(with_own_text(change))
    assert message in str(error), error
    assert len(str(error)) < 1000


def test_numbers_without_end_are_refused_wherever_a_model_keeps_numbers() -> None:
    def change(document: dict[str, Any]) -> None:
        document["encoder"] = {"width": 2, "mean": [{"of": 0.125}]}

    content = with_document(change)
    assert Model.from_bytes(content).encoder is not None
    assert "not finite" in str(refused(content.replace(b"0.125", b"1e999")))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"shape": [3, 1]}, "does not fit the network"),
        ({"shape": []}, "does not fit its shape"),
        ({"shape": [0, 2**62], "data_offsets": [0, 0]}, "shape"),
        ({"dtype": "F64"}, "does not fit its shape"),
        ({"data_offsets": [2**53, 2**53 + 12]}, "hole"),
    ],
    ids=["one more", "none", "none of very many", "wider numbers", "far behind the end"],
)
def test_shapes_that_disagree(entry: dict[str, Any], message: str) -> None:
    assert message in str(refused(with_header(lambda header: header[BETA].update(entry))))


@pytest.mark.parametrize(
    ("bits", "loads"),
    [(0x7F800001, False), (0xFFC00000, False), (0x00000001, True), (0x7F7FFFFF, True)],
    ids=["a signalling NaN", "a negative NaN", "the least", "the largest"],
)
def test_odd_bits_of_a_weight(bits: int, loads: bool) -> None:
    header, body = taken_apart(small_model().to_bytes())
    words = np.frombuffer(body, "<u4").copy()
    words[-1] = bits
    content = put_together(header, words.tobytes())
    if loads:
        assert Model.from_bytes(content).weights.view(np.uint32)[-1] == bits
    else:
        assert "not a finite number" in str(refused(content))


@pytest.mark.parametrize(
    "length", [struct.pack("<Q", 0), b"\xff" * 8, b"\x00" * 7 + b"\x80"], ids=repr
)
def test_a_length_of_nothing_and_of_everything(length: bytes) -> None:
    refused(length + small_model().to_bytes()[8:])
    refused(length)


def test_a_text_of_ten_megabytes_is_refused_for_its_own_size() -> None:
    content = with_document(lambda document: document["record"].update(note="x" * 10_000_000))
    tracemalloc.start()
    error = refused(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "1,000,000 bytes in one" in str(error)
    assert peak < 2 * len(content) + 64e6


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    content = small_model().to_bytes()
    for left in (0, 8, 100, len(content) - 1):
        path.write_bytes(content)
        with path.open("rb", buffering=0) as file:
            container = read_container(FileSource(file), "m")
            os.truncate(path, left)
            with pytest.raises(FileFormatError, match="cut off"):
                read_all(container)


def read_all(container: Container) -> None:
    for name, entry in container.entries.items():
        container.read_into(name, np.empty(entry.shape, entry.dtype).reshape(-1))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_what_is_not_a_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "behind").symlink_to(tmp_path / "pipe")
    for name, message in [
        ("pipe", "not a regular file"),
        ("behind", "not a regular file"),
        ("loop", "cannot be opened"),
        ("dangling", "no such model file"),
    ]:
        with pytest.raises(FileFormatError, match=message):
            Model.load(tmp_path / name)
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(FileFormatError, match="not a regular file"):
            Model.load(device)


def test_a_file_of_a_terabyte_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**39) + b"{")
        try:
            file.truncate(2**40)
        except OSError:
            pytest.skip("the file system keeps no file of this length")
    with pytest.raises(FileFormatError, match="header length"):
        Model.load(path)


def test_a_link_to_a_model_loads(tmp_path: Path) -> None:
    small_model().save(tmp_path / "m.safetensors")
    (tmp_path / "link").symlink_to("m.safetensors")
    assert Model.load(tmp_path / "link").weights.tobytes() == small_model().weights.tobytes()
