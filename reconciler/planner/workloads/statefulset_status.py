"""The status of a StatefulSet, from its Pods. Pure."""

from collections.abc import Iterable
from typing import cast

from reconciler.model.kinds import Pod, StatefulSet, StatefulSetStatus
from reconciler.model.observed import StoredObject
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.podview import is_available, is_ready, look_again_when_available
from reconciler.planner.workloads.revisions import REVISION_LABEL, Revisions


def stateful_set_status(
    view: View, stored: StoredObject, revisions: Revisions, pods: Iterable[StoredObject]
) -> StatefulSetStatus:
    """Return counts and revisions as Kubernetes defines them; looks again when a Pod becomes available."""
    stateful_set = cast(StatefulSet, stored.object)
    there = [found for one in pods if (found := view.get(one.ref)) is not None]
    typed = [cast(Pod, one.object) for one in there]
    ready = [pod for pod in typed if pod.status.phase == "Running" and is_ready(pod)]
    staying = [pod for pod in typed if pod.metadata.deletion_timestamp is None]
    look_again_when_available(view, ready, stateful_set.spec.min_ready_seconds)
    counted = replace(
        stateful_set.status,
        observed_generation=stateful_set.metadata.generation,
        replicas=len(typed),
        ready_replicas=len(ready),
        available_replicas=sum(is_available(pod, stateful_set.spec.min_ready_seconds, view.now) for pod in ready),
        current_replicas=_of(staying, revisions.current),
        updated_replicas=_of(staying, revisions.update),
        current_revision=revisions.current.ref.name,
        update_revision=revisions.update.ref.name,
        collision_count=revisions.collisions,
    )
    return _completed(stateful_set, counted)


def _of(pods: list[Pod], revision: StoredObject) -> int:
    return sum(pod.metadata.labels.get(REVISION_LABEL) == revision.ref.name for pod in pods)


def _completed(stateful_set: StatefulSet, status: StatefulSetStatus) -> StatefulSetStatus:
    """A rolling update that has reached every Pod makes its revision the current one."""
    is_rolling = stateful_set.spec.update_strategy.type == "RollingUpdate"
    counts = {status.updated_replicas, status.ready_replicas, status.replicas, stateful_set.spec.replicas}
    if not is_rolling or len(counts) != 1:
        return status
    return replace(status, current_replicas=status.updated_replicas, current_revision=status.update_revision)
