"""What a source's revision has come to: it is healthy, or a rollout of it missed its deadline (P16). Pure."""

from collections.abc import Iterable, Mapping
from typing import cast

from reconciler.model.desired import DesiredState
from reconciler.model.kinds import Deployment, Node, Pod
from reconciler.model.observed import SourceState, StoredObject
from reconciler.model.plan import Decision, Reason, RevisionEnding, Verdict
from reconciler.model.status import NETWORK_UNAVAILABLE, TROUBLES, Health
from reconciler.model.times import seconds
from reconciler.planner.health import condition, health_of, node_health
from reconciler.planner.view import View
from reconciler.planner.workloads.deployment_status import DEADLINE_EXCEEDED
from reconciler.planner.workloads.podview import is_active, is_ready

ROLLBACK = "rollback"
_WELL = frozenset({Health.HEALTHY, Health.SUSPENDED})


def revision_endings(view: View, desired: Mapping[str, DesiredState]) -> tuple[RevisionEnding, ...]:
    """Return what became of the revisions of the sources that return to the last healthy one by themselves."""
    found = (_ending(view, name, desired[name]) for name in sorted(desired) if _returns(view, name))
    return tuple(ending for ending in found if ending is not None)


def _returns(view: View, name: str) -> bool:
    return view.policy.source(name).on_failure == ROLLBACK


def _ending(view: View, name: str, state: DesiredState) -> RevisionEnding | None:
    """Only what was written is judged; a source that is suspended or held is in a person's hands, or has returned.

    What was noted as healthy stays so.
    """
    known = view.observed.sources.get(name, SourceState(name=name))
    if known.suspended or known.held or known.applied is None or known.applied.commit != state.revision.commit:
        return None
    if known.healthy is not None and known.healthy.commit == state.revision.commit:
        return None
    manager = f"source/{name}"
    mine = [view.objects[ref] for ref in sorted(ref for ref, one in view.objects.items() if one.manager == manager)]
    failed = next((one for one in mine if _missed_deadline(view, one)), None)
    if failed is not None:
        return _failure(name, known, state, failed)
    if not _is_settled(view, name, mine):
        return None
    return RevisionEnding(source=name, revision=state.revision)


def _missed_deadline(view: View, stored: StoredObject) -> bool:
    """A Deployment that a person returned to an earlier template says nothing of the revision."""
    override = view.overrides.get(stored.ref)
    if stored.ref.kind != "Deployment" or (override is not None and override.rollback is not None):
        return False
    found = condition(cast(Deployment, stored.object).status.conditions, "Progressing")
    return found is not None and found.reason == DEADLINE_EXCEEDED and not _is_up_to_nodes(view, stored)


def _is_up_to_nodes(view: View, stored: StoredObject) -> bool:
    """Whether each Pod that a late Deployment waits for is on a node that is ill, or has no node while one takes none.

    No commit has caused that. A node that is well again leaves the Pods another deadline to come up in.
    """
    within_s = cast(Deployment, stored.object).spec.progress_deadline_seconds
    nodes = view.of_kind("Node")
    ill = {one.ref.name for one in nodes if _is_ill(view, one, TROUBLES, within_s) or not _is_well(one)}
    uid = stored.object.metadata.uid
    sets = {one.object.metadata.uid for one in view.of_kind("ReplicaSet") if one.manager == uid}
    pods = [cast(Pod, one.object) for one in view.of_kind("Pod") if one.manager in sets]
    places = {pod.spec.node_name for pod in pods if is_active(pod) and not is_ready(pod)}
    if "" in places and any(_is_ill(view, one, (NETWORK_UNAVAILABLE,), within_s) for one in nodes):
        places.discard("")
        return places <= ill
    return bool(places) and places <= ill


def _is_ill(view: View, node: StoredObject, kinds: Iterable[str], within_s: int) -> bool:
    """Whether one of these conditions of a node holds, or held until a moment ago."""
    conditions = [condition(cast(Node, node.object).status.conditions, kind) for kind in kinds]
    over_at = [seconds(one.last_transition_time) + within_s for one in conditions if one is not None]
    later = [at for at in over_at if at > view.now]
    if later:
        view.look_again(max(later))
    return bool(later) or any(one is not None and one.status == "True" for one in conditions)


def _is_well(node: StoredObject) -> bool:
    return node_health(node).health is Health.HEALTHY


def _failure(name: str, known: SourceState, state: DesiredState, failed: StoredObject) -> RevisionEnding:
    why = condition(cast(Deployment, failed.object).status.conditions, "Progressing").message
    return RevisionEnding(
        source=name,
        revision=state.revision,
        failed=failed.ref,
        uid=failed.object.metadata.uid,
        message=f"{failed.ref} missed its deadline: {why}",
        back_to=known.healthy,
    )


def _is_settled(view: View, name: str, mine: list[StoredObject]) -> bool:
    """Whether everything that the revision declares is there, unchanged, and well.

    A claim that waits for its volume is no illness: where a Pod waits for it, the Pod's workload says so.
    """
    if any(hold.source == name for hold in view.holds):
        return False
    calm = all(
        _is_calm(verdict)
        for verdict in view.verdicts.values()
        if verdict.manager == f"source/{name}" or (verdict.provenance and verdict.provenance.source == name)
    )
    return calm and all(health_of(one).health in _WELL for one in mine if one.ref.kind != "PersistentVolumeClaim")


def _is_calm(verdict: Verdict) -> bool:
    """A workload's Pods that are ending are none of it any more: how many it has instead, its own health says."""
    is_left = verdict.reason is Reason.POD_TERMINATING and not verdict.manager.startswith("source/")
    return verdict.decision is Decision.UNCHANGED or verdict.reason is Reason.CLAIM_NOT_BOUND or is_left
