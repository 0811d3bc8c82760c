"""The reference, made from the library: a page for each registry, a page for each public module.

A new member of a registry is on its page, and a new module has one, without an edit here. Whatever
is public and lacks a docstring becomes a warning, which `make docs` treats as an error.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from chainrule.checks import shown
from chainrule.registry import REGISTRIES, Registry
from tools import public_api

logger = logging.getLogger(__name__)


def title(text: str, line: str) -> str:
    """Return a heading."""
    return f"{text}\n{line * len(text)}\n"


def plural(kind: str) -> str:
    """Return the name of a page that lists a kind."""
    ending = {"s": "es", "y": "ies"}.get(kind[-1], "s")
    return (kind[:-1] if kind[-1] == "y" else kind) + ending


def literal(text: str) -> str:
    """Return text in the typewriter face."""
    return f"``{text}``" if text else ""


def first_sentence(cls: type) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def table(header: tuple[str, ...], rows: list[tuple[str, ...]], widths: str) -> str:
    """Return a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (header, *rows):
        for column, cell in enumerate(row):
            lines.append(f"   {'*' if column == 0 else ' '} - {cell}")
    return "\n".join(lines) + "\n"


def display(latex: str) -> str:
    """Return a formula within text, as large as on a line of its own."""
    return rf":math:`\displaystyle {latex}`"


def formulas(cls: type) -> Iterator[tuple[str, list[str]]]:
    """Yield the label of each formula that a member states, and its lines in LaTeX."""
    for name in sorted(dir(cls), key=lambda name: (name != "latex", name)):
        value = getattr(cls, name) if name == "latex" or name.endswith("_latex") else ""
        if isinstance(value, Mapping):
            value = list(value.values())
        lines = [value] if isinstance(value, str) else list(value)
        label = name.removesuffix("latex").strip("_") or "formula"
        if any(lines):
            yield label.capitalize(), lines


def parameters(cls: Any) -> str:
    """Return the table of a member's fields: default and rule."""
    rows = []
    for field in dataclasses.fields(cls):
        default = "" if field.default is dataclasses.MISSING else shown(field.default)
        if field.default_factory is not dataclasses.MISSING:
            default = shown(field.default_factory())
        rule = cls.rules.get(field.name)
        rows.append((literal(field.name), literal(default), rule.describe() if rule else ""))
    return table(("parameter", "default", "allowed"), rows, "20 20 60") if rows else ""


def member_section(cls: Any) -> str:
    """Return the section of one member: its docstring, then the facts that it declares."""
    text = inspect.getdoc(cls) or ""
    names = ", ".join(literal(f'"{name}"') for name in (cls.name, *cls.aliases))
    facts = [f":Name: {names}"]
    for label, lines in formulas(cls):
        if label != "Formula" or ".. math::" not in text:
            facts += [f":{label}:", *(f"   | {display(line)}" for line in lines)]
    if cls.source and "Source:" not in text:
        facts.append(f":Source: {cls.source}")
    return "\n".join(
        [
            title(cls.name, "-"),
            f".. autoclass:: {cls.__module__}.{cls.__qualname__}",
            "   :no-index:",
            "   :no-members:",
            "   :no-show-inheritance:",
            "",
            *facts,
            "",
            parameters(cls),
        ]
    )


def catalogue_page(registry: Registry[Any]) -> str:
    """Return the page of one registry: an overview, then every member."""
    rows = []
    for cls in registry:
        formula = display(cls.latex) if cls.latex else ""
        rows.append((f"`{cls.name}`_", formula, first_sentence(cls)))
    return "\n".join(
        [
            title(plural(registry.kind).capitalize(), "="),
            first_sentence(registry.base),
            "",
            table(("name", "formula", "in one sentence"), rows, "20 40 40"),
            *(member_section(cls) for cls in registry),
        ]
    )


def module_page(module: ModuleType, homes: dict[int, str]) -> str:
    """Return the page of one module: what it defines, then what it only passes on."""
    name = module.__name__
    own, passed = [], []
    for member, value in public_api.members(module):
        home = homes[id(value)]
        if home == name:
            own.append(member)
        elif isinstance(value, ModuleType):
            passed.append(f"* :py:mod:`{value.__name__}`")
        else:
            passed.append(f"* :py:obj:`{member} <{home}.{member}>` from :py:mod:`{home}`")
    option = f"   :members: {', '.join(own)}" if own else "   :no-members:"
    lines = [title(name, "="), f".. automodule:: {name}", option, ""]
    return "\n".join([*lines, *(["Also reachable from here:", "", *passed, ""] if passed else [])])


def contents(heading: str, pages: list[str]) -> str:
    """Return a page that lists others."""
    lines = [title(heading, "="), ".. toctree::", "   :maxdepth: 1", ""]
    return "\n".join([*lines, *(f"   {page}" for page in pages), ""])


def pages() -> dict[str, str]:
    """Return every page of the reference by its path."""
    modules = {module.__name__: module for module in public_api.public_modules()}
    homes = public_api.homes()
    made = {plural(kind).replace(" ", "-"): reg for kind, reg in REGISTRIES.items() if len(reg)}
    result = {f"catalogue/{name}": catalogue_page(registry) for name, registry in made.items()}
    result |= {f"modules/{name}": module_page(module, homes) for name, module in modules.items()}
    result["catalogue/index"] = contents("Catalogue", sorted(made))
    result["modules/index"] = contents("Modules", list(modules))
    return result


def write(folder: Path) -> None:
    """Write the pages that changed, and remove those that no longer exist."""
    wanted = {folder / f"{name}.rst": text for name, text in pages().items()}
    for stale in set(folder.rglob("*.rst")) - set(wanted):
        stale.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def make_reference(app: Sphinx) -> None:
    """Write the reference before Sphinx reads its sources."""
    for module in public_api.public_modules():
        for fault in public_api.misdeclared(module):
            logger.warning(fault)
        for place in public_api.undocumented(module):
            logger.warning("%s is public and has no docstring", place)
    write(Path(app.srcdir) / "reference")


def skip_inherited(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: Any
) -> bool | None:
    """Leave out what another package puts into our classes: its own pages tell it."""
    home = getattr(obj, "__module__", None) or ""
    foreign = what in ("class", "method") and not home.startswith("chainrule")
    return True if home and foreign else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the steps."""
    app.connect("builder-inited", make_reference)
    app.connect("autodoc-skip-member", skip_inherited)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
