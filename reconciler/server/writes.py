"""Writes of objects: for now every one is refused, with the place where the object is declared."""

import json

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KindSpec
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, not_found


async def write(request: Request, spec: KindSpec) -> Response:
    """Tell why an object cannot be written here: where it is declared, or that nothing can be written yet."""
    name = request.path_params.get("name") or await _name_in_body(request)
    stored = None
    if name:
        ref = ObjectRef.of(spec.kind, request.path_params.get("namespace", ""), name)
        stored = context_of(request).objects.get(ref)
    if stored is None and "name" in request.path_params:
        raise not_found(spec.plural, spec.group, name)
    if stored is not None and stored.manager.startswith("source/"):
        raise _managed_by_git(spec, stored)
    raise ApiError(405, f"{spec.plural} are not written through the API: declare them in the repository")


async def _name_in_body(request: Request) -> str:
    try:
        body = json.loads(await request.body() or b"{}")
        return str(body["metadata"]["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def _managed_by_git(spec: KindSpec, stored: StoredObject) -> ApiError:
    place = stored.provenance
    where = f"{place.file}:{place.line}" if place else "its repository"
    commit = f" (commit {place.commit[:7]})" if place else ""
    message = f"{stored.ref} is declared by {stored.manager} at {where}{commit}: edit it there and push"
    details = {"name": stored.ref.name, "kind": spec.plural, "group": spec.group}
    if place:
        details |= {"file": place.file, "line": str(place.line), "commit": place.commit}
    return ApiError(409, message, details=details)
