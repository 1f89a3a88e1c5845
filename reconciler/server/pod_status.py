"""The subresource `status` of Pods: what other controllers say of a Pod, such as that a readiness gate is open.

Nodes and the cluster keep all else of a status; a write of it is judged as Kubernetes does, and then refused.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Condition, KindSpec, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.pod_status import KEPT_CONDITIONS, status_faults
from reconciler.server.context import Context, context_of
from reconciler.server.errors import ApiError
from reconciler.server.overriding import Accepted, differing, shown
from reconciler.server.paths import existing
from reconciler.server.refusals import invalid
from reconciler.server.writes import answered, asked_of, author_of, is_dry_run, written

replace = msgspec.structs.replace
Conditions = tuple[Condition, ...]


async def status(request: Request) -> Response:
    """Return a Pod with its status, or write conditions of it."""
    context, spec = context_of(request), KINDS["Pod"]
    ref = ObjectRef.of("Pod", request.path_params["namespace"], request.path_params["name"])
    stored = existing(context, spec, ref)
    if request.method in ("GET", "HEAD"):
        return answered(stored)
    if request.method not in ("PUT", "PATCH"):
        raise ApiError(405, f"the server does not allow {request.method} on status")
    author, body = author_of(request), await request.body()
    wanted = await context.read(lambda: _wanted(request, spec, stored, body))
    accepted = _accepted(context, spec, stored, wanted)
    if accepted is None:
        return answered(stored)
    if is_dry_run(request):
        return answered(replace(stored, object=accepted.object))
    return answered(await written(context, spec, stored, accepted, author))


def _wanted(request: Request, spec: KindSpec, stored: StoredObject, body: bytes) -> Pod:
    """Return the Pod with the status that is asked for; all else of the body is passed over, as Kubernetes does."""
    asked = cast(Pod, asked_of(request, spec, stored, body))
    return replace(cast(Pod, stored.object), status=asked.status)


def _accepted(context: Context, spec: KindSpec, stored: StoredObject, wanted: Pod) -> Accepted | None:
    """Return the write of other controllers' conditions; None when nothing differs."""
    pod = cast(Pod, stored.object)
    if pod.status == wanted.status:
        return None
    if faults := tuple(status_faults(pod, wanted)):
        raise invalid(spec, stored.ref.name, faults)
    before, after = pod.status.conditions, wanted.status.conditions
    paths = [
        shown(("status", *path))
        for path in differing(
            msgspec.to_builtins(replace(pod.status, conditions=())),
            msgspec.to_builtins(replace(wanted.status, conditions=())),
        )
    ]
    if set(_kept(before)) != set(_kept(after)):
        paths.append("status.conditions")
    if paths:
        raise _kept_by_others(spec, stored, paths[0])
    given = tuple(one for one in after if one.type not in KEPT_CONDITIONS)
    return Accepted(Override(ref=stored.ref, conditions=given), wanted)


def _kept(conditions: Conditions) -> Conditions:
    return tuple(one for one in conditions if one.type in KEPT_CONDITIONS)


def _kept_by_others(spec: KindSpec, stored: StoredObject, path: str) -> ApiError:
    message = (
        f"{path} of {stored.ref} cannot be changed here: it follows from what the cluster observes; "
        f"conditions can be written other than {', '.join(sorted(KEPT_CONDITIONS))}"
    )
    cause = {"reason": "FieldValueForbidden", "message": "is not changed here", "field": path}
    details = {"name": stored.ref.name, "kind": spec.plural, "group": spec.group, "causes": [cause]}
    return ApiError(405, message, reason="MethodNotAllowed", details=details)
