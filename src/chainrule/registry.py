"""Records and registries: a member of the library is one self-checking record in one table.

Decisions
---------
a) A member (an activation, a loss, an optimizer, a layer) is a frozen dataclass, not an entry in
   parallel dictionaries: value, derivative, formula, parameters and their rules stand together.
b) Registries hold the classes. Tests, docs, the command line and the parameter checks iterate the
   same registry, so a new member is tested before anyone writes a test.
c) A record's document (`to_document`) is its name and its fields, so everything that describes a
   run can be written to a model file as JSON and read back without executing anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeGuard, TypeVar, cast

import numpy as np

from chainrule.checks import Rule, check_parameters, shown
from chainrule.errors import InvalidParameterError, UnknownNameError

__all__ = [
    "REGISTRIES",
    "Record",
    "Registry",
    "field_names",
    "new_registry",
    "suggest",
    "to_document",
    "value_registry",
]

RecordT = TypeVar("RecordT", bound="Record")
SameT = TypeVar("SameT", bound="Record")
MemberT = TypeVar("MemberT")


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a record class's fields, in the order of declaration."""
    return tuple(field.name for field in dataclasses.fields(cls))


class Record:
    """Base of every frozen description. Subclasses are `@frozen` or `@dataclass(frozen=True)`.

    A subclass states `name` (its key in the registry), `rules` (one per field), `latex` (its
    formula) and `source` (paper or page). Instances check themselves on construction.
    """

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[Mapping[str, Rule]] = {}
    latex: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise `InvalidParameterError` if a field breaks its rule."""
        check_parameters(
            self.rules, self.parameters(), lambda field: f"{type(self).__name__}.{field}"
        )

    def parameters(self) -> dict[str, Any]:
        """Return the fields and their values, in the order of declaration."""
        return {name: getattr(self, name) for name in field_names(type(self))}

    @classmethod
    def from_fields(cls: type[SameT], fields: Mapping[str, Any]) -> SameT:
        """Build an instance from its fields; classes with positional constructors override this."""
        return cls(**fields)

    @classmethod
    def examples(cls: type[SameT]) -> tuple[SameT, ...]:
        """Return valid instances for the laws and the docs; override to cover variants."""
        return (cls(),)


class Registry(Generic[RecordT]):
    """A table of record classes by name, with aliases and "did you mean".

    Parameters
    ----------
    kind : str
        What the members are, for messages: "activation", "loss", ...
    base : type
        The class that every member inherits.
    """

    def __init__(self, kind: str, base: type[RecordT]) -> None:
        self.kind = kind
        self.base = base
        self._members: dict[str, type[RecordT]] = {}
        self._aliases: dict[str, str] = {}

    def register(self, cls: type[MemberT]) -> type[MemberT]:
        """Add a class (use as a decorator). Names and aliases must be new."""
        self._enter(cls)
        return cls

    def _enter(self, cls: type[Any]) -> None:
        if not issubclass(cls, self.base):
            raise TypeError(f"{cls.__name__} is not a {self.base.__name__}")
        for key in (cls.name, *cls.aliases):
            if not key or key in self:
                raise ValueError(f"the {self.kind} name {key!r} is empty or taken")
        self._members[cls.name] = cls
        self._aliases.update(dict.fromkeys(cls.aliases, cls.name))

    def unregister(self, name: str) -> None:
        """Remove a member and its aliases."""
        cls = self._members.pop(name)
        for alias in cls.aliases:
            self._aliases.pop(alias, None)

    @contextmanager
    def temporary(self, cls: type[RecordT]) -> Generator[type[RecordT], None, None]:
        """Hold a member for the length of a `with` block."""
        self.register(cls)
        try:
            yield cls
        finally:
            self.unregister(cls.name)

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._aliases

    def __iter__(self) -> Iterator[type[RecordT]]:
        return iter(tuple(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def names(self) -> tuple[str, ...]:
        """Return the canonical names in order of registration."""
        return tuple(self._members)

    def __getitem__(self, name: str) -> type[RecordT]:
        key = self._aliases.get(name, name)
        if key not in self._members:
            raise UnknownNameError(
                f"there is no {self.kind} called {shown(name)}",
                expected="one of " + ", ".join(self.names()),
                got=shown(name),
                do=suggest(name, (*self._members, *self._aliases)),
            )
        return self._members[key]

    def make(self, spec: object, **parameters: Any) -> RecordT:
        """Turn a name, a document or an instance into an instance.

        Raises
        ------
        UnknownNameError
            No member has that name.
        InvalidParameterError
            `spec` is none of the three, or a parameter is unknown or breaks its rule.
        """
        if isinstance(spec, self.base):
            return (
                type(spec).from_fields({**spec.parameters(), **parameters}) if parameters else spec
            )
        if isinstance(spec, str):
            return self._build(self[spec], parameters)
        kind, name = _kind_and_name(spec)
        if isinstance(spec, Mapping) and kind == self.kind:
            fields = {key: value for key, value in spec.items() if key != _KEY}
            return self._build(self[name], {**fields, **parameters})
        raise InvalidParameterError(
            f"this is not {_article(self.kind)} {self.kind}",
            expected=f"a name ({', '.join(self.names())})"
            f" or {_article(self.base.__name__.lower())} {self.base.__name__}",
            got=shown(spec),
            do=f"call it: {spec.__name__}(...)" if _makes(spec, self.base) else "",
        )

    def _build(self, cls: type[RecordT], parameters: Mapping[str, Any]) -> RecordT:
        known = set(field_names(cls))
        for key in parameters:
            if key not in known:
                raise InvalidParameterError(
                    f"{cls.name} has no parameter {key!r}",
                    expected="one of " + ", ".join(sorted(known)) if known else "no parameter",
                    got=repr(key),
                    do=suggest(key, known),
                )
        for field in dataclasses.fields(cast("type[Any]", cls)):
            optional = field.default is not field.default_factory  # one of them is not MISSING
            if not optional and field.name not in parameters:
                raise InvalidParameterError(
                    f"{cls.name} needs the parameter {field.name!r}",
                    where=f"{cls.__name__}.{field.name}",
                    expected=cls.rules[field.name].describe() if field.name in cls.rules else "",
                )
        return cls.from_fields({key: _from_json(value) for key, value in parameters.items()})

    def document(self, record: RecordT) -> dict[str, Any]:
        """Return the JSON form of a member; `make` reads it back."""
        fields = {key: to_document(value) for key, value in record.parameters().items()}
        return {_KEY: f"{self.kind}/{record.name}", **fields}

    def any_of(self) -> Rule:
        """Return the rule "a name of this registry, or an instance"."""
        return _Member(self)


def _makes(spec: object, base: type) -> TypeGuard[type[Any]]:
    """Say whether a member's class was handed in, in the place of a member."""
    return isinstance(spec, type) and issubclass(spec, base)


@dataclasses.dataclass(frozen=True)
class _Member:
    registry: Registry[Any]

    def accepts(self, value: object) -> bool:
        return isinstance(value, self.registry.base) or (
            isinstance(value, str) and value in self.registry
        )

    def describe(self) -> str:
        base = self.registry.base.__name__
        return f"{_article(base.lower())} {base} or one of " + ", ".join(self.registry.names())

    def bad_values(self) -> list[object]:
        return ["no such name", 0, object()]


_KEY = "record"
"""Key of a document that says what it describes: `{"record": "loss/huber", "delta": 1.0}`."""


def _kind_and_name(spec: object) -> tuple[str, str]:
    """Return kind and name of a document, or two empty strings."""
    stated = spec.get(_KEY) if isinstance(spec, Mapping) else None
    kind, _, name = stated.partition("/") if isinstance(stated, str) else ("", "", "")
    return kind, name


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def suggest(name: object, known: Any) -> str:
    """Return "did you mean ..." for the nearest known names, or an empty string."""
    import difflib  # here, because only a misspelt name needs it

    near = difflib.get_close_matches(
        str(name).lower(), [str(key) for key in known], n=3, cutoff=0.6
    )
    return f"did you mean {' or '.join(near)}?" if near else ""


def to_document(value: Any) -> Any:
    """Return the JSON form of a field: records by name, tuples as lists, NumPy's as Python's."""
    if isinstance(value, Record):
        home = value_registry(type(value))
        return home.document(value)
    if isinstance(value, (tuple, list)):
        return [to_document(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_document(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidParameterError(
        "this value cannot be written to a model file",
        expected="a record, number, string, boolean, None, or a tuple of them",
        got=shown(value),
        do="register the function as a record to make it storable",
    )


REGISTRIES: dict[str, Registry[Any]] = {}
"""Every registry by kind: the laws, the docs and the reader of documents iterate this table."""


def new_registry(kind: str, base: type[RecordT]) -> Registry[RecordT]:
    """Create a registry and enter it into `REGISTRIES`."""
    registry = Registry(kind, base)
    REGISTRIES[kind] = registry
    return registry


def value_registry(cls: type[Record]) -> Registry[Any]:
    """Return the registry that holds a record's class."""
    for registry in REGISTRIES.values():
        if issubclass(cls, registry.base) and cls.name in registry and registry[cls.name] is cls:
            return registry
    raise InvalidParameterError(
        f"{cls.__name__} is in no registry, so it cannot be written to a model file",
        do="add it with the registry's register()",
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if isinstance(value, Mapping):
        kind, _ = _kind_and_name(value)
        if kind in REGISTRIES:
            return REGISTRIES[kind].make(value)
        return {key: _from_json(item) for key, item in value.items()}
    return value
