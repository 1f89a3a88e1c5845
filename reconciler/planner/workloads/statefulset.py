"""StatefulSets: numbered Pods, in order, each with its own name and claims. Pure.

Semantics of Kubernetes' StatefulSet controller; every step follows from what is observed now. A Pod is made anew only
when the one of its name has been observed to be gone (P27). Where an update is stuck because a Pod of an old revision
does not get ready, that Pod is replaced, or goes, as soon as a newer template is there; upstream waits for a person to
delete it.
"""

from typing import cast

from reconciler.model.base import Part
from reconciler.model.kinds import Pod, StatefulSet, StatefulSetSpec
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.planner.view import View
from reconciler.planner.workloads.configuration import bound_template
from reconciler.planner.workloads.create import tell_created, tell_deleted
from reconciler.planner.workloads.podview import is_available, is_ready
from reconciler.planner.workloads.replicaset import delete_pod
from reconciler.planner.workloads.revisions import (
    REVISION_LABEL,
    Revisions,
    forget_revisions,
    sync_revisions,
    template_of,
)
from reconciler.planner.workloads.rolling import count_of
from reconciler.planner.workloads.statefulset_claims import ensure_claims, keep_claims
from reconciler.planner.workloads.statefulset_pods import create_member, members, pod_ref
from reconciler.planner.workloads.statefulset_status import stateful_set_status


def sync_stateful_sets(view: View) -> None:
    """Advance every StatefulSet by what may be done now, and write its status."""
    for stored in view.due("StatefulSet"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored)


def max_unavailable(spec: StatefulSetSpec) -> int:
    """Return how many Pods an update may take away at a time: a share is rounded down, and one always may go."""
    return max(count_of(spec.update_strategy.rolling_update.max_unavailable, spec.replicas, up=False), 1)


def wanted_ordinals(spec: StatefulSetSpec) -> range:
    """Return the numbers that the Pods of a set have."""
    return range(spec.ordinals.start, spec.ordinals.start + spec.replicas)


class _Turn(Part, frozen=True):
    """What the steps for one set share."""

    view: View
    owner: StoredObject
    spec: StatefulSetSpec
    revisions: Revisions
    pods: dict[int, StoredObject]

    @property
    def in_order(self) -> bool:
        """Whether one Pod waits for the other."""
        return self.spec.pod_management_policy == "OrderedReady"

    @property
    def surplus(self) -> list[int]:
        """The numbers of Pods that are too many, highest first."""
        return sorted(set(self.pods) - set(wanted_ordinals(self.spec)), reverse=True)

    def pod(self, ordinal: int) -> Pod:
        """Return the Pod with a number as it is by now."""
        stored = self.pods[ordinal]
        return cast(Pod, self.view.latest(stored).object)

    def is_available(self, ordinal: int) -> bool:
        """Whether the Pod with a number runs, is ready for long enough, and is not ending."""
        pod = self.pod(ordinal)
        return _serves(pod) and is_available(pod, self.spec.min_ready_seconds, self.view.now)

    def is_obsolete(self, ordinal: int) -> bool:
        """Whether the update replaces the Pod with this number."""
        is_rolling = self.spec.update_strategy.type == "RollingUpdate"
        revision = self.pod(ordinal).metadata.labels.get(REVISION_LABEL, "")
        return is_rolling and ordinal >= self.first_updated and revision != self.revisions.update.ref.name

    @property
    def first_updated(self) -> int:
        """The lowest number that the update reaches."""
        return self.spec.ordinals.start + self.spec.update_strategy.rolling_update.partition

    def delete(self, ordinal: int, reason: Reason, message: str = "") -> None:
        """End the Pod with a number."""
        stored = self.pods[ordinal]
        if stored.object.metadata.deletion_timestamp is None:
            tell_deleted(self.view, self.owner, [stored.ref.name])
        delete_pod(self.view, self.view.latest(stored), reason, message)


def _sync(view: View, stored: StoredObject) -> None:
    stateful_set = cast(StatefulSet, stored.object)
    template = bound_template(view, stored, stateful_set.spec.template)
    revisions = sync_revisions(view, stored, template, stateful_set.status.current_revision)
    turn = _Turn(view, stored, stateful_set.spec, revisions, members(view, stored))
    if _fill(turn) and _shrink(turn):
        _roll(turn)
    keep_claims(view, stored, wanted_ordinals(turn.spec), turn.surplus)
    status = stateful_set_status(view, stored, revisions, list(turn.pods.values()))
    view.set_status(view.latest(stored), status)
    used = {turn.pod(ordinal).metadata.labels.get(REVISION_LABEL, "") for ordinal in turn.pods}
    live = frozenset(used | {revisions.update.ref.name, status.current_revision})
    forget_revisions(view, stored, live, turn.spec.revision_history_limit)


# The Pods that there should be


def _fill(turn: _Turn) -> bool:
    """Create what is missing; say whether the next step may follow. In order, each Pod waits for the one before it."""
    goes_on = True
    for ordinal in wanted_ordinals(turn.spec):
        if not _tend(turn, ordinal):
            goes_on = False
            if turn.in_order:
                break
    return goes_on


def _tend(turn: _Turn, ordinal: int) -> bool:
    """Bring one Pod forward; say whether others may go on."""
    if ordinal not in turn.pods:
        return _create(turn, ordinal) and not turn.in_order
    pod = turn.pod(ordinal)
    if pod.metadata.deletion_timestamp is not None:
        return not turn.in_order
    if pod.status.phase in ("Failed", "Succeeded"):
        _replace_ended(turn, ordinal, pod)
        return False
    if pod.status.phase == "Pending":
        ensure_claims(turn.view, turn.owner, ordinal)
    if turn.is_available(ordinal):
        return True
    if turn.in_order and turn.is_obsolete(ordinal) and not _serves(pod):
        turn.delete(ordinal, Reason.OLD_REVISION, "is not ready, and a newer template is there")
    return not turn.in_order


def _replace_ended(turn: _Turn, ordinal: int, pod: Pod) -> None:
    has_failed = pod.status.phase == "Failed"
    reason = "RecreatingFailedPod" if has_failed else "RecreatingTerminatedPod"
    turn.view.happened(turn.owner, reason, f"{turn.pods[ordinal].ref} has ended", warning=has_failed)
    turn.delete(ordinal, Reason.POD_FAILED if has_failed else Reason.POD_FINISHED, "is made anew")


def _create(turn: _Turn, ordinal: int) -> bool:
    ref = pod_ref(turn.owner, ordinal)
    if (other := turn.view.get(ref)) is not None:
        _wait(turn, Reason.CONFLICT, f"{ref} exists already and is managed by {other.manager}")
        return False
    if why := ensure_claims(turn.view, turn.owner, ordinal):
        if turn.owner.ref not in turn.view.refused:
            _wait(turn, Reason.VOLUME_IN_USE, f"{ref} waits: {why}")
        return False
    revision = _revision_for(turn, ordinal)
    template = template_of(turn.view, revision)
    why_created = _why_created(turn, ordinal)
    member = create_member(turn.view, turn.owner, template, revision.ref.name, ordinal, why_created)
    if member is not None:
        turn.pods[ordinal] = member
    tell_created(turn.view, turn.owner, member)
    return member is not None


def _revision_for(turn: _Turn, ordinal: int) -> StoredObject:
    """Pods that the update does not reach come back as they were."""
    is_rolling = turn.spec.update_strategy.type == "RollingUpdate"
    return turn.revisions.current if is_rolling and ordinal < turn.first_updated else turn.revisions.update


def _why_created(turn: _Turn, ordinal: int) -> Reason:
    before = turn.view.was_observed(turn.owner.ref)
    if before is None or before.object.metadata.uid != turn.owner.object.metadata.uid:
        return Reason.ROLLOUT
    had = cast(StatefulSet, before.object)
    if had.status.replicas == 0 or ordinal not in wanted_ordinals(had.spec):
        return Reason.SCALE_UP
    is_new = not turn.revisions.is_settled and _revision_for(turn, ordinal).ref == turn.revisions.update.ref
    return Reason.ROLLOUT if is_new else Reason.POD_DELETED


def _wait(turn: _Turn, reason: Reason, message: str) -> None:
    verdict = turn.view.verdicts.get(turn.owner.ref)
    if verdict is None or verdict.decision is Decision.UNCHANGED:
        turn.view.judge(turn.owner.ref, Decision.BLOCKED, reason, message, stored=turn.owner)


# The Pods that are too many


def _shrink(turn: _Turn) -> bool:
    """End Pods from the highest number down; in order, one after the other, and only while the others are well."""
    deleted = False
    first_unwell = next((one for one in reversed(turn.surplus) if not turn.is_available(one)), None)
    for ordinal in turn.surplus:
        if turn.pod(ordinal).metadata.deletion_timestamp is not None:
            if turn.in_order:
                return False
            continue
        is_stuck = turn.is_obsolete(ordinal) and not _serves(turn.pod(ordinal))
        if turn.in_order and not turn.is_available(ordinal) and ordinal != first_unwell and not is_stuck:
            return False
        turn.delete(ordinal, Reason.SCALE_DOWN)
        deleted = True
        if turn.in_order:
            return False
    return not deleted


# The Pods that are of an old template


def _roll(turn: _Turn) -> None:
    """End Pods of an old template from the highest number down, as many as may be away at a time.

    One that does not serve anyhow may always go: its replacement can only be better.
    """
    if turn.spec.update_strategy.type != "RollingUpdate":
        return
    ordinals = wanted_ordinals(turn.spec)
    may_go = max_unavailable(turn.spec) - sum(not turn.is_available(one) for one in ordinals)
    for ordinal in reversed(ordinals):
        if ordinal not in turn.pods or not turn.is_obsolete(ordinal):
            continue
        pod = turn.pod(ordinal)
        if pod.metadata.deletion_timestamp is not None:
            continue
        if _serves(pod):
            if may_go <= 0:
                continue
            may_go -= 1
        turn.delete(ordinal, Reason.OLD_REVISION)


def _serves(pod: Pod) -> bool:
    return pod.status.phase == "Running" and is_ready(pod) and pod.metadata.deletion_timestamp is None
