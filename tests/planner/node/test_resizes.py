"""Running containers that are given more or less: in place, with a restart, later, or never."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from reconciler.model.kinds import ContainerResizePolicy, ContainerStatus, PodCondition, ResourceRequirements
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Reason
from tests.planner.node.host import Host, container, pod

MI = 1 << 20


def asking(cpu: str, memory: str = "64Mi", name: str = "web", **fields: Any) -> PodAssignment:
    """A Pod with one container that asks for this, and may use as much."""
    amounts = {"cpu": cpu, "memory": memory}
    policy = fields.pop("resize_policy", ())
    one = container(name, resources=ResourceRequirements(requests=amounts, limits=amounts), resize_policy=policy)
    return pod(name, one, **fields)


def host(*pods: PodAssignment, cpu_millis: int = 4000) -> Host:
    """A host of that many cores on which these Pods run."""
    found = Host()
    found.world.host = replace(found.world.host, cpu_millis=cpu_millis, memory_bytes=1024 * MI)
    found.assign(*pods)
    found.settle()
    found.done()
    return found


def resized(found: Host, *pods: PodAssignment) -> list[str]:
    """What is done when the Pods ask for something else."""
    found.assign(*pods)
    found.settle()
    return found.done()


def fact(found: Host, name: str = "web") -> ContainerFact:
    """The newest attempt of a container."""
    return found.world.engine.containers[found.full_name(name)].fact


def status(found: Host, name: str = "web") -> ContainerStatus:
    """What the node says of the one container of a Pod."""
    return found.node.report(name).container_statuses[0]


def resizing(found: Host, name: str = "web") -> list[PodCondition]:
    """The conditions that tell of a resize."""
    return [one for one in found.node.report(name).conditions if one.type.startswith("PodResize")]


def test_a_container_is_given_more_without_a_restart() -> None:
    """The same container, and the status says what is in force."""
    found = host(asking("100m"))
    before = fact(found)
    assert resized(found, asking("200m", "128Mi")) == ["resizeContainer web"]
    after = fact(found)
    assert after.id == before.id
    assert after.granted is not None
    assert (after.granted.cpu_quota_us, after.granted.memory_bytes) == (20_000, 128 * MI)
    assert status(found).allocated_resources == {"cpu": "200m", "memory": "128Mi"}
    assert status(found).resources == ResourceRequirements(
        requests={"cpu": "200m", "memory": "128Mi"}, limits={"cpu": "200m", "memory": "128Mi"}
    )
    assert (status(found).restart_count, resizing(found)) == (0, [])


def test_the_same_amount_in_other_words_changes_nothing() -> None:
    """1 is 1000m."""
    found = host(asking("1"))
    assert resized(found, asking("1000m")) == []


def test_a_container_is_started_anew_where_its_policy_asks_for_that() -> None:
    """Only for the resource that the policy names."""
    policy = (ContainerResizePolicy(resource_name="memory", restart_policy="RestartContainer"),)
    found = host(asking("100m", resize_policy=policy))
    assert resized(found, asking("200m", resize_policy=policy)) == ["resizeContainer web"]
    assert resized(found, asking("200m", "128Mi", resize_policy=policy)) == [
        "stopContainer web",
        "startContainer web/1",
    ]
    assert status(found).allocated_resources == {"cpu": "200m", "memory": "128Mi"}


def test_what_the_others_leave_no_room_for_waits_until_they_do() -> None:
    """Meanwhile the Pod goes on with what it has, and a restart gives it no more."""
    other = asking("2", name="other")
    found = host(asking("1"), other)
    before = fact(found)
    assert resized(found, asking("3"), other) == []
    assert [(one.type, one.reason) for one in resizing(found)] == [("PodResizePending", "Deferred")]
    assert "cpu 3000m, 2000m there" in resizing(found)[0].message
    assert found.node.last is not None
    (blocked,) = found.node.last.plan.blocked
    assert (blocked.reason, blocked.message) == (Reason.UNSCHEDULABLE, f"resize deferred: {resizing(found)[0].message}")
    assert status(found).allocated_resources["cpu"] == "1"
    found.world.end_by_hand(found.full_name("web"))
    found.settle()
    assert fact(found).granted == before.granted
    resized(found, asking("3"))
    after = fact(found).granted
    assert after is not None
    assert after.cpu_quota_us == 300_000
    assert resizing(found) == []


def test_what_the_node_does_not_have_is_infeasible() -> None:
    """And is taken back by asking for what there was."""
    found = host(asking("1"))
    assert resized(found, asking("5")) == []
    assert [(one.type, one.reason) for one in resizing(found)] == [("PodResizePending", "Infeasible")]
    assert [one.reason for one in found.node.events if one.reason.startswith("Resize")] == ["ResizeInfeasible"]
    assert resized(found, asking("1")) == []
    assert resizing(found) == []


def test_what_is_lacking_is_told_in_mebibytes() -> None:
    """What is asked for, and what the others leave."""
    other = asking("1", "512Mi", name="other")
    found = host(asking("1", "256Mi"), other)
    assert resized(found, asking("1", "768Mi"), other) == []
    assert "memory 768Mi, 512Mi there" in resizing(found)[0].message


def test_less_is_given_on_a_node_that_is_full() -> None:
    """What grows no further always fits."""
    other = asking("3", name="other")
    found = host(asking("1"), other, cpu_millis=3500)
    assert resized(found, asking("900m"), other) == ["resizeContainer web"]


def test_the_more_important_pod_gets_the_room() -> None:
    """Two ask for what only one can have."""
    low, high = asking("1", name="low"), asking("1", name="top")
    found = host(low, high)
    important = replace(asking("3", name="top"), spec=replace(asking("3", name="top").spec, priority=10))
    resized(found, asking("2", name="low"), important)
    assert resizing(found, "top") == []
    assert [one.reason for one in resizing(found, "low")] == ["Deferred"]


def test_a_resize_that_fails_is_told_and_tried_again() -> None:
    """The container runs on, and the condition says why it has not been resized."""
    found = host(asking("100m"))
    found.world.fail("resizeContainer", times=1, reason="MemoryInUse", message="uses more")
    found.assign(asking("200m"))
    found.node.run_for(0.5)
    (condition,) = resizing(found)
    assert (condition.type, condition.reason, condition.message) == ("PodResizeInProgress", "Error", "uses more")
    in_force = status(found).resources
    assert in_force is not None and in_force.limits == {"cpu": "100m", "memory": "64Mi"}
    found.settle()
    assert (resizing(found), fact(found).attempt) == ([], 0)


def test_one_of_several_containers_is_resized() -> None:
    """Though it is not the first."""
    small, large = (replace(asking(one).spec.containers[0], name="b") for one in ("100m", "200m"))
    found = host(pod("web", container(), small))
    assert resized(found, pod("web", container(), large)) == ["resizeContainer b"]


def test_a_resize_that_failed_holds_up_no_other() -> None:
    """Of two containers of a Pod one is to be tried again later; the other gets what it is to have."""
    small, large = asking("100m").spec.containers[0], asking("200m").spec.containers[0]
    found = host(pod("web", small, replace(small, name="b")))
    found.world.fail("resizeContainer", times=1, reason="MemoryInUse", message="uses more")
    found.assign(pod("web", large, replace(small, name="b")))
    found.node.run_for(0.1)
    assert resizing(found)[0].reason == "Error" and found.done()
    found.assign(pod("web", large, replace(large, name="b")))
    found.node.run_for(0.1)
    assert found.done() == ["resizeContainer b"]
    assert resizing(found)[0].reason == "Error"


def test_all_that_is_left_may_be_given() -> None:
    """To the last byte."""
    other = asking("1", "512Mi", name="other")
    found = host(asking("1", "256Mi"), other)
    assert resized(found, asking("1", "512Mi"), other) == ["resizeContainer web"]
    assert resizing(found) == []


def test_that_a_resize_waits_is_told_once() -> None:
    """Also when there is more room meanwhile, which is not enough."""
    found = host(asking("1"), asking("2", name="other"))
    resized(found, asking("4"), asking("2", name="other"))
    assert "2000m there" in resizing(found)[0].message
    resized(found, asking("4"), asking("1", name="other"))
    assert "3000m there" in resizing(found)[0].message
    assert [one.reason for one in found.node.events].count("ResizeDeferred") == 1


def test_a_pod_that_has_ended_leaves_its_room() -> None:
    """Although it is still assigned."""
    job = asking("2", name="job", restart_policy="Never")
    found = host(asking("1"), job)
    found.world.end_by_hand(found.full_name("job"))
    found.settle()
    found.done()
    assert resized(found, asking("4"), job) == ["resizeContainer web"]


def test_where_nothing_is_left_none_is_told() -> None:
    """Nor less than none, on a node whose Pods ask for more than it has."""
    for taken in ("4", "5"):
        found = host(asking("1"), asking(taken, name="other"))
        resized(found, asking("2"), asking(taken, name="other"))
        assert "cpu 2000m, 0m there" in resizing(found)[0].message


def test_a_pod_of_any_importance_goes_before_one_of_none() -> None:
    """Whatever their names."""
    found = host(asking("1", name="a"), asking("1", name="b"))
    important = replace(asking("3", name="b"), spec=replace(asking("3", name="b").spec, priority=1))
    resized(found, asking("2", name="a"), important)
    assert (resizing(found, "b"), [one.reason for one in resizing(found, "a")]) == ([], ["Deferred"])


def test_a_policy_about_cpu_is_about_cpu() -> None:
    """Memory is given in place."""
    policy = (ContainerResizePolicy(resource_name="cpu", restart_policy="RestartContainer"),)
    found = host(asking("100m", resize_policy=policy))
    assert resized(found, asking("100m", "128Mi", resize_policy=policy)) == ["resizeContainer web"]
    assert resized(found, asking("200m", "128Mi", resize_policy=policy)) == [
        "stopContainer web",
        "startContainer web/1",
    ]
