"""StatefulSets as upstream's controller decides: bounds of updates, availability, owners of claims, known revisions."""

from typing import Any

import msgspec

from reconciler.model.kinds import (
    Condition,
    Container,
    ControllerRevision,
    LabelSelector,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
    decode_object,
    ref_of,
)
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.times import rfc3339
from reconciler.planner.view import View
from reconciler.planner.workloads.podview import is_available
from reconciler.planner.workloads.revisions import sync_revisions
from reconciler.planner.workloads.statefulset import max_unavailable
from reconciler.planner.workloads.statefulset_claims import owner_word
from tests.parity.rows import NotTranslated, compare
from tests.planner.test_statefulset import change as change_pod
from tests.planner.test_statefulset import db, images, rolling, serving, started

_NOW = 1_800_000_000.0
_SECOND_NS = 1e9


def bound(limit: Any, replicas: int, policy: str = "OrderedReady") -> int:
    """Return what our rule makes of a limit."""
    strategy = (
        RollingUpdateStatefulSetStrategy() if limit is None else RollingUpdateStatefulSetStrategy(max_unavailable=limit)
    )
    template = PodTemplateSpec(spec=PodSpec(containers=(Container(name="a", image="b"),)))
    spec = StatefulSetSpec(
        selector=LabelSelector(),
        template=template,
        replicas=replicas,
        pod_management_policy=policy,  # type: ignore[arg-type]
        update_strategy=StatefulSetUpdateStrategy(rolling_update=strategy),
    )
    return max_unavailable(spec)


def limits(case: dict[str, Any]) -> bool:
    """Judge a row with a limit and a number of Pods."""
    return bound(case["maxUnavailable"], case.get("replicaCount", 0)) == case["expectedMaxUnavailable"]


def metrics(case: dict[str, Any]) -> bool:
    """Judge a row with a limit, of which a gauge tells."""
    found = bound(case.get("maxUnavailable"), case["totalPods"], case["podManagementPolicy"])
    return found == case["expectedMaxUnavailableValue"]


def availability(case: dict[str, Any]) -> bool:
    """Judge a row with a Pod that is ready since a while."""
    since = rfc3339(_NOW + case["readyDuration"] / _SECOND_NS)
    ready = Condition(type="Ready", status="True", last_transition_time=since)
    spec = PodSpec(containers=(Container(name="a", image="b"),))
    pod = Pod(spec=spec, status=PodStatus(phase="Running", conditions=(ready,)))
    found = is_available(pod, case["inputSTS"]["spec"]["minReadySeconds"], _NOW)
    return int(found) == case.get("expectedActiveReplicas", 0)


def claim_owner(case: dict[str, Any]) -> bool:
    """Judge a row with a retention policy and a Pod that stays or goes."""
    if case.get("unexpectedController"):
        raise NotTranslated  # such a claim is left alone before our rule is asked
    policy = StatefulSetPersistentVolumeClaimRetentionPolicy(
        when_deleted=case["setDeletePolicy"], when_scaled=case["scaleDownPolicy"]
    )
    condemned = case.get("condemned", "ordinal" in case and case["ordinal"] >= case["replicas"])
    wanted = "pod" if case.get("needsPodRef") else "set" if case.get("needsSetRef") else ""
    return owner_word(policy, condemned=condemned) == wanted


def known_revision(case: dict[str, Any]) -> bool:
    """Judge a row with revisions that other versions wrote: the template is recognised, none is made."""
    stored: StatefulSet = msgspec.convert(case["set"], StatefulSet)
    revisions: list[ControllerRevision] = [decode_object(one) for one in case["revisions"]]  # type: ignore[misc]
    objects = {ref_of(one): StoredObject(ref=ref_of(one), object=one, manager="api") for one in (stored, *revisions)}
    view = View(ObservedState(cluster=ClusterInfo(id="test"), objects=objects), Policy(), _NOW)
    owner = objects[ref_of(stored)]
    found = sync_revisions(view, owner, stored.spec.template, stored.status.current_revision)
    wanted = case["set"]["status"]
    names = (found.current.ref.name, found.update.ref.name)
    return names == (wanted["currentRevision"], wanted["updateRevision"]) and not view.changes()


def invariant(case: dict[str, Any]) -> bool:
    """Judge a row with Pods that end while an update runs: no more than three of six are away on its account."""
    more = rolling(maxUnavailable=3)
    cluster = started(db("1", 6, more))
    gone = [f"db-{ordinal}" for ordinal in case["ordinalOfPodToTerminate"]]
    for name in gone:
        change_pod(cluster, name, deletion_timestamp=rfc3339(cluster.now), deletion_grace_period_seconds=1)
    cluster.push(db("2", 6, more), commit="c2")
    for _ in range(60):
        cluster.tick()
        cluster.now += 1
        if len(serving(cluster)) < 3:
            return False
    return set(images(cluster).values()) == {"2"}


def test_stateful_sets_are_controlled_as_upstream_controls_them() -> None:
    """Every row whose data says enough gets upstream's answer."""
    tables = {
        "TestGetStatefulSetMaxUnavailable": limits,
        "TestStatefulSetMetrics": metrics,
        "TestStatefulSetAvailability": availability,
        "TestIsClaimOwnerUpToDate": claim_owner,
        "TestUpdateClaimOwnerRefForSetAndPod": claim_owner,
        "TestStatefulSetCompatibility": known_revision,
        "TestStatefulSetControlRollingUpdateWithMaxUnavailableInOrderedModeVerifyInvariant": invariant,
    }
    compare("pkg_controller_statefulset", tables)
