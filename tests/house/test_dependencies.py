"""The bounds that pyproject.toml declares are those that the oldest-versions run installs."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.house.tree import ROOT

EXTRAS_OF_THE_TESTS = ("", "cli", "test")
OLDEST = "3.10"
"""The Python that needs the most: later ones bring more along."""


def declared() -> dict[str, str]:
    """Return the lower bound of each dependency that the tests install."""
    bounds = {}
    for line in metadata.requires("chainrule") or []:
        need = Requirement(line)
        here = {**default_environment(), "python_version": OLDEST}
        wanted = need.marker is None or any(
            need.marker.evaluate({**here, "extra": extra}) for extra in EXTRAS_OF_THE_TESTS
        )
        if wanted and need.name != "chainrule":
            (bound,) = need.specifier
            assert bound.operator == ">=", line
            bounds[need.name] = bound.version
    return bounds


def oldest() -> dict[str, str]:
    """Return the lowest version of each line of tools/oldest.txt."""
    pins: dict[str, str] = {}
    for line in (ROOT / "tools/oldest.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            (version,) = pin.specifier
            pins.setdefault(pin.name, version.version)
    return pins


@pytest.mark.parametrize("name", sorted(declared()))
def test_the_oldest_version_is_the_declared_bound(name: str) -> None:
    assert oldest()[name].startswith(declared()[name])


def test_nothing_else_is_pinned() -> None:
    assert set(oldest()) == set(declared())


@pytest.mark.parametrize("name", ["numpy", "scipy", "scikit-learn", "safetensors"])
def test_the_core_needs_four_packages(name: str) -> None:
    core = [line for line in metadata.requires("chainrule") or [] if "extra ==" not in line]
    assert len(core) == 4
    assert any(Requirement(line).name == name for line in core)
