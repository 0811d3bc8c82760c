"""A damaged or crafted file is refused with one error of one class, and costs nothing."""

from __future__ import annotations

import json
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import FileFormatError
from chainrule.storage import Model
from tests.storage.models import small_model, tiny_model

Header = dict[str, Any]


def taken_apart(content: bytes) -> tuple[Header, bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def put_together(header: object, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_document(change: Callable[[Header], object]) -> bytes:
    header, body = taken_apart(small_model().to_bytes())
    document = json.loads(header["__metadata__"]["chainrule"])
    change(document)
    header["__metadata__"]["chainrule"] = json.dumps(document)
    return put_together(header, body)


def with_header(change: Callable[[Header], object]) -> bytes:
    header, body = taken_apart(small_model().to_bytes())
    change(header)
    return put_together(header, body)


def refused(content: bytes) -> FileFormatError:
    with pytest.raises(FileFormatError) as caught:
        Model.from_bytes(content)
    return caught.value


def test_the_helpers_change_nothing_by_themselves() -> None:
    Model.from_bytes(with_header(lambda header: None))
    Model.from_bytes(with_document(lambda document: None))


def test_a_file_cut_off_anywhere_is_refused() -> None:
    content = tiny_model().to_bytes()
    for length in range(len(content)):
        refused(content[:length])


def test_a_longer_file_is_refused() -> None:
    assert "bytes follow" in str(refused(tiny_model().to_bytes() + b"\0"))


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_a_changed_byte_is_refused_or_harmless(bits: int) -> None:
    content = tiny_model().to_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= bits
        try:
            model = Model.from_bytes(bytes(changed))
        except FileFormatError:
            continue
        assert np.isfinite(model.weights).all()
        assert model.weights.size == model.plan.parameters.size


def test_random_bytes_are_refused() -> None:
    generator = np.random.default_rng(0)
    for length in (0, 1, 7, 8, 9, 100, 5000):
        refused(generator.bytes(length))


W = "dense_1.W"

HEADERS: dict[str, tuple[Callable[[Header], object], str]] = {
    "overlap": (lambda h: h[W].update(data_offsets=[0, 24]), "overlap|hole"),
    "hole": (lambda h: h[W].update(data_offsets=[5000, 5024]), "hole|cut off"),
    "short": (lambda h: h[W].update(data_offsets=[0, 20]), "does not fit its shape"),
    "backwards": (lambda h: h[W].update(data_offsets=[24, 0]), "does not fit its shape"),
    "negative": (lambda h: h[W].update(data_offsets=[-24, 0]), "data_offsets"),
    "three offsets": (lambda h: h[W].update(data_offsets=[0, 24, 24]), "does not fit"),
    "overflow": (lambda h: h[W].update(shape=[2**62, 4]), "shape"),
    "wraps to the right size": (lambda h: h[W].update(shape=[2**31, 2**31, 6]), "does not fit"),
    "negative shape": (lambda h: h[W].update(shape=[-2, -3]), "shape"),
    "true as a shape": (lambda h: h[W].update(shape=[True, 6]), "shape"),
    "float shape": (lambda h: h[W].update(shape=[2.0, 3]), "shape"),
    "empty tensor": (lambda h: h[W].update(shape=[0, 3], data_offsets=[0, 0]), "shape"),
    "many dimensions": (lambda h: h[W].update(shape=[1] * 50), "shape"),
    "other shape": (lambda h: h[W].update(shape=[3, 2]), "does not fit the network"),
    "other type": (lambda h: h[W].update(dtype="I32"), "number type"),
    "unknown type": (lambda h: h[W].update(dtype="F31"), "number type"),
    "type is no text": (lambda h: h[W].update(dtype=["F32"]), "number type"),
    "no type": (lambda h: h[W].pop("dtype"), "not complete"),
    "more keys": (lambda h: h[W].update(extra=1), "not complete"),
    "entry is no object": (lambda h: h.update({W: 3}), "not complete"),
    "no metadata": (lambda h: h.pop("__metadata__"), "not a Chainrule model"),
    "metadata is no object": (lambda h: h.update(__metadata__=[]), "not a Chainrule model"),
    "more metadata": (lambda h: h["__metadata__"].update(x="y"), "not a Chainrule model"),
    "metadata is no text": (lambda h: h["__metadata__"].update(chainrule=3), "not text"),
    "renamed": (lambda h: h.update(other=h.pop(W)), "not those of the network"),
}


@pytest.mark.parametrize("attack", HEADERS)
def test_a_crafted_header_is_refused(attack: str) -> None:
    change, message = HEADERS[attack]
    error = refused(with_header(change))
    assert re.search(message, str(error)), str(error)


def test_a_missing_tensor_is_refused() -> None:
    header, body = taken_apart(small_model().to_bytes())
    last = max(header.items(), key=lambda item: item[1].get("data_offsets", [0])[0])
    del header[last[0]]
    assert "not those of the network" in str(
        refused(put_together(header, body[: last[1]["data_offsets"][0]]))
    )


def test_no_tensors_at_all() -> None:
    header, _ = taken_apart(small_model().to_bytes())
    only = {"__metadata__": header["__metadata__"]}
    assert "no tensors" in str(refused(put_together(only, b"")))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_refused(value: float) -> None:
    header, body = taken_apart(small_model().to_bytes())
    changed = np.frombuffer(body, "<f4").copy()
    changed[3] = value
    assert "not a finite number" in str(refused(put_together(header, changed.tobytes())))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[]", "as its first character"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "deeper"),
        (b"{" + b'"a":{' * 100_000, "deeper"),
        (b'{"a":[' + b"[]," * 2_000_000 + b"[]]}", "longer"),
        (b'{"a":1,"a":2}', "stands twice"),
        (b'{"\xff": 1}', "UTF-8"),
        (b'{"a":"' + rb"\"" * 1_000_000 + b'"}', "not a Chainrule model"),
        (b'{"a":[' + b'"",' * 1_000_000 + b"]}", "longer"),
        (b'{"a": 1} {}', "not JSON"),
        (b" " * 50 + b"{}", "as its first character"),
        (b"{}", "not a Chainrule model"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_a_header_that_is_no_header(header: bytes, message: str) -> None:
    assert message in str(refused(put_together(header, b"")))


def test_a_key_twice_is_refused() -> None:
    header, body = taken_apart(small_model().to_bytes())
    text = json.dumps(header)
    twice = text[:-1] + f', "{W}": {json.dumps(header[W])}}}'
    assert "stands twice" in str(refused(put_together(twice.encode(), body)))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 16_000_001, 10**6])
def test_a_header_longer_than_the_file(length: int) -> None:
    assert "header length" in str(refused(struct.pack("<Q", length) + b"{}"))


DOCUMENTS: dict[str, tuple[Callable[[Header], object], str]] = {
    "newer": (lambda d: d.update(version=2, library="9.0"), "newer than this library"),
    "version is text": (lambda d: d.update(version="1"), "not a number"),
    "version is true": (lambda d: d.update(version=True), "not a number"),
    "other format": (lambda d: d.update(format="x"), "not that of a Chainrule model"),
    "key more": (lambda d: d.update(x=1), "not complete"),
    "a checkpoint": (lambda d: d.update(format="chainrule-checkpoint"), "checkpoint of a run"),
    "names of no list": (lambda d: d.update(feature_names="ab"), "names of the columns"),
    "too many names": (lambda d: d.update(feature_names=["a"] * 9), "names of the columns"),
    "names of no words": (lambda d: d.update(feature_names=[1] * 2), "names of the columns"),
    "key less": (lambda d: d.pop("record"), "not complete"),
    "record": (lambda d: d.update(record=[]), "record"),
    "dtype": (lambda d: d.update(dtype="float16"), "number type"),
    "dtype list": (lambda d: d.update(dtype=["float32"]), "number type"),
    "other dtype": (lambda d: d.update(dtype="float64"), "does not fit the network"),
    "unknown layer": (
        lambda d: d["plan"]["network"].update(record="layer/os.system"),
        "no layer called 'os.system'",
    ),
    "layer is null": (lambda d: d["plan"].update(network=None), "not an object"),
    "layer is a name": (lambda d: d["plan"].update(network="dense"), "not an object"),
    "unknown field": (
        lambda d: d["plan"]["network"]["layers"][0].update(evil=1),
        "no parameter 'evil'",
    ),
    "bad field": (
        lambda d: d["plan"]["network"]["layers"][0].update(units=-1),
        "units is not allowed",
    ),
    "huge number": (
        lambda d: d["plan"]["network"]["layers"][1].update(epsilon=10**400),
        "cannot be built",
    ),
    "unknown loss": (lambda d: d["plan"].update(loss={"record": "loss/eval"}), "no loss called"),
    "loss of another kind": (
        lambda d: d["plan"].update(loss={"record": "layer/dense", "units": 1}),
        "cannot be built",
    ),
    "penalties": (lambda d: d["plan"].update(penalties=None), "cannot be built"),
    "reduction": (lambda d: d["plan"].update(reduction={}), "cannot be built"),
    "targets": (lambda d: d["plan"].update(targets=0), "shape of the inputs"),
    "sample shape": (lambda d: d["plan"].update(sample_shape=[2**40]), "shape of the inputs"),
    "shape is text": (lambda d: d["plan"].update(sample_shape="2"), "shape of the inputs"),
    "no shape": (lambda d: d["plan"].update(sample_shape=[]), "cannot be built"),
    "wide": (
        lambda d: d["plan"]["network"]["layers"][0].update(units=10**15),
        "wider than any model",
    ),
    "plan": (lambda d: d.update(plan=[]), "not complete"),
    "classes": (lambda d: d.update(classes=["a", "b"]), "class labels"),
    "encoder": (lambda d: d.update(encoder={"width": 3}), "2 features"),
    "encoder without width": (lambda d: d.update(encoder={}), "2 features"),
    "encoder is a list": (lambda d: d.update(encoder=[1]), "2 features"),
}


@pytest.mark.parametrize("attack", DOCUMENTS)
def test_a_crafted_document_is_refused(attack: str) -> None:
    change, message = DOCUMENTS[attack]
    assert message in str(refused(with_document(change)))


IDENTITY = {"record": "layer/identity"}
DOUBLE = {"record": "layer/dense_connection", "layers": [IDENTITY]}


def nested(depth: int, layer: str) -> Header:
    network: Header = {"record": "layer/dense", "units": 2}
    for _ in range(depth):
        network = {"record": f"layer/{layer}", "layers": [network, IDENTITY]}
    return network


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nested(100, "sequential"), "deeper"),
        ({"record": "layer/sequential", "layers": [DOUBLE] * 25}, "wider than any model"),
        (
            {"record": "layer/sequential", "layers": [IDENTITY] * 60_000},
            "too many layers",
        ),
        ({"record": "layer/embedding", "levels": 10**12, "width": 10**6}, "wider than any model"),
    ],
    ids=["deep", "doubling", "many", "embedding"],
)
def test_a_network_of_absurd_size_costs_nothing(network: Header, message: str) -> None:
    def change(document: Header) -> None:
        document["plan"].update(network=network, sample_shape=[1000])

    content = with_document(change)
    tracemalloc.start()
    error = refused(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message in str(error)
    assert peak < 2 * len(content) + 64e6


def test_a_class_label_twice_is_refused() -> None:
    from chainrule import nn
    from chainrule.plan import make_plan

    plan = make_plan(nn.Dense(2), (1,), "softmax_cross_entropy", 2)
    for bad in (["a", "a"], ["a", 1], [[], []], ["a", "b", "c"], [None, None]):
        header, body = taken_apart(Model(plan, np.zeros(4), classes=["a", "b"]).to_bytes())
        document = json.loads(header["__metadata__"]["chainrule"])
        document["classes"] = bad
        header["__metadata__"]["chainrule"] = json.dumps(document)
        assert "class labels" in str(refused(put_together(header, body)))


def test_files_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, message in [
        (tmp_path, "is a folder"),
        (tmp_path / "absent", "no such model file"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "a\0b", "cannot be opened"),
    ]:
        with pytest.raises(FileFormatError, match=message):
            Model.load(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "m.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FileFormatError):
        Model.load(path)
    assert not (tmp_path / "executed").exists()
