"""A report as one HTML page that needs nothing else: no script, no network, all text escaped.

A table's column names and labels appear on the page, and whoever made the table chose them; a page
that let them through as markup would run their script in the reader's browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Section", "page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --faint: #66707d; --line: #d9dee5;
  --paper: #fff; --first: #0b7285; --second: #d9480f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --faint: #97a1ae; --line: #333b46;
  --paper: #14181d; --first: #4cc3d9; --second: #ff9d66; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { color: var(--faint); margin: .2rem 0 .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--faint); }
th, td { padding: .25rem 1.4rem .25rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; max-width: 24rem; }
th.right, td.right { text-align: right; } tr td:first-child { color: var(--first); }
svg { width: 100%; height: auto; max-width: 40rem; font: 12px system-ui, sans-serif; }
svg text { fill: var(--faint); } .end { text-anchor: end; } .mid { text-anchor: middle; }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; }
.line-0 { stroke: var(--first); } .line-1 { stroke: var(--second); }
.mark { stroke: var(--faint); stroke-dasharray: 4 4; fill: none; }
.dots { stroke: var(--first); stroke-width: 3; stroke-linecap: round; opacity: .35; }
"""


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Parameters
    ----------
    title : str
    text : str
        A sentence under the title.
    heads : tuple of str
        Names of the columns of a table; empty for none.
    rows : sequence of tuples of str
    right : tuple of int
        Positions of the columns that are aligned to the right.
    drawing : str
        SVG made by `chainrule.report.svg`; the only markup that is passed on as it is.
    """

    title: str
    text: str = ""
    heads: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    right: tuple[int, ...] = ()
    drawing: str = ""


def page(title: str, subtitle: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Return a whole HTML page.

    Example
    -------
    >>> text = page("a <b>", "", {"rows": "3"}, [Section("Scores", heads=("r2",), rows=[("0.8",)])])
    >>> "a &lt;b&gt;" in text, "<script" in text
    (True, False)
    """
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(subtitle)}</p>"]
    body.append(_table((), list(facts.items()), ()))
    for section in sections:
        body.append(f"<h2>{escape(section.title)}</h2>")
        if section.text:
            body.append(f"<p>{escape(section.text)}</p>")
        if section.heads:
            body.append(_table(section.heads, section.rows, section.right))
        body.append(section.drawing)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...]) -> str:
    def cells(words: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=right' * (position in right)}>{escape(word)}</{tag}>"
            for position, word in enumerate(words)
        )

    top = f"<thead><tr>{cells(heads, 'th')}</tr></thead>" if heads else ""
    lines = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="wide"><table>{top}<tbody>{lines}</tbody></table></div>'
