"""Attributes are told in plain sentences: a colon in one does not set a type apart.

Napoleon takes "Shape of one sample: `(d,)`" for a type and a description. The colon is hidden from
it and put back afterwards.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

HIDDEN = "\ue000"  # of Unicode's private use area, so in no docstring
KINDS = ("attribute", "data", "property")


def hide(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Hide the colons of the first line."""
    if what in KINDS and lines:
        lines[0] = lines[0].replace(":", HIDDEN)


def show(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Put the colons back."""
    if what in KINDS:
        lines[:] = [line.replace(HIDDEN, ":") for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Act before and after Napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", hide, priority=400)
    app.connect("autodoc-process-docstring", show, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
