"""DaemonSets: one Pod on every node that fits."""

from typing import Any

from reconciler.model import kinds as k
from reconciler.model.kinds import Taint
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health
from reconciler.planner.health import health_of
from reconciler.planner.view import replace
from tests.planner.world import Cluster

DAEMON_SET = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  SPEC
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {POD containers: [{name: a, image: "a:1"}]}
"""
NODES = ("node-1", "node-2", "node-3")


def daemon_set(spec: str = "minReadySeconds: 0", image: str = "a:1", pod: str = "") -> str:
    """Return a DaemonSet's manifest."""
    return DAEMON_SET.replace("SPEC", spec).replace("a:1", image).replace("POD", pod)


def started(manifest: str, nodes: tuple[str, ...] = NODES) -> Cluster:
    """Return a cluster whose DaemonSet has come up."""
    cluster = Cluster(nodes=nodes)
    cluster.tick()
    cluster.push(manifest)
    cluster.settle()
    return cluster


def places(cluster: Cluster) -> list[tuple[str, str]]:
    """Return node and image of each Pod, in order."""
    pods = [pod for pod in cluster.of("Pod").values() if isinstance(pod, k.Pod)]
    return sorted((pod.spec.node_name, pod.spec.containers[0].image) for pod in pods)


def status(cluster: Cluster) -> k.DaemonSetStatus:
    """Return the DaemonSet's status."""
    found = cluster.of("DaemonSet")["agent"]
    assert isinstance(found, k.DaemonSet)
    return found.status


def health(cluster: Cluster) -> Health:
    """Return the DaemonSet's health."""
    return health_of(cluster.observed.objects[ObjectRef(kind="DaemonSet", namespace="default", name="agent")]).health


def label_node(cluster: Cluster, name: str, **labels: str) -> None:
    """Give a node labels."""
    stored = cluster.observed.objects[ObjectRef(kind="Node", name=name)]
    metadata = replace(stored.object.metadata, labels={**stored.object.metadata.labels, **labels})
    put(cluster, replace(stored, object=replace(stored.object, metadata=metadata)))


def override_node(cluster: Cluster, name: str, **what: Any) -> None:
    """Cordon or taint a node, as a person does."""
    ref = ObjectRef(kind="Node", name=name)
    uid = cluster.observed.objects[ref].object.metadata.uid
    cluster.observed = replace(
        cluster.observed, overrides={ref: Override(ref=ref, uid=uid, by="ada", at=cluster.now, **what)}
    )


def put(cluster: Cluster, stored: StoredObject) -> None:
    """Write an object past the planner."""
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, stored.ref: stored})


def reasons(answer: Plan, kind: str = "Pod") -> set[tuple[str, str]]:
    """Return decisions and reasons of the objects of a kind that change."""
    found = (one for one in answer.verdicts if one.object.kind == kind)
    return {(str(one.decision), str(one.reason)) for one in found if one.decision != "unchanged"}


def test_every_node_gets_one_pod_of_its_own() -> None:
    """Each is pinned to its node, bound by the scheduler's step, and names its revision."""
    cluster = started(daemon_set())
    assert places(cluster) == [(name, "a:1") for name in NODES]
    (revision,) = cluster.of("ControllerRevision")
    for pod in cluster.of("Pod").values():
        assert isinstance(pod, k.Pod)
        required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        assert required is not None
        (one,) = required.node_selector_terms[0].match_fields
        assert (one.key, one.values) == ("metadata.name", (pod.spec.node_name,))
        assert revision == f"agent-{pod.metadata.labels['controller-revision-hash']}"
    assert status(cluster).desired_number_scheduled == status(cluster).number_available == 3
    assert status(cluster).updated_number_scheduled == status(cluster).number_ready == 3
    assert health(cluster) is Health.HEALTHY
    assert cluster.plan().is_empty


def test_a_node_that_joins_gets_its_pod() -> None:
    """With the reason that the node fits."""
    cluster = started(daemon_set(), ("node-1",))
    joined = Cluster(nodes=("node-1", "node-2"))
    cluster.observed = replace(cluster.observed, nodes=joined.observed.nodes)
    cluster.report()
    assert ("create", "node-fits") in reasons(cluster.tick())
    cluster.settle()
    assert [node for node, _ in places(cluster)] == ["node-1", "node-2"]


def test_only_nodes_that_it_chooses_get_a_pod() -> None:
    """A label that comes brings the Pod, one that goes takes it away."""
    cluster = started(daemon_set(pod="nodeSelector: {disk: fast},"))
    assert not cluster.of("Pod")
    label_node(cluster, "node-2", disk="fast")
    cluster.settle()
    assert [node for node, _ in places(cluster)] == ["node-2"]
    label_node(cluster, "node-2", disk="slow")
    answer = cluster.tick()
    assert reasons(answer) == {("delete", "node-unfit")}
    cluster.settle()
    assert not cluster.of("Pod")
    assert status(cluster).desired_number_scheduled == 0


def test_a_cordoned_node_keeps_and_gets_its_pod() -> None:
    """Daemons bear `unschedulable`, and what says that a node is in trouble."""
    cluster = started(daemon_set())
    override_node(cluster, "node-1", unschedulable=True)
    cluster.settle()
    assert len(places(cluster)) == 3
    pod = next(one for one in cluster.observed.objects.values() if one.ref.kind == "Pod")
    objects = {ref: one for ref, one in cluster.observed.objects.items() if ref != pod.ref}
    cluster.observed = replace(cluster.observed, objects=objects)
    cluster.settle()
    assert len(places(cluster)) == 3


def test_taints_keep_new_pods_away_and_only_no_execute_ends_them() -> None:
    """What runs on a node that is tainted NoSchedule goes on, and counts as misplaced."""
    cluster = started(daemon_set())
    override_node(cluster, "node-1", taints=(Taint(key="own", effect="NoSchedule"),))
    cluster.settle()
    assert len(places(cluster)) == 3
    assert (status(cluster).desired_number_scheduled, status(cluster).number_misscheduled) == (2, 1)
    override_node(cluster, "node-1", taints=(Taint(key="own", effect="NoExecute"),))
    cluster.settle()
    assert [node for node, _ in places(cluster)] == ["node-2", "node-3"]
    assert cluster.plan().is_empty


def lowest_during(cluster: Cluster, limit: int = 40) -> tuple[int, int]:
    """Tick until nothing changes; return the fewest nodes with an available Pod, and the most Pods at once."""
    fewest, most = 99, 0
    for _ in range(limit):
        answer = cluster.tick()
        cluster.now += 1
        cluster.report()
        fewest = min(fewest, status(cluster).number_available)
        most = max(most, sum(one.metadata.deletion_timestamp is None for one in cluster.of("Pod").values()))
        if not answer.changes:
            return fewest, most
    raise AssertionError("not settled")


def test_an_update_goes_node_by_node() -> None:
    """maxUnavailable 1 is the default: two of three nodes always have an available Pod."""
    cluster = started(daemon_set())
    cluster.push(daemon_set(image="a:2"), commit="c2")
    assert lowest_during(cluster) == (2, 3)
    assert places(cluster) == [(name, "a:2") for name in NODES]
    assert len(cluster.of("ControllerRevision")) == 2
    assert cluster.plan().is_empty


def test_an_update_with_surge_leaves_no_node_without() -> None:
    """maxSurge: the new Pod is available before the old one ends."""
    spec = "updateStrategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}"
    cluster = started(daemon_set(spec))
    cluster.push(daemon_set(spec, image="a:2"), commit="c2")
    fewest, most = lowest_during(cluster)
    assert fewest == 3
    assert 4 <= most <= 5
    assert places(cluster) == [(name, "a:2") for name in NODES]
    assert cluster.plan().is_empty


def test_an_update_stops_where_the_new_pods_do_not_get_ready() -> None:
    """One node is tried, the others keep the old Pod; the commit that mends it goes on at once."""
    cluster = started(daemon_set())
    cluster.ready = lambda pod: pod.spec.containers[0].image != "a:2"
    cluster.push(daemon_set(image="a:2"), commit="c2")
    cluster.settle()
    assert [image for _, image in places(cluster)].count("a:2") == 1
    assert health(cluster) is Health.PROGRESSING
    cluster.push(daemon_set(image="a:3"), commit="c3")
    cluster.settle()
    assert places(cluster) == [(name, "a:3") for name in NODES]


def test_on_delete_waits_for_somebody() -> None:
    """New Pods come from the new template, old ones stay."""
    spec = "updateStrategy: {type: OnDelete}"
    cluster = started(daemon_set(spec))
    cluster.push(daemon_set(spec, image="a:2"), commit="c2")
    cluster.settle()
    assert {image for _, image in places(cluster)} == {"a:1"}
    assert status(cluster).updated_number_scheduled == 0
    ref = next(ref for ref in cluster.observed.objects if ref.kind == "Pod")
    objects = {other: one for other, one in cluster.observed.objects.items() if other != ref}
    cluster.observed = replace(cluster.observed, objects=objects)
    cluster.settle()
    assert sorted(image for _, image in places(cluster)) == ["a:1", "a:1", "a:2"]


def test_min_ready_seconds_are_waited_for() -> None:
    """The plan says when a Pod becomes available by itself."""
    cluster = Cluster(nodes=("node-1",))
    cluster.tick()
    cluster.push(daemon_set("minReadySeconds: 30"))
    cluster.settle()
    assert (status(cluster).number_ready, status(cluster).number_available) == (1, 0)
    at = cluster.plan().look_again_at
    assert at is not None
    assert at <= cluster.now + 30
    cluster.now += 31
    cluster.report()
    cluster.settle()
    assert status(cluster).number_available == 1


def test_a_pod_that_failed_is_replaced_later_each_time() -> None:
    """At once, then after a second, two, four: a Pod that cannot stay does not keep the node busy."""
    cluster = started(daemon_set(), ("node-1",))
    cluster.phase = lambda _: "Failed"
    cluster.ready = lambda _: False
    waits = []
    for _ in range(4):
        cluster.report()
        begun, names = cluster.now, set(cluster.of("Pod"))
        while set(cluster.of("Pod")) <= names:
            cluster.tick()
            cluster.now += 0.25
            assert cluster.now - begun < 60
        waits.append(cluster.now - begun)
    assert waits == sorted(waits)
    assert waits[-1] >= 3
    cluster.phase, cluster.ready = lambda _: "Running", lambda _: True
    cluster.report()
    cluster.settle(step_s=5.0)
    assert len(cluster.of("Pod")) == 1
    assert cluster.plan().is_empty


def test_a_silent_node_is_left_alone() -> None:
    """P20: nothing of it is deleted or replaced, an update passes it by, and it counts as unavailable."""
    cluster = started(daemon_set("updateStrategy: {rollingUpdate: {maxUnavailable: 2}}"))
    silent = cluster.observed.nodes["node-2"]
    cluster.now += 1000
    cluster.report()
    report = cluster.report

    def without_node_2() -> None:
        report()
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "node-2": silent})

    cluster.report = without_node_2  # type: ignore[method-assign]
    cluster.report()
    cluster.push(daemon_set("updateStrategy: {rollingUpdate: {maxUnavailable: 2}}", image="a:2"), commit="c2")
    cluster.settle()
    assert places(cluster) == [("node-1", "a:2"), ("node-2", "a:1"), ("node-3", "a:2")]
    assert status(cluster).number_unavailable == 1
    verdict = next(one for one in cluster.plan().verdicts if one.decision == "blocked")
    assert verdict.reason == "node-silent"


def test_removing_it_removes_pods_and_revisions() -> None:
    """Every object that goes is listed (P04)."""
    cluster = started(daemon_set())
    cluster.push("", commit="c2")
    answer = cluster.plan()
    cluster.acknowledge(answer)
    gone = {one.object.kind for one in cluster.plan().verdicts if one.decision == "delete"}
    assert gone == {"DaemonSet", "Pod", "ControllerRevision"}
    cluster.settle()
    assert not cluster.of("Pod")


def test_a_pod_that_does_not_fit_says_why() -> None:
    """A node without room: the Pod waits, and names what is missing."""
    pod = "containers: [{name: a, image: 'a:1', resources: {requests: {cpu: 99}}}],"
    cluster = Cluster(nodes=("node-1",))
    cluster.tick()
    cluster.push(daemon_set(pod="").replace('containers: [{name: a, image: "a:1"}]', pod.rstrip(",")))
    cluster.settle()
    verdict = next(one for one in cluster.plan().verdicts if one.object.kind == "Pod")
    assert (verdict.decision, verdict.reason) == ("blocked", "unschedulable")
    assert "Insufficient cpu" in verdict.message
