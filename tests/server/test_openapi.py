"""The API's description of itself: true to the types, readable by generators, sent once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest
from api_double import Api
from populated import of_kind
from web import ask

from reconciler.model.kinds import KINDS, kind_of
from reconciler.model.observed import StoredObject
from reconciler.schema.descriptions_observed import OF_STATUSES
from reconciler.schema.examples import EXAMPLES
from reconciler.schema.types import is_struct, plain_type
from reconciler.server.merging import merging_of
from reconciler.server.openapi.build import version_2, version_3
from reconciler.server.openapi.definitions import Definitions, add_kind
from reconciler.server.openapi.protobuf import _message, encoded
from reconciler.server.resources import OWN_GROUP, group_versions, resources
from reconciler.server.wire import document

SERVED = {kind: spec for kind, spec in KINDS.items() if spec.served}
PLACES = [(group, version) for group, versions in group_versions().items() for version in versions]
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def place(group: str, version: str) -> str:
    """Return where a document is, below /openapi/v3/."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def references(schema: Any) -> Iterator[str]:
    """Yield every reference inside."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    for inside in schema if isinstance(schema, list) else ():
        yield from references(inside)


def test_the_index_leads_to_every_document(shared_api: Api) -> None:
    """One document for each group and version, at an address that names its content."""
    paths = ask(shared_api.path, "GET", "/openapi/v3").document["paths"]
    assert sorted(paths) == sorted(place(*one) for one in PLACES)
    for path, where in paths.items():
        answer = ask(shared_api.path, "GET", where["serverRelativeURL"])
        assert answer.code == 200, path
        assert answer.headers["cache-control"] == "public, immutable"
        assert answer.document["openapi"] == "3.0.0"


def test_an_outdated_address_leads_to_the_present_document(shared_api: Api) -> None:
    """After an upgrade a client that kept the index finds the new document."""
    answer = ask(shared_api.path, "GET", "/openapi/v3/api/v1?hash=OLD")
    assert answer.code == 301
    assert ask(shared_api.path, "GET", answer.headers["location"]).code == 200


@pytest.mark.parametrize("path", ["/openapi/v3", "/openapi/v3/apis/apps/v1", "/openapi/v2"])
def test_what_a_client_has_is_not_sent_again(shared_api: Api, path: str) -> None:
    """The digest names the content."""
    first = ask(shared_api.path, "GET", path)
    again = ask(shared_api.path, "GET", path, If_None_Match=first.headers["etag"])
    assert (again.code, again.content) == (304, b"")


def test_forms_that_we_have_not_are_refused(shared_api: Api) -> None:
    """With the ones that we have."""
    answer = ask(shared_api.path, "GET", "/openapi/v3", Accept="application/yaml")
    assert (answer.code, answer.document["reason"]) == (406, "NotAcceptable")
    assert ask(shared_api.path, "GET", "/openapi/v3/apis/none/v1").code == 404


@pytest.mark.parametrize(("group", "version"), PLACES)
def test_every_reference_leads_somewhere(group: str, version: str) -> None:
    """Generators of clients stop at the first one that does not."""
    document = version_3(group, version)
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= names
    identities = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(identities) == len(set(identities))


def test_every_resource_has_the_paths_of_its_verbs() -> None:
    """What discovery offers is described, method by method, with the kind it is about."""
    wanted = {"get": "get", "list": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
    for one in resources():
        if one.group == OWN_GROUP:
            continue
        base = f"/{place(one.group, one.version)}" + ("/namespaces/{namespace}" if one.namespaced else "")
        paths = version_3(one.group, one.version)["paths"]
        for verb in set(one.verbs) - {"watch"}:
            path = f"{base}/{one.plural}" + ("" if verb in ("list", "create") else "/{name}")
            operation = paths[path][wanted[verb]]
            gvk = {"group": one.group, "version": one.version, "kind": one.kind}
            assert operation["x-kubernetes-group-version-kind"] == gvk
            assert operation["responses"]["default"]["content"]
        for below in one.subresources:
            assert f"{base}/{one.plural}/{{name}}/{below.name}" in paths


def test_every_field_has_words() -> None:
    """`kubectl explain` says something of every field of every kind, also of those that are only observed."""
    definitions: Definitions = {}
    for kind in KINDS:
        add_kind(kind, definitions)
    silent = [
        f"{name}.{field}"
        for name, schema in definitions.items()
        for field, inside in schema["properties"].items()
        if not inside.get("description")
    ]
    assert silent == []


def test_words_are_of_fields_that_there_are() -> None:
    """No description outlives its field."""
    known = {
        f"{type_.__name__}.{field.encode_name}"
        for spec in KINDS.values()
        for type_ in _structures(spec.type)
        for field in msgspec.structs.fields(type_)
    }
    fields = {name.partition(".")[2] for name in known}
    stale = [
        key
        for key in OF_STATUSES
        if (key.partition(".")[2] not in fields if key.startswith("status.") else key not in known)
    ]
    assert stale == []


def _structures(type_: type, seen: set[type] | None = None) -> set[type]:
    seen = set() if seen is None else seen
    if type_ in seen:
        return seen
    seen.add(type_)
    for field in msgspec.structs.fields(type_):
        todo = [field.type]
        while todo:
            annotation = plain_type(todo.pop())
            if is_struct(annotation):
                _structures(annotation, seen)
            else:
                todo.extend(part for part in getattr(annotation, "__args__", ()) if part is not Ellipsis)
    return seen


def _validator(kind: str) -> jsonschema.Draft202012Validator:
    spec = KINDS[kind]
    document = version_3(spec.group, spec.version)
    wanted = {"group": spec.group, "version": spec.version, "kind": kind}
    name = next(
        name
        for name, schema in document["components"]["schemas"].items()
        if schema.get("x-kubernetes-group-version-kind") == [wanted]
    )
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **document})


@pytest.mark.parametrize("kind", sorted(SERVED))
def test_what_is_served_fits_its_schema(full_api: Api, kind: str) -> None:
    """Objects with their statuses, as they are sent, are what the description says; examples are, too."""
    validator = _validator(kind)
    for object in of_kind(full_api, kind):
        ref = next(stored.ref for stored in full_api.objects.by_kind(kind) if stored.object is object)
        shown = json.loads(json.dumps(document(StoredObject(ref=ref, object=object, manager=""), reveal=True)))
        assert [error.message for error in validator.iter_errors(shown)] == []
        undescribed = _undescribed(shown, validator.schema, validator.schema)
        assert list(undescribed) == []
    if kind in EXAMPLES and kind_of(EXAMPLES[kind]["apiVersion"], kind):
        assert [error.message for error in validator.iter_errors(EXAMPLES[kind])] == []


def _undescribed(value: Any, schema: Any, root: Any, path: str = "") -> Iterator[str]:
    """Yield the places of fields that the schema does not have."""
    schema = _resolved(schema, root)
    if isinstance(value, list):
        for inside in value:
            yield from _undescribed(inside, schema.get("items", {}), root, path)
    if isinstance(value, dict) and "properties" in schema:
        for field, inside in value.items():
            if field not in schema["properties"]:
                yield f"{path}.{field}"
            else:
                yield from _undescribed(inside, schema["properties"][field], root, f"{path}.{field}")


def _resolved(schema: Any, root: Any) -> Any:
    while "$ref" in schema or "allOf" in schema:
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = root["components"]["schemas"][reference.rpartition("/")[2]]
    return schema


def test_lists_say_how_they_merge() -> None:
    """Keys of a strategic merge patch, keys of maps, sets; the rest is replaced as a whole."""
    schemas = version_3("", "v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"
    ports = schemas["io.k8s.api.core.v1.Container"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["containerPort", "protocol"]
    command = schemas["io.k8s.api.core.v1.Container"]["properties"]["command"]
    assert command["x-kubernetes-list-type"] == "atomic"
    assert merging_of("DeploymentStatus", "conditions").keys == ("type",)


def test_version_2_is_the_same_in_both_forms(shared_api: Api) -> None:
    """Protocol buffers, the only form that some kubectl ask for, carry every definition with its properties."""
    as_json = ask(shared_api.path, "GET", "/openapi/v2")
    assert as_json.document["swagger"] == "2.0"
    answer = ask(shared_api.path, "GET", "/openapi/v2", Accept=PROTOBUF)
    # Go reads no media type with an @.
    assert answer.headers["content-type"] == PROTOBUF.replace("@", ".")
    message: Any = _message("Document")
    message.ParseFromString(answer.content)
    definitions = {one.name: one.value for one in message.definitions.additional_properties}
    assert sorted(definitions) == sorted(as_json.document["definitions"])
    for name, schema in as_json.document["definitions"].items():
        told = [one.name for one in definitions[name].properties.additional_properties]
        assert told == list(schema.get("properties", {})), name
        assert list(definitions[name].required) == schema.get("required", [])


def test_documents_are_the_same_every_time() -> None:
    """Their digests name them in caches of clients, across restarts."""
    assert encoded(version_2(resources())) == encoded(version_2(resources()))
    assert json.dumps(version_3("apps", "v1")) == json.dumps(version_3("apps", "v1"))
