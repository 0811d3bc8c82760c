"""`chainrule list`: the members of the registries, each with its one sentence."""

from __future__ import annotations

import inspect
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import debug_option, json_option, registry

__all__ = ["command"]


@click.command("list", help=VERBS["list"])
@click.argument("kind", required=False, metavar="[KIND]")
@json_option
@debug_option
def command(kind: str | None, as_json: bool) -> None:
    """List the members of one registry, or of all."""
    kinds = _kinds() if kind is None else (_known(kind),)
    found = {kind: _members(kind) for kind in kinds}
    from chainrule.cli.screen import Screen

    screen = Screen(as_json)
    if as_json:
        screen.json(found)
        return
    for kind, members in found.items():
        screen.members(kind, members)


def _kinds() -> tuple[str, ...]:
    """Return the kinds of which there is a choice."""
    registry("layer")
    from chainrule.registry import REGISTRIES

    return tuple(sorted(kind for kind, members in REGISTRIES.items() if len(members) > 1))


def _known(kind: str) -> str:
    from chainrule.errors import UnknownNameError
    from chainrule.registry import suggest

    singular = kind.lower()
    for known in _kinds():
        if singular in (known, f"{known}s", f"{known}es", f"{known[:-1]}ies"):
            return known
    raise UnknownNameError(
        f"there is no list of {kind!r}",
        expected="one of " + ", ".join(_kinds()),
        do=suggest(kind, _kinds()),
    )


def _members(kind: str) -> dict[str, str]:
    return {member.name: _sentence(member) for member in registry(kind)}


def _sentence(member: Any) -> str:
    """Return the first paragraph of a docstring as plain text."""
    paragraph = inspect.cleandoc(member.__doc__ or "").split("\n\n")[0]
    sentence = " ".join(paragraph.split())
    return sentence.partition(": :math:")[0].rstrip(".:") + "."
