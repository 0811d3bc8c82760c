"""A table on a narrow screen: words fold, and no number loses a digit or is broken."""

from __future__ import annotations

import re

import pytest

from chainrule.cli.screen import Screen

HEADS = ("setting", "test accuracy", "validation loss", "gradient passed", "flat", "diverged")
ROWS = [
    (
        *("activation=sigmoid, learning_rate=0.03", "0.133 ± 0.077", "2.29 ± 0.001"),
        *("0.056 ± 0.004", "0.00091 ± 0.00073", "none"),
    ),
    ("activation=gelu, learning_rate=1", "0.100 ± 0.005", "2.31 ± 0.008", "-", "-", "3 of 5"),
]
NUMBER = re.compile(r"\d[\d.,]*")


def printed(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    Screen().table(HEADS, ROWS, right=(1, 2, 3, 4, 5))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [44, 50, 60, 70, 80, 90, 100, 120])
def test_no_number_is_cut_or_broken(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(width, monkeypatch, capsys)
    assert max(map(len, text.splitlines())) <= width
    wanted = sorted(found for row in ROWS for cell in row for found in NUMBER.findall(cell))
    assert sorted(NUMBER.findall(text)) == wanted
    assert all(word in text for word in ("accuracy", "validation", "gradient", "diverged"))
    assert "…" not in text


def test_a_wide_screen_has_a_line_for_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heads, rows = ("name", "score"), [("a", "0.5"), ("b", "0.25")]
    monkeypatch.setenv("COLUMNS", "80")
    Screen().table(heads, rows, right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in (lines[0], *lines[2:])] == [list(heads), *map(list, rows)]


def test_a_screen_too_narrow_for_columns_has_a_line_for_each_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [" ".join(line.split()) for line in printed(40, monkeypatch, capsys).splitlines()]
    assert "gradient passed 0.056 ± 0.004" in lines
    assert "diverged 3 of 5" in lines


def test_control_characters_of_a_file_do_not_reach_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width in ("20", "80"):
        monkeypatch.setenv("COLUMNS", width)
        Screen().table(("a\x1b[31m", "long head of it"), [("x\x1b]0;t\x07", "12345678901")], (1,))
        assert not set("\x1b\x07") & set(capsys.readouterr().out)
