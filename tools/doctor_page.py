"""Write the list of faults in docs/doctor.md from the registry.

python -m tools.doctor_page
"""

from __future__ import annotations

import sys
from pathlib import Path

from chainrule.glass.doctor import FAULTS

__all__ = ["PAGE", "faults_text", "page_text"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "doctor.md"
START, END = "<!-- faults: written by tools/doctor_page.py -->\n", "<!-- end of faults -->\n"
NEEDS = {
    "rows": "some of the rows, which a run keeps and a file does not",
    "validation": "validation data",
    "clipping": "a run with clipping",
}


def faults_text() -> str:
    """Return a section for each fault of the registry."""
    parts: list[str] = []
    for fault in FAULTS:
        first = (fault.__doc__ or "").partition("\n")[0].strip()
        lines = [f"### {fault.title[0].upper()}{fault.title[1:]}\n", f"{first}\n"]
        lines.append(f"- **How it shows.** {fault.tells}")
        lines.append(f"- **What to do.** {fault.remedy[0].upper()}{fault.remedy[1:]}.")
        if fault.needs:
            lines.append(f"- **Needs** {NEEDS[fault.needs]}.")
        if fault.explains:
            titles = ", ".join(FAULTS[name].title for name in fault.explains)
            lines.append(f"- **Brings about** {titles}.")
        lines.append(f"- Source: {fault.source}. Name: `{fault.name}`.")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def page_text(page: str) -> str:
    """Return the page with the list of faults as the registry has it."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{faults_text()}\n{END}{after}"


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
