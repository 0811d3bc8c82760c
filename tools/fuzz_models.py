"""Damage model files in every way that knows their structure, and read what comes out.

    python -m tools.fuzz_models                     100,000 files
    python -m tools.fuzz_models --count 500 --seed 3
    python -m tools.fuzz_models --show 4711         where one differs from its origin

Each file must be refused with `FileFormatError`, or load as a model whose weights are finite, which
predicts, and which is read back from what it writes. A model of a table predicts a table, too.
Anything else fails: another error, a crash of the process, more memory than twice the largest
file and 64 MB, or a file that takes seconds.

Decisions
---------
a) File i of a seed is a function of (seed, i), so a find is told by two numbers.
b) The files are read in a process of their own, whose end and whose memory the kernel tells.
c) A mutation works on the parsed header or document, so that most files reach the later checks;
   some work on the bytes. One file may have several.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import struct
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import ChainruleError, FileFormatError
from chainrule.plan import make_plan
from chainrule.storage import Model
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.predict import as_in_training, encoder_of, predict_table
from chainrule.tabular.table import Column, Table

ROOT = Path(__file__).resolve().parent.parent
SLOW_SECONDS = 5.0
SLACK_MB = 64
STEP = 5_000
"""Files between two words about the progress."""

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 8, 255, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30),
    *(-(2**63), 0.0, -0.0, 0.5, 1e-320, 1e308, "", "relu", "F32", "F64", "BF16", "dense_1.W", "é"),
    *("layer/dense", "\x00", "x" * 300, [], {}, [[]], [0], [1, 1], [0, 0], [2**62, 4], {"a": {}}),
)
TEXTS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"\xff", b"\\ud800", b"\x00", b"//", b",,")


def seeds() -> list[bytes]:
    """Return small models of different kinds, as bytes."""
    mixed = nn.Sequential(nn.Dense(3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1))
    blocks = nn.Sequential(nn.Residual(nn.Dense(2, "gelu"), nn.Dropout(0.2)), nn.Dense(3))
    attending = nn.Sequential(nn.TransformerBlock(1, 4), nn.Flatten(), nn.Dense(2))
    plans = [
        make_plan(nn.Dense(1), (1,), "squared_error", 1),
        make_plan(mixed, (2,), "squared_error", 1, "adam", "cosine", ["l2"], 1.0),
        make_plan(blocks, (2,), "softmax_cross_entropy", 3),
        make_plan(attending, (3, 2), "gaussian_nll", 1),
    ]
    extra: list[dict[str, Any]] = [
        {},
        {"feature_names": ["rooms", "äge"], "record": {"seed": 3, "history": [{"epoch": 1}]}},
        {"classes": ["a", "b", "ü"], "dtype": "float64"},
        {},
    ]
    arrays = [
        Model(plan, plan.initial_weights(1), plan.initial_running() + 0.5, **more).to_bytes()
        for plan, more in zip(plans, extra, strict=True)
    ]
    return [*arrays, of_table("price"), of_table("town")]


def table() -> Table:
    """Return a table with every kind of column, cells missing in each."""
    gap = np.nan
    days = np.array([19_000.25, 19_040.0, gap, 19_180.0, 19_300.0, 19_401.5])
    return Table(
        (
            Column("rooms", "number", np.array([2.0, 4.0, gap, 3.0, 5.0, 2.0])),
            Column("new", "boolean", np.array([0.0, 1.0, 1.0, gap, 0.0, 1.0])),
            Column("sold", "date", days),
            Column("kind", "text", np.array(["flat", "hut", None, "flat", "ä", "hut"], object)),
            Column("town", "text", np.array(["Ghent", "Köln", "Bonn"] * 2, object)),
            Column("price", "number", np.array([210.5, 320.0, 260.0, 1e6, -1.0, 0.25])),
        )
    )


def of_table(target: str) -> bytes:
    """Return a model of the table, as bytes."""
    encoder = Encoder.fit(table(), target)
    classes = encoder.target.classes
    loss = "squared_error" if classes is None else "softmax_cross_entropy"
    plan = make_plan(nn.Dense(len(classes or "1")), (encoder.width(),), loss, len(classes or "1"))
    told: dict[str, Any] = {"encoder": encoder.document(), "classes": classes}
    reading = {"delimiter": ";", "encoding": "utf-8", "decimal": ",", "ways": {"rooms": "numbers"}}
    told["record"] = {"reading": reading, "settings": {"delimiter": ";", "encoding": None}}
    return Model(plan, plan.initial_weights(1), **told).to_bytes()


def apart(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return header and body."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def together(header: bytes, body: bytes) -> bytes:
    """Return a file."""
    return struct.pack("<Q", len(header)) + header + body


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value within a JSON value."""
    found = [path] if path else []
    items = enumerate(value) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else items:
        found += places(item, (*path, key))
    return found


def changed(value: Any, chance: random.Random) -> None:
    """Change something somewhere in a JSON object, in place."""
    listed = places(value)
    if not listed:
        return
    path = chance.choice(listed)
    home = value
    for key in path[:-1]:
        home = home[key]
    key, kind = path[-1], chance.randrange(8)
    old = deepcopy(home[key])  # nothing may hold itself
    if kind == 0:
        del home[key]
    elif kind == 1 and isinstance(home, dict):
        home[chance.choice(["x", "layers", "record", "__metadata__", "dense_9.W"])] = old
    elif kind == 2 and isinstance(home, list):
        home.insert(chance.randrange(len(home) + 1), old)
    elif kind == 3 and isinstance(old, (int, float)) and not isinstance(old, bool):
        home[key] = old + chance.choice([-8, -4, -1, 1, 4, 8, 1e-9, 2**32, 2**64])
    elif kind == 4:
        other = value
        for step in chance.choice(listed):
            other = other[step] if isinstance(other, (dict, list)) else other
        home[key] = deepcopy(other)
    elif kind == 5:
        for _ in range(chance.choice([1, 5, 63, 64, 65, 200])):
            old = chance.choice(
                [[old], {"layers": [old]}, {"record": "layer/sequential", "x": old}]
            )
        home[key] = old
    else:
        home[key] = deepcopy(chance.choice(ODD))


def spoiled(text: bytes, chance: random.Random) -> bytes:
    """Change a text without regard to what it says."""
    at, kind = chance.randrange(len(text) + 1), chance.randrange(5)
    if kind == 0:
        return text[:at] + chance.choice(TEXTS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + chance.randrange(1, 20) :]
    if kind == 2 and b'"' in text[at:]:
        stop = text.index(b'"', at)
        return text[:stop] + text[stop + 1 :]
    if kind == 3:  # a piece twice: often a key twice
        stop = min(len(text), at + chance.randrange(1, 80))
        return text[:stop] + b"," + text[at:]
    flipped = bytearray(text)
    if flipped:
        flipped[at % len(flipped)] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def other_body(body: bytes, chance: random.Random) -> bytes:
    """Change the numbers, or how many there are."""
    kind = chance.randrange(4)
    if kind == 0:
        return body[: chance.randrange(len(body) + 1)]
    if kind == 1:
        return body + bytes(chance.randrange(1, 64))
    at = 4 * chance.randrange(len(body) // 4) if len(body) >= 4 else 0
    odd = chance.choice([np.nan, np.inf, -np.inf, 3e38, 1e-45, 0.0, -1.0])
    return body[:at] + struct.pack("<f", odd) + body[at + 4 :]


def mutation(origin: list[bytes], seed: int, number: int) -> bytes:
    """Return file `number` of a seed."""
    chance = random.Random(f"{seed}-{number}")
    header, body = apart(chance.choice(origin))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        kind = chance.randrange(10)
        if kind < 5 and isinstance(header.get("__metadata__"), dict):
            _change_document(header["__metadata__"], chance)
        elif kind < 8:
            changed(header, chance)
        elif kind == 8:
            body = other_body(body, chance) or body
        else:
            return _on_bytes(together(json.dumps(header).encode(), body), origin, chance)
    return together(json.dumps(header, ensure_ascii=chance.random() < 0.5).encode(), body)


def _change_document(metadata: dict[str, Any], chance: random.Random) -> None:
    text = metadata.get("chainrule")
    if not isinstance(text, str):
        return
    if chance.random() < 0.15:
        metadata["chainrule"] = spoiled(text.encode(), chance).decode("utf-8", "replace")
        return
    try:
        document = json.loads(text)
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    part = document.get(chance.choice(("encoder", "record", "plan", "")))
    changed(part if isinstance(part, dict) and part else document, chance)
    metadata["chainrule"] = json.dumps(document)


def _on_bytes(content: bytes, origin: list[bytes], chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    (length,) = struct.unpack("<Q", content[:8])
    if kind == 0:
        other = chance.choice([0, 1, 7, length - 1, length + 1, 2**31, 2**63, 2**64 - 1, 10**8])
        return struct.pack("<Q", max(0, other)) + content[8:]
    if kind == 1:
        return content[: chance.randrange(len(content))]
    if kind == 2:
        return content[:8] + chance.choice(origin)[8:]
    return together(spoiled(content[8 : 8 + length], chance), content[8 + length :])


def fault_of(content: bytes) -> str:
    """Return "refused", "loaded", or what is wrong with how a file was read."""
    start = time.perf_counter()
    verdict = _read(content)
    took = time.perf_counter() - start
    return verdict if took < SLOW_SECONDS else f"it took {took:.1f} s"


def _read(content: bytes) -> str:
    try:
        model = Model.from_bytes(content)
    except FileFormatError:
        return "refused"
    except Exception as error:  # noqa: BLE001 - whatever else is raised is the find
        return f"{type(error).__name__}: {error}"
    try:
        if not (np.isfinite(model.weights).all() and np.isfinite(model.state).all()):
            return "a weight is not finite"
        again = Model.from_bytes(model.to_bytes())
        same = again.weights.tobytes() == model.weights.tobytes() and again.plan == model.plan
        if not same:
            return "it is another model after it was written and read again"
        _predict(model)
    except Exception as error:  # noqa: BLE001 - likewise
        return f"after loading, {type(error).__name__}: {error}"
    return "loaded"


def _predict(model: Model) -> None:
    """Predict a row of zeros; what cannot be predicted is told by an error of the family."""
    with suppress(ChainruleError):
        model.predict(np.zeros((1, *model.input_shape)))
    if model.encoder is None:
        return
    with suppress(ChainruleError):
        encoder = encoder_of(model)
        as_in_training(model.record, encoder.expects())
        encoder.surprises(table())
        predict_table(model, table())


def run(count: int, seed: int, start: int, say: Callable[[str], None]) -> list[str]:
    """Read some files; return what is wrong."""
    origin = seeds()
    warnings.simplefilter("ignore")
    base, largest, verdicts, finds = _peak(), 0, Counter[str](), list[str]()
    for number in range(start, start + count):
        content = mutation(origin, seed, number)
        largest = max(largest, len(content))
        verdict = fault_of(content)
        verdicts[verdict] += 1
        if verdict not in ("refused", "loaded"):
            finds.append(f"seed {seed}, file {number}: {verdict}")
        if (number + 1) % STEP == 0:
            say(f"at {number + 1:,}")
    more = _peak() - base
    if more > 2 * largest + SLACK_MB * 1_000_000:
        finds.append(f"the process took {more / 1e6:.0f} MB, the largest file {largest:,} bytes")
    told = f"{count:,} files: {verdicts['refused']:,} refused, {verdicts['loaded']:,} loaded"
    say(f"{told}; {more / 1e6:.1f} MB more than at the start, largest file {largest:,} bytes")
    return finds


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="tools.fuzz_models")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--show", type=int, help="tell of one file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.show is not None:
        content = mutation(seeds(), given.seed, given.show)
        print(content[:4000], fault_of(content), sep="\n")
        return 0
    if given.child:
        finds = run(given.count, given.seed, given.start, lambda text: print(text, flush=True))
        print(*finds, sep="\n")
        return 1 if finds else 0
    own = [f"--{name}={getattr(given, name)}" for name in ("count", "seed", "start")]
    child = [sys.executable, "-m", "tools.fuzz_models", "--child", *own]
    began = time.perf_counter()
    status = subprocess.run(child, check=False, cwd=ROOT).returncode
    print(f"{time.perf_counter() - began:.0f} s, {'good' if status == 0 else f'status {status}'}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
