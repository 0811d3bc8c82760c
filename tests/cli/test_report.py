"""The report: one page without script, in which no name or label becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from chainrule.report import Section, line_chart, page, scatter_chart
from chainrule.report.svg import ticks
from tests.cli.commands import Commands, homes

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "path", "text"),
}
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "'-alert(1)-'",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "<!--",
    "]]><script>",
    "\x00\x1b[31m<b>",
]


class Elements(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def require_harmless(text: str) -> Elements:
    elements = Elements(text)
    for tag, attributes in elements.found:
        assert tag in ALLOWED
        for name in attributes:
            assert not name.startswith("on")
            assert name not in ("href", "src", "srcdoc", "style")
    return elements


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_becomes_markup(payload: str) -> None:
    drawing = line_chart({payload: [1.0, 2.0]}, payload)
    drawing += scatter_chart(np.arange(3.0), np.arange(3.0), payload)
    section = Section(payload, payload, (payload,), [(payload,)], drawing=drawing)
    elements = require_harmless(page(payload, payload, {payload: payload}, [section]))
    assert payload in "".join(elements.words)


@pytest.mark.parametrize("payload", PAYLOADS[:-1])
def test_names_and_labels_of_a_table(commands: Commands, payload: str) -> None:
    quoted = '"' + payload.replace('"', '""') + '"'
    rows = "".join(f"{row % 7},{quoted if row % 2 else 'b'},{row % 3}\n" for row in range(60))
    commands.write("t.csv", f"x,y,{quoted}\n{rows}")
    words = ("train", "t.csv", "--target", "y", "--epochs", 2, "--report", "r.html")
    assert commands.run(*words).code == 0
    elements = require_harmless(Path("r.html").read_text(encoding="utf-8"))
    assert payload in "".join(elements.words)


def test_the_report_of_a_quantity(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", "--epochs", 3, "--report", "r.html")
    assert commands.run(*words).code == 0
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    for shown in ("homes.csv", "always the mean", "validation loss", "price, as it is"):
        assert shown in text
    assert "http" not in text.replace("http-equiv", ""), "it needs no network"


def test_without_test_rows(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", "--epochs", 1, "--report", "r.html")
    assert commands.run(*words, "--test-share", 0).code == 0
    assert "Scores" not in Path("r.html").read_text(encoding="utf-8")


def test_a_line_has_a_gap_where_a_number_is_not_finite() -> None:
    drawing = line_chart({"loss": [1.0, 2.0, np.nan, 3.0, 4.0]}, "epoch")
    (path,) = [
        part for part in drawing.split("<") if part.startswith('path class="line line-0" d')
    ][:1]
    assert path.count("M") == 2
    assert "nan" not in drawing
    assert line_chart({"loss": [1.0]}, "epoch") == ""
    assert line_chart({"loss": [np.nan, np.inf]}, "epoch") == ""


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3, 5), (1e-9, 2e-9), (0, 1e12), (14_999, 500_001), (-1e300, 1e300)]
)
def test_ticks_lie_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low <= value <= high for value in found)


def test_constant_numbers_are_drawn() -> None:
    assert "nan" not in line_chart({"loss": [2.0, 2.0]}, "epoch")
    assert "nan" not in scatter_chart(np.ones(2), np.ones(2), "y")
    assert scatter_chart(np.zeros(0), np.zeros(0), "y") == ""
