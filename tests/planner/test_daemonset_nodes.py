"""A DaemonSet's Pods on their nodes: ended ones, several on one, nodes that are gone, and revisions that are kept."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Pod, PodTemplateSpec, decode_object
from reconciler.model.plan import Decision
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.workloads.daemonset_pods import FAILURES, Fit, daemon_spec, fit_of, node_as_before
from tests.planner.test_daemonset import daemon_set, places, put, started, status
from tests.planner.world import Cluster, replace

SURGE = "updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"


@pytest.mark.parametrize(
    ("phase", "event", "type_", "reason"),
    [
        ("Failed", "FailedDaemonPod", "Warning", "pod-failed"),
        ("Succeeded", "SucceededDaemonPod", "Normal", "pod-finished"),
    ],
)
def test_a_pod_that_ended_is_replaced_at_once_the_first_time(phase: str, event: str, type_: str, reason: str) -> None:
    """What happened is told, and the next Pod remembers that one has ended before it."""
    cluster = started(daemon_set(), nodes=("node-1",))
    (first,) = cluster.of("Pod")
    assert FAILURES not in cluster.of("Pod")[first].metadata.annotations
    cluster.phase = lambda pod: phase if pod.metadata.name == first else "Running"
    cluster.report()
    answer = cluster.tick()
    told = [one for one in answer.happenings if one.reason == event]
    assert [(one.type, one.message) for one in told] == [(type_, f"pod {first} on node-1 has ended and is replaced")]
    made = [one for one in answer.verdicts if one.object.kind == "Pod" and one.decision is Decision.CREATE]
    assert [str(one.reason) for one in made] == [reason]
    cluster.settle()
    (second,) = cluster.of("Pod").values()
    assert second.metadata.annotations[FAILURES] == "1"


def test_the_second_end_is_waited_for_to_the_second() -> None:
    """It is looked at again just when the next Pod may start, and then it does."""
    cluster = started(daemon_set(), nodes=("node-1",))
    (stored,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "Pod")
    marked = replace(stored.object.metadata, annotations={FAILURES: "4"})
    put(cluster, replace(stored, object=replace(stored.object, metadata=marked)))
    cluster.phase = lambda pod: "Failed" if pod.metadata.name == stored.ref.name else "Running"
    cluster.report()
    failed_at = cluster.now
    answer = cluster.tick()
    assert answer.look_again_at == failed_at + 8
    cluster.now = failed_at + 7
    cluster.report()
    assert not cluster.tick().happenings
    cluster.now = failed_at + 8
    cluster.report()
    assert "FailedDaemonPod" in [one.reason for one in cluster.tick().happenings]


def test_pods_for_a_node_that_is_gone_go_when_no_node_has_them() -> None:
    """One that runs there is the business of whoever looks after lost nodes."""
    cluster = started(daemon_set(), nodes=("node-1", "node-2"))
    stored = [one for ref, one in sorted(cluster.observed.objects.items()) if ref.kind == "Pod"]
    gone = next(one for one in stored if cast(Pod, one.object).spec.node_name == "node-2")
    for name, placed in (("stays", "node-2"), ("goes", "")):
        pod = cast(Pod, gone.object)
        metadata = replace(pod.metadata, name=name, uid=name)
        copy = replace(pod, metadata=metadata, spec=replace(pod.spec, node_name=placed))
        put(cluster, replace(gone, ref=replace(gone.ref, name=name), object=copy))
    node = ObjectRef(kind="Node", name="node-2")
    objects = {ref: one for ref, one in cluster.observed.objects.items() if ref != node}
    nodes = {name: state for name, state in cluster.observed.nodes.items() if name != "node-2"}
    cluster.observed = replace(cluster.observed, objects=objects, nodes=nodes)
    answer = cluster.plan()
    found = {one.object.name: one for one in answer.verdicts if one.object.kind == "Pod"}
    assert (str(found["goes"].reason), found["goes"].message) == ("node-unfit", "there is no node node-2")
    assert found["stays"].decision is not Decision.DELETE


def doubled(cluster: Cluster, *, since_s: float = 0.0, ready: bool = True, revision: str = "") -> list[str]:
    """Put a second, younger Pod beside the first, which may be of another revision; return which of them stay."""
    (stored,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "Pod")
    pod = cast(Pod, stored.object)
    since = rfc3339(cluster.now - since_s)
    conditions = tuple(replace(one, last_transition_time=since) for one in pod.status.conditions)
    metadata = replace(pod.metadata, name="second", uid="second", creation_timestamp=rfc3339(cluster.now))
    second = replace(pod, metadata=metadata, status=replace(pod.status, conditions=conditions))
    put(cluster, replace(stored, ref=replace(stored.ref, name="second"), object=second))
    if revision:
        labels = {**pod.metadata.labels, "controller-revision-hash": revision}
        put(cluster, replace(stored, object=replace(pod, metadata=replace(pod.metadata, labels=labels))))
    cluster.ready = lambda one: ready or one.metadata.name == "second"
    cluster.report()
    going = {one.object.name for one in cluster.plan().verdicts if one.decision is Decision.DELETE}
    return sorted("first" if name != "second" else name for name in cluster.of("Pod") if name not in going)


@pytest.mark.parametrize("spec", ["minReadySeconds: 0", SURGE])
def test_of_two_pods_of_one_revision_the_older_stays(spec: str) -> None:
    """Whether or not an update may have two on a node."""
    assert doubled(started(daemon_set(spec), nodes=("node-1",))) == ["first"]


@pytest.mark.parametrize(
    ("kind", "since_s", "ready", "stay"),
    [
        ("RollingUpdate", 30.0, True, ["second"]),
        ("RollingUpdate", 29.0, True, ["first", "second"]),
        ("RollingUpdate", 29.0, False, ["second"]),
        ("OnDelete", 30.0, True, ["second"]),
        ("OnDelete", 29.0, True, ["first", "second"]),
        ("OnDelete", 29.0, False, ["second"]),
    ],
)
def test_an_old_pod_stays_beside_until_the_new_one_is_available(
    kind: str, since_s: float, ready: bool, stay: list[str]
) -> None:
    """An old one that is not ready goes at once."""
    spec = SURGE.replace("{rollingUpdate", f"{{type: {kind}, rollingUpdate")
    cluster = started(daemon_set(f"minReadySeconds: 30\n  {spec}"), nodes=("node-1",))
    assert doubled(cluster, since_s=since_s, ready=ready, revision="old") == stay


@pytest.mark.parametrize("old", [1, 2])
def test_several_of_one_revision_are_too_many_beside_another(old: int) -> None:
    """One of each may stay: the older ones."""
    cluster = started(daemon_set(f"minReadySeconds: 30\n  {SURGE}"), nodes=("node-1",))
    assert doubled(cluster, revision="old") == ["first", "second"]
    second = next(one for ref, one in cluster.observed.objects.items() if ref.name == "second")
    (first,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "Pod" and ref.name != "second")
    source = first if old == 2 else second
    metadata = replace(source.object.metadata, name="third", uid="third", creation_timestamp=rfc3339(cluster.now + 1))
    third = replace(cast(Pod, source.object), metadata=metadata)
    put(cluster, replace(source, ref=replace(source.ref, name="third"), object=third))
    cluster.report()
    going = {one.object.name for one in cluster.plan().verdicts if one.decision is Decision.DELETE}
    assert going == {"third"}


def test_only_so_many_revisions_are_kept() -> None:
    """Those that Pods still come from count besides."""
    cluster = started(daemon_set("revisionHistoryLimit: 1"))
    for number in range(2, 6):
        cluster.push(daemon_set("revisionHistoryLimit: 1", image=f"a:{number}"), commit=f"c{number}")
        cluster.settle()
    assert sorted(one.revision for one in cluster.of("ControllerRevision").values()) == [4, 5]  # type: ignore[union-attr]


def test_names_that_collided_stay_counted() -> None:
    """A look at which nothing collides does not forget those before."""
    cluster = started(daemon_set())
    (stored,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "DaemonSet")
    counted = replace(status(cluster), collision_count=3)
    put(cluster, replace(stored, object=replace(cast(Any, stored.object), status=counted)))
    cluster.settle()
    assert status(cluster).collision_count == 3
    assert places(cluster)


# Which nodes fit


def template(**spec: Any) -> PodTemplateSpec:
    """Return a template."""
    whole = {"containers": [{"name": "a", "image": "a"}], **spec}
    pod = decode_object({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": whole})
    return PodTemplateSpec(spec=cast(Pod, pod).spec)


def node(*taints: tuple[str, str], **labels: str) -> Any:
    """Return a node with these taints."""
    listed = [{"key": key, "effect": effect} for key, effect in taints]
    metadata = {"name": "n", "labels": labels}
    return decode_object({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": listed}})


BOTH, STAY, NONE = Fit(must=True, may=True), Fit(must=False, may=True), Fit(must=False, may=False)
CHOSEN = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}


@pytest.mark.parametrize(
    ("spec", "taints", "labels", "fit"),
    [
        ({}, [], {}, BOTH),
        ({"nodeName": "n"}, [], {}, BOTH),
        ({"nodeName": "m"}, [], {}, NONE),
        ({"nodeSelector": {"disk": "ssd"}}, [], {"disk": "ssd"}, BOTH),
        ({"nodeSelector": {"disk": "ssd"}}, [], {"disk": "hdd"}, NONE),
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": CHOSEN}}}, [], {}, NONE),
        ({}, [("mine", "NoSchedule")], {}, STAY),
        ({}, [("mine", "NoExecute")], {}, NONE),
        ({}, [("mine", "PreferNoSchedule")], {}, BOTH),
        ({"tolerations": [{"key": "mine", "operator": "Exists"}]}, [("mine", "NoExecute")], {}, BOTH),
        ({}, [("node.kubernetes.io/not-ready", "NoSchedule")], {}, BOTH),
        ({}, [("node.kubernetes.io/unreachable", "NoExecute")], {}, BOTH),
        ({}, [("node.kubernetes.io/unschedulable", "NoSchedule")], {}, BOTH),
        ({}, [("node.kubernetes.io/network-unavailable", "NoSchedule")], {}, STAY),
        ({"hostNetwork": True}, [("node.kubernetes.io/network-unavailable", "NoSchedule")], {}, BOTH),
    ],
)
def test_a_node_fits_by_its_taints_and_labels(spec: Any, taints: Any, labels: dict[str, str], fit: Fit) -> None:
    """What a daemon bears keeps it nowhere away; what is not to be scheduled may stay where it is."""
    assert fit_of(template(**spec), node(*taints, **labels)) == fit


def test_what_a_daemon_bears_is_added_once() -> None:
    """A toleration that is there already is not there twice."""
    once = daemon_spec(template().spec)
    assert len(once.tolerations) == 6
    assert daemon_spec(once) == once


def test_only_labels_and_taints_of_a_node_are_looked_at_anew() -> None:
    """What a node tells of itself with every report does not make daemons choose again."""
    first = node(("mine", "NoSchedule"), disk="ssd")
    told = replace(first, metadata=replace(first.metadata, annotations={"free": "1"}))
    assert node_as_before(None, first) is first
    assert node_as_before(first, told) is first
    for other in (node(disk="ssd"), node(("mine", "NoSchedule"), disk="hdd")):
        assert node_as_before(first, other) is other
