"""What a mutant is: one right function of the library, replaced by a plausible wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

__all__ = ["Mutant"]


@dataclass(frozen=True)
class Mutant:
    """A wrong version of `owner.attribute`, and a word of the cases that it concerns."""

    name: str
    owner: Any
    attribute: str
    spoil: Callable[[Any], Any]
    """From the right function to the wrong one."""
    about: str
    """Words, separated by " | ", that the names of the cases concerned contain."""

    def concerns(self, name: str) -> bool:
        """Say whether a case of that name shows the mutant."""
        return all(word in name for word in self.about.split(" | "))

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Replace the function for the length of a `with` block."""
        right = getattr(self.owner, self.attribute)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.owner, self.attribute, self.spoil(right))
            yield
