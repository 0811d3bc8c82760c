"""Put the figures of a run into a page, between two marks; figures of a busy machine never."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def record(page: str, plot: str | None, document: dict[str, Any], table: str) -> str:
    """Replace what stands between the marks of `page`; return why it was not done, or nothing."""
    if not document["load"]["quiet"]:
        return "the figures are not recorded: the machine was busy, or the run was a quick one"
    old = Path(page).read_text(encoding="utf-8")
    block = _block(page, plot, document, table)
    new, count = re.subn(f"{BEGIN}.*?{END}", lambda _: block, old, count=1, flags=re.DOTALL)
    if not count:
        return f"{page} has no marks {BEGIN} and {END}"
    Path(page).write_text(new, encoding="utf-8")
    return ""


def _block(page: str, plot: str | None, document: dict[str, Any], table: str) -> str:
    parts = [BEGIN, f"Taken on {document['date']} in {document['wall_seconds'] / 60:.0f} minutes."]
    if plot is not None:
        place = Path(os.path.relpath(plot, Path(page).parent)).as_posix()
        parts.append(f"![times, ratios with their marks, and growth]({place})")
    parts += [f"```text\n{table}\n```", END]
    return "\n\n".join(parts)
