"""StatefulSets as upstream's controller decides: bounds of updates, availability, owners of claims, known revisions."""

import json
from typing import Any

import msgspec

from reconciler.model.kinds import (
    Condition,
    Container,
    ControllerRevision,
    LabelSelector,
    ObjectMeta,
    OwnerReference,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
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
from reconciler.planner.workloads.claim_owners import (
    Named,
    are_same_owners,
    is_controlled_elsewhere,
    owners_with,
    refers_to,
)
from reconciler.planner.workloads.podview import is_available
from reconciler.planner.workloads.revisions import sync_revisions
from reconciler.planner.workloads.statefulset import max_unavailable
from reconciler.planner.workloads.statefulset_claims import ensure_claims, keep_claims, owner_word
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
    policy = StatefulSetPersistentVolumeClaimRetentionPolicy(
        when_deleted=case["setDeletePolicy"], when_scaled=case["scaleDownPolicy"]
    )
    condemned = case.get("condemned", "ordinal" in case and case["ordinal"] >= case["replicas"])
    wanted = "pod" if case.get("needsPodRef") else "set" if case.get("needsSetRef") else ""
    if case.get("unexpectedController"):
        stranger = (OwnerReference(api_version="v1", kind="Other", name="other", uid="other", controller=True),)
        return owners_with(stranger, SET_AND_POD, stored_set()) == stranger and not wanted
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


CLAIM_SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}
SET_AND_POD = (Named("apps/v1", "StatefulSet", "sts"), Named("v1", "Pod", "sts-0"))


def stored_set(name: str = "sts", uid: str = "123", spec: dict[str, Any] | None = None) -> StoredObject:
    """Return a set that is to own claims."""
    template = {"metadata": {}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    given = {"selector": {}, "template": template, **(spec or {})}
    object = msgspec.convert({"metadata": {"name": name, "namespace": "ns", "uid": uid}, "spec": given}, StatefulSet)
    return StoredObject(ref=ref_of(object), object=object, manager="api")


def owners(given: list[dict[str, Any]]) -> tuple[OwnerReference, ...]:
    """Return a row's owners."""
    return tuple(msgspec.convert(one, OwnerReference) for one in given)


def plain(references: tuple[OwnerReference, ...]) -> set[tuple[str, str, str, bool]]:
    """Return what rows tell of owners."""
    return {(one.kind, one.name, one.uid, one.controller) for one in references}


def same_owners(case: dict[str, Any]) -> bool:
    """Judge a row with owners as VERSION/KIND/NAME before and after."""
    some, others = (
        owners([dict(zip(("apiVersion", "kind", "name"), text.split("/"), strict=True), uid="") for text in case[key]])
        for key in ("orig", "new")
    )
    return are_same_owners(some, others) != case.get("changed", False)


def named(case: dict[str, Any]) -> bool:
    """Judge a row with a reference and what it may name."""
    meant = Named(case["schema"]["Version"], case["schema"]["Kind"], case["obj"]["name"])
    return refers_to(owners([case["ref"]])[0], meant) == case.get("shouldMatch", False)


def taken_over(case: dict[str, Any]) -> bool:
    """Judge a row with a claim's owners before and after the set is its owner."""
    if any(not one["uid"] and one["name"] == "sts" for one in case["originalRefs"]):
        raise NotTranslated  # no reference comes without a uid
    found = owners_with(owners(case["originalRefs"]), SET_AND_POD, stored_set())
    return plain(found) == plain(owners(case["expectedRefs"]))


def up_to_date(case: dict[str, Any]) -> bool:
    """Judge a row with a claim of a Pod that is too many."""
    ours = (Named("apps/v1", "StatefulSet", "stateful-set"), Named("v1", "Pod", "pod-1"))
    pod = Pod(metadata=ObjectMeta(name="pod-1", uid="pod-123"), spec=PodSpec(containers=()))
    policy = msgspec.convert(case["policy"], StatefulSetPersistentVolumeClaimRetentionPolicy)
    keepers = {
        "pod": StoredObject(ref=ref_of(pod), object=pod, manager="api"),
        "set": stored_set("stateful-set", "ss-456"),
    }
    before = owners(case["ownerRefs"])
    wanted = owners_with(before, ours, keepers.get(owner_word(policy, condemned=True)))
    return are_same_owners(wanted, before) == case.get("shouldMatch", False)


def foreign(case: dict[str, Any]) -> bool:
    """Judge a row with what controls the claim of `pod` of `set`."""
    ours = (Named("apps/v1", "StatefulSet", "set"), Named("v1", "Pod", "pod"))
    found = is_controlled_elsewhere(owners(case["refs"]), ours)
    return found == case.get("shouldReportUnexpectedController", False)


def view_of(*objects: Any) -> View:
    """Return a view of a cluster with these objects."""
    stored = {ref_of(one): StoredObject(ref=ref_of(one), object=one, manager="api") for one in objects}
    return View(ObservedState(cluster=ClusterInfo(id="test"), objects=stored), Policy(), _NOW)


def claim(name: str, references: tuple[OwnerReference, ...] = ()) -> PersistentVolumeClaim:
    """Return a claim of the set, with owners."""
    metadata = ObjectMeta(name=name, namespace="ns", owner_references=references)
    return PersistentVolumeClaim(metadata=metadata, spec=msgspec.convert(CLAIM_SPEC, PersistentVolumeClaimSpec))


def claims_spec(count: int, **policy: str) -> dict[str, Any]:
    """Return what a set with claims adds to its spec."""
    templates = [{"metadata": {"name": f"data{number}"}, "spec": CLAIM_SPEC} for number in range(count)]
    return {"volumeClaimTemplates": templates, "persistentVolumeClaimRetentionPolicy": policy}


def retained(case: dict[str, Any]) -> bool:
    """Judge a row with a claim of a set that takes its claims along."""
    owner = stored_set(spec=claims_spec(1, whenDeleted="Delete"))
    before = claim("data0-sts-0", owners(case.get("ownerRef", [])))
    view = view_of(owner.object, before)
    keep_claims(view, owner, wanted=[0], surplus=[])
    found = view.get(ref_of(before))
    assert found is not None
    return any(one.uid == "123" for one in found.object.metadata.owner_references) == case.get("expectRef", False)


def stale(case: dict[str, Any]) -> bool:
    """Judge a row with claims that are there, are not, or go with a former Pod of the name: a Pod waits for some."""
    states = case["claimStates"]
    owner, uids = stored_set(spec=claims_spec(len(states))), {"with-ref": "now", "stale": "before"}
    references = {
        state: (OwnerReference(api_version="v1", kind="Pod", name="sts-0", uid=uid, controller=True),)
        for state, uid in uids.items()
    }
    there = [claim(f"data{n}-sts-0", references[state]) for n, state in enumerate(states) if state != "missing"]
    return bool(ensure_claims(view_of(owner.object, *there), owner, 0)) == case.get("expected", False)


def by_name(row: dict[str, Any]) -> str:
    """Return the reason why a claim that refers to a former uid is no stranger to us."""
    told = json.dumps(row["case"])
    former = '"stale' in told or "-stale" in told
    return "a claim goes with what has its owner's name, so that data outlives what is made anew" if former else ""


def test_stateful_sets_are_controlled_as_upstream_controls_them() -> None:
    """Every row whose data says enough gets upstream's answer."""
    tables = {
        "TestGetStatefulSetMaxUnavailable": limits,
        "TestStatefulSetMetrics": metrics,
        "TestStatefulSetAvailability": availability,
        "TestIsClaimOwnerUpToDate": claim_owner,
        "TestUpdateClaimOwnerRefForSetAndPod": claim_owner,
        "TestStatefulSetCompatibility": known_revision,
        "TestOwnerRefsChanged": same_owners,
        "TestMatchesRef": named,
        "TestUpdateClaimControllerRef": taken_over,
        "TestClaimOwnerUpToDateEdgeCases": up_to_date,
        "TestHasUnexpectedController": foreign,
        "TestStatefulPodControlUpdatePodClaimForRetentionPolicy": retained,
        "TestPodClaimIsStale": stale,
        "TestStatefulSetControlRollingUpdateWithMaxUnavailableInOrderedModeVerifyInvariant": invariant,
    }
    compare("pkg_controller_statefulset", tables, on_purpose=by_name)
