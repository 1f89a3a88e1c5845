"""Which Pods run once everything declared runs, and how many nodes they need at least."""

from typing import Any

import pytest

from reconciler.model.capacity import Capacity
from reconciler.planner.view import View
from reconciler.planner.wanted_pods import wanted_pods
from tests.planner.reading import read, stored
from tests.planner.test_capacity import LARGE, SMALL, deployment, found
from tests.planner.world import Cluster, replace

POD = "spec: {restartPolicy: Never, containers: [{name: c, image: i}]}"
TEMPLATE = f"template: {{metadata: {{labels: {{a: b}}}}, {POD}}}"
SELECTED = f"selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}"
DONE = "conditions: [{type: TYPE, status: 'STATUS'}]"
CASES = {
    "a Deployment": ("Deployment", f"replicas: 2, {SELECTED}", "", ["one-0", "one-1"]),
    "a StatefulSet": ("StatefulSet", f"serviceName: s, replicas: 2, {SELECTED}", "", ["one-0", "one-1"]),
    "nothing": ("Deployment", f"replicas: 0, {SELECTED}", "", []),
    "a DaemonSet": ("DaemonSet", SELECTED, "", ["one-n1", "one-n2"]),
    "a DaemonSet of other nodes": (
        "DaemonSet",
        SELECTED.replace("restartPolicy", "nodeSelector: {such: none}, restartPolicy"),
        "",
        [],
    ),
    "a Job": ("Job", f"completions: 5, parallelism: 2, {TEMPLATE}", "succeeded: 1", ["one-0", "one-1"]),
    "a Job near its end": ("Job", f"completions: 5, parallelism: 2, {TEMPLATE}", "succeeded: 4", ["one-0"]),
    "a Job without a number": ("Job", f"parallelism: 2, {TEMPLATE}", "succeeded: 1", ["one-0", "one-1"]),
    "a Job that is done": ("Job", TEMPLATE, DONE.replace("TYPE", "Complete").replace("STATUS", "True"), []),
    "a Job that failed": ("Job", TEMPLATE, DONE.replace("TYPE", "Failed").replace("STATUS", "True"), []),
    "a Job that is not done": ("Job", TEMPLATE, DONE.replace("TYPE", "Complete").replace("STATUS", "False"), ["one-0"]),
    "a Job that is held": ("Job", f"suspend: true, {TEMPLATE}", "", []),
    "a Pod": ("Pod", "containers: [{name: c, image: i}]", "phase: Running", ["one"]),
    "a Pod that has ended": ("Pod", "containers: [{name: c, image: i}]", "phase: Succeeded", []),
    "a Pod that failed": ("Pod", "containers: [{name: c, image: i}]", "phase: Failed", []),
}
OWNER = "ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: d, uid: u, controller: true}]"
ENDING = "deletionTimestamp: '2026-01-01T00:00:00Z'"


def asked(kind: str, spec: str, status: str = "", metadata: str = "") -> list[str]:
    """Return the Pods that an object asks for."""
    cluster = Cluster(nodes=("n1", "n2"))
    cluster.tick()
    one = stored(read(kind, metadata=f"uid: u, {metadata}", spec=spec, status=status))
    view = View(
        replace(cluster.observed, objects={**cluster.observed.objects, one.ref: one}), cluster.policy, cluster.now
    )
    return [pod.metadata.name for wanted in wanted_pods(view) for pod in wanted.pods]


@pytest.mark.parametrize("case", CASES)
def test_each_workload_asks_for_its_pods(case: str) -> None:
    """As many as run at once when all is well."""
    kind, spec, status, names = CASES[case]
    assert asked(kind, spec, status) == names


def test_what_a_workload_owns_is_counted_with_it() -> None:
    """But for the Jobs of a CronJob, which asks for none itself; a Pod that ends is not asked for."""
    pod = "containers: [{name: c, image: i}]"
    assert asked("ReplicaSet", f"replicas: 2, {SELECTED}", metadata=OWNER) == []
    assert asked("Pod", pod, metadata=OWNER) == []
    assert asked("Job", TEMPLATE, metadata=OWNER) == ["one-0"]
    assert asked("Pod", pod, metadata=OWNER.replace("true", "false")) == ["one"]
    assert asked("Pod", pod, metadata=ENDING) == []


def shapes(answer: Capacity) -> tuple[int, dict[str, int]]:
    """Return how many nodes are needed, and of which shapes."""
    return answer.needed.count, dict(answer.needed.shapes)


@pytest.mark.parametrize(
    ("replicas", "cpu", "memory", "nodes", "expected"),
    [
        (0, "1", "64Mi", (SMALL, LARGE), (1, {"large": 1})),
        (1, "1", "64Mi", (SMALL, LARGE), (1, {"large": 1})),
        (4, "1", "64Mi", (SMALL, LARGE), (1, {"large": 1})),
        (5, "1", "64Mi", (SMALL, LARGE), (2, {"large": 1, "small": 1})),
        (6, "1", "64Mi", (SMALL, LARGE), (3, {"large": 2, "small": 1})),
        (9, "1", "64Mi", (LARGE,), (3, {"large": 3})),
        (3, "1m", "4Gi", (LARGE,), (2, {"large": 2})),
        (2, "1m", "900Mi", (SMALL,), (2, {"small": 2})),
        (109, "1m", "1Mi", (LARGE,), (1, {"large": 1})),
        (110, "1m", "1Mi", (LARGE,), (1, {"large": 1})),
        (2, "2", "4Gi", (LARGE,), (1, {"large": 1})),
        (111, "1m", "1Mi", (LARGE,), (2, {"large": 2})),
    ],
)
def test_the_fewest_nodes_are_those_with_room_for_all(
    replicas: int, cpu: str, memory: str, nodes: Any, expected: tuple[int, dict[str, int]]
) -> None:
    """The largest first, then the others, then copies of the largest."""
    assert shapes(found(deployment("web", replicas, cpu, memory), nodes=nodes)) == expected


def test_copies_of_a_node_have_names_of_their_own() -> None:
    """Pods that must be apart need as many nodes as there are of them."""
    rule = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    assert shapes(found(deployment("web", 3, "100m", affinity=apart), nodes=(LARGE,))) == (3, {"large": 3})


def test_where_pods_are_now_does_not_count() -> None:
    """Those of a set that are placed on two nodes may do with one."""
    one: Any = deployment("web", 2, "500m", kind="StatefulSet")
    one["spec"] |= {"replicas": 2, "serviceName": "web", "podManagementPolicy": "Parallel"}
    answer = found(one, nodes=(SMALL, LARGE))
    assert {node.requests.pods for node in answer.nodes} == {1}
    assert shapes(answer) == (1, {"large": 1})
