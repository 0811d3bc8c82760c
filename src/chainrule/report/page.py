"""A report as one HTML page that needs nothing else: no script, no network, all text escaped.

A table's column names and labels appear on the page, and whoever made the table chose them; a page
that let them through as markup would run their script in the reader's browser. So text is escaped
wherever it stands, and markup is a type of its own, `Drawing`, which only this package makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from chainrule.frozen import frozen
from chainrule.report.style import STYLE
from chainrule.report.svg import Drawing

__all__ = ["Figure", "Section", "Tile", "Verdict", "page"]

_SIGNED = re.compile(r"(?<![\w.-])(?:[+-]?\d[\d.]*e[+-]\d+|[+-]\d(?:[\d.,]*\d)?)")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@frozen
class Figure:
    """A picture with a sentence under it."""

    drawing: Drawing
    caption: str = ""


@frozen
class Tile:
    """One number that the reader shall see first, and what it is."""

    value: str
    label: str
    detail: str = ""


@frozen
class Verdict:
    """One claim and what was found of it.

    Parameters
    ----------
    claim : str
    found : str
        The verdict, in a word or two.
    kind : str
        "yes", "no" or "open": how the verdict looks.
    sentences : sequence of str
        The numbers.
    drawing : Drawing
        Beside them; may be empty.
    """

    claim: str
    found: str
    kind: str
    sentences: Sequence[str] = ()
    drawing: Drawing = Drawing()


@frozen
class Section:
    """One part of a page.

    Parameters
    ----------
    title : str
    text : str
        A sentence under the title.
    notes : sequence of str
        A list under it.
    figures : sequence of Figure
        Those without a drawing are left out.
    heads : tuple of str
        Names of the columns of a table; empty for none.
    rows : sequence of tuples of str
        A cell may be a `Drawing`.
    right : tuple of int
        Positions of the columns that are aligned to the right.
    wrap : tuple of int
        Positions of further columns whose words may go over several lines, as the first one's.
    facts : mapping of name to value
        A table without heads.
    code : str
        Lines that a reader may copy.
    verdicts : sequence of Verdict
        Numbered, above the notes.
    """

    title: str
    text: str = ""
    notes: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    heads: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    right: tuple[int, ...] = ()
    wrap: tuple[int, ...] = ()
    facts: Mapping[str, str] | None = None
    code: str = ""
    verdicts: Sequence[Verdict] = ()


def page(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    tiles: Sequence[Tile] = (),
    facts: Mapping[str, str] | None = None,
    footer: str = "",
) -> str:
    """Return a whole HTML page.

    Example
    -------
    >>> text = page("a <b>", "", [Section("Scores", heads=("r2",), rows=[("0.8",)])])
    >>> "a &lt;b&gt;" in text, "<script" in text
    (True, False)
    """
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(subtitle)}</p>", _tiles(tiles)]
    body.append(_facts(facts))
    body += [_section(section) for section in sections]
    body.append(f"<footer>{escape(footer)}</footer>" if footer else "")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _tiles(tiles: Sequence[Tile]) -> str:
    if not tiles:
        return ""
    parts = [
        f'<div class="tile{" first" * (place == 0)}"><span>{escape(tile.label)}</span>'
        f"<b>{_words(tile.value)}</b><span>{escape(tile.detail)}</span></div>"
        for place, tile in enumerate(tiles)
    ]
    return '<div class="tiles">' + "".join(parts) + "</div>"


def _section(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>"]
    if section.text:
        parts.append(f"<p>{_words(section.text)}</p>")
    if section.verdicts:
        listed = "".join(_verdict(verdict) for verdict in section.verdicts)
        parts.append(f'<ol class="verdicts">{listed}</ol>')
    if section.notes:
        listed = "".join(f"<li>{_words(note)}</li>" for note in section.notes)
        parts.append(f"<ul>{listed}</ul>")
    if section.heads:
        parts.append(_table(section.heads, section.rows, section.right, section.wrap))
    figures = "".join(_figure(figure) for figure in section.figures if figure.drawing)
    if figures:
        parts.append(f'<div class="figures">{figures}</div>')
    parts.append(_facts(section.facts))
    if section.code:
        parts.append(f"<pre>{escape(section.code)}</pre>")
    return "\n".join(part for part in (*parts, "</section>") if part)


def _verdict(verdict: Verdict) -> str:
    kind = verdict.kind if verdict.kind in ("yes", "no") else "open"
    said = "".join(f"<p>{_numbers(sentence)}</p>" for sentence in verdict.sentences)
    drawing = f"<figure>{_markup(verdict.drawing)}</figure>" if verdict.drawing else ""
    return (
        f'<li><div><h3>{_words(verdict.claim)}</h3><span class="found {kind}">'
        f"{escape(verdict.found)}</span>{said}</div>{drawing}</li>"
    )


def _numbers(text: str) -> str:
    """Return text escaped, no number broken behind its sign or the sign of its power."""
    return _SIGNED.sub(r'<span class="whole">\g<0></span>', _words(text))


def _figure(figure: Figure) -> str:
    caption = f"<figcaption>{_words(figure.caption)}</figcaption>" if figure.caption else ""
    return f"<figure>{_markup(figure.drawing)}{caption}</figure>"


def _facts(facts: Mapping[str, str] | None) -> str:
    return _table((), list(facts.items()), kind="facts") if facts else ""


def _table(
    heads: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    right: tuple[int, ...] = (),
    wrap: tuple[int, ...] = (),
    kind: str = "",
) -> str:
    classes = {**dict.fromkeys(wrap, " class=wrap"), **dict.fromkeys(right, " class=right")}

    def cells(words: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{classes.get(position, '')}>{_markup(word)}</{tag}>"
            for position, word in enumerate(words)
        )

    top = f"<thead><tr>{cells(heads, 'th')}</tr></thead>" if heads else ""
    lines = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    marked = f' class="{kind}"' if kind else ""
    return f'<div class="wide"><table{marked}>{top}<tbody>{lines}</tbody></table></div>'


def _markup(words: str) -> str:
    """Return a drawing as it is, and anything else escaped."""
    return str(words) if type(words) is Drawing else _words(words)


def _words(text: str) -> str:
    """Return text escaped, a number and its percent sign on one line."""
    return re.sub(r"(?<=\d) %", "&nbsp;%", escape(text))
