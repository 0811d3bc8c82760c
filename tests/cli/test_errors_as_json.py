"""With --json an error is a document too, and wrong words are told like all other errors."""

from __future__ import annotations

import pytest

from chainrule.cli import main as entry
from tests.cli.commands import Commands, homes

TABLE = ("train", "homes.csv", "--target")


@pytest.mark.parametrize(
    ("words", "code", "kind", "do"),
    [
        ((*TABLE, "prise"), 1, "DataError", "did you mean price?"),
        (("train", "home.csv", "--target", "price"), 1, "DataError", "did you mean homes.csv?"),
        ((*TABLE, "price", "--taget", "x"), 2, "UsageError", "did you mean --target?"),
        ((*TABLE, "price", "--epochs", "0"), 2, "UsageError", "see: chainrule train --help"),
        (("trian",), 2, "UnknownNameError", "did you mean train or trace?"),
        (
            ("inspect", "homes.csv"),
            1,
            "FileFormatError",
            "name a model; chainrule train writes one",
        ),
    ],
)
def test_an_error_is_a_document(
    commands: Commands, words: tuple[str, ...], code: int, kind: str, do: str
) -> None:
    commands.write("homes.csv", homes())
    plain, told = commands.run(*words), commands.run(*words, "--json")
    assert (plain.code, plain.out) == (told.code, "") == (code, "")
    assert plain.err == told.err, "the words are the same"
    document = told.document()
    assert set(document) == {"error", "exit_code"}
    assert set(document["error"]) == {"kind", "what", "where", "expected", "got", "do"}
    assert (document["exit_code"], document["error"]["kind"]) == (code, kind)
    assert document["error"]["do"] == do
    assert document["error"]["what"] in told.err


def test_a_fault_of_ours_is_a_document(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(entry, "_run", fail)
    result = commands.run("list", "--json")
    assert result.code == 1
    assert result.document()["error"]["kind"] == "Fault"
    assert "RuntimeError: broken" in result.document()["error"]["what"]


def test_help_says_where_errors_are(commands: Commands) -> None:
    assert '"error"' in commands.run("predict", "--help").out


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("--taget", "x"), ("there is no option '--taget'", "do: did you mean --target?")),
        (("--lr", "1"), ("there is no option '--lr'", "do: did you mean --learning-rate?")),
        (("--zzz",), ("there is no option '--zzz'", "do: see: chainrule train --help")),
        (
            ("--task", "regressjon"),
            (
                *("where: chainrule train, --task", "expected: regression, classification"),
                *("got: regressjon", "do: did you mean regression?"),
            ),
        ),
        (("--epochs", "0"), ("expected: a whole number from 1 on", "got: 0")),
        (("--dropout", "1"), ("expected: a number from 0 to below 1", "got: 1.0")),
        (("--learning-rate", "-1"), ("expected: a number above 0",)),
        (("--target",), ("where: chainrule train, --target", "expected: --target COLUMN")),
        (("--force=1",), ("this option takes no value", "expected: --force")),
        (("more",), ("expected: chainrule train [OPTIONS] DATA", "got: more")),
    ],
)
def test_wrong_words_have_the_form_of_the_house(
    commands: Commands, words: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    commands.write("homes.csv", homes())
    result = commands.run("train", "homes.csv", *words)
    told = [" ".join(line.split()) for line in result.err.splitlines()]
    assert result.code == 2
    assert set(lines) <= {line.removeprefix("error: ") for line in told}
    assert "where: chainrule train" in " ".join(told)


def test_a_missing_argument_shows_what_belongs_there(commands: Commands) -> None:
    result = commands.run("predict", "m.safetensors")
    assert "missing argument 'DATA'" in result.err
    assert "expected: chainrule predict [OPTIONS] MODEL DATA" in " ".join(result.err.split())
