"""A trace as one HTML page that needs nothing else, and as a fragment for a notebook.

Decisions
---------
a) Formulas, tables and links stand in the page as text, so it is whole without its script, and
   prints. The script adds what needs a hand: sums behind numbers, parents lit up, copying. In a
   page of many numbers (`_AS_TEXT`) the script draws the tables too, from the numbers that it needs
   anyway: a small transformer would take twice the bytes otherwise.
b) The page may load nothing and run nothing but that script, which its policy names by checksum:
   a name that a user chose cannot become code even if its escaping were wrong.
c) A fragment has no script, because notebooks strip scripts when they are shown elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from chainrule.glass.views.card import card
from chainrule.glass.views.numbers import shown
from chainrule.glass.views.payload import payload, script_json
from chainrule.glass.views.picture import svg
from chainrule.glass.views.sections import Section, digits_of, facts, sections, title_of

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["fragment", "page"]

_AS_TEXT = 8000
"""With more numbers in its tables than this, a page leaves the tables to its script."""
_UNDRAWN = (
    "<noscript><p class=hint>The script of this page writes its tables of numbers, and may not "
    "run here. <code>trace.to_markdown()</code> has them as text.</p></noscript>"
)
_HINT = (
    "Choose a number to see the sum behind it: click it, or reach its table with <kbd>Tab</kbd>, "
    "move with the arrow keys, open with <kbd>Enter</kbd>, close with <kbd>Esc</kbd>."
)


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("chainrule.glass.views").joinpath(name).read_text(encoding="utf-8")


def page(trace: Trace) -> str:
    """Return a whole page: every tensor with its formula, code, shape and numbers.

    Numbers open into the sums that they are, down to the inputs. The page has no address of
    anything outside itself.

    Parameters
    ----------
    trace : Trace

    Example
    -------
    >>> import chainrule as cr
    >>> text = page(cr.trace(cr.nn.Dense(1), [[1.0, 2.0]], [3.0], loss="squared_error"))
    >>> "dense_1.dW" in text, "https:" in text
    (True, False)
    """
    parts = sections(trace)
    script = _asset("tables.js") + _asset("page.js")
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{checksum}'"
    anchors = _anchors(trace)
    drawn = sum(1 for r in trace.records for _ in shown(r.shape).indices()) > _AS_TEXT
    body = "\n".join(_section(part, trace, anchors, drawn) for part in parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title_of(trace))}</title>\n"
        f"<style>\n{_asset('cards.css')}{_asset('page.css')}</style>\n</head>\n"
        f'<body class="cr"><div class="layout">\n{_contents(parts, trace)}\n<main>\n'
        f"{_header(trace)}{_UNDRAWN if drawn else ''}\n{body}\n</main>\n"
        '<aside class="drill" tabindex="-1" '
        'aria-label="Where a number comes from"></aside>\n</div>\n'
        f'<script type="application/json" id="trace-data">{script_json(payload(trace))}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _anchors(trace: Trace) -> dict[str, str]:
    return {record.name: f"#r{place}" for place, record in enumerate(trace.records)}


def _header(trace: Trace) -> str:
    pairs = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(words)}</dd></div>"
        for label, words in facts(trace)
    )
    return (
        f'<header><h1>{escape(title_of(trace))}</h1><dl class="facts">{pairs}</dl>'
        f'<figure class="picture">{svg(trace, standalone=False)}</figure>'
        f'<p class="hint">{_HINT}</p></header>'
    )


def _contents(parts: tuple[Section, ...], trace: Trace) -> str:
    place = {record.name: k for k, record in enumerate(trace.records)}
    lists: list[str] = []
    for part in parts:
        items = "".join(
            f"<li><a href=#r{place[record.name]} id=c{place[record.name]} "
            f"data-record={place[record.name]}>{_breakable(record.name)}</a>"
            for record in part.records
        )
        lists.append(f'<h2><a href="#{part.anchor}">{part.title}</a></h2><ul>{items}</ul>')
    return f'<nav class="contents" aria-label="Tensors">{"".join(lists)}</nav>'


def _breakable(name: str) -> str:
    """Return a name, escaped, that a narrow column breaks at its dots and not within a word."""
    return escape(name).replace(".", ".<wbr>")


def _section(part: Section, trace: Trace, anchors: dict[str, str], drawn: bool) -> str:
    place = {record.name: k for k, record in enumerate(trace.records)}
    digits = digits_of(trace)
    cards = "\n".join(card(r, place[r.name], anchors, digits, drawn) for r in part.records)
    role = part.title.split()[0].lower()
    return (
        f'<section id="{part.anchor}" data-role="{role}"><h2>{part.title}</h2>'
        f"<p>{escape(part.text)}</p>\n{cards}\n</section>"
    )


def fragment(trace: Trace) -> str:
    """Return a notebook's view: picture, facts, and the cards behind a line for each section.

    Parameters
    ----------
    trace : Trace
    """
    digits = digits_of(trace)
    pairs = " ".join(f"{escape(label)} <b>{escape(words)}</b>" for label, words in facts(trace))
    blocks: list[str] = []
    for part in sections(trace):
        # No addresses: a notebook may hold several fragments.
        cards = "".join(card(record, None, {}, digits) for record in part.records)
        blocks.append(
            f"<details><summary>{part.title} ({len(part.records)})</summary>{cards}</details>"
        )
    return (
        f'<div class="cr cr-note"><style>{_asset("cards.css")}</style>'
        f'<strong>{escape(title_of(trace))}</strong><p class="stats">{pairs}</p>'
        f'<figure class="picture">{svg(trace, standalone=False)}</figure>{"".join(blocks)}</div>'
    )
