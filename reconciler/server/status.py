"""The subresource `status`: what other controllers say of an object, such as that a readiness gate of a Pod is open.

Nodes and the cluster keep all else of a status; a write of it is judged as Kubernetes does, and then refused.
"""

from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import AnyObject, Condition, KindSpec
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.planner.updates.status import KEPT, object_status_faults
from reconciler.server.errors import ApiError
from reconciler.server.overriding import Accepted, differing, shown
from reconciler.server.paths import kind_of_path
from reconciler.server.refusals import invalid
from reconciler.server.subresources import subresource

replace = msgspec.structs.replace
Conditions = tuple[Condition, ...]
# What of a status is ours alone: clients that have read it by a type of Kubernetes send it back without.
_OURS = ("noted", "pods_created", "recommendations", "scale_events")


async def status(request: Request) -> Response:
    """Return an object with its status, or write conditions of it."""
    spec = kind_of_path(request)
    if not hasattr(spec.type, "status"):
        raise ApiError(404, "the server could not find the requested resource")
    return await subresource(request, spec, "status", lambda stored, asked: _accepted(spec, stored, asked))


def _accepted(spec: KindSpec, stored: StoredObject, asked: AnyObject) -> Accepted | None:
    """Return the write of other controllers' conditions; None when nothing differs."""
    wanted = _wanted(stored, asked)
    before, after = cast(Any, stored.object).status, cast(Any, wanted).status
    if before == after:
        return None
    if faults := tuple(object_status_faults(stored.object, wanted)):
        raise invalid(spec, stored.ref.name, faults)
    kept = KEPT.get(spec.kind)
    paths = [shown(("status", *path)) for path in differing(_plain(before, kept), _plain(after, kept))]
    if kept is not None and _kept(before.conditions, kept) != _kept(after.conditions, kept):
        paths.append("status.conditions")
    if paths:
        raise _kept_by_others(spec, stored, paths[0])
    given = tuple(one for one in after.conditions if one.type not in (kept or ()))
    return Accepted(Override(ref=stored.ref, conditions=given), wanted)


def _wanted(stored: StoredObject, asked: AnyObject) -> AnyObject:
    """Return the object with the status that is asked for; all else of the body is passed over, as Kubernetes does."""
    status, before = cast(Any, asked).status, cast(Any, stored.object).status
    kept = {name: getattr(before, name) for name in _OURS if hasattr(before, name)}
    wanted: AnyObject = replace(cast(Any, stored.object), status=replace(status, **kept))
    return wanted


def _plain(status: Any, kept: frozenset[str] | None) -> Any:
    """Return a status for comparison, without conditions where those of others may stand beside the cluster's."""
    return msgspec.to_builtins(status if kept is None else replace(status, conditions=()))


def _kept(conditions: Conditions, kept: frozenset[str]) -> set[Condition]:
    return {one for one in conditions if one.type in kept}


def _kept_by_others(spec: KindSpec, stored: StoredObject, path: str) -> ApiError:
    message = f"{path} of {stored.ref} cannot be changed here: it follows from what the cluster observes"
    if spec.kind in KEPT:
        own = ", ".join(sorted(KEPT[spec.kind]))
        message += f"; conditions can be written{f' other than {own}' if own else ''}"
    cause = {"reason": "FieldValueForbidden", "message": "is not changed here", "field": path}
    details = {"name": stored.ref.name, "kind": spec.plural, "group": spec.group, "causes": [cause]}
    return ApiError(405, message, reason="MethodNotAllowed", details=details)
