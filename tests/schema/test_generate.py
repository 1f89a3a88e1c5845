"""The generated schemas: checked in, complete, valid, and in agreement with the types."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.model.kinds import KINDS
from reconciler.schema.decode import decode
from reconciler.schema.fields import DROPPED, HARMLESS, NOTES, REFUSED
from reconciler.schema.generate import schema_of
from reconciler.schema.structure import faults
from reconciler.schema.types import is_map, is_struct, plain_type, step, wire_fields
from reconciler.schema.validate import SourceFile, validate

ROOT = Path(__file__).parents[2]
KIND_NAMES = sorted(spec.kind for spec in KINDS.values() if spec.declarable)


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every kind that can be declared, also of those that are not switched on yet."""
    return {kind: schema_of(kind) for kind in KIND_NAMES}


def test_golden_schemas_are_those_of_the_types() -> None:
    """The checked-in schema files and reference page are what the types say."""
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate-schemas", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_schema_is_valid_and_accepts_its_example(kind: str) -> None:
    """Each schema is a correct JSON Schema and its example is a manifest we accept and can build."""
    schema = all_schemas()[kind]
    Draft202012Validator.check_schema(schema)
    assert not faults(kind, schema["examples"][0])
    assert decode(KINDS[kind], schema["examples"][0]).kind == kind


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_field_is_described(kind: str) -> None:
    """No field is without words."""
    for place, properties in _properties(all_schemas()[kind]):
        for field, schema in properties.items():
            assert schema.get("description"), f"{place}.{field}"


def test_rulings_name_existing_types() -> None:
    """Rows of the tables of fields belong to types that exist; harmless ones to fields that exist (P30)."""
    fields = {}
    for kind, schema in all_schemas().items():
        fields[kind] = set(schema["properties"])
        fields.update({name: set(part["properties"]) for name, part in schema["$defs"].items()})
    for key in (*HARMLESS, *DROPPED, *NOTES, *REFUSED):
        owner, _, field = key.partition(".")
        assert owner in fields, key
        assert (field in fields[owner]) == (key not in REFUSED), key


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield schema["title"], schema["properties"]
    for name, part in schema["$defs"].items():
        yield name, part["properties"]


_ODD = st.sampled_from(
    [None, True, False, 0, -1, 1, 80, 70000, 2**40, 1.5, "", "x", "Always", "web", "A_b", "5", "25%", "a b",
     "100m", "yes", "10.0.0.1", [], ["x"], [1], {}, {"name": "x"}, {"x": "y"}, {"port": 80}, "a\n", "x" * 300]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KIND_NAMES), st.data())
def test_type_and_schema_agree_on_mutated_documents(kind: str, data: st.DataObject) -> None:
    """Whatever is changed in a manifest, the type accepts it exactly when the schema does."""
    document = copy.deepcopy(all_schemas()[kind]["examples"][0])
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(document, data)
    document = {**document, "kind": kind}
    document.pop("status", None)
    assert _type_accepts(kind, document) == (not faults(kind, document)), json.dumps(document)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(KIND_NAMES), min_size=1, max_size=4), st.data())
def test_any_mutated_manifest_leads_to_a_result(kinds: list[str], data: st.DataObject) -> None:
    """However manifests are mangled, validation answers with objects and problems that have places (P23)."""
    documents = [copy.deepcopy(all_schemas()[kind]["examples"][0]) for kind in kinds]
    for document in documents:
        for _ in range(data.draw(st.integers(0, 3))):
            _mutate(document, data)
    text = "\n---\n".join(json.dumps(document) for document in documents)
    result = validate([SourceFile("a.yaml", text.encode())])
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in result.problems)


def _mutate(document: dict[str, Any], data: st.DataObject) -> None:
    containers = list(_containers(document))
    target = data.draw(st.sampled_from(containers))
    if isinstance(target, list):
        value = copy.deepcopy(data.draw(_ODD))
        if target and data.draw(st.booleans()):
            target[data.draw(st.integers(0, len(target) - 1))] = value
        elif value is not None:
            target.append(value)
        return
    names = sorted({*target, *data.draw(st.sampled_from(_FIELD_NAMES))})
    field = data.draw(st.sampled_from(names))
    value = copy.deepcopy(data.draw(_ODD))
    if value is None:
        target.pop(field, None)
    else:
        target[field] = value


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _containers(item)


_FIELD_NAMES = sorted(
    sorted(part["properties"]) for schema in all_schemas().values() for part in schema["$defs"].values()
)


def _type_accepts(kind: str, document: dict[str, Any]) -> bool:
    spec = KINDS[kind]
    if document.get("apiVersion") != spec.api_version or not isinstance(document.get("metadata"), dict):
        return False
    name = document["metadata"].get("name")
    name_schema = all_schemas()[kind]["properties"]["metadata"]["properties"]["name"]
    if not isinstance(name, str) or not Draft202012Validator(name_schema).is_valid(name):
        return False
    try:
        msgspec.convert(document, spec.type)
    except msgspec.ValidationError:
        return False
    return _is_strict(spec.type, document)


def _is_strict(annotation: Any, value: Any) -> bool:
    """Whether a value that its type accepts has no unknown or refused field, and makes one choice where one is due."""
    plain = plain_type(annotation)
    if isinstance(value, list):
        return all(_is_strict(step(plain, index), item) for index, item in enumerate(value))
    if not isinstance(value, dict):
        return True
    if is_map(plain):
        return all(_is_strict(step(plain, key), item) for key, item in value.items())
    assert is_struct(plain)
    names = {field.name: wire for wire, field in wire_fields(plain).items()}
    exactly = [names[field] for field in getattr(plain, "exactly_one", ())]
    at_most = [names[field] for field in getattr(plain, "at_most_one", ())]
    if exactly and sum(field in value for field in exactly) != 1:
        return False
    if at_most and sum(field in value for field in at_most) > 1:
        return False
    dropped = {key.partition(".")[2] for key in DROPPED if key.startswith(plain.__name__ + ".")}
    for key, item in value.items():
        if key == "kind" and plain.__name__ in KINDS:
            continue
        if key in dropped:
            continue
        if key not in wire_fields(plain) or f"{plain.__name__}.{key}" in REFUSED:
            return False
        if not _is_strict(step(plain, key), item):
            return False
    return True
