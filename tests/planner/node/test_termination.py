"""How Pods end."""

from __future__ import annotations

from reconciler.model.details import CreateSandbox, StopContainer
from reconciler.model.kinds import Lifecycle, Volume
from reconciler.model.kinds.probe import ExecAction, LifecycleHandler
from reconciler.model.kinds.volumes import EmptyDirVolumeSource
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.plan import Reason
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import NODE, Host, container, pod, script


def service(*uids: str) -> ServiceEntry:
    """A Service whose endpoints are Pods of this node."""
    endpoints = tuple(
        Endpoint(ip=f"10.42.1.{number + 2}", node=NODE, pod=f"shop/{uid}", pod_uid=uid)
        for number, uid in enumerate(uids)
    )
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=endpoints),))
    return ServiceEntry(namespace="shop", name="web", cluster_ip="10.43.0.1", ports=(port,))


def test_a_pod_ends_in_order_and_leaves_nothing() -> None:
    """Stop, remove, detach, sandbox, volumes; then it is reported gone."""
    host = Host(pod("web", volumes=(Volume(name="v", empty_dir=EmptyDirVolumeSource()),)))
    host.settle()
    host.done()
    host.delete("web")
    host.settle()
    done = [word for word in host.done() if not word.startswith(("program", "publishNames"))]
    assert done == [
        "stopContainer web",
        "removeContainer web",
        "detachPod web",
        "removeSandbox POD",
        "unpublishVolumes web",
    ]
    assert host.node.report("web").gone
    host.assign()
    host.settle()
    assert host.node.reports == ()
    assert host.node.memory.pods == {}


def test_the_map_leaves_the_pod_before_its_containers_are_stopped() -> None:
    """Endpoints go first; the stop needs that the host's own map was programmed."""
    host = Host()
    host.services = (service("web-uid-0001"),)
    host.assign(pod("web"))
    host.settle()
    assert host.world.programmed is not None
    assert host.world.programmed.services[0].ports[0].targets[0].endpoints[0].ready
    host.done()
    host.delete("web")
    host.settle()
    done = host.done()
    assert done.index(f"programServices {NODE}") < done.index("stopContainer web")
    assert host.world.programmed.services[0].ports[0].targets[0].endpoints == ()


def test_a_broken_map_delays_the_stop_by_two_seconds_only() -> None:
    """P07: a Pod does not stay for ever because a table cannot be written."""
    host = Host()
    host.services = (service("web-uid-0001"),)
    host.assign(pod("web"))
    host.settle()
    host.world.fail("programServices", 1000)
    host.delete("web")
    host.node.run_for(10)
    assert host.names() == []


def test_sidecars_end_after_the_others_in_reverse_order() -> None:
    """They may be needed until the end."""
    one = container("one", restart_policy="Always")
    two = container("two", restart_policy="Always")
    host = Host(pod("web", container("web"), init_containers=(one, two)))
    host.settle()
    host.done()
    host.delete("web")
    host.settle()
    stops = [word for word in host.done() if word.startswith("stop")]
    assert stops == ["stopContainer web", "stopContainer two", "stopContainer one"]


def test_a_stubborn_container_is_killed_when_its_grace_is_over() -> None:
    """Counted from the request."""
    host = Host(pod("web", script("web", "sleep infinity")))
    host.settle()
    before = host.clock.now()
    host.delete("web", grace_s=20)
    host.settle()
    assert 20 <= host.clock.now() - before <= 21


def test_the_grace_goes_on_while_the_agent_is_away() -> None:
    """P17: it is counted from the request, not from the agent's start."""
    host = Host(pod("web", script("web", "sleep infinity")))
    host.settle()
    host.delete("web", grace_s=30)
    host.node.run_once()
    host.node.crash()
    host.clock.advance(25)
    host.node.restart()
    host.node.run_once()
    stop = next(
        action.detail
        for action in host.node.last.plan.actions  # type: ignore[union-attr]
        if isinstance(action.detail, StopContainer)
    )
    assert 4 <= stop.grace_s <= 5


def test_grace_of_zero_kills_at_once() -> None:
    """Nothing is waited for."""
    host = Host(pod("web", script("web", "sleep infinity")))
    host.settle()
    before = host.clock.now()
    host.delete("web", grace_s=0)
    host.settle()
    assert host.clock.now() - before < 1
    assert host.names() == []


def test_a_pre_stop_hook_goes_with_the_stop() -> None:
    """The executor runs it inside the grace."""
    hook = Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=("true",))))
    host = Host(pod("web", container(lifecycle=hook)))
    host.settle()
    host.delete("web")
    host.node.run_once()
    stop = next(
        action.detail
        for action in host.node.last.plan.actions  # type: ignore[union-attr]
        if isinstance(action.detail, StopContainer)
    )
    assert stop.lifecycle == hook
    assert stop.pod_ip == "10.42.1.2"


def test_a_pod_that_is_no_longer_assigned_is_ended_with_the_default_grace() -> None:
    """Its assignment is gone, what it was is remembered."""
    host = Host(pod("web"), pod("db"))
    host.settle()
    host.assign(pod("db"))
    host.settle()
    assert host.names() == ["POD/0", "db/0"]


def test_strays_are_removed_even_when_nothing_is_remembered() -> None:
    """Containers, links and volumes of our cluster that belong to no assigned Pod (P27: stale Pods are dropped)."""
    host = Host(pod("web", volumes=(Volume(name="v", empty_dir=EmptyDirVolumeSource()),)), pod("db"))
    host.settle()
    host.node.crash()
    host.node.restart(keep_memory=False)
    host.assign(pod("db"))
    host.settle()
    assert host.names() == ["POD/0", "db/0"]
    assert list(host.world.links) == ["db-uid-0001"]
    assert host.world.volumes == {}


def test_a_waiting_start_is_dropped_when_its_pod_is_to_end() -> None:
    """P01: what waits for a pull is not finished first."""
    host = Host(pod("web", container(image="slow:1")))
    host.world.engine.registry["slow:1"] = Behaviour()
    host.world.durations["pullImage"] = 600
    host.node.run_for(5)
    host.delete("web")
    host.node.run_for(5)
    assert host.names() == []
    assert host.node.report("web").gone
    assert not any(word.startswith("start") for word in host.done())


def test_a_pod_that_never_started_is_gone_at_once() -> None:
    """Nothing of it is on the host."""
    host = Host(pod("web", container(image="missing:1")))
    host.world.fail("createSandbox", 1000)
    host.node.run_for(5)
    host.delete("web")
    host.settle()
    assert host.node.report("web").gone


def test_a_pod_past_its_deadline_fails() -> None:
    """activeDeadlineSeconds: stopped, Failed, never started again."""
    host = Host(pod("job", script("job", "sleep infinity"), active_deadline_seconds=60))
    host.node.run_for(59)
    assert host.names(state="running") == ["POD/0", "job/0"]
    host.node.run_for(60)
    report = host.node.report("job")
    assert (report.phase, report.reason) == ("Failed", "DeadlineExceeded")
    assert host.names() == ["job/0"]
    assert report.container_statuses[0].state.terminated is not None
    host.settle()
    assert host.names() == ["job/0"]


def test_a_finished_pods_sidecars_are_ended() -> None:
    """They would run for ever."""
    sidecar = container("proxy", restart_policy="Always")
    host = Host(pod("job", script("job", "sleep 3; exit 0"), init_containers=(sidecar,), restart_policy="Never"))
    host.settle()
    assert host.node.report("job").phase == "Succeeded"
    assert host.names(state="running") == []
    assert host.names() == ["job/0", "proxy/0"]


def test_a_terminating_pod_is_not_restarted() -> None:
    """Its containers end one after the other, and stay ended."""
    host = Host(pod("web", script("web", "sleep 3; exit 1"), script("slow", "sleep infinity")))
    host.node.run_for(2)
    host.delete("web", grace_s=30)
    host.settle()
    assert not any(word.endswith("/1") for word in host.done() if word.startswith("start"))


def test_one_pods_slow_end_does_not_hold_up_another() -> None:
    """P07: different Pods run in parallel."""
    host = Host(pod("slow", script("web", "sleep infinity")))
    host.settle()
    host.delete("slow", grace_s=600)
    host.node.run_for(1)
    host.assign(*host.pods, pod("web"))
    host.node.run_for(5)
    assert host.ready("web")
    assert not host.node.report("slow").gone


def test_failed_ends_are_tried_again() -> None:
    """P25."""
    host = Host(pod("web"))
    host.settle()
    host.world.fail("removeSandbox", 3)
    host.world.fail("stopContainer", 2)
    host.delete("web")
    host.settle()
    assert host.names() == []
    assert host.node.report("web").gone


def test_a_name_used_again_is_another_pod() -> None:
    """A StatefulSet's next Pod has the same name and another uid: both live side by side for a while."""
    host = Host(pod("db", script("db", "sleep infinity"), uid="old-uid-0001"))
    host.settle()
    host.delete("db", grace_s=60)
    host.node.run_for(1)
    host.assign(*host.pods, pod("db", uid="new-uid-0001"))
    host.node.run_for(5)
    assert len([name for name in host.names(state="running") if name == "db/0"]) == 2
    host.settle()
    assert host.names(state="running") == ["POD/0", "db/0"]


def test_reasons_say_why() -> None:
    """P04: each action of an end carries it."""
    host = Host(pod("web"))
    host.settle()
    host.assign()
    host.node.run_once()
    reasons = {action.reason for action in host.node.last.plan.actions if action.uid}  # type: ignore[union-attr]
    assert reasons == {Reason.POD_UNASSIGNED}


def test_the_end_of_a_pod_does_not_wait_for_a_post_start_hook() -> None:
    """A hook may hang as long as it is allowed to; the grace does not."""
    host = Host(pod("web"))
    host.settle()
    host.world.durations["startContainer"] = 300
    host.world.end_by_hand(host.full_name("web"), 1)
    host.node.run_for(1)
    start = next(iter(host.node._running.values()))[1]
    host.world.engine.start_container(start.detail)  # type: ignore[arg-type]
    host.node.run_once()
    host.delete("web")
    host.node.run_for(20)
    assert host.names() == []


def test_a_pod_is_not_gone_while_its_sandbox_is_being_made() -> None:
    """P17: what was begun before the Pod was asked to end is awaited and removed, before it is reported gone."""
    host = Host(pod("web"))
    while not any(isinstance(action.detail, CreateSandbox) for action in host.node.running):
        host.node.run_for(0.01)
    host.delete("web", grace_s=0)
    host.node.run_once()
    assert not host.node.report("web").gone
    host.settle()
    assert host.node.report("web").gone
    assert host.names() == []
