"""Reading a page back: its elements, and whether one of them could do harm."""

from __future__ import annotations

from html.parser import HTMLParser

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "section", "h1", "h2", "p", "div", "span"),
    *("b", "ul", "ol", "li", "h3", "pre", "footer", "figure", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "path", "text", "rect", "circle"),
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
    """Fail if a page holds an element or an attribute that could load or run something."""
    elements = Elements(text)
    for tag, attributes in elements.found:
        assert tag in ALLOWED
        for name in attributes:
            assert not name.startswith("on")
            assert name not in ("href", "src", "srcdoc", "style")
    return elements
