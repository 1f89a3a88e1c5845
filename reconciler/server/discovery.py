"""What there is to ask for: versions, groups, kinds, in both forms that clients know. Pure."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler import __version__
from reconciler.model.kinds import KINDS, KindSpec
from reconciler.server.errors import ApiError

OWN_GROUP = "reconciler.dev"
_VERBS = ("get", "list", "watch")
_MINOR = "33"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
_OWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("acknowledgements", "Acknowledgement", ("create",)),
    ("actions", "Action", ("list",)),
    ("events", "Event", ("list",)),
    ("explain", "Explanation", ("get",)),
    ("plan", "Plan", ("create", "get")),
    ("plans", "Plan", ("get", "list")),
    ("revisions", "Revision", ("list",)),
    ("sources", "Source", ("create",)),
    ("status", "Status", ("get",)),
)


async def version(_: Request) -> Response:
    """Return our version in the form of Kubernetes; the minor says whose behaviour we follow."""
    return JSONResponse(
        {
            "major": "1",
            "minor": _MINOR,
            "gitVersion": f"v1.{_MINOR}.0+reconciler.{__version__}",
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "",
            "platform": "linux",
        }
    )


async def core(request: Request) -> Response:
    """Return the versions of the core group."""
    if form := _aggregated_form(request):
        return _aggregated(form, [group for group in _groups() if not group])
    return JSONResponse({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})


async def groups(request: Request) -> Response:
    """Return all named groups."""
    if form := _aggregated_form(request):
        return _aggregated(form, [group for group in _groups() if group])
    return JSONResponse({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g) for g in _groups() if g]})


async def one_group(request: Request) -> Response:
    """Return one named group."""
    name = request.path_params["group"]
    if name not in _groups() or not name:
        raise ApiError(404, "the server could not find the requested resource")
    return JSONResponse({"kind": "APIGroup", "apiVersion": "v1", **_group(name)})


async def resources(request: Request) -> Response:
    """Return the kinds of one group and version."""
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    if version not in _groups().get(group, ()):
        raise ApiError(404, "the server could not find the requested resource")
    listed = _own_resources() if group == OWN_GROUP else _kind_resources(group, version)
    name = f"{group}/{version}" if group else version
    return JSONResponse({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed})


async def alive(_: Request) -> Response:
    """Say that the API's loop runs."""
    return Response("ok", media_type="text/plain")


def _groups() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {OWN_GROUP: {"v1"}}
    for spec in KINDS.values():
        found.setdefault(spec.group, set()).add(spec.version)
    return {group: tuple(sorted(found[group])) for group in sorted(found)}


def _group(name: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in _groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _specs(group: str, version: str) -> list[KindSpec]:
    found = [spec for spec in KINDS.values() if (spec.group, spec.version) == (group, version)]
    return sorted(found, key=lambda spec: spec.plural)


def _kind_resources(group: str, version: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for spec in _specs(group, version):
        entry: dict[str, Any] = {
            "name": spec.plural,
            "singularName": spec.singular,
            "namespaced": spec.namespaced,
            "kind": spec.kind,
            "verbs": list(_VERBS),
        }
        if spec.short_names:
            entry["shortNames"] = list(spec.short_names)
        if spec.categories:
            entry["categories"] = list(spec.categories)
        listed.append(entry)
        if spec.kind == "Pod":
            log = {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]}
            listed.append(log)
    return listed


def _own_resources() -> list[dict[str, Any]]:
    return [
        {"name": name, "singularName": "", "namespaced": False, "kind": kind, "verbs": list(verbs)}
        for name, kind, verbs in _OWN
    ]


def _aggregated_form(request: Request) -> str:
    """Return the version of aggregated discovery that the client prefers and we have, or nothing."""
    for part in request.headers.get("accept", "").split(","):
        fields = dict(f.strip().partition("=")[::2] for f in part.split(";")[1:])
        if fields.get("g") == "apidiscovery.k8s.io" and fields.get("v") in ("v2", "v2beta1"):
            return fields["v"]
    return ""


def _aggregated(form: str, names: list[str]) -> Response:
    document = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{form}",
        "metadata": {},
        "items": [_discovery_group(name) for name in names],
    }
    return JSONResponse(document, media_type=_AGGREGATED.format(version=form))


def _discovery_group(name: str) -> dict[str, Any]:
    versions = [
        {"version": version, "resources": _discovery_resources(name, version), "freshness": "Current"}
        for version in _groups()[name]
    ]
    return {"metadata": {"name": name} if name else {}, "versions": versions}


def _discovery_resources(group: str, version: str) -> list[dict[str, Any]]:
    if group == OWN_GROUP:
        return [_discovery(name, "", kind, OWN_GROUP, "v1", False, verbs) for name, kind, verbs in _OWN]
    listed = []
    for spec in _specs(group, version):
        entry = _discovery(spec.plural, spec.singular, spec.kind, group, version, spec.namespaced, _VERBS)
        if spec.short_names:
            entry["shortNames"] = list(spec.short_names)
        if spec.categories:
            entry["categories"] = list(spec.categories)
        if spec.kind == "Pod":
            kind = {"group": "", "version": "v1", "kind": "Pod"}
            entry["subresources"] = [{"subresource": "log", "responseKind": kind, "verbs": ["get"]}]
        listed.append(entry)
    return listed


def _discovery(
    name: str, singular: str, kind: str, group: str, version: str, namespaced: bool, verbs: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "resource": name,
        "responseKind": {"group": group, "version": version, "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "singularResource": singular,
        "verbs": list(verbs),
    }
