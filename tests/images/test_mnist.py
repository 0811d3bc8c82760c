"""Fetching MNIST: from a server of our own, whole and right, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.images import mnist
from tests.images.pictures import write_mnist

NOWHERE = "http://127.0.0.1:9/"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a tiny MNIST, and let its checksums be those that are known."""
    served = tmp_path / "served"
    write_mnist(served)
    digests = {
        path.name.removesuffix(".gz"): hashlib.sha256(
            gzip.decompress(path.read_bytes())
        ).hexdigest()
        for path in served.iterdir()
    }
    monkeypatch.setattr(mnist, "FILES", digests)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_four_files_come_and_are_read(mirror: str, tmp_path: Path) -> None:
    told: list[str] = []
    paths = mnist.fetch_mnist(
        tmp_path / "deep/er", mirrors=[NOWHERE, mirror], on_file=lambda name, _: told.append(name)
    )
    assert [path.name for path in paths] == told
    assert len(cr.read_images(tmp_path / "deep/er", "test")) == 4
    stamps = [path.stat().st_mtime_ns for path in paths]
    mnist.fetch_mnist(tmp_path / "deep/er", mirrors=[NOWHERE])
    assert [path.stat().st_mtime_ns for path in paths] == stamps


@pytest.mark.parametrize("damage", ["cut", "other", "text", "long"])
def test_a_wrong_file_is_not_kept(mirror: str, tmp_path: Path, damage: str) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    path = tmp_path / "served" / name
    whole = path.read_bytes()
    other = gzip.compress(gzip.decompress(whole)[:-1] + b"x")
    path.write_bytes({"cut": whole[:-9], "other": other, "text": b"<html>", "long": other}[damage])
    with pytest.raises(ChainruleError, match="no mirror gave t10k-images") as raised:
        mnist.fetch_mnist(tmp_path / "out", mirrors=[mirror])
    assert mirror in raised.value.got
    assert name not in {entry.name for entry in (tmp_path / "out").iterdir()}
    path.write_bytes(whole)
    assert len(mnist.fetch_mnist(tmp_path / "out", mirrors=[mirror])) == 4


def test_a_damaged_file_in_place_is_fetched_again(mirror: str, tmp_path: Path) -> None:
    first = mnist.fetch_mnist(tmp_path / "out", mirrors=[mirror])[0]
    whole = first.read_bytes()
    first.write_bytes(whole[:20])
    mnist.fetch_mnist(tmp_path / "out", mirrors=[mirror])
    assert first.read_bytes() == whole


def test_without_a_network_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match="could not be fetched") as raised:
        mnist.fetch_mnist(tmp_path / "out", mirrors=[NOWHERE])
    assert "network" in raised.value.expected
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ChainruleError, match="folder cannot be made"):
        mnist.fetch_mnist(tmp_path / "file/x", mirrors=[NOWHERE])


def test_the_checksums_are_those_of_mnist() -> None:
    assert sorted(mnist.FILES) == [
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
    ]
    assert all(len(digest) == 64 for digest in mnist.FILES.values())
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in mnist.MIRRORS)
