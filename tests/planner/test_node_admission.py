"""Pods that name their node, which no scheduler looks at: the node takes them in, or they have failed."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import (
    Affinity,
    Container,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    Toleration,
)
from reconciler.model.observed import NodeState
from reconciler.planner.apply import apply_plan
from reconciler.planner.node_admission import admit_named_pods, refusals
from reconciler.planner.scheduling.fit import candidate_of
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeName: {node}
  containers: [{{name: main, image: web, resources: {{requests: {{cpu: {cpu}}}}}}}]
"""
PLACED = """
apiVersion: v1
kind: Pod
metadata: {name: placed}
spec:
  containers: [{name: main, image: web}]
"""


def pod(name: str = "new", *, labels: Any = None, annotations: Any = None, port: int = 0, **spec: Any) -> Pod:
    """A Pod; `asks` are its requests."""
    ports = (ContainerPort(container_port=80, host_port=port),) if port else ()
    resources = ResourceRequirements(requests=spec.pop("asks", {}))
    container = Container(name="c", image="i", ports=ports, resources=resources)
    metadata = ObjectMeta(name=name, uid=name, labels=labels or {}, annotations=annotations or {})
    return Pod(metadata=metadata, spec=PodSpec(containers=(container,), **spec), status=PodStatus(phase="Running"))


def against(new: Pod, *pods: Pod, taints: tuple[Taint, ...] = (), others: Any = None) -> list[str]:
    """The reasons of a node with these Pods on it, which has one processor, and `others` beside."""
    room = {"cpu": "1", "memory": "1Gi", "pods": "3", **(others or {})}
    node = Node(metadata=ObjectMeta(name="node-1", labels={"disk": "ssd"}), status=NodeStatus(allocatable=room))
    node = replace(node, spec=replace(node.spec, taints=taints))
    return [one.reason for one in refusals(new, candidate_of(node, pods))]


@pytest.mark.parametrize(
    ("new", "others", "expected"),
    [
        (pod(asks={"cpu": "1"}), (), []),
        (pod(asks={"cpu": "1001m"}), (), ["OutOfcpu"]),
        (pod(asks={"cpu": "500m"}), (pod("a", asks={"cpu": "500m"}),), []),
        (pod(asks={"cpu": "500m"}), (pod("a", asks={"cpu": "501m"}),), ["OutOfcpu"]),
        (pod(), (pod("a", asks={"cpu": "9"}),), []),
        (pod(asks={"cpu": "2", "memory": "2Gi"}), (), ["OutOfcpu", "OutOfmemory"]),
        (pod(asks={"ephemeral-storage": "1"}), (), ["OutOfephemeral-storage"]),
        (pod(), (pod("a"), pod("b")), []),
        (pod(), (pod("a"), pod("b"), pod("c")), ["OutOfpods"]),
        # A resource that the node tells nothing of is not counted.
        (pod(asks={"example.com/gpu": "1"}), (), []),
    ],
)
def test_a_node_takes_in_what_it_has_room_for(new: Pod, others: tuple[Pod, ...], expected: list[str]) -> None:
    """Everything that is too little is told, in the kubelet's order."""
    assert against(new, *others) == expected


def test_resources_of_others_count_where_the_node_has_some() -> None:
    """By the name that they have."""
    found = against(pod(asks={"example.com/gpu": "2"}), others={"example.com/gpu": "1"})
    assert found == ["OutOfexample.com/gpu"]


def test_the_sentence_says_how_much_is_missing() -> None:
    """In the kubelet's words; processor time in thousandths."""
    node = Node(metadata=ObjectMeta(name="n"), status=NodeStatus(allocatable={"cpu": "1", "pods": "9"}))
    found = next(refusals(pod(asks={"cpu": "2"}), candidate_of(node, (pod("a", asks={"cpu": "100m"}),))))
    assert found.message == "Node didn't have enough resource: cpu, requested: 2000, used: 100, capacity: 1000"


def wants(key: str, *values: str) -> Affinity:
    """A required node affinity."""
    term = NodeSelectorTerm(match_expressions=(NodeSelectorRequirement(key=key, operator="In", values=values),))
    required = NodeSelector(node_selector_terms=(term,))
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required))


DEAD = Taint(key="dead", effect="NoExecute")


@pytest.mark.parametrize(
    ("new", "taints", "expected"),
    [
        (pod(node_selector={"disk": "ssd"}), (), []),
        (pod(node_selector={"disk": "hdd"}), (), ["NodeAffinity"]),
        (pod(affinity=wants("disk", "ssd")), (), []),
        (pod(affinity=wants("disk", "hdd")), (), ["NodeAffinity"]),
        (pod(node_name="node-1"), (), []),
        (pod(node_name="node-2"), (), ["NodeName"]),
        (pod(port=8080), (), ["NodePorts"]),
        (pod(port=8081), (), []),
        (pod(), (DEAD,), ["TaintToleration"]),
        (pod(tolerations=(Toleration(key="dead", operator="Exists"),)), (DEAD,), []),
        (pod(), (Taint(key="dead", effect="NoSchedule"),), []),
        (pod(annotations={"kubernetes.io/config.source": "file"}), (DEAD,), []),
        (pod(labels={"kubernetes.io/os": "linux"}), (), []),
        (pod(labels={"kubernetes.io/os": "windows"}), (), ["PodOSSelectorNodeLabelDoesNotMatch"]),
        (
            pod(asks={"cpu": "2"}, node_selector={"disk": "hdd"}, node_name="node-2", port=8080),
            (DEAD,),
            ["OutOfcpu", "NodeAffinity", "NodeName", "NodePorts", "TaintToleration"],
        ),
    ],
)
def test_a_node_takes_in_what_it_is_fit_for(new: Pod, taints: tuple[Taint, ...], expected: list[str]) -> None:
    """Labels, its name, its ports, and taints that would evict it."""
    assert against(new, pod("a", port=8080), taints=taints) == expected


def test_a_pod_that_names_a_node_without_room_has_failed() -> None:
    """For ever, with the reason; it starts nowhere, and nothing is left to do."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    cluster.push(MANIFEST.format(name="big", node=name, cpu="900"))
    cluster.settle()
    failed = cast(Pod, cluster.of("Pod")["big"]).status
    assert (failed.phase, failed.reason) == ("Failed", "OutOfcpu")
    assert failed.message.startswith("Pod was rejected: Node didn't have enough resource: cpu, requested: 900000, ")
    assert cluster.plan().is_empty


def test_a_refusal_is_told_as_a_warning_beside_pods_that_run() -> None:
    """By an Event, once; who was placed, or runs there, or ends, is not looked at."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    rest = MANIFEST.format(name="a-runs", node=name, cpu=1) + "---" + PLACED
    cluster.push(rest)
    cluster.settle()
    cluster.push(rest + "---" + MANIFEST.format(name="big", node=name, cpu="900"), commit="c2")
    happened = [(one.object.name, one.type, one.reason) for plan in cluster.settle() for one in plan.happenings]
    assert [one for one in happened if one[0] != "placed"] == [("big", "Warning", "OutOfcpu")]
    assert {one: cast(Pod, pod).status.phase for one, pod in cluster.of("Pod").items()} == {
        "a-runs": "Running",
        "big": "Failed",
        "placed": "Running",
    }


def test_a_pod_of_a_node_that_nobody_knows_keeps_no_other_from_being_refused() -> None:
    """Whose node has told what it has."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    cluster.settle()
    cluster.push(
        "---".join((MANIFEST.format(name="a", node="none", cpu=1), MANIFEST.format(name="b", node=name, cpu=900)))
    )
    happened = [(one.object.name, one.reason) for one in cluster.tick().happenings if one.type == "Warning"]
    assert happened == [("b", "OutOfcpu")]


def test_the_number_of_pods_is_told_as_one_asked_for() -> None:
    """Beside how many there are, and may be."""
    node = Node(metadata=ObjectMeta(name="n"), status=NodeStatus(allocatable={"pods": "1"}))
    (found,) = refusals(pod(), candidate_of(node, (pod("a"),)))
    assert found.message == "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1"


@pytest.mark.parametrize(
    ("metadata", "status", "phase"),
    [
        ("", "phase: Pending", "Failed"),
        ("deletionTimestamp: '2027-01-01T00:00:00Z'", "phase: Pending", "Pending"),
        ("", "phase: Running", "Running"),
        ("", "phase: Pending, startTime: '2027-01-01T00:00:00Z'", "Pending"),
        ("", "phase: Pending, conditions: [{type: PodScheduled, status: 'True'}]", "Pending"),
    ],
)
def test_only_what_nobody_has_placed_or_taken_in_is_looked_at(metadata: str, status: str, phase: str) -> None:
    """Nor what ends already."""
    asks = "containers: [{name: c, image: i, resources: {requests: {cpu: 2}}}]"
    one = stored(read("Pod", metadata=metadata, spec=f"nodeName: n, {asks}", status=status))
    room = stored(Node(metadata=ObjectMeta(name="n"), status=NodeStatus(allocatable={"cpu": "1", "pods": "3"})))
    cluster = Cluster()
    observed = replace(cluster.observed, objects={each.ref: each for each in (one, room)})
    view = View(observed, cluster.policy, cluster.now)
    admit_named_pods(view)
    assert cast(Pod, view.objects[one.ref].object).status.phase == phase


def test_of_pods_that_name_one_node_the_first_ones_are_taken_in() -> None:
    """As many as there is room for; in the order of their names where they came together."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    cluster.settle()
    node = cast(Node, cluster.of("Node")[name])
    share = int(node.status.allocatable["cpu"]) // 2
    texts = (MANIFEST.format(name=one, node=name, cpu=share) for one in ("c", "a", "b"))
    cluster.push("---".join(texts))
    cluster.settle()
    found = {one: cast(Pod, pod).status.reason for one, pod in cluster.of("Pod").items()}
    assert found == {"a": "", "b": "", "c": "OutOfcpu"}


def test_of_pods_that_name_one_node_who_was_made_first_is_taken_in() -> None:
    """Whatever its name is."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    cluster.settle()
    share = int(cast(Node, cluster.of("Node")[name]).status.allocatable["cpu"])
    texts = [MANIFEST.format(name=one, node=name, cpu=share) for one in ("z", "a")]
    cluster.push(texts[0])
    cluster.observed = apply_plan(cluster.observed, cluster.plan())
    cluster.now += 5
    cluster.push("---".join(texts), commit="c2")
    cluster.observed = apply_plan(cluster.observed, cluster.plan())
    cluster.settle()
    found = {one: cast(Pod, pod).status.reason for one, pod in cluster.of("Pod").items()}
    assert found == {"a": "OutOfcpu", "z": ""}


def test_of_pods_that_are_met_together_who_was_made_first_is_taken_in() -> None:
    """As where their node was not known when they came."""
    asks = "nodeName: n, containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]"
    made = {"a": "creationTimestamp: '2027-01-01T00:00:05Z'", "z": "creationTimestamp: '2027-01-01T00:00:00Z'"}
    pods = [stored(read("Pod", name=name, metadata=one, spec=asks)) for name, one in made.items()]
    room = stored(Node(metadata=ObjectMeta(name="n"), status=NodeStatus(allocatable={"cpu": "1", "pods": "3"})))
    cluster = Cluster()
    view = View(
        replace(cluster.observed, objects={each.ref: each for each in (*pods, room)}), cluster.policy, cluster.now
    )
    admit_named_pods(view)
    assert [cast(Pod, view.objects[one.ref].object).status.phase for one in pods] == ["Failed", "Pending"]


def test_a_node_that_has_not_told_what_it_has_refuses_nobody() -> None:
    """Unknown is not nothing (P20)."""
    cluster = Cluster()
    (name,) = cluster.observed.nodes
    cluster.observed = replace(cluster.observed, nodes={name: NodeState(name=name, heartbeat_at=cluster.now)})
    cluster.push(MANIFEST.format(name="big", node=name, cpu="900"))
    cluster.settle()
    assert cast(Pod, cluster.of("Pod")["big"]).status.phase != "Failed"
