"""What may be asked, for OpenAPI: paths with their parameters and answers. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.server.openapi.common import DELETE_OPTIONS, PATCH, STATUS
from reconciler.server.openapi.definitions import Schema
from reconciler.server.resources import OWN_GROUP, Resource, Subresource

Path = dict[str, Any]

_METHODS: Mapping[str, str] = {
    "get": "get",
    "list": "get",
    "create": "post",
    "update": "put",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}
_ACTIONS: Mapping[str, str] = {"create": "post", "update": "put"}
_ON_COLLECTION = frozenset({"list", "create", "deletecollection"})
_PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json")


def paths_of(one: Resource, schema: str) -> dict[str, Path]:
    """Return the paths of a resource; `schema` is the name of its objects' schema."""
    if one.group == OWN_GROUP:
        return {}
    base = f"/apis/{one.api_version}" if one.group else f"/api/{one.version}"
    inside = f"{base}/namespaces/{{namespace}}/{one.plural}" if one.namespaced else f"{base}/{one.plural}"
    paths = {
        inside: _path(one, schema, _collection_verbs(one), namespaced=one.namespaced),
        f"{inside}/{{name}}": _path(one, schema, _single_verbs(one), namespaced=one.namespaced, named=True),
    }
    if one.namespaced and "list" in one.verbs:
        paths[f"{base}/{one.plural}"] = _path(one, schema, ("list",), namespaced=False)
    for below in one.subresources:
        paths[f"{inside}/{{name}}/{below.name}"] = _below(one, below)
    return {path: operations for path, operations in paths.items() if set(operations) - {"parameters"}}


def _collection_verbs(one: Resource) -> tuple[str, ...]:
    return tuple(verb for verb in one.verbs if verb in _ON_COLLECTION)


def _single_verbs(one: Resource) -> tuple[str, ...]:
    return tuple(verb for verb in one.verbs if verb in _METHODS and verb not in _ON_COLLECTION)


def _path(one: Resource, schema: str, verbs: tuple[str, ...], *, namespaced: bool, named: bool = False) -> Path:
    scope = "Namespaced" if namespaced or (named and one.namespaced) else "ForAllNamespaces" if one.namespaced else ""
    operations = {_METHODS[verb]: _operation(one, schema, verb, scope) for verb in verbs}
    return {**operations, "parameters": list(_placeholders(namespaced, named))}


def _operation(one: Resource, schema: str, verb: str, scope: str) -> dict[str, Any]:
    answer = f"{schema}List" if verb == "list" else schema if verb not in ("delete", "deletecollection") else STATUS
    operation = {
        "operationId": f"{verb}{_camel(one)}{scope}{one.kind}",
        "description": f"{verb.capitalize()} {one.kind} objects." if verb == "list" else f"{verb.capitalize()} one.",
        "tags": [_tag(one)],
        "parameters": [*(_LIST if verb in ("list", "deletecollection") else ()), *_OF_VERB.get(verb, ())],
        "responses": _responses(answer, one.kind),
        "x-kubernetes-action": _ACTIONS.get(verb, verb),
        "x-kubernetes-group-version-kind": {"group": one.group, "version": one.version, "kind": one.kind},
    }
    body = _body(verb, schema)
    return {**operation, "requestBody": body} if body else operation


def _below(one: Resource, below: Subresource) -> Path:
    operations = {}
    for verb in below.verbs:
        name = "".join(part.capitalize() for part in below.name.split("-"))
        operations[_METHODS[verb]] = {
            "operationId": f"{verb}{_camel(one)}{one.kind}{name}",
            "description": f"The subresource {below.name} of a {one.kind}.",
            "tags": [_tag(one)],
            "parameters": list(_OF_SUBRESOURCE.get(f"{one.kind}/{below.name}", ())),
            "responses": {"200": {"description": "OK"}, "default": _REFUSAL},
            "x-kubernetes-action": "connect",
            "x-kubernetes-group-version-kind": {
                "group": below.group or one.group,
                "version": below.version or one.version,
                "kind": below.kind,
            },
        }
    return {**operations, "parameters": list(_placeholders(one.namespaced, True))}


def _responses(answer: str, kind: str) -> dict[str, Any]:
    good = {"description": "OK", "content": {"application/json": {"schema": {"$ref": answer}}}}
    return {"200": good, "default": _REFUSAL}


def _body(verb: str, schema: str) -> dict[str, Any] | None:
    if verb == "patch":
        return {"required": True, "content": {media: {"schema": {"$ref": PATCH}} for media in _PATCHES}}
    if verb in ("create", "update"):
        return {"required": True, "content": {"application/json": {"schema": {"$ref": schema}}}}
    if verb == "delete":
        return {"content": {"application/json": {"schema": {"$ref": DELETE_OPTIONS}}}}
    return None


def _camel(one: Resource) -> str:
    group = (one.group or "core").partition(".")[0]
    return f"{group.capitalize()}{one.version.upper()}"


def _tag(one: Resource) -> str:
    return f"{(one.group or 'core').partition('.')[0]}_{one.version}"


def _placeholders(namespaced: bool, named: bool) -> Iterator[Schema]:
    if named:
        yield _parameter("name", "Name of the object.", place="path")
    if namespaced:
        yield _parameter("namespace", "Namespace of the object.", place="path")


def _parameter(name: str, description: str, type_: str = "string", *, place: str = "query") -> Schema:
    required = {"required": True} if place == "path" else {}
    bound = {"minimum": 0} if type_ == "integer" else {}
    return {
        "name": name,
        "in": place,
        "description": description,
        "schema": {"type": type_, **bound},
        **required,
    }


_REFUSAL: Schema = {
    "description": "What is wrong.",
    "content": {"application/json": {"schema": {"$ref": STATUS}}},
}
_LIST: tuple[Schema, ...] = (
    _parameter("allowWatchBookmarks", "Whether a watch now and then tells how far it is.", "boolean"),
    _parameter("continue", "Token of the page before."),
    _parameter("fieldSelector", "Only objects whose fields are so."),
    _parameter("labelSelector", "Only objects whose labels are so."),
    _parameter("limit", "How many objects a page may have.", "integer"),
    _parameter("resourceVersion", "Number of the change that the answer must at least know."),
    _parameter("resourceVersionMatch", "How that number counts: Exact or NotOlderThan."),
    _parameter("sendInitialEvents", "Whether a watch begins with what there is.", "boolean"),
    _parameter("timeoutSeconds", "How long a watch lasts.", "integer"),
    _parameter("watch", "Tells changes as they happen instead of a list.", "boolean"),
)
_DRY_RUN = _parameter("dryRun", "All: change nothing, only check.")
_OF_VERB: Mapping[str, tuple[Schema, ...]] = {
    "create": (_DRY_RUN,),
    "update": (_DRY_RUN,),
    "patch": (_DRY_RUN,),
    "delete": (
        _DRY_RUN,
        _parameter("gracePeriodSeconds", "How long a Pod may take to end.", "integer"),
        _parameter("propagationPolicy", "What becomes of the objects that belong to it."),
    ),
}
_OF_SUBRESOURCE: Mapping[str, tuple[Schema, ...]] = {
    "Pod/log": (
        _parameter("container", "Which container; needed when there are several."),
        _parameter("follow", "Goes on with new lines.", "boolean"),
        _parameter("limitBytes", "How much to send at most.", "integer"),
        _parameter("previous", "The run before this one.", "boolean"),
        _parameter("sinceSeconds", "Only lines of the last seconds.", "integer"),
        _parameter("sinceTime", "Only lines after a time."),
        _parameter("tailLines", "Only the last lines.", "integer"),
        _parameter("timestamps", "Begins each line with its time.", "boolean"),
        _parameter("stream", "Only one stream: Stdout or Stderr; All is both."),
    ),
    "Pod/attach": (
        _parameter("container", "Which container; needed when there are several."),
        _parameter("stdin", "Whether its process is given input.", "boolean"),
        _parameter("stdout", "Whether what it writes is sent.", "boolean"),
        _parameter("stderr", "Whether its errors are sent.", "boolean"),
        _parameter("tty", "Whether it has a terminal.", "boolean"),
    ),
    "Pod/exec": (
        _parameter("command", "The command, one word each."),
        _parameter("container", "Which container; needed when there are several."),
        _parameter("stdin", "Whether it reads.", "boolean"),
        _parameter("stdout", "Whether what it writes is sent.", "boolean"),
        _parameter("stderr", "Whether its errors are sent.", "boolean"),
        _parameter("tty", "Whether it gets a terminal.", "boolean"),
    ),
}
