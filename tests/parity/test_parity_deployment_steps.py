"""Single steps of a rollout and what it notes, as upstream's controller has them."""

from typing import Any

import msgspec

from reconciler.model.kinds import OwnerReference, Pod, ReplicaSet, ReplicaSetStatus
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.admission.tell import tell_refusals
from reconciler.planner.health import condition
from reconciler.planner.refusal import Refusal
from reconciler.planner.workloads.annotations import count_in
from reconciler.planner.workloads.deployment_scale import end_spare, end_unavailable
from reconciler.planner.workloads.deployment_sets import replicas_of, set_name
from reconciler.planner.workloads.replicaset import related_pods, siblings_of
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_conditions import removed
from tests.parity.test_parity_deployment import plain, set_of, sized, small_set, stored, view_of, with_container

Case = dict[str, Any]
_HASH = "x" * 10
_PODS_REFUSED = Refusal(reason=Reason.QUOTA_EXCEEDED, why="exceeded quota", kind="Pod", name="one-x")


def cleans_up(case: Case) -> bool:
    """Judge a row with old Pods of which some serve nobody."""
    deployment, old = sized(10), small_set("old", case["oldReplicas"], case["readyPods"])
    (left,) = end_unavailable(view_of(old), deployment, [old], case.get("maxCleanupCount", 0))
    return replicas_of(old) - replicas_of(left) == case.get("cleanupCountExpected", 0)


def scales_down(case: Case) -> bool:
    """Judge a row with old Pods that are available."""
    old = small_set("old", case.get("oldReplicas", 0), case["readyPods"])
    deployment = sized(case["deploymentReplicas"], max_unavailable=case["maxUnavailable"], max_surge=0)
    view = view_of(old)
    end_spare(view, deployment, small_set("new", 0), [old])
    found = view.get(old.ref)
    assert found is not None
    return replicas_of(old) - replicas_of(found) == case.get("expectedOldReplicas", 0)


def is_cut(case: Case) -> bool:
    """Judge a row with a name that may be too long."""
    return set_name(case["deploymentName"], _HASH) == f"{case['wantDeploymentPortion']}-{_HASH}"


def reads_count(case: Case) -> bool:
    """Judge a row with an annotation that may be no count."""
    found = count_in(case.get("annotations", {}), "test")
    return found == (case.get("expectedValue", 0) if case.get("expectedValid") else None)


def whole_set(document: Case) -> StoredObject:
    """Read a ReplicaSet with its owner."""
    made = set_of(document)
    references = msgspec.convert(plain(document["metadata"].get("ownerReferences", [])), tuple[OwnerReference, ...])
    metadata = msgspec.structs.replace(made.object.metadata, owner_references=references)
    return stored(msgspec.structs.replace(made.object, metadata=metadata))


def finds_siblings(case: Case) -> bool:
    """Judge a row with ReplicaSets, of which one asks for those of the same Deployment."""
    mine = whole_set(case["rs"])
    found = siblings_of(view_of(mine, *map(whole_set, case["rss"])), mine)
    return {one.ref.name for one in found} == {one["metadata"]["name"] for one in case["expectedRSs"]}


def finds_pods(case: Case) -> bool:
    """Judge a row with ReplicaSets and their Pods, of which one asks for those of the same Deployment."""
    mine = whole_set(case["rs"])
    pods = [stored(msgspec.convert(with_container(plain(one)), Pod)) for one in case["pods"]]
    found = related_pods(view_of(mine, *map(whole_set, case["rss"]), *pods), mine)
    return sorted(one.metadata.name for one in found) == sorted(case["expectedPodNames"])


def finds_condition(case: Case) -> bool:
    """Judge a row with a status, and a condition that may be in it."""
    found = condition(msgspec.convert(plain(case["status"]), ReplicaSetStatus).conditions, case["condType"])
    return (found is not None) == case.get("shouldExist", False)


def _told(status: Case, *, refused: bool) -> list[tuple[str, str]]:
    """Return the conditions of a ReplicaSet after a pass in which a Pod was refused, or none was."""
    one = small_set("one", 1)
    read = msgspec.convert(plain(status), ReplicaSetStatus)
    one = stored(msgspec.structs.replace(one.object, status=read))
    view = view_of(one)
    if refused:
        view.refused[one.ref] = _PODS_REFUSED
    tell_refusals(view)
    found = view.of_kind("ReplicaSet")[0].object
    assert isinstance(found, ReplicaSet)
    return [(each.type, each.status) for each in found.status.conditions]


def _wanted(conditions: list[Case]) -> list[tuple[str, str]]:
    return [(one["type"], one["status"]) for one in conditions]


def sets_condition(case: Case) -> bool:
    """Judge a row in which Pods cannot be made; why is upstream's own word."""
    return _told(case["status"], refused=True) == _wanted(case["expectedStatus"]["conditions"])


def removes_condition(case: Case) -> bool:
    """Judge a row in which Pods can be made again, or with another condition that is taken away."""
    if case["condType"] != "ReplicaFailure":
        return removed(case)
    return _told(case["status"], refused=False) == _wanted(case["expectedStatus"].get("conditions", []))


def fails_or_not(case: Case) -> bool:
    """Judge a row with a condition of before; deleting a Pod cannot fail when it is planned, making one may."""
    is_refused = "manageReplicasErr" in case
    if is_refused and len(case["activePods"]) > case["replicaset"]["spec"]["replicas"]:
        raise NotTranslated
    found = _told(case["replicaset"]["status"], refused=is_refused)
    return found == _wanted(case.get("expectedReplicaSetConditions", []))


def test_steps_of_a_rollout_are_those_of_upstream() -> None:
    """Every row about one step alone agrees."""
    compare(
        "pkg_controller_deployment",
        {
            "TestDeploymentController_cleanupUnhealthyReplicas": cleans_up,
            "TestDeploymentController_scaleDownOldReplicaSetsForRollingUpdate": scales_down,
            "TestDeploymentController_generateReplicaSetName": is_cut,
        },
    )
    compare("pkg_controller_deployment_util", {"TestGetNonNegativeInt32FromAnnotation": reads_count})


def test_replica_sets_find_and_note_what_upstreams_do() -> None:
    """Every row about siblings, their Pods and conditions agrees."""
    compare(
        "pkg_controller_replicaset",
        {
            "TestGetReplicaSetsWithSameController": finds_siblings,
            "TestRelatedPodsLookup": finds_pods,
            "TestGetCondition": finds_condition,
            "TestSetCondition": sets_condition,
            "TestRemoveCondition": removes_condition,
            "TestCalculateStatusConditions": fails_or_not,
        },
    )
