"""Puts the documents together: one of OpenAPI 3 for each group and version, one of OpenAPI 2 for everything. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler import __version__
from reconciler.model.conversions import fields_in
from reconciler.model.kinds import KINDS, ObjectMeta
from reconciler.server.openapi.common import COMMON, FRAME, REVIEWS, SCALARS_V2, SCALARS_V3, computed, list_of
from reconciler.server.openapi.definitions import Definitions, Schema, add_kind, add_type
from reconciler.server.openapi.paths import paths_of
from reconciler.server.resources import OWN_GROUP, Resource, resources_of

_INFO = {"title": "reconciler", "version": f"v{__version__}"}


def version_3(group: str, version: str) -> dict[str, Any]:
    """Return the document of one group and version."""
    definitions, paths = _described(resources_of(group, version))
    named = {**definitions, **SCALARS_V3}
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": {path: _written_3(paths[path]) for path in sorted(paths)},
        "components": {"schemas": {name: _written_3(named[name]) for name in sorted(named)}},
    }


def version_2(listed: Iterable[Resource]) -> dict[str, Any]:
    """Return the document of everything; its paths are only told by version 3."""
    definitions, _ = _described(listed)
    named = {**definitions, **SCALARS_V2}
    written = {name: _written_2(named[name]) for name in sorted(named)}
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": written}


def _described(listed: Iterable[Resource]) -> tuple[Definitions, dict[str, Any]]:
    definitions: Definitions = {name: dict(schema) for name, schema in COMMON.items()}
    paths: dict[str, Any] = {}
    for one in listed:
        name = _add(one, definitions)
        paths |= paths_of(one, name)
    return definitions, paths


def _add(one: Resource, definitions: Definitions) -> str:
    """Add the schema of a resource's objects and of their lists; return the name of the first."""
    gvk = {"group": one.group, "version": one.version, "kind": one.kind}
    schema = computed(one.kind, gvk)
    if schema is not None:
        name = f"io.k8s.api.{(one.group or 'core').partition('.')[0]}.{one.version}.{one.kind}"
        definitions[name] = schema
        add_type(ObjectMeta, definitions)
    elif one.plural in REVIEWS:
        name = _add_review(one, gvk, definitions)
    elif one.group != OWN_GROUP and one.kind in KINDS and one.api_version != KINDS[one.kind].api_version:
        name = _add_other_version(one, gvk, definitions)
    elif one.group != OWN_GROUP and one.kind in KINDS:
        name = add_kind(one.kind, definitions)
    else:
        return ""
    if "list" in one.verbs:
        definitions[f"{name}List"] = list_of(one.kind, name, gvk)
    return name


def _add_other_version(one: Resource, gvk: Mapping[str, str], definitions: Definitions) -> str:
    """Add a kind in another version than the one that is kept: some of its fields have other names."""
    kept = definitions[add_kind(one.kind, definitions)]
    name = f"io.k8s.api.{one.group.partition('.')[0]}.{one.version}.{one.kind}"
    called = fields_in(one.api_version, one.kind)
    properties = {called.get(field, field): shape for field, shape in kept["properties"].items()}
    definitions[name] = {**kept, "properties": properties, "x-kubernetes-group-version-kind": [dict(gvk)]}
    return name


def _add_review(one: Resource, gvk: Mapping[str, str], definitions: Definitions) -> str:
    """Add a review: what is asked has a type, the answer is put beside it."""
    name = f"io.k8s.api.{one.group.partition('.')[0]}.{one.version}.{one.kind}"
    asked = definitions[add_type(REVIEWS[one.plural], definitions)]
    definitions[name] = {
        **asked,
        "properties": {**FRAME, **asked["properties"], "status": {"type": "object", "description": "The answer."}},
        "x-kubernetes-group-version-kind": [dict(gvk)],
    }
    add_type(ObjectMeta, definitions)
    return name


def _written_3(schema: Any) -> Any:
    """Write references as version 3 does: beside a reference nothing else may stand, so they are wrapped."""
    if isinstance(schema, list):
        return [_written_3(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if not isinstance(schema.get("$ref"), str):
        return {word: _written_3(value) for word, value in schema.items()}
    reference = {"$ref": f"#/components/schemas/{schema['$ref']}"}
    rest = {word: value for word, value in schema.items() if word != "$ref"}
    return {**rest, "allOf": [reference]} if rest else reference


def _written_2(schema: Any) -> Any:
    """Write references as version 2 does."""
    if isinstance(schema, list):
        return [_written_2(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    written: Schema = {word: _written_2(value) for word, value in schema.items()}
    if isinstance(schema.get("$ref"), str):
        written["$ref"] = f"#/definitions/{schema['$ref']}"
    return written
