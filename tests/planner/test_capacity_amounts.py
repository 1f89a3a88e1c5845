"""What capacity says in numbers: limits, what has none, what is free, lost and waiting."""

from typing import Any

from reconciler.model.capacity import Amounts
from reconciler.planner.capacity import is_daemon, limited
from tests.planner.reading import read
from tests.planner.test_capacity import LARGE, SMALL, deployment, found

MI = 1 << 20


def limits_of(containers: str, inits: str = "") -> tuple[int, int, int]:
    """Return cpu, memory and Pods of the limits of a Pod."""
    room = limited(read("Pod", spec=f"containers: [{containers}], initContainers: [{inits}]").spec)
    return room.cpu_millis, room.memory_bytes, room.pods


def container(name: str, limits: str, rest: str = "") -> str:
    """Return a container."""
    return f"{{name: {name}, image: i, resources: {{limits: {{{limits}}}}}, {rest}}}"


def test_limits_are_those_of_containers_and_sidecars() -> None:
    """A first step that is over counts nothing; nor does what has no limit."""
    two = f"{container('a', 'cpu: 1, memory: 2Mi')}, {container('b', 'cpu: 500m')}"
    assert limits_of(two) == (1500, 2 * MI, 1)
    sidecar, step = container("c", "memory: 3Mi", "restartPolicy: Always"), container("d", "memory: 9Mi")
    assert limits_of(two, f"{sidecar}, {step}") == (1500, 5 * MI, 1)
    assert limits_of(container("a", "")) == (0, 0, 1)


def test_pods_without_a_limit_of_memory_are_counted() -> None:
    """One container without it is enough."""
    plain = deployment("web", 2, "100m")
    half: Any = deployment("half", 3, "100m")
    containers = half["spec"]["template"]["spec"]["containers"]
    containers.append({"name": "other", "image": "i", "resources": {"limits": {"cpu": "1"}}})
    answer = found(plain, half, nodes=(LARGE,))
    assert {one.object.name: one.unlimited for one in answer.workloads} == {"half": 3, "web": 0}
    web = next(one for one in answer.workloads if one.object.name == "web")
    assert web.requests == Amounts(cpu_millis=200, memory_bytes=128 * MI, pods=2)
    assert web.limits == Amounts(cpu_millis=0, memory_bytes=128 * MI, pods=2)


def test_what_is_free_is_what_nobody_asked_for() -> None:
    """Of everything."""
    (node,) = found(deployment("web", 3, "500m"), nodes=(LARGE,)).nodes
    assert node.requests == Amounts(cpu_millis=1500, memory_bytes=192 * MI, pods=3)
    assert node.limits == Amounts(cpu_millis=0, memory_bytes=192 * MI, pods=3)
    for name in ("cpu_millis", "memory_bytes", "pods"):
        assert getattr(node.free, name) == getattr(node.allocatable, name) - getattr(node.requests, name)
    assert node.daemons == Amounts()


def test_of_a_lost_node_only_what_fits_nowhere_else_is_lost() -> None:
    """What moves takes room from the next; daemons belong to their node."""
    answer = found(deployment("web", 4, "400m"), deployment("a-log", 0, "100m", kind="DaemonSet"), nodes=(SMALL, LARGE))
    large = next(node for node in answer.nodes if node.name == "large")
    small = next(node for node in answer.nodes if node.name == "small")
    placed = {"large": large.requests.pods - 1, "small": small.requests.pods - 1}
    assert placed["large"] + placed["small"] == 4
    assert small.lost == ()
    # The small one has room for two, less those that it has.
    assert len(large.lost) == placed["large"] - (2 - placed["small"])
    assert {one.pod.name.partition("-")[0] for one in large.lost} == {"web"}
    assert {one.message for one in large.lost} == {""}


def test_without_another_node_everything_is_lost() -> None:
    """And that is why; in the order of priority, then of names."""
    low, high = deployment("a", 1, "100m"), deployment("b", 1, "100m", priorityClassName="system-cluster-critical")
    (node,) = found(low, high, nodes=(LARGE,)).nodes
    assert [one.pod.name.partition("-")[0] for one in node.lost] == ["b", "a"]
    assert {one.message for one in node.lost} == {"no other node is known"}
    assert {one.nodes for one in node.lost} == {()}


def test_a_daemon_is_a_pod_of_a_daemon_set() -> None:
    """By its controller, whoever else owns it; one of nobody is none."""
    other = "{apiVersion: v1, kind: ConfigMap, name: c, uid: c}"
    owner = f"ownerReferences: [{other}, {{apiVersion: apps/v1, kind: KIND, name: d, uid: u, controller: WORD}}]"
    assert not is_daemon(read("Pod", spec="containers: [{name: c, image: i}]"))
    for kind, word, expected in (
        ("DaemonSet", "true", True),
        ("DaemonSet", "false", False),
        ("ReplicaSet", "true", False),
    ):
        metadata = owner.replace("KIND", kind).replace("WORD", word)
        assert is_daemon(read("Pod", metadata=metadata, spec="containers: [{name: c, image: i}]")) == expected


def test_quotas_are_told_with_what_is_used() -> None:
    """Each bound, also of what nothing is used."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "9", "services": "2"}},
    }
    (told,) = found(deployment("web", 2, "100m"), quota, nodes=(LARGE,)).quotas
    assert (told.object.name, told.hard, told.used) == (
        "few",
        {"pods": "9", "services": "2"},
        {"pods": "2", "services": "0"},
    )


def test_the_largest_share_is_placed_first_whatever_it_is_of() -> None:
    """A Pod that takes most of the memory, and little cpu, finds a node of its own before the small ones fill it."""
    memory = deployment("memory", 1, "1m", "7Gi")
    answer = found(deployment("cpu", 2, "1900m", "600Mi"), memory, nodes=(LARGE,))
    assert answer.needed.count == 2
    assert found(deployment("small", 2, "1m", "1Gi"), memory, nodes=(LARGE,)).needed.count == 2
