"""Deployments as upstream's controller decides: limits, sizes, progress, history, and which ReplicaSet is current."""

from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler.model.kinds import (
    Container,
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    DeploymentStrategy,
    LabelSelector,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodSpec,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
    RollingUpdateDeployment,
)
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.plan import Reason
from reconciler.model.policy import Policy
from reconciler.planner.memo import Memo
from reconciler.planner.view import View, ref_for
from reconciler.planner.workloads.deployment_scale import (
    fraction_of,
    roll,
    runs_old_pods,
    scale,
    scale_in_proportion,
)
from reconciler.planner.workloads.deployment_sets import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    current_set,
    forget_history,
    set_name,
)
from reconciler.planner.workloads.deployment_status import counted, has_progressed, is_complete, progressing
from reconciler.planner.workloads.rolling import limits_of, new_size
from tests.parity.rows import NotTranslated, compare

replace = msgspec.structs.replace
_NOW = 1_600_000_000.0
_NONE_S = 2**31 - 1
Case = dict[str, Any]


def plain(value: Any) -> Any:
    """Return a document without what is null."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if one is not None}
    return [plain(one) for one in value] if isinstance(value, list) else value


def deployment_of(document: Case) -> Deployment:
    """Read a Deployment as the rows write it; without a deadline is the longest one."""
    spec = {"replicas": 1, "selector": {}, "progressDeadlineSeconds": _NONE_S, **plain(document.get("spec", {}))}
    spec["template"] = template_of(document)
    spec["strategy"] = {key: one for key, one in spec.get("strategy", {}).items() if one}
    status = plain(document.get("status", {}))
    for one in status.get("conditions", ()):
        one.setdefault("lastUpdateTime", "2017-02-15T18:49:00Z")
    return msgspec.convert({"metadata": plain(document["metadata"]), "spec": spec, "status": status}, Deployment)


def template_of(document: Case) -> Case:
    """Return the template of a row, which may be empty."""
    return with_container(plain(document.get("spec", {}).get("template", {})))


def with_container(template: Case) -> Case:
    """Return a template with a container, which ours always have."""
    containers = [{**one, "name": one["name"] or "a"} for one in template.get("spec", {}).get("containers", ())]
    spec = {**template.get("spec", {}), "containers": containers or [{"name": "a", "image": "b"}]}
    return {"metadata": {}, **template, "spec": spec}


def set_of(document: Case, owner: Deployment | None = None) -> StoredObject:
    """Read a ReplicaSet as the rows write it, as one of the Deployment's."""
    spec = {"selector": {}, **plain(document["spec"]), "template": template_of(document)}
    metadata = plain(document["metadata"])
    metadata.setdefault("uid", metadata["name"])
    made = msgspec.convert({"metadata": metadata, "spec": spec, "status": plain(document["status"])}, ReplicaSet)
    return stored(replace(made, metadata=replace(made.metadata, owner_references=())))


def stored(object: Any) -> StoredObject:
    """Return an object as the store holds it."""
    return StoredObject(ref=ref_for(object), object=object, manager="api")


def view_of(*objects: StoredObject, now: float = _NOW) -> View:
    """Return a working picture of these objects alone."""
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects={one.ref: one for one in objects})
    return View(observed, Policy(), now, Memo())


def sized(replicas: int, **strategy: Any) -> Deployment:
    """Return a Deployment of a size, with the limits of a rolling update."""
    kind = strategy.pop("type", "RollingUpdate")
    rolling = RollingUpdateDeployment(**strategy)
    spec = DeploymentSpec(
        selector=LabelSelector(),
        template=PodTemplateSpec(spec=PodSpec(containers=(Container(name="a", image="b"),))),
        replicas=replicas,
        strategy=DeploymentStrategy(type=kind, rolling_update=rolling),
    )
    return Deployment(metadata=ObjectMeta(name="foo", uid="foo"), spec=spec)


def small_set(
    name: str, replicas: int, available: int = 0, annotations: Mapping[str, str] | None = None
) -> StoredObject:
    """Return a ReplicaSet with so many Pods."""
    template = PodTemplateSpec(spec=PodSpec(containers=(Container(name="a", image=name),)))
    spec = ReplicaSetSpec(selector=LabelSelector(), template=template, replicas=replicas)
    made = ReplicaSet(metadata=ObjectMeta(name=name, uid=name, annotations=annotations or {}), spec=spec)
    return stored(replace(made, status=replace(made.status, available_replicas=available)))


def limits(case: Case) -> bool:
    """Judge a row with a Deployment: how many of its Pods may be away."""
    return limits_of(deployment_of(case["deployment"]))[1] == case.get("expected", 0)


def minimum(case: Case) -> bool:
    """Judge a row with a Deployment: how many of its Pods there must be."""
    deployment = deployment_of(case["deployment"])
    if deployment.spec.strategy.type != "RollingUpdate":
        raise NotTranslated  # upstream has no such minimum there, and never asks for it
    return deployment.spec.replicas - limits_of(deployment)[1] == case.get("expected", 0)


def fenceposts(case: Case) -> bool:
    """Judge a row with both limits; one that is no percentage is refused before anything is planned."""
    if case.get("expectError"):
        try:
            msgspec.convert({"maxUnavailable": case["maxUnavailable"]}, RollingUpdateDeployment)
        except msgspec.ValidationError:
            return True
        return False
    given = {"max_surge": case.get("maxSurge", 0), "max_unavailable": case.get("maxUnavailable", 0)}
    found = limits_of(sized(max(case.get("desired", 0), 1), **given))
    return found == (case.get("expectSurge", 0), case.get("expectUnavailable", 0))


def size_of_new(case: Case) -> bool:
    """Judge a row with the size of the current ReplicaSet, which has all Pods that there are."""
    deployment = sized(case["depReplicas"], max_surge=case["maxSurge"], max_unavailable=0, type=case["strategyType"])
    size = case["newRSReplicas"]
    if case["strategyType"] == "RollingUpdate":
        return new_size(deployment, size, size) == case["expected"]
    new = small_set("new", size)
    view = view_of(stored(deployment), new)
    scaled = scale(view, deployment, new, deployment.spec.replicas, Reason.ROLLOUT)
    return scaled.object.spec.replicas == case["expected"]


def fraction(case: Case) -> bool:
    """Judge a row with the share of a ReplicaSet."""
    deployment = sized(case["deploymentReplicas"], max_surge=case.get("deploymentMaxSurge", 0), max_unavailable=0)
    deployment = replace(deployment, status=DeploymentStatus(replicas=case.get("deploymentStatusReplicas", 0)))
    one = small_set("one", case["rsReplicas"], annotations=case.get("rsAnnotations"))
    return fraction_of(deployment, one) == case.get("expectedFraction", 0)


def proportions(case: Case) -> bool:
    """Judge a row with a change of size in the middle of a rollout."""
    before, deployment = deployment_of(case["oldDeployment"]), deployment_of(case["deployment"])
    told = case.get("desiredReplicasAnnotations", {})
    sets = [_told(set_of(one), before, told) for one in case.get("oldRSs") or ()]
    new = _told(set_of(case["newRS"]), before, told) if case.get("newRS") else None
    view = view_of(stored(deployment), *sets, *([new] if new else []))
    scale_in_proportion(view, deployment, new, sets)
    expected = [*(case.get("expectedOld") or ()), *([case["expectedNew"]] if case.get("expectedNew") else ())]
    return all(_size(view, one["metadata"]["name"]) == one["spec"]["replicas"] for one in expected)


def _told(one: StoredObject, before: Deployment, told: dict[str, int]) -> StoredObject:
    desired = told.get(one.ref.name, before.spec.replicas)
    sizes = {DESIRED_REPLICAS: str(desired), MAX_REPLICAS: str(desired + limits_of(before)[0])}
    metadata = replace(one.object.metadata, annotations=sizes)
    return replace(one, object=replace(one.object, metadata=metadata))


def _size(view: View, name: str) -> int:
    found = next(one for one in view.of_kind("ReplicaSet") if one.ref.name == name)
    return found.object.spec.replicas


def annotations(case: Case) -> bool:
    """Judge a row with a ReplicaSet on which the size is noted, or is not: upstream asks with 10 and 20."""
    deployment = sized(10, max_surge=10, max_unavailable=0)
    one = set_of({**case["replicaSet"], "spec": {**case["replicaSet"]["spec"], "replicas": 1}})
    view = view_of(stored(deployment), one)
    scale(view, deployment, one, 1, Reason.ROLLOUT)
    return bool(view.changes()) == case.get("expected", False)


def growing(case: Case) -> bool:
    """Judge a row with the current ReplicaSet in the middle of a rollout."""
    return _rolled(case, "newReplicas") == case.get("expectedNewReplicas", case.get("newReplicas", 0))


def shrinking(case: Case) -> bool:
    """Judge a row with the old ReplicaSet in the middle of a rollout."""
    return _rolled(case, "oldReplicas") == case.get("expectedOldReplicas", case.get("oldReplicas", 0))


def _rolled(case: Case, which: str) -> int:
    limits = {"max_surge": case.get("maxSurge", 0), "max_unavailable": case.get("maxUnavailable", 0)}
    deployment = sized(case["deploymentReplicas"], **limits)
    new = small_set("new", case.get("newReplicas", 0), case.get("readyPodsFromNewRS", 0))
    available = case.get("readyPodsFromOldRS", case.get("readyPods", 0))
    old = small_set("old", case.get("oldReplicas", 0), available)
    view = view_of(stored(deployment), new, old)
    roll(view, deployment, new, [old])
    return _size(view, "new" if which == "newReplicas" else "old")


def history(case: Case) -> bool:
    """Judge a row with old ReplicaSets, of which some are forgotten."""
    sets = [set_of(one) for one in case["oldRSs"]]
    # Whether Pods are left is asked of the Pods.
    pods = [_pod(one.ref.name) for one in sets if one.object.status.replicas]
    view = view_of(*sets, *pods)
    deployment = sized(1)
    limit = case.get("revisionHistoryLimit", 0)
    forget_history(view, replace(deployment, spec=replace(deployment.spec, revision_history_limit=limit)), sets)
    gone = {one.ref.name for one in sets if view.get(one.ref) is None}
    expected = case.get("expectedDeletedRSs")
    return gone == set(expected) if expected is not None else len(gone) == case.get("expectedDeletions", 0)


def _pod(owner: str, phase: str = "Running", number: int = 0) -> StoredObject:
    reference = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name=owner, uid=owner, controller=True)
    metadata = ObjectMeta(name=f"{owner}-{number}", owner_references=(reference,))
    made = Pod(metadata=metadata, spec=PodSpec(containers=(Container(name="a", image="b"),)))
    return stored(replace(made, status=replace(made.status, phase=phase)))


def old_pods(case: Case) -> bool:
    """Judge a row with old ReplicaSets and their Pods; that a status speaks of Pods is no Pod with us."""
    sets = [set_of(one) for one in case.get("oldRSs") or ()]
    phases = [(sets[0].ref.name, pod["status"]["phase"]) for pods in case.get("podMap", {}).values() for pod in pods]
    pods = [_pod(name, phase, number) for number, (name, phase) in enumerate(phases)]
    if any(one.object.status.replicas for one in sets):
        pods.append(_pod(sets[0].ref.name))
    return runs_old_pods(view_of(*sets, *pods), sets) == case.get("hasOldPodsRunning", False)


def complete(case: Case) -> bool:
    """Judge a row with a status: whether the rollout is over."""
    deployment = deployment_of(case["d"])
    return is_complete(deployment, deployment.status) == case.get("expected", False)


def moved(case: Case) -> bool:
    """Judge a row with two statuses: whether there was progress."""
    before = deployment_of(case["d"]).status
    return has_progressed(before, msgspec.convert(case["newStatus"], DeploymentStatus)) == case.get("expected", False)


def rollout(case: Case) -> bool:
    """Judge a row with ReplicaSets and a condition: how the rollout goes."""
    deployment = deployment_of(case["d"])
    new = set_of(case["newRS"]) if case.get("newRS") else None
    # Upstream's rows count the current one among all of them only where it is listed.
    sets = [set_of(one) for one in case["allRSs"]]
    known = [*sets, *([new] if new is not None else [])]
    view = view_of(stored(deployment), *known)
    counts = counted(deployment, [one.object for one in known], new.object if new else None)
    found = progressing(view, deployment, counts, new)
    return (found.reason if found is not None else "") == case.get("conditionReason", "")


def stuck(case: Case) -> bool:
    """Judge a row with a deadline: whether it is waited for; one whose clock was code says too little."""
    if "nowFn" in case:
        raise NotTranslated
    deployment = deployment_of(case["d"])
    view = view_of(stored(deployment))
    progressing(view, deployment, deployment.status, None)
    return (view.look_again_at is None) == (case.get("expected") == -1)


def templates(case: Case) -> bool:
    """Judge a row with two templates: whether they are the same but for the hash."""
    former, latter = (plain(case[name]) for name in ("former", "latter"))
    one, other = (msgspec.convert(with_container(each), PodTemplateSpec) for each in (former, latter))
    first = small_set("first", 1)
    first = stored(replace(first.object, spec=replace(first.object.spec, template=one)))
    owner = stored(sized(1))
    return (current_set(view_of(), owner, [first], other) is not None) == case.get("expected", False)


def current(case: Case) -> bool:
    """Judge a row with ReplicaSets: which of them is the current one."""
    expected = case.get("expected")
    found = _current(case)
    return (found.ref.name if found else None) == (expected["metadata"]["name"] if expected else None)


def old_ones(case: Case) -> bool:
    """Judge a row with ReplicaSets: which of them are old."""
    found = _current(case)
    mine = [set_of(one) for one in case["rsList"]]
    old = {one.object.metadata.uid for one in mine if found is None or one.ref != found.ref}
    return old == {one["metadata"]["uid"] for one in case.get("expected") or ()}


def _current(case: Case) -> StoredObject | None:
    deployment = deployment_of(case["deployment"])
    sets = [set_of(one) for one in case["rsList"]]
    return current_set(view_of(), stored(deployment), sets, deployment.spec.template)


def counts(case: Case) -> bool:
    """Judge a row with ReplicaSets: how many Pods they have and are to have."""
    sets = [set_of(one).object for one in case["sets"]]
    found = counted(sized(1), sets, None)
    wanted = found.unavailable_replicas + found.available_replicas
    terminating = case.get("expectedTerminating")
    return (found.replicas, wanted) == (case.get("expectedActual", 0), case["expectedCount"]) and (
        terminating is None or found.terminating_replicas == terminating
    )


def name_of_set(case: Case) -> bool:
    """Judge a row with a long name."""
    return set_name(case["deploymentName"], case["hash"]) == case["want"]


def on_purpose(row: Case) -> str:
    """Return why our answer differs."""
    if row["test"] == "TestGenerateReplicaSetName" and len(row["case"]["hash"]) > 10:
        return "our hashes have ten letters"
    if row["test"] == "TestRequeueStuckDeployment" and not row["case"]["d"]["status"].get("conditions"):
        return "what is not said of progress yet is said in the same pass"
    return ""


def test_deployments_are_rolled_and_scaled_as_upstream_does() -> None:
    """Every row of the controller whose data says enough gets upstream's answer."""
    tables = {
        "TestScale": proportions,
        "TestSyncRolloutStatus": rollout,
        "TestRequeueStuckDeployment": stuck,
        "TestOldPodsRunning": old_pods,
        "TestDeploymentController_cleanupDeployment": history,
        "TestDeploymentController_cleanupDeploymentOrder": history,
        "TestDeploymentController_reconcileNewReplicaSet": growing,
        "TestDeploymentController_reconcileOldReplicaSets": shrinking,
        "TestGenerateReplicaSetName": name_of_set,
    }
    compare("pkg_controller_deployment", tables, on_purpose)


def test_deployments_are_counted_and_judged_as_upstream_does() -> None:
    """Every row of the controller's rules gets upstream's answer."""
    tables = {
        "TestMaxUnavailable": limits,
        "TestMinAvailable": minimum,
        "TestResolveFenceposts": fenceposts,
        "TestNewRSNewReplicas": size_of_new,
        "TestGetReplicaSetFraction": fraction,
        "TestReplicasAnnotationsNeedUpdate": annotations,
        "TestDeploymentComplete": complete,
        "TestDeploymentProgressing": moved,
        "TestEqualIgnoreHash": templates,
        "TestFindNewReplicaSet": current,
        "TestFindOldReplicaSets": old_ones,
        "TestGetReplicaCountForReplicaSets": counts,
    }
    compare("pkg_controller_deployment_util", tables, on_purpose)
