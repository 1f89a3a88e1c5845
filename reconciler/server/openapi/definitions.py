"""The schemas of our types, for OpenAPI. Pure.

They describe what is served, so statuses are part of them. References are names only here; each version of OpenAPI
writes them in its own way.
"""

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from reconciler.model.kinds import KINDS, Object
from reconciler.model.kinds.scalars import Base64
from reconciler.schema.descriptions import DESCRIPTIONS
from reconciler.schema.descriptions_observed import describe_observed
from reconciler.schema.fields import DROPPED, HARMLESS
from reconciler.schema.types import is_map, is_struct, plain_type
from reconciler.server.merging import RETAINED, merging_of

Schema = dict[str, Any]
Definitions = dict[str, Schema]

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
TIME = f"{META}.Time"

_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    float: {"type": "number", "format": "double"},
    int: {"type": "integer", "format": "int64"},
    Any: {"type": "object"},
    msgspec.Raw: {"type": "object"},
    bytes: {"type": "string", "format": "byte"},
}
_INT32_MAX = 2**31 - 1
_META_WORDS = (("min_length", "minLength"), ("max_length", "maxLength"), ("ge", "minimum"), ("le", "maximum"))
_META_TYPES = frozenset({"ObjectMeta", "OwnerReference", "LabelSelector", "LabelSelectorRequirement", "Condition"})
_TIMES = ("Time", "Timestamp", "At", "timeAdded")


def add_kind(kind: str, into: Definitions) -> str:
    """Add a kind and everything it is made of; return the name of its schema."""
    spec = KINDS[kind]
    name = _add(spec.type, into)
    gvk = {"group": spec.group, "version": spec.version, "kind": kind}
    into[name]["x-kubernetes-group-version-kind"] = [gvk]
    return name


def add_type(type_: type[msgspec.Struct], into: Definitions) -> str:
    """Add a structure and everything it is made of; return the name of its schema."""
    return _add(type_, into)


@cache
def name_of(type_: type[msgspec.Struct]) -> str:
    """Return the name of a type's schema: that of Kubernetes for its types, one of ours otherwise."""
    module = type_.__module__
    if not module.startswith("reconciler.model.kinds."):
        return f"dev.reconciler.v1.{type_.__name__}"
    if type_.__name__ in _META_TYPES:
        return f"{META}.{type_.__name__}"
    own = [spec for spec in KINDS.values() if spec.type is type_]
    kinds = own or [spec for spec in KINDS.values() if spec.type.__module__ == module]
    places = sorted({spec.api_version for spec in kinds} or {"v1"}, key=lambda place: ("/" in place, place))
    group, _, version = places[0].rpartition("/")
    return f"io.k8s.api.{group.partition('.')[0] or 'core'}.{version}.{type_.__name__}"


def _add(type_: type[msgspec.Struct], into: Definitions) -> str:
    name = name_of(type_)
    if name not in into:
        into[name] = {}
        into[name] = _structure(type_, into)
    return name


def _structure(type_: type[msgspec.Struct], into: Definitions) -> Schema:
    properties: dict[str, Schema] = {}
    required = []
    if issubclass(type_, Object):
        properties["kind"] = {"type": "string", "description": DESCRIPTIONS["kind"]}
    for field in msgspec.structs.fields(type_):
        words = next(filter(None, (_words(one.__name__, field.encode_name) for one in type_.__mro__)), {})
        schema = _schema(field.type, into)
        if schema == _PLAIN[str] and field.encode_name.endswith(_TIMES):
            schema = {"$ref": TIME}
        properties[field.encode_name] = {**schema, **words, **_list_words(type_.__name__, field.encode_name, schema)}
        if field.required:
            required.append(field.encode_name)
    for key in DROPPED:
        owner, _, wire = key.partition(".")
        if owner == type_.__name__:
            properties[wire] = {**_dropped(wire), **_words(owner, wire)}
    schema = {"type": "object", "properties": dict(sorted(properties.items()))}
    if summary := " ".join((type_.__doc__ or "").split()):
        schema["description"] = summary
    return {**schema, "required": required} if required else schema


def _dropped(wire: str) -> Schema:
    return {"type": "array", "items": {"type": "object"}} if wire == "managedFields" else {"type": "string"}


def _words(type_name: str, field: str) -> Schema:
    text = describe_observed(type_name, field) or DESCRIPTIONS.get(f"{type_name}.{field}") or DESCRIPTIONS.get(field)
    note = HARMLESS.get(f"{type_name}.{field}") or DROPPED.get(f"{type_name}.{field}")
    parts = [text, f"In a manifest it has no effect: {note}." if note else ""]
    description = " ".join(part for part in parts if part)
    return {"description": description} if description else {}


def _list_words(type_name: str, field: str, schema: Schema) -> Schema:
    if f"{type_name}.{field}" in RETAINED:
        return {"x-kubernetes-patch-strategy": "retainKeys"}
    return merging_of(type_name, field).words() if schema.get("type") == "array" else {}


def _schema(annotation: Any, into: Definitions) -> Schema:
    if annotation == Base64:
        return {"type": "string", "format": "byte"}
    if hasattr(annotation, "__metadata__"):
        return _constrained(annotation, into)
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if is_struct(annotation):
        return {"$ref": _add(annotation, into)}
    origin = get_origin(annotation)
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}
    if origin in (Union, UnionType):
        return _union(get_args(annotation), into)
    if origin in (tuple, list):
        return {"type": "array", "items": _schema(get_args(annotation)[0], into)}
    if is_map(annotation) or origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(annotation)[1], into)}
    raise TypeError(f"no schema for {annotation}")


def _constrained(annotation: Any, into: Definitions) -> Schema:
    schema = _schema(annotation.__origin__, into)
    is_list = schema.get("type") == "array"
    for meta in annotation.__metadata__:
        for attribute, word in _META_WORDS:
            value = getattr(meta, attribute)
            if value is not None:
                schema[word.replace("Length", "Items") if is_list else word] = value
    if schema.get("type") == "integer" and schema.get("maximum", _INT32_MAX + 1) <= _INT32_MAX:
        schema["format"] = "int32"
    return schema


def _union(members: tuple[Any, ...], into: Definitions) -> Schema:
    """Return the one schema that a union stands for: something optional, a quantity, or a number or a name."""
    some = [member for member in members if member is not NoneType]
    if len(some) == 1:
        return _schema(some[0], into)
    plain = {plain_type(member) for member in some}
    if plain == {str, int, float}:
        return {"$ref": QUANTITY}
    if plain == {str, int}:
        return {"$ref": INT_OR_STRING}
    raise TypeError(f"no schema for a union of {members}")
