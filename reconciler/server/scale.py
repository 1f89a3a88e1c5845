"""The subresource `scale`: how many Pods a workload has and is to have, in one form for all kinds.

How many there are to be is changed in Git; a write is judged as Kubernetes does, and then refused with the place.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.base import to_builtins
from reconciler.model.scale import SCALED, Scale, scale_of
from reconciler.planner.updates.scale import scale_faults
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.patching import APPLY, MERGE_PATCH, STRATEGIC, TYPES, Json, patched, read_json
from reconciler.server.paths import existing, kind_of_path, ref_of_path
from reconciler.server.refusals import invalid, refusal
from reconciler.server.wire import encode
from reconciler.server.writes import author_of, conflict


async def scale(request: Request) -> Response:
    """Return the scale of a workload, or refuse to change it."""
    context, spec = context_of(request), kind_of_path(request)
    ref = ref_of_path(request, spec)
    if spec.kind not in SCALED:
        raise ApiError(404, "the server could not find the requested resource")
    stored = existing(context, spec, ref)
    present = scale_of(stored.object)
    if request.method in ("GET", "HEAD"):
        return _answered(present)
    if request.method not in ("PUT", "PATCH"):
        raise ApiError(405, f"the server does not allow {request.method} on scale")
    author_of(request)
    wanted = _wanted(request, _document(present), await request.body())
    if wanted.metadata.resource_version not in ("", present.metadata.resource_version):
        raise conflict(spec, ref.name, "resourceVersion")
    if faults := tuple(scale_faults(wanted)):
        raise invalid(spec, ref.name, faults)
    if wanted.spec == present.spec:
        return _answered(present)
    raise refusal(context.objects, spec, stored, "spec.replicas")


def _wanted(request: Request, present: Json, body: bytes) -> Scale:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "PATCH":
        if content_type not in TYPES or content_type == APPLY:
            raise ApiError(415, f"a patch has one of the types {', '.join(TYPES)}, not {content_type[:60]!r}")
        # It has no lists: both sorts of merging come to the same.
        after = patched("Scale", present, MERGE_PATCH if content_type == STRATEGIC else content_type, body)
    else:
        after = read_json(body)
    if not isinstance(after, dict) or after.get("kind", "Scale") != "Scale":
        raise bad_request("the body is not a Scale of autoscaling/v1")
    try:
        return msgspec.convert(after, Scale)
    except msgspec.ValidationError as error:
        raise bad_request(f"the body is not a Scale: {error}") from error


def _document(found: Scale) -> Json:
    plain: dict[str, Any] = to_builtins(found)
    status = {"replicas": found.status.replicas, **plain.get("status", {})}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {}, "spec": {}, **plain, "status": status}


def _answered(found: Scale) -> Response:
    return Response(encode(_document(found)), media_type="application/json")
