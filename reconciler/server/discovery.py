"""What there is to ask for: versions, groups, kinds, in both forms that clients know. Pure.

Every document is made once and kept as bytes.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.server.cached import JSON, Document, answer, make_document
from reconciler.server.errors import ApiError
from reconciler.server.resources import Resource, Subresource, group_versions, resources_of
from reconciler.server.wire import encode

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList"
_FORMS = ("v2", "v2beta1")
_NOT_FOUND = "the server could not find the requested resource"


async def core(request: Request) -> Response:
    """Return the versions of the core group."""
    if form := _aggregated_form(request):
        return answer(request, _aggregated(form, named=False))
    versions = list(group_versions()[""])
    return JSONResponse({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": _here(request)})


async def groups(request: Request) -> Response:
    """Return all named groups."""
    form = _aggregated_form(request)
    return answer(request, _aggregated(form, named=True) if form else _group_list())


async def one_group(request: Request) -> Response:
    """Return one named group."""
    name = request.path_params["group"]
    if name not in group_versions() or not name:
        raise ApiError(404, _NOT_FOUND)
    return answer(request, _one_group(name))


async def resources(request: Request) -> Response:
    """Return the resources of one group and version."""
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    if version not in group_versions().get(group, ()) or ("group" in request.path_params and not group):
        raise ApiError(404, _NOT_FOUND)
    return answer(request, _resource_list(group, version))


def _here(request: Request) -> list[dict[str, str]]:
    """Return where this server listens, when it is a network address."""
    host, port = request.scope.get("server") or ("", None)
    return [{"clientCIDR": "0.0.0.0/0", "serverAddress": f"{host}:{port}"}] if port else []


def _aggregated_form(request: Request) -> str:
    """Return the version of aggregated discovery that the client prefers and we have, or nothing."""
    for part in request.headers.get("accept", "").split(","):
        media, *parameters = (field.strip() for field in part.split(";"))
        fields = dict(field.partition("=")[::2] for field in parameters)
        wanted = fields.get("g"), fields.get("as")
        if media == JSON and wanted == ("apidiscovery.k8s.io", "APIGroupDiscoveryList") and fields.get("v") in _FORMS:
            return fields["v"]
        if media in (JSON, "*/*", "application/*") and not fields.get("g"):
            return ""
    return ""


# Legacy: a list of groups, and one of resources for each of their versions


@cache
def _group_list() -> Document:
    named = [_group(name) for name in group_versions() if name]
    return make_document(encode({"kind": "APIGroupList", "apiVersion": "v1", "groups": named}))


@cache
def _one_group(name: str) -> Document:
    return make_document(encode({"kind": "APIGroup", "apiVersion": "v1", **_group(name)}))


def _group(name: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in group_versions()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


@cache
def _resource_list(group: str, version: str) -> Document:
    listed = [entry for one in resources_of(group, version) for entry in _listed(one)]
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}"}
    if not group:
        head = {"kind": "APIResourceList", "groupVersion": version}
    return make_document(encode({**head, "resources": listed}))


def _listed(one: Resource) -> list[dict[str, Any]]:
    entry = {
        "name": one.plural,
        "singularName": one.singular,
        "namespaced": one.namespaced,
        "kind": one.kind,
        "verbs": one.verbs,
        **_words(one),
    }
    return [entry, *(_listed_below(one, below) for below in one.subresources)]


def _listed_below(one: Resource, below: Subresource) -> dict[str, Any]:
    place = {"group": below.group, "version": below.version} if below.group else {}
    name = {"name": f"{one.plural}/{below.name}", "singularName": "", "namespaced": one.namespaced}
    return {**name, **place, "kind": below.kind, "verbs": below.verbs}


def _words(one: Resource) -> dict[str, Any]:
    words = {"shortNames": one.short_names, "categories": one.categories}
    return {name: given for name, given in words.items() if given}


# Aggregated: everything in one document


@cache
def _aggregated(form: str, *, named: bool) -> Document:
    document = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{form}",
        "metadata": {},
        "items": [_discovery_group(name) for name in group_versions() if bool(name) is named],
    }
    return make_document(encode(document), _AGGREGATED.format(form=form))


def _discovery_group(name: str) -> dict[str, Any]:
    of: Callable[[str], list[dict[str, Any]]] = lambda version: [_discovery(r) for r in resources_of(name, version)]  # noqa: E731
    versions = [{"version": v, "resources": of(v), "freshness": "Current"} for v in group_versions()[name]]
    return {"metadata": {"name": name} if name else {}, "versions": versions}


def _discovery(one: Resource) -> dict[str, Any]:
    entry = {
        "resource": one.plural,
        # Empty: of the group and version that it is listed in.
        "responseKind": {"group": "", "version": "", "kind": one.kind},
        "scope": "Namespaced" if one.namespaced else "Cluster",
        "singularResource": one.singular,
        "verbs": one.verbs,
        **_words(one),
    }
    below = [_discovery_below(subresource) for subresource in one.subresources]
    return {**entry, "subresources": below} if below else entry


def _discovery_below(below: Subresource) -> dict[str, Any]:
    kind = {"group": below.group, "version": below.version, "kind": below.kind}
    return {"subresource": below.name, "responseKind": kind, "verbs": below.verbs}
