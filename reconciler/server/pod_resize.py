"""The subresource `resize` of Pods: other CPU and memory for containers that run, of Pods that controllers made.

What Git declares is resized in Git.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, AnyObject, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.podresources import WHOLE
from reconciler.planner.updates.metadata import metadata_faults
from reconciler.planner.updates.resize import resize_faults
from reconciler.server.context import context_of
from reconciler.server.overriding import Accepted
from reconciler.server.reads import Objects
from reconciler.server.refusals import invalid, refusal
from reconciler.server.subresources import subresource

replace = msgspec.structs.replace


async def resize(request: Request) -> Response:
    """Return a Pod, or have its containers given other CPU and memory."""
    objects = context_of(request).objects
    return await subresource(request, KINDS["Pod"], "resize", lambda stored, asked: _accepted(objects, stored, asked))


def _accepted(objects: Objects, stored: StoredObject, asked: AnyObject) -> Accepted | None:
    spec, before, asked = KINDS["Pod"], cast(Pod, stored.object), cast(Pod, asked)
    wanted = replace(before, spec=asked.spec)
    if wanted.spec == before.spec:
        return None
    if stored.manager.startswith("source/"):
        raise refusal(objects, spec, stored, "spec.containers.resources")
    if faults := (*metadata_faults(before.metadata, asked.metadata), *resize_faults(before, wanted)):
        raise invalid(spec, stored.ref.name, faults)
    return Accepted(_override(stored, wanted), wanted)


def _override(stored: StoredObject, wanted: Pod) -> Override:
    containers = (*wanted.spec.init_containers, *wanted.spec.containers)
    asked = {one.name: one.resources for one in containers}
    return Override(ref=stored.ref, resources={**asked, WHOLE: wanted.spec.resources})
