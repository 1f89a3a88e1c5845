"""The OpenAPI 2 document as protocol buffers: the only form in which some versions of kubectl ask for it. Pure.

The messages are the part of `openapi.v2` (gnostic's) that the document uses, by its field numbers.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_PACKAGE = "openapi.v2"
_TYPES = descriptor_pb2.FieldDescriptorProto
# Message -> field -> number and type; `*` repeats, a capital letter begins the name of a message.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Document": {
        "swagger": (1, "string"),
        "info": (2, "Info"),
        "paths": (8, "Paths"),
        "definitions": (9, "Definitions"),
    },
    "Info": {"title": (1, "string"), "version": (2, "string")},
    "Paths": {},
    "Definitions": {"additional_properties": (1, "*NamedSchema")},
    "Properties": {"additional_properties": (1, "*NamedSchema")},
    "NamedSchema": {"name": (1, "string"), "value": (2, "Schema")},
    "NamedAny": {"name": (1, "string"), "value": (2, "Any")},
    "Any": {"yaml": (2, "string")},
    "TypeItem": {"value": (1, "*string")},
    "ItemsItem": {"schema": (1, "*Schema")},
    "AdditionalPropertiesItem": {"schema": (1, "Schema")},
    "Schema": {
        "_ref": (1, "string"),
        "format": (2, "string"),
        "description": (4, "string"),
        "maximum": (7, "double"),
        "minimum": (9, "double"),
        "max_length": (11, "int64"),
        "min_length": (12, "int64"),
        "max_items": (14, "int64"),
        "min_items": (15, "int64"),
        "required": (19, "*string"),
        "enum": (20, "*Any"),
        "additional_properties": (21, "AdditionalPropertiesItem"),
        "type": (22, "TypeItem"),
        "items": (23, "ItemsItem"),
        "properties": (25, "Properties"),
        "vendor_extension": (31, "*NamedAny"),
    },
}
_SCALARS = {"string": _TYPES.TYPE_STRING, "double": _TYPES.TYPE_DOUBLE, "int64": _TYPES.TYPE_INT64}
_PLAIN = {
    "$ref": "_ref",
    "format": "format",
    "description": "description",
    "maximum": "maximum",
    "minimum": "minimum",
    "maxLength": "max_length",
    "minLength": "min_length",
    "maxItems": "max_items",
    "minItems": "min_items",
}


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return an OpenAPI 2 document as protocol buffers."""
    message: Any = _message("Document")
    message.swagger = document["swagger"]
    message.info.title, message.info.version = document["info"]["title"], document["info"]["version"]
    message.paths.SetInParent()
    for name, schema in document["definitions"].items():
        _fill_named(message.definitions.additional_properties.add(), name, schema)
    return bytes(message.SerializeToString(deterministic=True))


def _fill_named(named: Any, name: str, schema: Mapping[str, Any]) -> None:
    named.name = name
    named.value.SetInParent()
    _fill(named.value, schema)


def _fill(message: Any, schema: Mapping[str, Any]) -> None:
    for word, value in schema.items():
        if word in _PLAIN:
            setattr(message, _PLAIN[word], value)
        elif word.startswith("x-"):
            extension = message.vendor_extension.add()
            # JSON is YAML.
            extension.name, extension.value.yaml = word, msgspec.json.encode(value).decode()
        else:
            _fill_structure(message, word, value)


def _fill_structure(message: Any, word: str, value: Any) -> None:
    match word:
        case "type":
            message.type.value.append(value)
        case "required":
            message.required.extend(value)
        case "enum":
            for member in value:
                message.enum.add().yaml = msgspec.json.encode(member).decode()
        case "items":
            _fill(message.items.schema.add(), value)
        case "additionalProperties":
            _fill(message.additional_properties.schema, value)
        case "properties":
            message.properties.SetInParent()
            for name, schema in value.items():
                _fill_named(message.properties.additional_properties.add(), name, schema)
        case _:
            raise TypeError(f"no place for {word} in the messages of {_PACKAGE}")


def _message(name: str) -> Message:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))()


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="openapi_v2.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    plain = kind.removeprefix("*")
    field = message.field.add(name=name, number=number)
    field.label = _TYPES.LABEL_REPEATED if kind != plain else _TYPES.LABEL_OPTIONAL
    if plain in _SCALARS:
        field.type = _SCALARS[plain]
    else:
        field.type, field.type_name = _TYPES.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
