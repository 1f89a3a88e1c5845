"""The subresource `ephemeralcontainers` of Pods: containers that look into one that runs, as `kubectl debug` adds them.

They change nothing of what Git declares: they are of this very Pod, and go with it.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Pod
from reconciler.model.overrides import Override
from reconciler.model.problem import Severity
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.ephemeral import added_containers, ephemeral_faults
from reconciler.planner.updates.fault import Fault
from reconciler.planner.updates.metadata import metadata_faults
from reconciler.schema.rules.containers import container_findings
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.overriding import Accepted
from reconciler.server.paths import existing
from reconciler.server.refusals import invalid
from reconciler.server.writes import answered, asked_of, author_of, is_dry_run, written

replace = msgspec.structs.replace


async def ephemeral_containers(request: Request) -> Response:
    """Return a Pod, or have containers added to it."""
    context, spec = context_of(request), KINDS["Pod"]
    ref = ObjectRef.of("Pod", request.path_params["namespace"], request.path_params["name"])
    stored = existing(context, spec, ref)
    if request.method in ("GET", "HEAD"):
        return answered(stored)
    if request.method not in ("PUT", "PATCH"):
        raise ApiError(405, f"the server does not allow {request.method} on ephemeralcontainers")
    author, body = author_of(request), await request.body()
    asked = cast(Pod, await context.read(lambda: asked_of(request, spec, stored, body)))
    before = cast(Pod, stored.object)
    # All else of the body is passed over, as Kubernetes does.
    wanted = replace(before, spec=replace(before.spec, ephemeral_containers=asked.spec.ephemeral_containers))
    faults = (*metadata_faults(before.metadata, asked.metadata), *ephemeral_faults(before, wanted))
    if faults := faults or _findings(before, wanted):
        raise invalid(spec, stored.ref.name, faults)
    added = added_containers(before, wanted)
    if not added:
        return answered(stored)
    if is_dry_run(request):
        return answered(replace(stored, object=wanted))
    change = Override(ref=stored.ref, ephemeral=added)
    return answered(await written(context, spec, stored, Accepted(change, wanted), author))


def _findings(before: Pod, wanted: Pod) -> tuple[Fault, ...]:
    """Return what is wrong with the added containers as it would be with any container."""
    volumes = frozenset(volume.name for volume in wanted.spec.volumes)
    return tuple(
        Fault(_field(finding.fault.pointer), finding.fault.message)
        for one in added_containers(before, wanted)
        for finding in container_findings(f"/spec/ephemeralContainers/{one.name}", one, False, volumes, wanted.spec)
        if finding.severity is Severity.ERROR
    )


def _field(pointer: str) -> str:
    return pointer.strip("/").replace("/", ".")
