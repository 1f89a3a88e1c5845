"""The subresource `resize` of Pods: other CPU and memory for containers that run, of Pods that controllers made.

What Git declares is resized in Git.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.metadata import metadata_faults
from reconciler.planner.updates.resize import resize_faults
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.overriding import Accepted
from reconciler.server.paths import existing
from reconciler.server.refusals import invalid, refusal
from reconciler.server.writes import answered, asked_of, author_of, is_dry_run, written

replace = msgspec.structs.replace


async def resize(request: Request) -> Response:
    """Return a Pod, or have its containers given other CPU and memory."""
    context, spec = context_of(request), KINDS["Pod"]
    ref = ObjectRef.of("Pod", request.path_params["namespace"], request.path_params["name"])
    stored = existing(context, spec, ref)
    if request.method in ("GET", "HEAD"):
        return answered(stored)
    if request.method not in ("PUT", "PATCH"):
        raise ApiError(405, f"the server does not allow {request.method} on resize")
    author, body = author_of(request), await request.body()
    asked = cast(Pod, await context.read(lambda: asked_of(request, spec, stored, body)))
    before = cast(Pod, stored.object)
    wanted = replace(before, spec=asked.spec)
    if wanted.spec == before.spec:
        return answered(stored)
    if stored.manager.startswith("source/"):
        raise refusal(context.objects, spec, stored, "spec.containers.resources")
    if faults := (*metadata_faults(before.metadata, asked.metadata), *resize_faults(before, wanted)):
        raise invalid(spec, stored.ref.name, faults)
    if is_dry_run(request):
        return answered(replace(stored, object=wanted))
    return answered(await written(context, spec, stored, Accepted(_override(stored, wanted), wanted), author))


def _override(stored: StoredObject, wanted: Pod) -> Override:
    containers = (*wanted.spec.init_containers, *wanted.spec.containers)
    return Override(ref=stored.ref, resources={one.name: one.resources for one in containers})
