"""Random search, successive halving and Optuna: few runs, well spent, the same again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chainrule.errors import ChainruleError, MissingExtraError
from chainrule.experiments import Span
from chainrule.experiments.search import rungs
from tests.experiments.small import lasting, small

SPACE = {"learning_rate": Span(1e-4, 1.0, log=True), "width": [2, 4, 8]}


def test_random_search_draws_so_many_settings() -> None:
    found = small(axes=SPACE, method="random", runs=5)
    assert (len(found.rows), len(found.table())) == (10, 5)
    assert lasting(small(axes=SPACE, method="random", runs=5)) == lasting(found)


def test_more_draws_go_on_with_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    small(axes=SPACE, method="random", runs=3, out=path)
    more = small(axes=SPACE, method="random", runs=5, out=path)
    assert (more.found, len(more.rows)) == (6, 10)


@pytest.mark.parametrize(
    ("told", "ladder"),
    [
        ((27, 81, 3), [(27, 3), (9, 9), (3, 27), (1, 81)]),
        ((27, 81, 3, 27), [(27, 27), (9, 81)]),
        ((1, 5, 3), [(1, 5)]),
        ((8, 5, 2), [(8, 1), (4, 2), (2, 3), (1, 5)]),
        ((4, 10, 2, 20), [(4, 10)]),
    ],
)
def test_rungs(told: tuple[int, ...], ladder: list[tuple[int, int]]) -> None:
    assert rungs(*told) == ladder


def test_halving_trains_the_better_half_longer(tmp_path: Path) -> None:
    told = {"axes": SPACE, "method": "halving", "runs": 6, "eta": 2, "epochs": 8, "repeats": 1}
    found = small(**told, out=tmp_path / "runs.jsonl")
    by_epochs: dict[int, set[str]] = {}
    for result in found.rows:
        by_epochs.setdefault(result.epochs, set()).add(result.setting)
    assert {epochs: len(settings) for epochs, settings in by_epochs.items()} == {2: 6, 4: 3, 8: 1}
    scores = {run.setting: run.score for run in found.rows if run.epochs == 2}
    kept = by_epochs[4]
    assert min(scores[name] for name in kept) >= max(scores[n] for n in scores if n not in kept)
    assert found.best.epochs == 8
    again = small(**told, out=tmp_path / "runs.jsonl")
    assert again.found == len(found.rows)
    assert lasting(again) == lasting(found)


def test_halving_takes_a_grid_too() -> None:
    found = small(axes={"width": [2, 4, 8]}, method="halving", repeats=1)
    assert [len(found.results_of({"width": width})) for width in (2, 4, 8)].count(2) == 1


def test_halving_sets_the_epochs_itself() -> None:
    with pytest.raises(ChainruleError, match="sets the epochs itself"):
        small(axes={"epochs": [1, 2]}, method="halving")


def test_without_optuna_the_error_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError) as error:
        small(axes=SPACE, method="optuna")
    assert "pip install optuna" in error.value.do


class Trial:
    """What the search needs of an Optuna trial: here it walks through the space."""

    def __init__(self, number: int) -> None:
        self.number = number

    def suggest_float(self, name: str, low: float, high: float, log: bool) -> float:
        assert log
        return low * (high / low) ** (self.number / 7)

    def suggest_categorical(self, name: str, labels: list[str]) -> str:
        return labels[self.number % len(labels)]


class Study:
    """A stand-in for Optuna that keeps what it is told."""

    def __init__(self) -> None:
        self.asked, self.told = 0, list[tuple[int, float | None]]()

    def ask(self) -> Trial:
        self.asked += 1
        return Trial(self.asked - 1)

    def tell(self, trial: Trial, value: float | None, state: str) -> None:
        self.told.append((trial.number, value))
        assert (value is None) == (state == "fail")


def test_optuna_is_told_in_the_order_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace as Space

    study = Study()
    states = Space(FAIL="fail", COMPLETE="complete")
    library = Space(
        create_study=lambda direction, sampler: study,
        samplers=Space(TPESampler=lambda seed: seed),
        logging=Space(set_verbosity=lambda level: None, WARNING=30),
        trial=Space(TrialState=states),
    )
    monkeypatch.setitem(sys.modules, "optuna", library)
    found = small(axes=SPACE, method="optuna", runs=7, workers=1, repeats=2)
    assert [number for number, _ in study.told] == list(range(7))
    means = {row.setting: row.mean for row in found.table()}
    assert sorted(means.values()) == pytest.approx(sorted(-(value or 0) for _, value in study.told))


def test_a_setting_that_is_asked_for_again_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one run that stands twice would make an interval narrower."""
    from types import SimpleNamespace as Space

    study = Study()
    fake = Space(
        logging=Space(set_verbosity=lambda _: None, WARNING=0),
        create_study=lambda **_: study,
        samplers=Space(TPESampler=lambda **_: None),
        trial=Space(TrialState=Space(FAIL="fail", COMPLETE="complete")),
    )
    monkeypatch.setitem(sys.modules, "optuna", fake)
    told: list[tuple[int, int]] = []
    found = small(
        axes={"optimizer": ["sgd", "adam"]},
        method="optuna",
        runs=8,
        on_result=lambda _, done, planned: told.append((done, planned)),
    )
    assert len(study.told) == 8
    assert [row.runs for row in found.table()] == [2, 2]
    assert told[-1] == (4, 4)
    rungs = small(axes={"width": [2, 4, 8]}, method="halving", repeats=1, epochs=1)
    assert [row.runs for row in rungs.table()] == [1, 1, 1]
