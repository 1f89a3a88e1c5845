"""The subresource `finalize` of namespaces, by which clients take finalizers off a namespace that does not go.

Nothing here holds a namespace back but its own objects: taking all finalizers off is done already, and adding some is
refused.
"""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Namespace
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.namespace import finalize_faults
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.paths import existing
from reconciler.server.refusals import invalid, refusal
from reconciler.server.writes import answered, asked_of, author_of


async def finalize(request: Request) -> Response:
    """Answer with the namespace where no finalizer is added."""
    if request.method != "PUT":
        raise ApiError(405, f"the server does not allow {request.method} on finalize")
    context, spec = context_of(request), KINDS["Namespace"]
    stored = existing(context, spec, ObjectRef.of("Namespace", "", request.path_params["name"]))
    author_of(request)
    body = await request.body()
    before = cast(Namespace, stored.object)
    asked = cast(Namespace, await context.read(lambda: asked_of(request, spec, stored, body)))
    if faults := tuple(finalize_faults(before, asked)):
        raise invalid(spec, stored.ref.name, faults)
    if set(asked.spec.finalizers) - set(before.spec.finalizers):
        raise refusal(context.objects, spec, stored, "spec.finalizers")
    return answered(stored)
