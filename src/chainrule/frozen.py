"""Frozen dataclasses whose methods are made when they are first needed.

Decisions
---------
a) `dataclasses.dataclass` compiles six functions for each class while its module is imported. With
   two hundred descriptions that was more than half of a cold start. Here a class gets its fields
   at once, `__init__` when it is first called or looked at, and shares the rest with all others.
b) It is a dataclass for everyone who asks: `fields`, `replace`, `asdict`, `is_dataclass`, pattern
   matching, `inspect.signature`, and `@dataclass(frozen=True)` of a class that inherits from one.
   Not supported, and refused: `InitVar`, `__slots__`, `field(hash=...)`, fields without annotation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform as _dataclass_transform
else:

    def _dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        """Stand in for what only type checkers read."""
        return lambda decorated: decorated


__all__ = ["frozen"]

ClassT = TypeVar("ClassT", bound="type[Any]")


@dataclasses.dataclass(frozen=True)
class _Pattern:
    """Shows how this Python marks fields and classes."""

    one: int = 0


class _Factory:
    """Stands in a signature for a default that is made for each instance."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()
_PARAMETERS = vars(_Pattern)["__dataclass_params__"]
_FIELD = vars(_Pattern)["__dataclass_fields__"]["one"]._field_type  # noqa: SLF001


@overload
def frozen(cls: ClassT, /) -> ClassT: ...
@overload
def frozen(*, init: bool = True) -> Callable[[ClassT], ClassT]: ...
@_dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: Any = None, /, *, init: bool = True) -> Any:
    """Make a class a frozen dataclass.

    Parameters
    ----------
    cls : type
        Annotated class attributes are its fields, `ClassVar` ones are not.
    init : bool
        False where `__init__` is inherited and stays so.

    Raises
    ------
    TypeError
        A field without a default follows one with a default, a default is mutable, or the class
        wants what is not supported.

    Example
    -------
    >>> @frozen
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0)
    Point(x=1.0, y=0.0)
    >>> Point(1.0) == Point(1.0, 0.0)
    True
    """
    return _frozen(cls, init) if cls is not None else lambda later: _frozen(later, init)


def _frozen(cls: type[Any], init: bool) -> type[Any]:
    fields = _inherited(cls)
    for name, annotation in cls.__annotations__.items():
        if not str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            fields[name] = _field(cls, name, annotation)
    _check_order(cls, fields)
    cls.__dataclass_fields__ = fields
    cls.__dataclass_params__ = _PARAMETERS
    named = tuple(name for name, one in fields.items() if one.init and not one.kw_only)
    shared = {
        **({"__init__": _Init(cls)} if init else {}),
        "__match_args__": named,
        "__repr__": _represent,
        "__eq__": _equal,
        "__replace__": _replace,
        "__setattr__": _set,
        "__delattr__": _delete,
    }
    own = vars(cls)
    for name, value in shared.items():
        if name not in own:
            setattr(cls, name, value)
    # A class that states __eq__ is given a __hash__ of None by Python.
    if own.get("__hash__") is None:
        setattr(cls, "__hash__", _hash)  # noqa: B010 - type checkers take it for a method of type
    return cls


def _inherited(cls: type[Any]) -> dict[str, Field[Any]]:
    found: dict[str, Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        found.update(vars(base).get("__dataclass_fields__", {}))
    return found


def _field(cls: type[Any], name: str, annotation: Any) -> Field[Any]:
    """Return the field of an annotated name; its default stays on the class, as everywhere."""
    default = vars(cls).get(name, MISSING)
    if isinstance(default, Field):
        one: Field[Any] = default
        if one.default is MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, one.default)
    else:
        one = field() if default is MISSING else field(default=default)
    if "InitVar" in str(annotation) or one.hash is not None:
        raise TypeError(f"{cls.__name__}.{name}: InitVar and field(hash=...) are not supported")
    if one.default is not MISSING and type(one.default).__hash__ is None:
        raise TypeError(f"{cls.__name__}.{name} has a mutable default: use default_factory")
    one.name, one.type = name, annotation
    one.kw_only = one.kw_only is True
    one._field_type = _FIELD  # noqa: SLF001
    return one


def _check_order(cls: type[Any], fields: dict[str, Field[Any]]) -> None:
    seen = ""
    for one in fields.values():
        if not one.init or one.kw_only:
            continue
        if one.default is not MISSING or one.default_factory is not MISSING:
            seen = one.name
        elif seen:
            raise TypeError(
                f"{cls.__name__}: non-default argument {one.name!r} follows {seen!r}, which has one"
            )


class _Init:
    """Stands for `__init__` until it is needed."""

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        made = _constructor(self.cls)
        self.cls.__init__ = made
        return made.__get__(instance, owner)


def _constructor(cls: type[Any]) -> Callable[..., None]:
    """Compile `__init__`: arguments in the order of the fields, keyword-only ones last."""
    fields: dict[str, Field[Any]] = cls.__dataclass_fields__
    names: dict[str, Any] = {"_put": object.__setattr__, "_factory": _FACTORY}
    plain: list[str] = []
    keyword: list[str] = []
    lines: list[str] = []
    for name, one in fields.items():
        value = name
        if one.default_factory is not MISSING:
            names[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}()"
            if one.init:
                value = f"{value} if {name} is _factory else {name}"
        if one.init:
            made = one.default_factory is not MISSING
            names[f"_default_{name}"] = _FACTORY if made else one.default
            argument = f"{name}=_default_{name}" if made or one.default is not MISSING else name
            (keyword if one.kw_only else plain).append(argument)
        elif one.default_factory is MISSING:
            continue  # its default, if it has one, is the class's attribute
        lines.append(f" _put(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    arguments = ", ".join(["self", *plain, *(["*", *keyword] if keyword else [])])
    exec(f"def __init__({arguments}):\n" + ("\n".join(lines) or " pass"), names)
    constructor = names["__init__"]
    constructor.__qualname__ = f"{cls.__qualname__}.__init__"
    constructor.__module__ = cls.__module__
    constructor.__annotations__ = {n: one.type for n, one in fields.items() if one.init}
    constructor.__annotations__["return"] = None
    return constructor


def _compared(instance: Any) -> tuple[Any, ...]:
    fields: dict[str, Field[Any]] = type(instance).__dataclass_fields__
    return tuple([getattr(instance, name) for name, one in fields.items() if one.compare])


def _represent(self: Any) -> str:
    fields: dict[str, Field[Any]] = type(self).__dataclass_fields__
    shown = [f"{name}={getattr(self, name)!r}" for name, one in fields.items() if one.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _equal(self: Any, other: object) -> bool:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _replace(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


def _fixed(cls: type[Any], name: str) -> bool:
    """Say whether a name is fixed: only a plain subclass may have further attributes."""
    return "__dataclass_fields__" in vars(cls) or name in cls.__dataclass_fields__


def _set(self: Any, name: str, value: Any) -> None:
    if _fixed(type(self), name):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delete(self: Any, name: str) -> None:
    if _fixed(type(self), name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)
