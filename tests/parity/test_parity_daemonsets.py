"""DaemonSets choose nodes, count Pods and roll as upstream's controller does."""

from typing import Any

import msgspec

from reconciler.model.kinds import (
    Affinity,
    DaemonSet,
    Node,
    NodeSpec,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodTemplateSpec,
    Taint,
)
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import SYSTEM, View
from reconciler.planner.workloads.daemonset import claim_pods, pods_of, sync_daemon_sets
from reconciler.planner.workloads.daemonset_pods import fit_of, node_as_before, pinned, revision_of
from reconciler.planner.workloads.daemonset_update import share_of
from tests.parity.rows import NotTranslated, compare

NOW = 1_800_000_000.0
LABELS = {"name": "simple-daemon", "type": "production"}
replace = msgspec.structs.replace


def template(row: dict[str, Any]) -> PodTemplateSpec:
    """Return the template of a row's DaemonSet, with a container where it has none."""
    spec = dict(row["spec"]["template"]["spec"])
    spec["containers"] = [{"name": "a", "image": "b"}]
    return msgspec.convert({"metadata": {"labels": LABELS}, "spec": spec}, PodTemplateSpec)


def should_run(case: dict[str, Any]) -> bool:
    """Judge a row about a node that carries the DaemonSet's own labels."""
    node = Node(metadata=ObjectMeta(name="node", labels=LABELS))
    if case.get("nodeUnschedulable"):
        taint = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
        node = replace(node, spec=replace(node.spec, unschedulable=True, taints=(taint,)))
    found = fit_of(template(case["ds"]), node)
    return (found.must, found.may) == (case.get("shouldRun", False), case.get("shouldContinueRunning", False))


def affinity(case: dict[str, Any]) -> bool:
    """Judge a row about the node that a Pod is pinned to; a weight of 0 stands for one."""

    def read(row: Any) -> Affinity:
        text = msgspec.json.encode(row or {}).replace(b'"weight":0', b'"weight":1')
        return msgspec.json.decode(text, type=Affinity)

    return pinned(read(case.get("affinity")), case["hostname"]) == read(case["expected"])


def limits(case: dict[str, Any]) -> bool:
    """Judge a row about the limits of an update; one of the two is never 0."""
    rolling = case["ds"]["spec"]["updateStrategy"]["rollingUpdate"]
    wanted = case.get("desiredNumberScheduled", 0)
    surge = share_of(rolling.get("maxSurge", 0), wanted)
    unavailable = share_of(rolling.get("maxUnavailable", 0), wanted)
    if surge == 0:
        unavailable = max(unavailable, 1) if wanted else unavailable
    return (surge, unavailable) == (case.get("maxSurge", 0), case.get("maxUnavailable", 0))


def failed_pods(case: dict[str, Any]) -> bool:
    """Judge a row about Pods that failed beside others; the next one comes in the same pass."""
    made_from = msgspec.to_builtins(template({"spec": {"template": {"spec": {}}}}))
    spec = {"selector": {"matchLabels": LABELS}, "template": made_from, "updateStrategy": {"type": "OnDelete"}}
    daemon_set = msgspec.convert({"kind": "DaemonSet", "spec": spec}, DaemonSet)
    metadata = ObjectMeta(name="ds", namespace="default", uid="ds-uid", creation_timestamp="2020-01-01T00:00:00Z")
    objects: list[Any] = [replace(daemon_set, metadata=metadata), Node(metadata=ObjectMeta(name="node"))]
    phases = ["Failed"] * case.get("numFailedPods", 0) + ["Running"] * case.get("numNormalPods", 0)
    owner = OwnerReference(api_version="apps/v1", kind="DaemonSet", name="ds", uid="ds-uid", controller=True)
    for number, phase in enumerate(phases):
        pod: Pod = msgspec.convert(
            {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "b"}], "nodeName": "node"}}, Pod
        )
        uid = f"p{number}"
        name = ObjectMeta(name=uid, namespace="default", uid=uid, labels=LABELS, owner_references=(owner,))
        objects.append(replace(pod, metadata=name, status=replace(pod.status, phase=phase)))  # type: ignore[arg-type]
    refs = [ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name) for one in objects]
    stored = {ref: StoredObject(ref=ref, object=one, manager="api") for ref, one in zip(refs, objects, strict=True)}
    nodes = {"node": NodeState(name="node", heartbeat_at=NOW)}
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects=stored, nodes=nodes)
    view = View(observed, Policy(digest_key="00" * 16), NOW)
    sync_daemon_sets(view)
    pods = view.of_kind("Pod")
    created = [one for one in pods if one.ref not in stored]
    ended = [one for one in pods if one.ref in stored and one.object.metadata.deletion_timestamp]
    in_same_pass = 1 if phases == ["Failed"] else 0
    return len(ended) == case.get("expectedDeletes", 0) and len(created) == (
        case.get("expectedCreates", 0) + in_same_pass
    )


def gathers(case: dict[str, Any]) -> bool:
    """Judge a row with Pods of several owners and none; with us those that have ended and go are never counted."""
    if case.get("includeDeletedTerminal"):
        raise NotTranslated
    rows = [*case["wantedPods"], *case["ignoredPods"]]
    template_row = msgspec.to_builtins(template({"spec": {"template": {"spec": {}}}}))
    spec = {"selector": {"matchLabels": LABELS}, "template": template_row}
    daemon_set = msgspec.convert(
        {"kind": "DaemonSet", "metadata": {"name": "foo", "uid": "foo"}, "spec": spec}, DaemonSet
    )
    ref = ObjectRef(kind="DaemonSet", namespace="default", name="foo")
    owner = StoredObject(ref=ref, object=daemon_set, manager="api")
    stored = {ref: owner}
    for row in rows:
        owners = [{**one, "uid": one["name"]} for one in row["metadata"].get("ownerReferences", ())]
        pod: Pod = msgspec.convert(
            {
                "kind": "Pod",
                "metadata": {**row["metadata"], "ownerReferences": owners},
                "spec": {"containers": [{"name": "a", "image": "b"}], "nodeName": row["spec"]["nodeName"]},
                "status": row["status"],
            },
            Pod,
        )
        place = ObjectRef(kind="Pod", namespace="default", name=pod.metadata.name)
        stored[place] = StoredObject(ref=place, object=pod, manager=owners[0]["uid"] if owners else SYSTEM)
    view = View(ObservedState(cluster=ClusterInfo(id="test"), objects=stored), Policy(), NOW)
    claim_pods(view, owner, view.unmanaged("Pod"))
    found = pods_of(view, "foo", "").pods
    told = {(node, one.ref.name) for node, pods in found.items() for one in pods}
    return told == {(row["spec"]["nodeName"], row["metadata"]["name"]) for row in case["wantedPods"]}


def is_ignored(case: dict[str, Any]) -> bool:
    """Judge a row with a node before and after a change: what follows from it is, or is not, looked at anew."""
    old, new = (
        Node(
            metadata=ObjectMeta(name="node1", labels=case[one]["metadata"].get("labels") or {}),
            spec=msgspec.convert(case[one]["spec"], NodeSpec),
        )
        for one in ("oldNode", "newNode")
    )
    return (node_as_before(old, new) is old) == case.get("expectedResult", False)


def test_daemon_sets_run_where_upstream_runs_them() -> None:
    """Nodes that fit, limits of updates, Pods that failed."""
    judges = {
        "TestNodeShouldRunDaemonPod": should_run,
        "TestGetUnavailableNumbers": limits,
        "TestDaemonKillFailedPods": failed_pods,
        "TestGetNodesToDaemonPods": gathers,
        "TestShouldIgnoreNodeUpdate": is_ignored,
    }
    compare("pkg_controller_daemon", judges)


def test_daemon_pods_are_pinned_as_upstream_pins_them() -> None:
    """What must hold is the node alone; wishes stay. The revision is told by its hash."""

    def updated(case: dict[str, Any]) -> bool:
        pod: Pod = msgspec.convert({"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "b"}]}}, Pod)
        pod = replace(pod, metadata=ObjectMeta(name="p", labels=case["pod"]["metadata"].get("labels") or {}))
        stored = StoredObject(ref=ObjectRef(kind="Pod", name="p"), object=pod, manager="api")
        return (revision_of(stored) == case.get("hash", "none")) == case.get("isUpdated", False)

    def on_purpose(row: dict[str, Any]) -> str:
        by_number = row["case"].get("templateGeneration") == 12345
        return "the deprecated number of a template is not kept, its hash is" if by_number else ""

    judges = {"TestReplaceDaemonSetPodNodeNameNodeAffinity": affinity, "TestIsPodUpdated": updated}
    compare("pkg_controller_daemon_util", judges, on_purpose)
