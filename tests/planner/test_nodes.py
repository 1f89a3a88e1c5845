"""Node objects: what is written of a host's report, and when."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconciler.model.kinds import Node, NodeSwapStatus, Taint
from reconciler.model.node_report import HostFact, Observation
from reconciler.model.observed import NodeState
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.node_conditions import node_conditions, readiness
from reconciler.planner.nodes import with_former_labels
from tests.planner.world import Cluster, replace

HOST = HostFact(
    boot_id="b", hostname="host", address="10.0.0.1", cpu_millis=1500, memory_bytes=3 << 20, disk_bytes=5 << 10
)


def served(**fields: Any) -> Node:
    """The Node object of a host with these facts."""
    cluster = Cluster()
    give(cluster, host=replace(HOST, **fields))
    cluster.observed = replace(cluster.observed)
    cluster.tick()
    return cast(Node, cluster.of("Node")["node-1"])


def give(cluster: Cluster, *, host: HostFact = HOST, pressures: tuple[str, ...] = (), **facts: Any) -> None:
    """Have the node report this from now on."""
    report = type(cluster).report

    def changed() -> None:
        report(cluster)
        state = cluster.observed.nodes["node-1"]
        assert state.observation is not None
        told = replace(state.observation.facts, host=host, **facts)
        observation = replace(state.observation, facts=told, pressures=pressures)
        cluster.observed = replace(cluster.observed, nodes={"node-1": replace(state, observation=observation)})

    cluster.report = changed  # type: ignore[method-assign]
    cluster.report()


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"cpu_millis": 1500}, "cpu", "1500m"),
        ({"cpu_millis": 4000}, "cpu", "4"),
        ({"memory_bytes": 3 << 20}, "memory", "3072Ki"),
        ({"memory_bytes": (3 << 20) + 1023}, "memory", "3072Ki"),
        ({"pods_max": 250}, "pods", "250"),
        ({"disk_bytes": 5 << 10}, "ephemeral-storage", "5Ki"),
        ({"disk_bytes": 0}, "ephemeral-storage", None),
    ],
)
def test_a_nodes_room_is_told_as_kubernetes_writes_it(fields: dict[str, int], name: str, value: str | None) -> None:
    """All of it can be given to Pods."""
    status = served(**fields).status
    assert status.capacity.get(name) == value
    assert status.allocatable == status.capacity


def test_a_node_tells_its_addresses_and_its_system() -> None:
    """A host without an address has its name; one without a name that of the node."""
    node = served(
        kernel="6.1",
        os_image="Debian",
        architecture="x86_64",
        engine_version="27",
        agent_version="v1",
        machine_id="m",
        system_uuid="u",
    )
    assert [(one.type, one.address) for one in node.status.addresses] == [
        ("InternalIP", "10.0.0.1"),
        ("Hostname", "host"),
    ]
    info = node.status.node_info
    assert (info.machine_id, info.system_uuid, info.boot_id, info.kernel_version) == ("m", "u", "b", "6.1")
    assert (info.os_image, info.container_runtime_version, info.kubelet_version) == ("Debian", "docker://27", "v1")
    assert (info.operating_system, info.architecture) == ("linux", "amd64")
    bare = served(address="", hostname="")
    assert [(one.type, one.address) for one in bare.status.addresses] == [("Hostname", "node-1")]


def test_a_node_tells_its_swap_space() -> None:
    """Bytes; a host without any says nothing of it."""
    assert served(swap_bytes=1 << 30).status.node_info.swap == NodeSwapStatus(capacity=1 << 30)
    assert served(swap_bytes=0).status.node_info.swap is None


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")])
def test_a_nodes_labels_say_what_it_is(machine: str, arch: str) -> None:
    """Under the former names too."""
    assert served(architecture=machine).metadata.labels == {
        "kubernetes.io/hostname": "node-1",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": arch,
    }
    assert with_former_labels({"kubernetes.io/os": "linux"}) == {
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/os": "linux",
    }


def test_each_node_has_a_range_of_its_own() -> None:
    """By a number that it keeps when one before it goes."""
    cluster = Cluster(nodes=("a", "b"))
    cluster.settle()
    assert [one.spec.pod_cidr for one in cluster.of("Node").values()] == ["10.42.0.0/24", "10.42.1.0/24"]  # type: ignore[union-attr]
    assert cluster.observed.allocations == {"node/a": "0", "node/b": "1"}
    assert cluster.of("Node")["b"].spec.pod_cidrs == ("10.42.1.0/24",)  # type: ignore[union-attr]
    cluster.observed = replace(cluster.observed, nodes={"b": cluster.observed.nodes["b"]})
    assert cluster.plan().allocations == {}


def test_a_heartbeat_alone_writes_nothing_and_silence_is_looked_for() -> None:
    """A condition keeps the times of its change; the plan says when the lease is over."""
    cluster = Cluster()
    cluster.settle()
    began = cluster.of("Node")["node-1"].status.conditions  # type: ignore[union-attr]
    assert {one.last_heartbeat_time for one in began} == {rfc3339(1_800_000_000.0)}
    cluster.now += 10
    cluster.report()
    plan = cluster.plan()
    assert plan.is_empty
    assert plan.look_again_at == pytest.approx(cluster.now + 40, abs=0.01)
    assert plan.look_again_at is not None and plan.look_again_at > cluster.now + 40


@pytest.mark.parametrize(("after_s", "status"), [(40, "True"), (40.1, "Unknown")])
def test_a_node_is_silent_when_its_lease_is_over(after_s: float, status: str) -> None:
    """Not before."""
    cluster = Cluster()
    cluster.settle()
    heard = cluster.observed.nodes["node-1"].heartbeat_at
    assert heard is not None
    cluster.now = heard + after_s
    cluster.report = lambda: None  # type: ignore[method-assign]
    cluster.settle(step_s=0.0)
    conditions = {one.type: one.status for one in cluster.of("Node")["node-1"].status.conditions}  # type: ignore[union-attr]
    assert conditions["Ready"] == status


def test_a_condition_that_changes_tells_when_the_node_was_heard() -> None:
    """The others keep their times."""
    cluster = Cluster()
    cluster.settle()
    cluster.now += 30
    give(cluster, pressures=("DiskPressure",))
    cluster.settle(step_s=0.0)
    times = {one.type: one.last_heartbeat_time for one in cluster.of("Node")["node-1"].status.conditions}  # type: ignore[union-attr]
    assert times["DiskPressure"] == rfc3339(cluster.now)
    assert times["Ready"] == rfc3339(1_800_000_000.0)


def test_a_host_whose_engine_is_silent_is_not_ready() -> None:
    """It says why; one that has not reported yet says that."""
    cluster = Cluster()
    give(cluster, complete=False, engine_error="no socket")
    cluster.settle()
    ready = next(one for one in cluster.of("Node")["node-1"].status.conditions if one.type == "Ready")  # type: ignore[union-attr]
    assert (ready.status, ready.reason, ready.message) == (
        "False",
        "KubeletNotReady",
        "container runtime is down: no socket",
    )
    fresh = NodeState(name="n", heartbeat_at=1.0)
    told = {one.type: (one.status, one.reason, one.message) for one in node_conditions(fresh, (), silent=False)}
    assert told["Ready"] == ("False", "KubeletNotReady", "no report yet")
    assert told["MemoryPressure"][0] == "False"
    assert readiness(fresh, silent=False) == "False"


def test_of_a_silent_node_nothing_is_known() -> None:
    """What was told before stopped, what never was told never began, and what is unknown stays so."""
    state = NodeState(name="n", observation=cast(Observation, None))
    first = node_conditions(state, (), silent=True)
    assert {(one.status, one.reason) for one in first} == {("Unknown", "NodeStatusNeverUpdated")}
    assert [one.type for one in first] == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    again = node_conditions(state, first, silent=True)
    assert {one.reason for one in again} == {"NodeStatusNeverUpdated"}
    known = node_conditions(state, (), silent=False)
    after = node_conditions(state, known, silent=True)
    assert {(one.status, one.reason) for one in after} == {("Unknown", "NodeStatusUnknown")}


def overridden(cluster: Cluster, **fields: Any) -> None:
    """Have a person say this of the node."""
    ref = ObjectRef(kind="Node", name="node-1")
    uid = cluster.of("Node")["node-1"].metadata.uid
    given = {} if not fields else {ref: Override(ref=ref, uid=uid, by="anna", at=cluster.now, **fields)}
    cluster.observed = replace(cluster.observed, overrides=given)


def test_a_cordon_is_told_when_it_comes_and_when_it_goes() -> None:
    """Once each; the node is no object of a revision, and has no verdict."""
    cluster = Cluster()
    cluster.settle()
    for fields, word in (({"unschedulable": True}, "NodeNotSchedulable"), ({}, "NodeSchedulable")):
        overridden(cluster, **fields)
        plan = cluster.tick()
        told = [(one.reason, one.message) for one in plan.happenings]
        assert told == [(word, f"node node-1 status is now: {word}")]
        assert not [one for one in plan.verdicts if one.object.kind == "Node"]
        assert cluster.plan().happenings == ()


def test_a_taint_that_evicts_says_since_when() -> None:
    """Since it came, and that does not change; others need not say it, and what a person said stands."""
    cluster = Cluster()
    cluster.settle()
    own = Taint(key="own", effect="NoExecute", time_added=rfc3339(5.0))
    overridden(cluster, taints=(Taint(key="a", effect="NoExecute"), Taint(key="b", effect="NoSchedule"), own))
    began = rfc3339(cluster.now)
    for _ in range(2):
        cluster.settle()
        taints = cluster.of("Node")["node-1"].spec.taints  # type: ignore[union-attr]
        assert [(one.key, one.time_added) for one in taints] == [("a", began), ("b", None), ("own", rfc3339(5.0))]
        cluster.now += 60
        cluster.report()


def test_nodes_that_fall_silent_together_evict_in_turn() -> None:
    """The plan says when the next one does, and those that are well are left alone."""
    cluster = Cluster(nodes=("a", "b", "c", "d"))
    cluster.settle()
    silent = {name: cluster.observed.nodes[name] for name in "ab"}
    cluster.now += 60
    report = cluster.report

    def without_them() -> None:
        report()
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, **silent})

    cluster.report = without_them  # type: ignore[method-assign]
    cluster.report()
    cluster.settle(step_s=0.0)
    assert evicting(cluster) == ["a"]
    assert cluster.plan().look_again_at == cluster.now + 10
    cluster.now += 10
    cluster.report()
    cluster.settle(step_s=0.0)
    assert evicting(cluster) == ["a", "b"]
    silent.clear()
    cluster.report()
    cluster.settle(step_s=0.0)
    assert evicting(cluster) == []


def evicting(cluster: Cluster) -> list[str]:
    """The nodes with a taint that evicts."""
    nodes = cluster.of("Node")
    return sorted(name for name in nodes if any(one.effect == "NoExecute" for one in nodes[name].spec.taints))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("MemoryPressure", "KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "KubeletHasDiskPressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "KubeletHasInsufficientPID"),
    ],
)
def test_a_pressure_is_told_in_the_kubelets_words(kind: str, good: str, bad: str) -> None:
    """While it is there, and while it is not."""
    for pressures, status, reason in (((), "False", good), ((kind,), "True", bad)):
        cluster = Cluster()
        give(cluster, pressures=pressures)
        told = {one.type: one for one in node_conditions(cluster.observed.nodes["node-1"], (), silent=False)}
        assert (told[kind].status, told[kind].reason) == (status, reason)
        assert told["Ready"].status == "True"
