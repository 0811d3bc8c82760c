"""Reading a file, good or hostile, takes at most twice its size and 64 MB, as the kernel counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from chainrule.storage.container import MAX_HEADER
from chainrule.storage.strict_json import MAX_NOT_ASCII

PROGRAM = """
import ctypes, json, os, resource, sys
from pathlib import Path
from chainrule.errors import FileFormatError
from chainrule.storage import Model
from tests.storage.heavy import FILES

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

# What importing left free in the heap would hide as much of what reading takes.
trim = getattr(ctypes.CDLL(None), "malloc_trim", int)

def warm():
    # Pages of the libraries, which a child maps anew, are not the file's.
    path = Path(sys.argv[1]) / "warm"
    Model.load(path)
    for content in (path.read_bytes()[:-1], path.read_bytes().replace(b"[", b"[1,", 1)):
        try:
            Model.from_bytes(content)
        except FileFormatError as error:
            str(error)

(Path(sys.argv[1]) / "warm").write_bytes(FILES["small"]())
warm()
told = {}
for name in list(FILES):
    path = Path(sys.argv[1]) / name
    if not os.fork():  # what is needed to make the file is not counted
        path.write_bytes(FILES[name]())
        os._exit(0)
    os.wait()
    ready, say = os.pipe()
    trim(0)
    if not os.fork():
        warm()
        before, verdict = peak(), "loaded"
        try:
            Model.load(path)
        except FileFormatError as error:
            verdict = str(error)
        os.write(say, json.dumps([peak() - before, verdict]).encode())
        os._exit(0)
    os.wait()
    told[name] = [path.stat().st_size, *json.loads(os.read(ready, 10_000))]
    path.unlink()
print(json.dumps(told))
"""
VERDICTS = {
    "small": "loaded",
    "large": "loaded",
    "large with a NaN": "not a finite number",
    "large, cut off": "cut off",
    "large for another network": "does not fit the network",
    "wide characters": "deeper or longer",
    "two texts of wide characters": "loaded",
    "many wide characters": "loaded",
    "wide characters in the longest file": "deeper or longer",
    "many keys": "loaded",
    "many keys of wide characters": "deeper or longer",
    "many keys of escaped characters": "deeper or longer",
    "one endless text": "deeper or longer",
    "one endless key": "deeper or longer",
    "many tensors": "deeper or longer",
    "endless brackets": "deeper or longer",
    "only backslashes": "not JSON",
    "only escapes": "not JSON",
}


def test_memory_is_bounded(tmp_path: Path) -> None:
    path = os.pathsep.join([os.getcwd(), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    told = json.loads(said.stdout.splitlines()[-1])
    assert set(told) == set(VERDICTS)
    for name, (size, taken, verdict) in told.items():
        assert VERDICTS[name] in verdict, (name, verdict)
        assert taken <= 2 * size + 64_000_000, (name, size, taken)
    for name in ("wide characters in the longest file", "many keys", "one endless key"):
        assert told[name][0] > 0.95 * MAX_HEADER
    for kind in ("many wide characters", "keys of wide", "keys of escaped", "only escapes"):
        assert any(kind in name and told[name][0] > 0.93 * MAX_NOT_ASCII for name in told), kind
    # A good file takes its own size, and a refused one less: nothing is copied on the way.
    assert 0.9 * told["large"][0] < told["large"][1] < 1.2 * told["large"][0] + 4_000_000
    assert told["large for another network"][1] < 4_000_000
