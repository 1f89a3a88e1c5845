"""The subresource `ephemeralcontainers` of Pods: containers that look into one that runs, as `kubectl debug` adds them.

They change nothing of what Git declares: they are of this very Pod, and go with it.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, AnyObject, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.problem import Severity
from reconciler.planner.updates.ephemeral import added_containers, ephemeral_faults
from reconciler.planner.updates.fault import Fault
from reconciler.planner.updates.metadata import metadata_faults
from reconciler.schema.rules.containers import container_findings
from reconciler.server.overriding import Accepted
from reconciler.server.refusals import invalid
from reconciler.server.subresources import subresource

replace = msgspec.structs.replace


async def ephemeral_containers(request: Request) -> Response:
    """Return a Pod, or have containers added to it."""
    return await subresource(request, KINDS["Pod"], "ephemeralcontainers", _accepted)


def _accepted(stored: StoredObject, asked: AnyObject) -> Accepted | None:
    before, asked = cast(Pod, stored.object), cast(Pod, asked)
    # All else of the body is passed over, as Kubernetes does.
    wanted = replace(before, spec=replace(before.spec, ephemeral_containers=asked.spec.ephemeral_containers))
    faults = (*metadata_faults(before.metadata, asked.metadata), *ephemeral_faults(before, wanted))
    if faults := faults or _findings(before, wanted):
        raise invalid(KINDS["Pod"], stored.ref.name, faults)
    added = added_containers(before, wanted)
    return Accepted(Override(ref=stored.ref, ephemeral=added), wanted) if added else None


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
