"""The laws catch every wrong derivative: each mutant is planted in the real code and must be found.

A check that has never failed proves nothing. Every mutant here fails at least one case by a wrong
gradient (not by an exception), and the same cases pass without it.
"""

from __future__ import annotations

from functools import cache

import pytest

from chainrule.glass import Case, combinations, run_laws
from chainrule.glass.compiled import CompiledCase
from tests.mutants import wrong_maths, wrong_ops
from tests.mutants.mutant import Mutant

MUTANTS = [
    *wrong_ops.OPS,
    *wrong_maths.ACTIVATIONS,
    *wrong_maths.LOSSES,
    *wrong_maths.PENALTIES,
    *wrong_maths.ENGINE,
]
ENOUGH = 12


@cache
def named_cases() -> tuple[tuple[str, Case], ...]:
    """Return every case with its group and name as one text.

    Those that compare two engines are left out: the derivative alone must show a mutant.
    """
    cases = (case for case in combinations() if not isinstance(case, CompiledCase))
    return tuple((f"{case.group}: {case.name}", case) for case in cases)


def cases_for(mutant: Mutant) -> list[Case]:
    """Return a spread of the cases that the mutant concerns."""
    concerned = [case for name, case in named_cases() if mutant.concerns(name)]
    return concerned[:: max(1, len(concerned) // ENOUGH)]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_laws_catch(mutant: Mutant) -> None:
    cases = cases_for(mutant)
    assert run_laws(cases=cases).passed, "the cases must pass without the mutant"
    with mutant.alive():
        report = run_laws(cases=cases)
    caught = [row for row in report.failures if row.method]
    assert caught, f"{mutant.name} survived {len(cases)} cases"
    assert len(caught) == len(report.failures), "a mutant must give numbers, not exceptions"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_leaves_no_trace(mutant: Mutant) -> None:
    right = getattr(mutant.owner, mutant.attribute)
    with mutant.alive():
        assert getattr(mutant.owner, mutant.attribute) is not right
    assert getattr(mutant.owner, mutant.attribute) is right


def test_there_are_many_mutants_and_each_is_another_one() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
