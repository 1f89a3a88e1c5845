"""Overrides of nodes and Pods: cordons, taints, labels, and deletions that a person asked for."""

from typing import cast

from reconciler.model.kinds import Node, Pod, Taint
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from tests.planner.test_deployment import web
from tests.planner.test_overrides import BARE, NODE, override, running, settled, verdict_of
from tests.planner.world import Cluster


def test_a_cordoned_node_gets_no_more_pods_and_keeps_those_it_has() -> None:
    """New Pods wait with kube-scheduler's words until it is uncordoned."""
    cluster = running(replicas=2)
    override(cluster, NODE, unschedulable=True)
    cluster.push(web("1", 3), commit="c2")
    cluster.settle()
    pods = [cast(Pod, one) for one in cluster.of("Pod").values()]
    assert sorted(pod.status.phase for pod in pods) == ["Pending", "Running", "Running"]
    waiting = next(pod for pod in pods if pod.status.phase == "Pending")
    scheduled = next(one for one in waiting.status.conditions if one.type == "PodScheduled")
    assert scheduled.message == (
        "0/1 nodes are available: 1 node(s) were unschedulable. "
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    node = cast(Node, cluster.of("Node")["node-1"])
    assert node.spec.unschedulable
    assert [taint.key for taint in node.spec.taints] == ["node.kubernetes.io/unschedulable"]
    assert "node/node-1 is cordoned (by admin, since" in cluster.plan().notes[0]
    override(cluster, NODE, unschedulable=False)
    settled(cluster)
    assert {cast(Pod, one).status.phase for one in cluster.of("Pod").values()} == {"Running"}
    assert not cast(Node, cluster.of("Node")["node-1"]).spec.taints


def test_a_taint_keeps_pods_away_that_do_not_tolerate_it() -> None:
    """Only the Pod that bears the taint is placed."""
    cluster = Cluster()
    cluster.settle()
    override(cluster, NODE, taints=(Taint(key="gpu", value="yes", effect="NoSchedule"),))
    tolerant = BARE.replace("lonely", "bearing").replace(
        "spec:", 'spec:\n  tolerations: [{key: gpu, operator: Equal, value: "yes", effect: NoSchedule}]'
    )
    cluster.push(f"{BARE}---{tolerant}")
    cluster.settle()
    pods = cluster.of("Pod")
    assert cast(Pod, pods["bearing"]).spec.node_name == "node-1"
    assert not cast(Pod, pods["lonely"]).spec.node_name
    assert cluster.plan().notes == (
        f"node/node-1 is tainted with gpu=yes:NoSchedule (by admin, since {_rfc(cluster)})",
    )


def test_labels_of_a_node_choose_it_until_they_are_taken_away() -> None:
    """What persons say is in the Node, beside what the node says of itself; what was taken away is forgotten."""
    cluster = Cluster()
    cluster.settle()
    override(cluster, NODE, labels={"zone": "east"})
    cluster.push(BARE.replace("spec:", "spec:\n  nodeSelector: {zone: east}"))
    cluster.settle()
    assert cast(Pod, cluster.of("Pod")["lonely"]).spec.node_name == "node-1"
    assert cluster.plan().notes == (f"node/node-1 is labelled zone=east (by admin, since {_rfc(cluster)})",)
    override(cluster, NODE, labels={"zone": "east", "gone": None})
    cluster.settle()
    assert cluster.observed.overrides[NODE].labels == {"zone": "east"}
    override(cluster, NODE, labels={"zone": None})
    cluster.settle()
    labels = cluster.of("Node")["node-1"].metadata.labels
    assert "zone" not in labels and "kubernetes.io/hostname" in labels
    assert NODE not in cluster.observed.overrides and not cluster.plan().notes


def _rfc(cluster: Cluster) -> str:
    from reconciler.model.times import rfc3339

    return rfc3339(cluster.observed.overrides[NODE].at)


def test_a_deleted_pod_ends_with_the_grace_that_was_asked_for_and_is_replaced() -> None:
    """Its owner brings another at once; the override goes with the Pod."""
    cluster = running()
    cluster.ends = lambda _: False
    name = next(iter(cluster.of("Pod")))
    override(cluster, ObjectRef.of("Pod", "default", name), delete_at=cluster.now, grace_s=3)
    answer = cluster.tick()
    found = verdict_of(answer, ObjectRef.of("Pod", "default", name))
    assert (found.decision, found.reason) == (Decision.DELETE, Reason.DELETION_REQUESTED)
    ending = cast(Pod, cluster.of("Pod")[name])
    assert ending.metadata.deletion_timestamp
    assert ending.metadata.deletion_grace_period_seconds == 3
    assert len(cluster.of("Pod")) == 4
    cluster.ends = lambda _: True
    cluster.report()
    settled(cluster)
    assert name not in cluster.of("Pod")
    assert len(cluster.of("Pod")) == 3
    assert cluster.observed.overrides == {}


def test_a_pod_that_ends_can_be_told_to_end_sooner_but_not_later() -> None:
    """A second deletion shortens the grace period of the first."""
    cluster = running()
    cluster.ends = lambda _: False
    name = next(iter(cluster.of("Pod")))
    ref = ObjectRef.of("Pod", "default", name)
    for asked, left in ((30, 30), (60, 30), (5, 5), (1, 1), (0, 0)):
        override(cluster, ref, delete_at=cluster.now, grace_s=asked)
        cluster.tick()
        assert cast(Pod, cluster.of("Pod")[name]).metadata.deletion_grace_period_seconds == left


def test_a_deleted_pod_of_git_returns_as_a_new_one() -> None:
    """The repository declares it still: it is drift, and comes back under another uid."""
    cluster = Cluster()
    cluster.push(BARE)
    settled(cluster)
    uid = cast(Pod, cluster.of("Pod")["lonely"]).metadata.uid
    override(cluster, ObjectRef.of("Pod", "default", "lonely"), delete_at=cluster.now)
    cluster.tick()
    assert cast(Pod, cluster.of("Pod")["lonely"]).metadata.deletion_grace_period_seconds == 7
    settled(cluster)
    again = cast(Pod, cluster.of("Pod")["lonely"])
    assert again.metadata.uid != uid
    assert again.metadata.deletion_timestamp is None


def test_a_deleted_pod_that_waits_for_a_node_goes_at_once() -> None:
    """No node has it: there is nothing to wait for."""
    cluster = running()
    override(cluster, NODE, unschedulable=True)
    cluster.push(web("1", 4), commit="c2")
    cluster.settle()
    waiting = next(name for name, one in cluster.of("Pod").items() if not cast(Pod, one).spec.node_name)
    override(cluster, ObjectRef.of("Pod", "default", waiting), delete_at=cluster.now)
    cluster.tick()
    assert waiting not in cluster.of("Pod")
    assert len(cluster.of("Pod")) == 4
