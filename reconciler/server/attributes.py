"""What a request wants, read from its method, path and query as Kubernetes reads them. Pure.

The path that is judged is the one that is routed: both are the decoded path, and what could be read in two ways is
refused. So are the query's parameters: the same functions read them here and in the handlers.
"""

from collections.abc import Mapping

from starlette.requests import HTTPConnection

from reconciler.model.access import RequestAttributes
from reconciler.model.kinds import KINDS
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.resources import OWN_GROUP
from reconciler.server.selection import make_selection

_VERBS: Mapping[str, str] = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# What opens a connection into a Pod is a create, also where it is asked for by GET: reading must not be enough for it.
_CONNECT = frozenset({"attach", "exec", "portforward", "proxy"})
# Of these there is one each: asking for it is a get, not a list.
_SINGLE = frozenset({"capacity", "explain", "forecast", "plan", "status"})
_OF_NAMESPACES = frozenset({"finalize", "status"})
_NO = frozenset({"0", "f", "false"})
_SEGMENT_MAX = 253
_REFUSED_ENCODINGS = (b"%2f", b"%5c", b"%00")
_KINDS = {(spec.group, spec.version, spec.plural): spec for spec in KINDS.values()}


def attributes_of(connection: HTTPConnection) -> RequestAttributes:
    """Return what a request wants; raise ApiError for a path that could be read in two ways."""
    method = connection.scope.get("method", "GET")
    path = _checked_path(connection)
    parts = path.strip("/").split("/")
    if not _is_of_resource(parts):
        return RequestAttributes(verb=method.lower(), path=path)
    group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
            rest = rest[2:]
    resource, name, subresource = (*rest[:3], "", "")[:3]
    return _narrowed(
        connection,
        RequestAttributes(
            verb=_VERBS.get(method, ""),
            group=group,
            version=version,
            namespace=namespace,
            resource=resource,
            name=name,
            subresource=subresource,
        ),
    )


def is_watch(connection: HTTPConnection) -> bool:
    """Whether a watch is asked for; a word that is no boolean is refused by the handler, and judged as a watch."""
    asked = connection.query_params.get("watch")
    return asked is not None and asked.lower() not in _NO


def _is_of_resource(parts: list[str]) -> bool:
    """Whether a path is that of a kind: below a version of the core group or of a named one."""
    return len(parts) >= 3 if parts[0] == "api" else parts[0] == "apis" and len(parts) >= 4


def _narrowed(connection: HTTPConnection, wanted: RequestAttributes) -> RequestAttributes:
    """Tell lists and watches from gets, and one from many; a list by name counts as about that name."""
    verb, name = wanted.verb, wanted.name
    if wanted.subresource in _CONNECT and wanted.resource in ("pods", "services", "nodes"):
        verb = "create"
    elif verb == "get" and not wanted.subresource:
        if is_watch(connection):
            verb = "watch"
        elif not name and not (wanted.group == OWN_GROUP and wanted.resource in _SINGLE):
            verb = "list"
        name = name or _selected_name(connection, wanted)
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return RequestAttributes(
        verb=verb,
        group=wanted.group,
        version=wanted.version,
        namespace=wanted.namespace,
        resource=wanted.resource,
        name=name,
        subresource=wanted.subresource,
    )


def _selected_name(connection: HTTPConnection, wanted: RequestAttributes) -> str:
    """Return the one name that a field selector leaves, or nothing; the handler reads it in the same way."""
    selector = connection.query_params.get("fieldSelector", "")
    spec = _KINDS.get((wanted.group, wanted.version, wanted.resource))
    if spec is None or not selector:
        return ""
    try:
        return make_selection(spec, field_selector=selector).name
    except ApiError:
        return ""


def _checked_path(connection: HTTPConnection) -> str:
    path: str = connection.scope["path"]
    raw: bytes = connection.scope.get("raw_path") or path.encode("utf-8", "replace")
    if any(encoding in raw.lower() for encoding in _REFUSED_ENCODINGS):
        raise bad_request("path: encoded slashes and NUL are not accepted")
    segments = path.removeprefix("/").split("/")
    if segments[-1] == "":
        segments = segments[:-1]
    if not path.startswith("/") or "" in segments:
        raise ApiError(404, "the server could not find the requested resource")
    if any(segment in (".", "..") for segment in segments):
        raise bad_request("path: the segments '.' and '..' are not accepted")
    if any(len(segment) > _SEGMENT_MAX for segment in segments):
        raise bad_request(f"path: a segment has more than {_SEGMENT_MAX} characters")
    if any(not character.isprintable() for character in path):
        raise bad_request("path: control characters are not accepted")
    return path
