"""The proof of the marker: mutants of plain NumPy programs, and right programs, on held-out draws.

`python -m tools.proof_marker` writes and marks at least 400 mutants and 200 right programs, prints
the table of kinds and exits with 1 if fewer than 95 % of the mutants get the right kind, or if one
right program is called wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.glass.marker import mark, mark_file
from tests.glass.marker_mutants_more import MUTATIONS
from tests.glass.marker_rights import STYLES, write_style
from tests.glass.marker_sources import Program, Setting, draw_setting, write_program

__all__ = ["Marked", "main", "mark_mutant", "mark_right", "mutants", "right_sources"]

SEED = 20_000
"""First seed of the draws that count; the kinds were written with seeds below."""
GOAL = 0.95


@dataclass(frozen=True)
class Marked:
    """One marked program."""

    mutation: str
    expected: str
    kinds: tuple[str, ...]
    layer: bool
    """Whether the place names the layer that was changed."""
    source: str
    stated: dict[str, Any]
    widths: tuple[int, ...]

    @property
    def good(self) -> bool:
        """Whether the kind is right and nothing else is claimed."""
        return set(self.kinds) == {self.expected}


def namespace(source: str) -> dict[str, Any]:
    """Return what a program defines."""
    names: dict[str, Any] = {"__name__": "student"}
    exec(compile(source, "<student>", "exec"), names)
    return names


@np.errstate(all="ignore")
def results(source: str, setting: Setting, seed: int) -> list[Any] | None:
    """Return all that a program computes at a random point, or None if it stops."""
    draw = np.random.default_rng(seed)
    columns, flipped = setting.layout == "columns", setting.layout != "rows"
    params: dict[str, Any] = {}
    for layer, (below, above) in enumerate(
        zip(setting.widths[:-1], setting.widths[1:], strict=True), 1
    ):
        weights = draw.normal(size=(below, above))
        params[f"W{layer}"] = weights.T.copy() if flipped else weights
        params[f"b{layer}"] = draw.normal(size=(above, 1) if columns else above)
    X = draw.normal(size=(9, setting.widths[0])) * 2
    y = np.eye(setting.widths[-1])[draw.integers(0, setting.widths[-1], 9)]
    y = draw.integers(0, 2, (9, 1)) * 1.0 if setting.widths[-1] == 1 else y
    X, y = (X.T.copy(), y.T.copy()) if columns else (X, y)
    names = namespace(source)
    found: list[Any] = []
    try:
        out = names["forward"](params, X)
        yhat, cache = out if isinstance(out, tuple) else (out, None)
        given = (params, X, y) if cache is None else (params, X, y, cache)
        found += [yhat, names["loss"](yhat, y) if "loss" in names else 0.0]
        for _ in range(2):
            grads = names["backward"](*given)
            found += [grads[name].copy() for name in sorted(grads)]
    except (ValueError, IndexError):
        return None
    return found


def differs(program: Program, seed: int) -> bool:
    """Say whether a mutant computes something else than its right program."""
    right = results(write_program(program.setting).source(), program.setting, seed)
    wrong = results(program.source(), program.setting, seed)
    assert right is not None
    if wrong is None or len(wrong) != len(right):
        return True
    return any(
        np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-4, atol=1e-12)
        for a, b in zip(wrong, right, strict=True)
    )


def mutants(count: int, seed: int) -> Any:
    """Yield (name, program, kind, layer), every mutation in turn."""
    made, number = 0, 0
    names = list(MUTATIONS)
    while made < count:
        name = names[number % len(names)]
        for attempt in range(200):
            draw = random.Random(f"{seed}/{number}/{attempt}")
            found = MUTATIONS[name](replace(draw_setting(draw), half=draw.random() < 0.3), draw)
            if found is not None and differs(found[0], seed + number):
                yield (name, *found)
                made += 1
                break
        number += 1


def two_mistakes(count: int, seed: int) -> Any:
    """Yield (program, kinds) of programs with two mistakes in different lines."""
    made, number = 0, 0
    while made < count:
        number += 1
        draw = random.Random(f"two/{seed}/{number}")
        setting = draw_setting(draw)
        first, second = (MUTATIONS[name](setting, draw) for name in draw.sample(list(MUTATIONS), 2))
        base = write_program(setting).lines
        if first is None or second is None or first[1] == second[1]:
            continue
        if any(
            entry[0].setting != setting or not differs(entry[0], number)
            for entry in (first, second)
        ):
            continue
        lines = [{t: x for t, x in e[0].lines.items() if base.get(t) != x} for e in (first, second)]
        if lines[0] and lines[1] and not set(lines[0]) & set(lines[1]):
            made += 1
            yield replace(first[0], lines={**first[0].lines, **lines[1]}), {first[1], second[1]}


def mark_two(count: int, seed: int) -> Counter[str]:
    """Return how often both mistakes are named, only right ones, none, or a wrong one."""
    said: Counter[str] = Counter()
    for position, (program, kinds) in enumerate(two_mistakes(count, seed)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stated = program.setting.stated()
            verdict = mark(
                namespace(program.source()), program.setting.widths, seed=seed + position, **stated
            )
        named = set(verdict.kinds) - {"code_stops"}
        if named == kinds:
            said["both"] += 1
        elif not named:
            said["the place only"] += 1
        else:
            said["one of them" if named < kinds else "another kind"] += 1
    return said


def mark_mutant(name: str, program: Program, kind: str, layer: int, seed: int) -> Marked:
    """Mark one mutant."""
    source, stated = program.source(), program.setting.stated()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = mark(namespace(source), program.setting.widths, seed=seed, **stated)
    kinds = verdict.kinds if verdict.findings else ("right",)
    kinds = kinds or ("no claim",)
    places = " ".join(finding.place for finding in verdict.findings)
    there = layer == 0 or str(layer) in places
    return Marked(name, kind, kinds, there, source, stated, program.setting.widths)


def right_sources(count: int, seed: int) -> Any:
    """Yield (style, source, setting) of right programs."""
    for number in range(count):
        draw = random.Random(f"right/{seed}/{number}")
        setting = replace(draw_setting(draw), half=draw.random() < 0.3)
        style = draw.choice(["lines"] * 5 + list(STYLES))
        if style == "lines":
            penalty = draw.choice((0.0, 0.0, 0.05))
            setting = replace(
                setting, single=draw.random() < 0.3, with_loss=draw.random() < 0.4, penalty=penalty
            )
            yield style, write_program(setting).source(), setting
        else:
            if style == "labels":
                setting = replace(draw_setting(draw, "cce"))
            setting = replace(setting, penalty=0.0)
            yield style, write_style(style, setting, draw), setting


def mark_right(source: str, setting: Setting, seed: int, open_choices: bool) -> Any:
    """Mark one right program; with open choices mean or sum and the factor 1/2 are not stated."""
    stated = setting.stated()
    stated.pop("targets")
    if open_choices:
        stated.pop("reduction")
        stated["loss"] = "mse" if stated["loss"] == "half_mse" else stated["loss"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mark(namespace(source), setting.widths, seed=seed, **stated)


def _through_process(count: int, seed: int) -> int:
    """Mark some mutants from a file, and return how often the verdict is another than in here."""
    other = 0
    with tempfile.TemporaryDirectory() as folder:
        for position, (name, program, kind, layer) in enumerate(mutants(count, seed)):
            path = Path(folder) / f"student_{position}.py"
            path.write_text(program.source(), encoding="utf-8")
            inside = mark_mutant(name, program, kind, layer, seed)
            verdict = mark_file(path, program.setting.widths, seed=seed, **program.setting.stated())
            other += (verdict.kinds or ("right" if verdict.right else "no claim",)) != inside.kinds
    return other


def main() -> int:
    """Run the proof and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=450)
    parser.add_argument("--right", type=int, default=240)
    parser.add_argument("--two", type=int, default=60)
    parser.add_argument("--process", type=int, default=12)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=int, default=0, help="print this many programs that failed")
    asked = parser.parse_args()
    started = time.monotonic()
    marked = [
        mark_mutant(*entry, asked.seed + n)
        for n, entry in enumerate(mutants(asked.mutants, asked.seed))
    ]
    alarms: list[str] = []
    for number, (style, source, setting) in enumerate(right_sources(asked.right, asked.seed)):
        verdict = mark_right(source, setting, asked.seed + number, number % 2 == 0)
        if not verdict.right:
            alarms.append(f"{style}, {setting}:\n{verdict}")
    pairs = mark_two(asked.two, asked.seed)
    other = _through_process(asked.process, asked.seed + 1)
    return report(marked, alarms, pairs, other, asked, time.monotonic() - started)


def report(
    marked: list[Marked],
    alarms: list[str],
    pairs: Counter[str],
    other: int,
    asked: Any,
    seconds: float,
) -> int:
    """Print the table and return the exit code."""
    good = sum(entry.good for entry in marked)
    placed = sum(entry.layer for entry in marked if entry.good)
    kinds = sorted({entry.expected for entry in marked})
    print(f"{'kind':<26}{'mutants':>8}{'right':>7}   said instead")
    for kind in kinds:
        own = [entry for entry in marked if entry.expected == kind]
        wrong = Counter(" + ".join(entry.kinds) for entry in own if not entry.good)
        said = ", ".join(f"{name} ({times})" for name, times in wrong.most_common())
        print(f"{kind:<26}{len(own):>8}{sum(entry.good for entry in own):>7}   {said}")
    share = good / len(marked)
    print(f"\n{len(marked)} mutants of {len(kinds)} kinds: {good} right ({share:.1%}); of these "
          f"{placed} name the changed layer")  # fmt: skip
    print(f"{asked.right} right programs: {len(alarms)} false alarms")
    print(f"{asked.two} programs with two mistakes: {dict(pairs)}")
    print(f"{asked.process} mutants through the process: {other} verdicts differ")
    print(f"{seconds:.0f} s")
    for alarm in alarms[: asked.show or 3]:
        print("\nfalse alarm:", alarm)
    for entry in [entry for entry in marked if not entry.good][: asked.show]:
        print(
            f"\n{entry.mutation}: {entry.expected}, said {entry.kinds}\n"
            f"{entry.widths} {entry.stated}"
        )
        print(entry.source[entry.source.index("def forward") :])
    if asked.json:
        table = Counter((entry.expected, " + ".join(entry.kinds)) for entry in marked)
        rows = [{"kind": a, "said": b, "times": n} for (a, b), n in sorted(table.items())]
        asked.json.write_text(json.dumps({"share": share, "alarms": len(alarms), "table": rows}))
    return 0 if share >= GOAL and not alarms and not other else 1


if __name__ == "__main__":
    sys.exit(main())
