"""The command line: one file per verb, one file for what appears on the screen."""

from __future__ import annotations

__all__: list[str] = []
