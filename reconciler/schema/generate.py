"""Generates the JSON Schema of each kind from its type.

Pure: types in, schema out. `scripts/generate-schemas` writes the checked-in files. Optional structures are
plain references (the reader has removed nulls), so that a fault deep inside is reported at its own place.
"""

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from reconciler.model.kinds import KINDS, KindSpec, NameForm
from reconciler.model.kinds.meta import Object
from reconciler.model.kinds.scalars import (
    LABEL_PATTERN,
    PATH_SEGMENT_PATTERN,
    SERVICE_NAME_PATTERN,
    SUBDOMAIN_PATTERN,
)
from reconciler.schema.descriptions import describe
from reconciler.schema.examples import EXAMPLES
from reconciler.schema.fields import DROPPED, REFUSED, STATUS_NOTE

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_NAMES: Mapping[NameForm, Schema] = {
    NameForm.SUBDOMAIN: {"pattern": SUBDOMAIN_PATTERN, "maxLength": 253},
    NameForm.LABEL: {"pattern": LABEL_PATTERN, "maxLength": 63},
    NameForm.SERVICE: {"pattern": SERVICE_NAME_PATTERN, "maxLength": 63},
    NameForm.PATH_SEGMENT: {"pattern": PATH_SEGMENT_PATTERN, "maxLength": 253},
}
_META_WORDS = (
    ("pattern", "pattern"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("ge", "minimum"),
    ("le", "maximum"),
)
_ITEM_WORDS = {"minLength": "minItems", "maxLength": "maxItems"}
_PLAIN: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@cache
def schema_of(kind: str) -> Schema:
    """Return the JSON Schema of a declarable kind."""
    spec = KINDS[kind]
    definitions: dict[str, Schema] = {}
    root = _object(spec.type, definitions)
    properties = root["properties"]
    properties.pop("status", None)
    head = {
        "apiVersion": {"const": spec.api_version, "description": describe("Object", "apiVersion")},
        "kind": {"const": kind, "description": describe("Object", "kind")},
        "metadata": _metadata(spec),
    }
    tail = {"status": {"type": "object", "description": STATUS_NOTE[0].upper() + STATUS_NOTE[1:] + "."}}
    rest = {name: schema for name, schema in properties.items() if name not in head}
    required = [
        "apiVersion",
        "kind",
        "metadata",
        *(name for name in root.get("required", ()) if name not in head),
    ]
    return {
        "$schema": DRAFT,
        "$id": f"https://reconciler.dev/schema/{kind}.json",
        "title": kind,
        "description": root["description"],
        "type": "object",
        "properties": {**head, **rest, **tail},
        "required": required,
        "additionalProperties": False,
        "examples": [EXAMPLES[kind]],
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def all_schemas() -> dict[str, Schema]:
    """Return the schemas of all kinds that a manifest may be of, by kind."""
    return {kind: schema_of(kind) for kind, spec in sorted(KINDS.items()) if spec.declarable and spec.served}


def name_schema(spec: KindSpec) -> Schema:
    """Return the schema of the names of a kind."""
    return {"type": "string", "minLength": 1, **_NAMES[spec.name_form]}


def _metadata(spec: KindSpec) -> Schema:
    return {
        "$ref": "#/$defs/ObjectMeta",
        "description": describe("Object", "metadata"),
        "required": ["name"],
        "properties": {"name": name_schema(spec)},
    }


def _object(type_: type[msgspec.Struct], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of one type; the types it uses go to `definitions`."""
    name = type_.__name__
    properties: dict[str, Schema] = {}
    required = []
    for field in msgspec.structs.fields(type_):
        wire = field.encode_name
        if f"{name}.{wire}" in REFUSED or (wire == "status" and issubclass(type_, Object)):
            continue
        properties[wire] = {**_type(field.type, definitions), "description": describe(name, wire)}
        if field.required:
            required.append(wire)
    for key in DROPPED:
        owner, _, wire = key.partition(".")
        if owner == name:
            properties[wire] = {"description": describe(name, wire)}
    schema: Schema = {"description": _summary(type_), "type": "object", "properties": properties}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return {**schema, **_choice(type_)}


def _choice(type_: type[msgspec.Struct]) -> Schema:
    """Return the rule of a type of which exactly (or at most) one field may be set."""
    exactly = getattr(type_, "exactly_one", ())
    at_most = getattr(type_, "at_most_one", ())
    names = {field.name: field.encode_name for field in msgspec.structs.fields(type_)}
    options: list[Schema] = [{"required": [names[field]]} for field in exactly or at_most]
    if at_most:
        options.append({"not": {"anyOf": list(options)}})
    return {"oneOf": options} if options else {}


def _type(annotation: Any, definitions: dict[str, Schema]) -> Schema:
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return _reference(annotation, definitions)
    if annotation in _PLAIN:
        return {"type": _PLAIN[annotation]}
    if hasattr(annotation, "__metadata__"):
        return _constrained(annotation, definitions)
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}
    if origin in (Union, UnionType):
        return _union(get_args(annotation), definitions)
    if origin is tuple:
        return {"type": "array", "items": _type(get_args(annotation)[0], definitions)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = get_args(annotation)
        return _mapping(key, item, definitions)
    raise TypeError(f"no schema for {annotation}")


def _reference(type_: type[msgspec.Struct], definitions: dict[str, Schema]) -> Schema:
    name = type_.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _object(type_, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _constrained(annotation: Any, definitions: dict[str, Schema]) -> Schema:
    schema = _type(annotation.__origin__, definitions)
    for meta in annotation.__metadata__:
        for attribute, word in _META_WORDS:
            value = getattr(meta, attribute)
            if value is not None:
                schema[_ITEM_WORDS.get(word, word) if schema["type"] == "array" else word] = value
    return schema


def _union(members: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    """Merge the members into one schema: each JSON Schema word only judges values of its own type."""
    schemas = [_type(member, definitions) for member in members if member is not NoneType]
    if len(schemas) == 1:
        return schemas[0]
    merged: Schema = {}
    types: list[str] = []
    for schema in schemas:
        types.append(schema["type"])
        merged.update({word: value for word, value in schema.items() if word != "type"})
    if "number" in types and "integer" in types:
        types.remove("integer")
    return {"type": types, **merged}


def _mapping(key: Any, item: Any, definitions: dict[str, Schema]) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": _type(item, definitions)}
    names = _type(key, definitions)
    names.pop("type")
    return {**schema, "propertyNames": names} if names else schema


def _summary(type_: type) -> str:
    return " ".join((type_.__doc__ or "").split())
