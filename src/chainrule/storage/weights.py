"""The tensors of a model file on their way into the flat vectors of a plan."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import FileFormatError
from chainrule.plan import Layout, Plan
from chainrule.storage.container import Container

__all__ = ["filled", "require_tensors"]

_CHUNK = 2**20
"""Numbers that are looked at together, so that looking takes no memory."""


def filled(container: Container, layout: Layout, dtype: str) -> np.ndarray:
    """Return a flat vector with the tensors of a file, all finite, that nobody can write to."""
    vector = np.empty(layout.size, dtype)
    for slot in layout.slots:
        part = vector[slot.start : slot.stop]
        container.read_into(slot.name, part)
        for start in range(0, len(part), _CHUNK):
            if not np.isfinite(part[start : start + _CHUNK]).all():
                raise FileFormatError(
                    "a weight is not a finite number",
                    where=f"{container.where}, tensor {shown(slot.name)}",
                )
    vector.flags.writeable = False
    return vector


def require_tensors(container: Container, plan: Plan, dtype: np.dtype[Any]) -> None:
    """Refuse the file unless it says to hold exactly the network's tensors."""
    needed = {slot.name: slot.shape for slot in (*plan.parameters.slots, *plan.running.slots)}
    entries, where = container.entries, container.where
    if set(entries) != set(needed):
        raise FileFormatError(
            "the tensors are not those of the network",
            where=where,
            expected=shown(sorted(needed)),
            got=shown(sorted(entries)),
        )
    for name, entry in entries.items():
        if entry.shape != needed[name] or entry.dtype != dtype:
            raise FileFormatError(
                "a tensor does not fit the network",
                where=f"{where}, tensor {shown(name)}",
                expected=f"{needed[name]} of {dtype}",
                got=f"{entry.shape} of {entry.dtype}",
            )
