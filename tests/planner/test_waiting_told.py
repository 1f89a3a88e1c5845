"""What is told of Pods that wait, while nobody looks at them."""

from typing import Any

import pytest

from reconciler.model.kinds import Condition
from reconciler.model.overrides import Override
from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from tests.planner.test_hints import OTHERS, manifest, override
from tests.planner.world import Cluster, replace

WAITS = ObjectRef(kind="Pod", namespace="default", name="waits")
TEXT = "---\n".join((OTHERS[0], manifest("runs", "a", {"cpu": "5"}), manifest("waits", "a", {"cpu": "5"})))


def waiting() -> Cluster:
    """Return a cluster at rest in which one Pod has no room."""
    cluster = Cluster()
    cluster.push(TEXT)
    cluster.settle()
    return cluster


def again(cluster: Cluster) -> Plan:
    """Plan with what is remembered, and write nothing down."""
    return plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)


def change(cluster: Cluster, **status: Any) -> None:
    """Have another status of the Pod be stored."""
    stored = cluster.observed.objects[WAITS]
    pod: Any = stored.object
    changed = replace(stored, object=replace(pod, status=replace(pod.status, **status)))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, WAITS: changed})


def told(answer: Plan) -> list[tuple[str, str]]:
    """Return what is told of Pods that wait."""
    return [(one.object.name, one.message) for one in answer.blocked]


def test_what_is_stored_of_a_pod_is_what_is_told_of_it() -> None:
    """Also in the passes that do not look at it, until somebody does."""
    cluster = waiting()
    said = Condition(type="PodScheduled", status="False", reason="Unschedulable", message="somebody's own words")
    change(cluster, conditions=(said,))
    for _ in range(3):
        assert told(again(cluster)) == [("waits", said.message)]


@pytest.mark.parametrize("reason", ["", "SchedulingGated"])
def test_what_is_stored_of_another_time_is_not_told(reason: str) -> None:
    """Nor is anything lost where nothing is stored: why it waits is known."""
    cluster = waiting()
    before = told(again(cluster))
    said = Condition(type="PodScheduled", status="False", reason=reason, message="gated")
    change(cluster, conditions=(said,) if reason else ())
    for _ in range(3):
        assert told(again(cluster)) == before


def test_what_is_told_stays_where_no_plan_is_carried_out() -> None:
    """One pass after the other, from the first."""
    cluster = Cluster()
    cluster.settle()
    cluster.push(TEXT)
    first = told(again(cluster))
    assert first == [("waits", "0/1 nodes are available: 1 Insufficient cpu." + PREEMPTION)]
    assert told(again(cluster)) == told(again(cluster)) == first


PREEMPTION = " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."


def test_when_to_look_again_is_said_until_it_has_come() -> None:
    """Also by plans that find nothing new."""
    cluster = waiting()
    uid = cluster.of("Node")["node-1"].metadata.uid
    override(cluster, Override(ref=ObjectRef(kind="Node", name="node-1"), uid=uid, unschedulable=True))
    times = [cluster.now + 30]
    for _ in range(3):
        cluster.observed = apply_plan(cluster.observed, answer := again(cluster))
        assert answer.look_again_at is not None
        times.append(answer.look_again_at)
        cluster.now += 1
    assert max(times) == times[0] and "Insufficient cpu" in told(answer)[0][1]
    cluster.report()
    cluster.now = times[-1] - 1
    assert "Insufficient cpu" in told(again(cluster))[0][1]
    cluster.now = times[-1]
    assert "were unschedulable" in told(again(cluster))[0][1]


def test_a_sentence_is_older_by_half_a_minute_at_most() -> None:
    """From when something has changed that does not help."""
    cluster = waiting()
    cluster.now += 60
    cluster.report()
    cluster.settle()
    uid = cluster.of("Node")["node-1"].metadata.uid
    override(cluster, Override(ref=ObjectRef(kind="Node", name="node-1"), uid=uid, unschedulable=True))
    assert again(cluster).look_again_at == cluster.now + 30


def test_a_pod_without_any_node_waits_for_no_time() -> None:
    """Only for a node."""
    cluster = Cluster(nodes=())
    cluster.push(TEXT)
    cluster.settle()
    assert told(again(cluster)) == [(name, "no nodes available to schedule pods") for name in ("runs", "waits")]
    assert again(cluster).look_again_at is None


def test_that_a_pod_finds_no_node_is_told_once_as_a_warning() -> None:
    """With the sentence that it says itself."""
    cluster = Cluster()
    cluster.settle()
    cluster.push(TEXT)
    told_of = [one for plan in cluster.settle() for one in plan.happenings if one.object == WAITS]
    assert [(one.type, one.reason) for one in told_of] == [("Warning", "FailedScheduling")]
    assert [("waits", told_of[0].message)] == told(again(cluster))


def test_another_sentence_is_told_anew() -> None:
    """As a warning, once; the same one is not, though the Pod is looked at again."""
    cluster = waiting()

    def warned() -> list[str]:
        plans = cluster.settle()
        return [one.message for plan in plans for one in plan.happenings if one.reason == "FailedScheduling"]

    cluster.memo = Memo()
    assert warned() == []
    uid = cluster.of("Node")["node-1"].metadata.uid
    override(cluster, Override(ref=ObjectRef(kind="Node", name="node-1"), uid=uid, unschedulable=True))
    cluster.memo = Memo()
    (message,) = warned()
    assert "were unschedulable" in message


def test_a_pod_that_is_to_end_before_it_has_a_node_says_that_it_gets_none() -> None:
    """By an Event that is a warning."""
    cluster = waiting()
    cluster.push(TEXT.rsplit("---", 1)[0], commit="c2")
    (found,) = (one for one in cluster.plan().happenings if one.object == WAITS)
    assert (found.type, found.reason) == ("Warning", "FailedScheduling")
    assert found.message == "skip schedule deleting pod: default/waits"
