"""Verbs that apply a model read a table as the model's own was read, where it does not tell."""

from __future__ import annotations

import pytest

import chainrule as cr
from tests.cli.commands import Commands

GERMAN = ("train", "old.csv", "--target", "preis", "--epochs", 3, "--out", "m", "--model-only")
ONE = "stadt;tag;größe;preis\nKöln;03/04/2024;1,234;2,5\n"


def old() -> str:
    """Return a table with a decimal comma and days first, both beyond doubt."""
    lines = ["stadt;tag;größe;preis"]
    for row in range(90):
        town = ("Köln", "Zürich", "Bonn")[row % 3]
        size = f"{1 + row % 7},{row % 10}"
        lines.append(f"{town};{1 + row % 28:02d}/{1 + row % 12:02d}/2024;{size};{row % 7},5")
    return "\n".join(lines) + "\n"


@pytest.fixture(params=["latin-1", "utf-8"])
def encoding(request: pytest.FixtureRequest, commands: Commands) -> str:
    """Return the encoding of the table that the model `m` was trained on."""
    name: str = request.param
    commands.write("old.csv", old().encode(name))
    stated = () if name == "utf-8" else ("--encoding", name)
    result = commands.run(*GERMAN, *stated)
    assert result.code == 0, result.err
    return name


def test_one_row_means_what_it_meant_in_training(commands: Commands, encoding: str) -> None:
    commands.write("one.csv", ONE.encode(encoding))
    commands.write("plain.jsonl", '{"stadt": "Köln", "tag": "2024-04-03", "größe": 1.234}\n')
    result = commands.run("predict", "m", "one.csv", "--json")
    assert result.code == 0, result.err
    plain = commands.run("predict", "m", "plain.jsonl", "--json")
    assert result.document()["predictions"] == plain.document()["predictions"]
    notes = " ".join(result.document()["notes"])
    assert "größe: numbers with a decimal comma, as in training" in notes
    assert "tag: dates, day first, as in training" in notes
    assert ("read as latin-1, as in training" in notes) is (encoding == "latin-1")
    assert "never saw" not in notes


def test_all_verbs_that_apply_a_model(commands: Commands, encoding: str) -> None:
    commands.write("one.csv", (ONE + ONE.partition("\n")[2]).encode(encoding))
    for words in (
        ("evaluate", "m", "one.csv"),
        ("report", "m", "one.csv", "--out", "page.html"),
        ("trace", "m", "one.csv", "--rows", "0,1"),
    ):
        result = commands.run(*words)
        assert result.code == 0, (words, result.err)
    document = commands.run("evaluate", "m", "one.csv", "--json").document()
    assert any("as in training" in note for note in document["notes"])


def test_another_way_to_write_is_taken_and_said(commands: Commands, encoding: str) -> None:
    commands.write("new.csv", "stadt,tag,größe\nKöln,2024-04-03,1.234\n")
    commands.write("one.csv", ONE.encode(encoding))
    new = commands.run("predict", "m", "new.csv", "--json").document()
    one = commands.run("predict", "m", "one.csv", "--json").document()
    assert new["predictions"] == one["predictions"]
    notes = " ".join(new["notes"])
    assert "delimited by comma; in training by semicolon" in notes
    assert "has a decimal point, and training had decimal commas" in notes
    assert ("in training it was latin-1" in notes) is (encoding == "latin-1")


def test_options_win_over_what_was_read_in_training(commands: Commands, encoding: str) -> None:
    commands.write("one.csv", ONE.encode(encoding))
    commands.write("plain.jsonl", '{"stadt": "Köln", "tag": "2024-04-03", "größe": 1234}\n')
    stated = commands.run("predict", "m", "one.csv", "--decimal", ".", "--json")
    plain = commands.run("predict", "m", "plain.jsonl", "--json")
    assert stated.document()["predictions"] == plain.document()["predictions"]
    wrong = commands.run("predict", "m", "one.csv", "--delimiter", "|")
    assert (wrong.code, "no columns called" in wrong.err) == (1, True)
    wrong = commands.run("predict", "m", "one.csv", "--encoding", "cp437", "--json")
    assert (wrong.code == 1) or "never saw" in " ".join(wrong.document()["notes"])


def test_a_delimiter_that_nobody_would_guess(commands: Commands) -> None:
    commands.write("old.csv", old().replace(";", "~"))
    assert commands.run(*GERMAN, "--delimiter", "~").code == 0
    commands.write("one.csv", ONE.replace(";", "~"))
    assert commands.run("predict", "m", "one.csv").code == 0


def test_a_model_from_before_has_its_stated_options(commands: Commands, encoding: str) -> None:
    model = cr.load("m")
    record = {name: value for name, value in model.record.items() if name != "reading"}
    settings = {**record["settings"], "decimal": ",", "delimiter": "semicolon"}
    model.described(record={**record, "settings": settings}).save("before")
    commands.write("one.csv", ONE.replace("03/04", "13/04").encode(encoding))
    assert commands.run("predict", "before", "one.csv").code == 0
    model.described(record={"settings": [], "reading": {"ways": "?"}}).save("odd")
    commands.write("one.csv", ONE.replace("03/04", "13/04"))
    result = commands.run("predict", "odd", "one.csv")
    assert (result.code, "tag" in result.out + result.err) == (0, True)


def test_a_model_of_a_table_larger_than_memory(commands: Commands) -> None:
    commands.write("old.csv", old().encode("latin-1"))
    result = commands.run(*GERMAN, "--encoding", "latin-1", "--memory", "256MB")
    assert result.code == 0, result.err
    model = cr.load("m")
    assert model.encoder is not None
    assert model.encoder["columns"][0]["levels"] == ["Bonn", "Köln", "Zürich"]
    assert model.record["reading"]["encoding"] == "latin-1"
    commands.write("one.csv", ONE.encode("latin-1"))
    document = commands.run("predict", "m", "one.csv", "--json").document()
    assert any("as in training" in note for note in document["notes"])


def test_a_model_of_typed_data_knows_no_way_to_write(commands: Commands) -> None:
    lines = [f'{{"x": {row % 9}.5, "y": {row % 4 + 0.25}}}' for row in range(60)]
    commands.write("old.jsonl", "\n".join(lines) + "\n")
    words = ("train", "old.jsonl", "--target", "y", "--epochs", 2, "--model-only", "--out", "m")
    assert commands.run(*words).code == 0
    commands.write("new.csv", "x;z\n1,5;2\n")
    commands.write("new.jsonl", '{"x": 1.5}\n')
    found = [commands.run("predict", "m", name).out for name in ("new.csv", "new.jsonl")]
    assert found[0] == found[1]
