"""What every record of every registry owes: documents, rules that reject, words that explain."""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any

import pytest

from chainrule.errors import InvalidParameterError, UnknownNameError
from chainrule.registry import REGISTRIES, Record, Registry
from tests.laws.members import classes, registered


def test_no_registry_is_empty() -> None:
    assert REGISTRIES
    assert all(len(registry) > 0 for registry in REGISTRIES.values())


@pytest.mark.parametrize(("registry", "member"), classes())
def test_a_member_explains_itself(registry: Registry[Any], member: type[Record]) -> None:
    text = inspect.getdoc(member) or ""
    assert member.name
    assert member.latex.strip()
    assert member.source.strip()
    assert "Example\n-------" in text
    assert ">>> " in text
    assert "Source" in text


@pytest.mark.parametrize(("registry", "member"), classes())
def test_a_member_is_a_frozen_dataclass_found_by_its_names(
    registry: Registry[Any], member: type[Record]
) -> None:
    assert member.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(registry[name] is member for name in (member.name, *member.aliases))


@pytest.mark.parametrize(("registry", "member"), classes())
def test_every_field_has_a_rule(registry: Registry[Any], member: type[Record]) -> None:
    fields = {field.name for field in dataclasses.fields(member)}  # type: ignore[arg-type]
    assert set(member.rules) == fields


@pytest.mark.parametrize(("registry", "member"), classes())
def test_there_are_examples(registry: Registry[Any], member: type[Record]) -> None:
    examples = member.examples()
    assert examples
    assert all(type(example) is member for example in examples)
    assert len(set(map(repr, examples))) == len(examples)


@pytest.mark.parametrize(("registry", "example"), registered())
def test_a_document_makes_the_same_record(registry: Registry[Any], example: Record) -> None:
    document = json.loads(json.dumps(registry.document(example), allow_nan=False))
    again = registry.make(document)
    assert again == example
    assert type(again) is type(example)
    assert registry.document(again) == document


@pytest.mark.parametrize(("registry", "example"), registered())
def test_every_rule_rejects_its_bad_values(registry: Registry[Any], example: Record) -> None:
    for field, rule in type(example).rules.items():
        bad_values = rule.bad_values()
        assert bad_values, field
        for bad in bad_values:
            assert not rule.accepts(bad)
            with pytest.raises((InvalidParameterError, UnknownNameError)) as raised:
                type(example).from_fields({**example.parameters(), field: bad})
            assert field in f"{raised.value.where} {raised.value.what}", (field, bad)


@pytest.mark.parametrize(("registry", "member"), classes())
def test_unknown_and_missing_fields_are_named(
    registry: Registry[Any], member: type[Record]
) -> None:
    example = member.examples()[0]
    with pytest.raises(InvalidParameterError, match="no_such_field"):
        registry.make(member.name, **{**example.parameters(), "no_such_field": 1})
    for field in dataclasses.fields(member):  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING:
            given = {key: value for key, value in example.parameters().items() if key != field.name}
            with pytest.raises(InvalidParameterError, match=field.name):
                registry.make(member.name, **given)


@pytest.mark.parametrize("kind", sorted(REGISTRIES))
def test_an_unknown_name_is_answered_with_a_near_one(kind: str) -> None:
    registry = REGISTRIES[kind]
    name = registry.names()[0]
    with pytest.raises(UnknownNameError, match="did you mean") as raised:
        registry.make(name + "x")
    assert name in raised.value.do
