"""Views of a trace: a page, a hand-out, a worksheet, a terminal's text, a picture. All are text."""

from __future__ import annotations

__all__: list[str] = []
