"""A class made by `frozen` behaves as one made by `dataclasses.dataclass(frozen=True)`."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from chainrule.frozen import frozen


def classes(decorate: Callable[[type], type]) -> dict[str, Any]:
    """Return the same classes, made by one of the two."""

    @decorate
    class Point:
        kind: ClassVar[str] = "point"
        x: float
        y: float = 2.0
        tags: tuple[str, ...] = field(default_factory=tuple)
        note: str = field(default="", compare=False, repr=False)
        size: int = field(default=3, init=False)
        scale: float = field(default=1.0, kw_only=True)

        def __post_init__(self) -> None:
            if self.x is None:
                raise ValueError("x")

    @decorate
    class Named(Point):
        name: str = "n"
        y: float = 5.0

        def __repr__(self) -> str:
            return f"<{self.name}>"

    @decorate
    class Empty:
        """Nothing."""

    class Plain(Named):
        """Not decorated itself."""

    return {"Point": Point, "Named": Named, "Empty": Empty, "Plain": Plain}


@pytest.fixture(params=["Point", "Named", "Plain"])
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Return a class of ours and its twin."""
    return tuple(classes(way)[request.param] for way in (frozen, dataclass(frozen=True)))


def outcome(cls: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a call gives, as far as the two must agree."""
    try:
        made = cls(*arguments, **named)
    except (TypeError, ValueError) as error:
        return type(error), str(error).replace("classes.<locals>.", "")
    return dataclasses.asdict(made), repr(made), hash(made)


CALLS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((1.0,), {}),
    ((1.0, 4.0, ("a",)), {"scale": 3.0}),
    ((), {"x": 7.0, "note": "hm"}),
    ((), {}),
    ((1.0, 2.0, (), "", 9), {}),
    ((1.0,), {"size": 4}),
    ((1.0,), {"unknown": 4}),
    ((None,), {}),
)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_same_instances_and_the_same_refusals(pair: tuple[Any, Any], call: Any) -> None:
    outcomes = [outcome(cls, *call) for cls in pair]
    assert outcomes[0] == outcomes[1]


def test_the_same_signature_and_fields(pair: tuple[Any, Any]) -> None:
    ours, twin = pair
    assert str(inspect.signature(ours)) == str(inspect.signature(twin))
    assert str(inspect.signature(ours.__init__)) == str(inspect.signature(twin.__init__))
    assert ours.__match_args__ == twin.__match_args__
    assert [(f.name, f.type, f.default) for f in dataclasses.fields(ours)] == [
        (f.name, f.type, f.default) for f in dataclasses.fields(twin)
    ]
    assert dataclasses.is_dataclass(ours)


def test_equality_is_of_one_class_and_of_what_is_compared() -> None:
    found = classes(frozen)
    point, named = found["Point"], found["Named"]
    assert point(1.0) == point(1.0, note="another") != point(2.0)
    assert point(1.0, 5.0) != named(1.0)
    assert point(1.0) != (1.0,)
    assert len({point(1.0), point(1.0, note="another"), point(2.0)}) == 2


def test_nothing_can_be_set_or_deleted() -> None:
    found = classes(frozen)
    point = found["Point"](1.0)
    for name in ("x", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(point, name, 3.0)
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            delattr(point, name)
    plain = found["Plain"](1.0)
    plain.other = 1  # a plain subclass may add to itself, as with dataclass
    assert plain.other == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.x = 2.0


def test_replace_copy_and_patterns() -> None:
    point = classes(frozen)["Point"]
    one = dataclasses.replace(point(1.0, tags=("a",)), y=9.0)
    assert one == point(1.0, 9.0, ("a",)) == copy.deepcopy(one) == copy.copy(one)
    match one:
        case point(x, y, tags):
            assert (x, y, tags) == (1.0, 9.0, ("a",))
        case _:
            pytest.fail("no match")


@frozen
class Pickled:
    x: int
    rest: list[int] = field(default_factory=list)


def test_pickles() -> None:
    assert pickle.loads(pickle.dumps(Pickled(3, [1]))) == Pickled(3, [1])


def test_both_kinds_inherit_from_each_other() -> None:
    @dataclass(frozen=True)
    class Below(Pickled):
        y: int = 4

    @frozen
    class Lowest(Below):
        z: int = 5

    assert repr(Lowest(1)).endswith("Lowest(x=1, rest=[], y=4, z=5)")
    assert Below(1, [], 2) == Below(1, [], 2) != Below(1)


def test_an_inherited_constructor_stays() -> None:
    class Base:
        def __init__(self, *parts: int) -> None:
            object.__setattr__(self, "parts", parts)

    @frozen(init=False)
    class Chain(Base):
        parts: tuple[int, ...]

    assert Chain(1, 2) == Chain(1, 2)
    assert repr(Chain(1, 2)).endswith("Chain(parts=(1, 2))")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(TypeError, match="'y' follows 'x'"):

        @frozen
        class Order:
            x: int = 0
            y: int

    with pytest.raises(TypeError, match="mutable default"):

        @frozen
        class Shared:
            x: list[int] = []

    with pytest.raises(TypeError, match="InitVar"):

        @frozen
        class Passing:
            x: dataclasses.InitVar[int]


def test_importing_the_core_compiles_next_to_nothing() -> None:
    program = """
import dataclasses
made = []
original = dataclasses._process_class
def count(cls, *rest, **more):
    made.append(cls)
    return original(cls, *rest, **more)
dataclasses._process_class = count
import chainrule
chainrule.train, chainrule.nn, chainrule.Adam
print(len(made))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) < 25
