"""Naive Bayes, tree and network on the same rows: what is measured, said and drawn."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from chainrule.cli.main import main
from chainrule.errors import InvalidParameterError, TargetError
from chainrule.experiments import methods
from chainrule.experiments.methods import METHODS, Fit, Methods, compare_methods
from chainrule.experiments.methods_data import MethodTable, bundled_tables, file_table, halves
from chainrule.experiments.methods_page import methods_page
from chainrule.experiments.methods_words import conclusions, difference, enough, summaries
from chainrule.report.learning_curves import Point, learning_chart
from chainrule.tabular import Column, Table


@pytest.fixture(scope="module")
def tables() -> list[MethodTable]:
    return bundled_tables()


@pytest.fixture(scope="module")
def found(tables: list[MethodTable]) -> Methods:
    return compare_methods(tables[2:], repeats=2)


def mixed_table(rows: int = 200) -> Table:
    """Return a table whose classes need a number and a level together."""
    generator = np.random.default_rng(0)
    number, level = generator.normal(size=rows), generator.integers(0, 3, rows)
    high = number + level + 0.3 * generator.normal(size=rows) > 1
    return Table(
        (
            Column("number", "number", number),
            Column("level", "text", np.array(["a", "b", "c"], object)[level]),
            Column("high", "text", np.where(high, "yes", "no").astype(object)),
        )
    )


def test_the_bundled_tables_are_real_and_offline(tables: list[MethodTable]) -> None:
    assert [data.table.rows for data in tables] == [20_640, 1797, 569, 178]
    houses = tables[0].table.column(tables[0].target).values
    assert np.mean(houses == "high") == pytest.approx(0.5, abs=0.01)
    assert "above its median" in tables[0].note


def test_every_method_is_fitted_on_every_size(found: Methods) -> None:
    sizes = {data.name: found.sizes(data.name) for data in found.tables}
    assert sizes == {"breast cancer": [20, 57, 161, 455], "wine": [20, 53, 142]}
    assert len(found.fits) == 2 * 3 * (4 + 3)
    for fit in found.fits:
        assert fit.seconds > 0
        assert 0.25 < fit.test_accuracy <= 1
    for repeat in range(2):
        same = [f for f in found.fits if f.repeat == repeat and f.method == "decision tree"]
        assert all(fit.train_accuracy == 1.0 for fit in same)


def test_the_same_seed_finds_the_same(found: Methods, tables: list[MethodTable]) -> None:
    again = compare_methods(tables[2:], repeats=2)
    scores = [
        [(f.method, f.rows, f.train_accuracy, f.test_accuracy) for f in one.fits]
        for one in (found, again)
    ]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("seed", [0, 100, 200])
def test_the_direction_holds_over_seeds(tables: list[MethodTable], seed: int) -> None:
    """The tree overfits most, naive Bayes is the quickest, and the network the best on digits."""
    rows = summaries(compare_methods(tables[1:3], repeats=1, seed=seed))
    for data in tables[1:3]:
        here = {row.method: row for row in rows if row.table == data.name}
        assert max(here.values(), key=lambda row: row.gap).method == "decision tree"
        assert max(here.values(), key=lambda row: row.seconds).method == "network"
    digits = {row.method: row.test_accuracy for row in rows if row.table == "digits"}
    assert digits["network"] > max(digits["naive Bayes"], digits["decision tree"]) + 0.03


def test_naive_bayes_is_scikit_learns_on_numbers() -> None:
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(60, 4)), np.arange(60) % 3
    predict = methods._bayes(X, y, np.zeros(4, bool), 0)
    assert np.array_equal(predict(X), GaussianNB().fit(X, y).predict(X))


def test_naive_bayes_multiplies_numbers_and_levels() -> None:
    """By hand: prior times a normal density times the share of the level, in each class."""
    generator = np.random.default_rng(1)
    number, level = generator.normal(size=80), generator.integers(0, 2, 80)
    y = (number + level + 0.5 * generator.normal(size=80) > 0.7).astype(int)
    X = np.stack([number, level], axis=1)
    scores = []
    for label in (0, 1):
        mine = X[y == label]
        mean, variance = mine[:, 0].mean(), mine[:, 0].var()
        density = np.exp(-((number - mean) ** 2) / (2 * variance)) / np.sqrt(variance)
        share = (mine[:, 1].sum() + 1) / (len(mine) + 2)
        scores.append(np.mean(y == label) * density * np.where(level, share, 1 - share))
    predict = methods._bayes(X, y, np.array([False, True]), 0)
    assert np.array_equal(predict(X), np.argmax(scores, axis=0))


def test_levels_count_as_levels() -> None:
    data = MethodTable("mixed", mixed_table(), "high")
    rows = {row.method: row for row in summaries(compare_methods([data], repeats=2))}
    assert all(row.test_accuracy > 0.75 for row in rows.values())


def test_small_sizes_have_every_class(tables: list[MethodTable]) -> None:
    codes = np.array([0] * 95 + [1] * 4 + [2])
    order = methods._mixed(np.arange(100), codes, 0)
    assert sorted(order) == list(range(100))
    assert set(codes[order[:3]]) == {0, 1, 2}


def made(scores: dict[str, dict[int, list[float]]]) -> Methods:
    """Return a comparison with these test accuracies, by method and rows."""
    fits = [
        Fit("t", method, rows, repeat, 0.5, 1.0, value)
        for method, sizes in scores.items()
        for rows, values in sizes.items()
        for repeat, value in enumerate(values)
    ]
    return Methods((MethodTable("t", mixed_table(), "high"),), tuple(fits), 2)


def test_words_follow_the_numbers() -> None:
    flat = {20: [0.8, 0.8], 60: [0.81, 0.81]}
    others = {"naive Bayes": flat, "decision tree": flat}
    one = made(
        {"naive Bayes": flat, "decision tree": flat, "network": {20: [0.5] * 2, 60: [0.9, 0.91]}}
    )
    assert enough(one, "t", "naive Bayes") == 20
    assert enough(one, "t", "network") == 60
    accuracy, seconds, data, overfitting = conclusions(one)
    assert "network 90.5 % before" in accuracy
    assert "no difference" not in accuracy
    assert "1 times the tree" in seconds
    assert "network asks for most" in data
    assert "from 60 rows of t on." in data
    assert "naive Bayes 20, decision tree 20, network 60." in data  # of one table, no span
    assert "network 9.5" in overfitting
    tied = made(
        {"naive Bayes": flat, "decision tree": flat, "network": {20: [0.5] * 2, 60: [0.7, 0.95]}}
    )
    assert "no difference to rely on" in conclusions(tied)[0]
    assert "it leads from 60 rows of t on (no difference to rely on)." in conclusions(tied)[2]
    behind = made({**others, "network": {20: [0.5, 0.5], 60: [0.7, 0.7]}})
    assert "it leads" not in conclusions(behind)[2]
    apart = difference(tied, "t", "network", "naive Bayes")
    assert apart.low < 0 < apart.mean < apart.high


def test_the_page_holds_everything_and_nothing_foreign(found: Methods) -> None:
    text = methods_page(found)
    for words in ("breast cancer", "wine", "as the note says", "training rows", *METHODS):
        assert words in text
    assert text.count("<svg") == 4
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "<script" not in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)


def test_a_chart_tells_its_lines_apart_without_colour() -> None:
    lines = {
        name: [Point(10, 0.5 + place / 10, 0.4, 0.9), Point(1000, 0.8, 0.7, 0.9)]
        for place, name in enumerate(("one", "two", "three"))
    }
    text = learning_chart(lines, "share", title="<all>")
    assert text.count("stroke-dasharray") == 4
    assert (text.count("<circle"), "&lt;all&gt;" in text, "1,000" in text) == (3, True, True)
    assert learning_chart({}, "share") == ""


def test_files_of_ones_own(tmp_path: Path) -> None:
    lines = ["size,town,price"] + [f"{i},{'ab'[i % 2]},{1.5 * i}" for i in range(60)]
    path = tmp_path / "homes.csv"
    path.write_text("\n".join(lines))
    data = file_table(path, "price")
    assert data.note == "price as two classes: above its median of 44.25, or not"
    assert file_table(path, "town").note == ""
    path.write_text("\n".join(lines[:20]))
    with pytest.raises(TargetError, match="too small"):
        file_table(path, "price")
    with pytest.raises(TargetError, match="above its median"):
        halves(Table((Column("y", "number", np.ones(50)),)), "y", "t")


@pytest.mark.parametrize(
    "told", [{"repeats": 0}, {"rows": 5}, {"test_share": 1.0}, {"test_share": "x"}], ids=str
)
def test_parameters_have_rules(told: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        compare_methods([], **told)  # type: ignore[arg-type]


def test_one_command_writes_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["size,price"] + [f"{i % 17},{i % 17 + i % 3}" for i in range(80)]
    Path("homes.csv").write_text("\n".join(lines))
    words = ["methods", "homes.csv", "--target", "price", "--only", "--repeats", "2"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "Overfitting" in told
    assert "homes.csv" in Path("methods.html").read_text()
    assert main(words) == 2
    assert "exists" in capsys.readouterr().err
    for wrong in (["methods", "homes.csv"], ["methods", "--only"]):
        assert main([*wrong, "--out", "x.html"]) == 2
