"""The members that the laws hold for, as pytest parameters, read from the registries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import chainrule.maths
import chainrule.nn
import chainrule.plan  # noqa: F401 - importing registers
from chainrule.glass.cases import title
from chainrule.maths.activation import Activation
from chainrule.maths.loss import LOSSES
from chainrule.registry import REGISTRIES, Registry

__all__ = ["classes", "every", "links", "named", "registered"]


def named(records: Iterable[Any]) -> list[Any]:
    """Return records as parameters with their titles as ids."""
    return [pytest.param(record, id=title(record)) for record in records]


def every(registry: Registry[Any]) -> list[Any]:
    """Return every example of every member."""
    return named(example for member in registry for example in member.examples())


def links() -> list[Activation]:
    """Return the link of every loss, each once."""
    found = {type(loss.link): loss.link for member in LOSSES for loss in member.examples()}
    return list(found.values())


def classes() -> list[Any]:
    """Return (registry, member) for every member of every registry."""
    return [
        pytest.param(registry, member, id=f"{kind}-{member.name}")
        for kind, registry in REGISTRIES.items()
        for member in registry
    ]


def registered() -> list[Any]:
    """Return (registry, example) for every example of every member of every registry."""
    return [
        pytest.param(registry, example, id=f"{kind}-{title(example)}")
        for kind, registry in REGISTRIES.items()
        for member in registry
        for example in member.examples()
    ]
