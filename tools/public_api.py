"""What is public: the modules, their names, and which of them lack what the house demands.

The tests and the documentation build read this, so both mean the same by "public".
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import FunctionType, GenericAlias, ModuleType

import chainrule

__all__ = ["homes", "members", "misdeclared", "public_modules", "records", "undocumented"]


def public_modules() -> list[ModuleType]:
    """Return every module of the package whose path has no underscore, the package first."""
    found = pkgutil.walk_packages(chainrule.__path__, chainrule.__name__ + ".")
    names = [chainrule.__name__, *(module.name for module in found)]
    public = [name for name in names if not any(part[0] == "_" for part in name.split("."))]
    return [importlib.import_module(name) for name in public]


def members(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the names that a module declares public, and what they are."""
    for name in getattr(module, "__all__", ()):
        if hasattr(module, name):
            yield name, getattr(module, name)


def homes() -> dict[int, str]:
    """Return the module where each public object belongs, by the object's id.

    A package that lists a name of one of its modules re-exports it. What a function or class says
    of itself decides; for data it is the module, not the package, that lists it.
    """
    found: dict[int, str] = {}
    for module in sorted(public_modules(), key=lambda module: hasattr(module, "__path__")):
        for _, value in members(module):
            home = getattr(value, "__module__", None)
            own = home if _is_definition(value) else module.__name__
            found.setdefault(id(value), str(own))
    return found


def records() -> Iterator[tuple[str, type]]:
    """Yield every registered class with its kind."""
    from chainrule.registry import REGISTRIES

    public_modules()  # importing a module is what registers its members
    for kind, registry in REGISTRIES.items():
        for cls in registry:
            yield kind, cls


def misdeclared(module: ModuleType) -> list[str]:
    """Say what is wrong with `__all__`: missing, unknown names, or names left out."""
    declared = getattr(module, "__all__", None)
    if declared is None:
        return [f"{module.__name__} has no __all__"]
    faults = [f"{module.__name__} lacks {name}" for name in declared if not hasattr(module, name)]
    left_out = sorted(_own_names(module) - set(declared))
    return faults + [f"{module.__name__}.__all__ leaves out {name}" for name in left_out]


def _is_definition(value: object) -> bool:
    """Say whether a value is a function or a class; `list[int]` is neither, whatever 3.10 says."""
    return isinstance(value, (FunctionType, type)) and not isinstance(value, GenericAlias)


def _own_names(module: ModuleType) -> set[str]:
    """Return the public functions and classes that a module defines, or a package re-exports."""
    package = hasattr(module, "__path__")
    own: set[str] = set()
    for name, value in vars(module).items():
        if name.startswith("_") or not _is_definition(value):
            continue
        home = value.__module__
        if home == module.__name__ or (package and home.startswith(chainrule.__name__)):
            own.add(name)
    return own


def undocumented(module: ModuleType) -> list[str]:
    """Return the module, public functions, classes and methods that lack a docstring."""
    missing = [] if inspect.getdoc(module) else [module.__name__]
    for name, value in members(module):
        if not _is_definition(value):
            continue
        place = f"{module.__name__}.{name}"
        if not _documented(value):
            missing.append(place)
        if isinstance(value, type):
            missing += [f"{place}.{method}" for method in _bare_methods(value)]
    return missing


def _documented(value: object) -> bool:
    own = getattr(value, "__doc__", None)
    if dataclasses.is_dataclass(value) and own and own.startswith(f"{value.__name__}("):  # type: ignore[attr-defined]
        return False  # the signature that @dataclass writes where there is no docstring
    return bool(own)


def _bare_methods(cls: type) -> Iterator[str]:
    """Yield public methods that neither have a docstring nor inherit one."""
    protocols = [known for known in _protocols() if issubclass(cls, known)]
    for name, value in vars(cls).items():
        if name.startswith("_") or not isinstance(
            value, (FunctionType, property, classmethod, staticmethod)
        ):
            continue
        promised = any(hasattr(protocol, name) for protocol in protocols)
        if not promised and not inspect.getdoc(getattr(cls, name)):
            yield name


def _protocols() -> list[type]:
    """Return the protocols whose methods say once what every implementation does."""
    from chainrule.checks import Rule

    return [Rule]
