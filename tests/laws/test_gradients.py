"""The law: for every combination of members the gradient is the derivative of the reported loss."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from chainrule.glass import Case, combinations, run_laws
from chainrule.glass.comparison import TOLERANCES
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.initialiser import INITIALISERS
from chainrule.maths.loss import LOSSES
from chainrule.maths.penalty import PENALTIES
from chainrule.nn import LAYERS
from chainrule.ops.op import OPS
from chainrule.registry import Registry
from tests.laws.user_members import RIGHT, WRONG

CASES = list(combinations())
CHUNK = 250


def chunks() -> list[Any]:
    """Return the cases group by group, in pieces that can run side by side."""
    groups: dict[str, list[Case]] = {}
    for case in CASES:
        groups.setdefault(case.group, []).append(case)
    return [
        pytest.param(cases[start : start + CHUNK], id=f"{name}, from {start}")
        for name, cases in groups.items()
        for start in range(0, len(cases), CHUNK)
    ]


def naming(member: type) -> list[Case]:
    """Return the present cases in which a member takes part."""
    return [case for case in combinations() if member.__dict__["name"] in case.name]


@pytest.mark.parametrize("cases", chunks())
def test_gradient_is_the_derivative_of_the_reported_loss(cases: list[Case]) -> None:
    report = run_laws(cases=cases)
    assert len(report.rows) == len(cases)
    said = [f"{row.name}: {row.error:.1e} ({row.method}) {row.where}" for row in report.failures]
    assert report.passed, "\n" + "\n".join(said)
    for row in report.rows:
        assert row.tolerance == TOLERANCES[row.method], row.name  # type: ignore[index]
        assert row.gradient_norm > 0.0, f"{row.name}: a gradient of zero proves nothing"
        assert not row.corners, f"{row.name}: one side only"


def test_there_are_enough_cases_and_none_is_there_twice() -> None:
    names = Counter((case.group, case.name) for case in CASES)
    assert len(CASES) >= 500
    assert max(names.values()) == 1


@pytest.mark.parametrize("registry", [LAYERS, OPS, ACTIVATIONS, LOSSES, PENALTIES, INITIALISERS])
def test_every_member_takes_part(registry: Registry[Any]) -> None:
    for member in registry:
        assert any(member.name in case.name for case in CASES), member.name


@pytest.mark.parametrize(("registry", "member"), RIGHT)
def test_a_right_member_is_covered_and_passes(registry: Registry[Any], member: type) -> None:
    with registry.temporary(member):
        report = run_laws(cases=naming(member))
        assert len(list(combinations())) > len(CASES)
    assert report.passed, report.failures[:3]
    assert naming(member) == []


@pytest.mark.parametrize(("registry", "member"), WRONG)
def test_a_wrong_member_is_covered_and_fails(registry: Registry[Any], member: type) -> None:
    with registry.temporary(member):
        report = run_laws(cases=naming(member))
    assert not report.passed
    # Where the wrong part is all that there is, no case may pass.
    assert len(report.failures) >= 0.6 * len(report.rows)


def test_an_exception_is_a_failure_with_its_words() -> None:
    broken = next(member for _, member in WRONG if member.__name__ == "Broken")
    with ACTIVATIONS.temporary(broken):
        report = run_laws(cases=naming(broken)[:3])
    json.dumps(report.to_dict(), allow_nan=False)
    assert [row.passed for row in report.rows] == [False] * 3
    assert all("RuntimeError: the user's mistake" in row.where for row in report.rows)
    assert all(row.method == "" and np.isinf(row.error) for row in report.rows)


def test_the_report_is_complete() -> None:
    seen: list[tuple[int, int]] = []
    report = run_laws(lambda done, total: seen.append((done, total)), cases=CASES[:4])
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document) == {"passed", "cases", "failed", "seconds", "groups", "worst", "rows"}
    assert document["cases"] == len(document["rows"]) == 4
    assert document["failed"] == 0
    assert sum(group["cases"] for group in document["groups"].values()) == 4
    assert all(row["error"] <= row["tolerance"] for row in document["worst"].values())


def test_no_case_at_all_has_not_passed() -> None:
    assert not run_laws(cases=[]).passed
