"""Containers that look into a Pod that runs: started once, beside the others, and nothing depends on them."""

from __future__ import annotations

from typing import Any

from reconciler.model.details import StartContainer
from reconciler.model.kinds import ContainerStatus, EphemeralContainer
from reconciler.model.node import PodAssignment
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, container, pod, script

DEBUGGER = EphemeralContainer(name="debugger", image="busybox:1")


def looked_into(*added: EphemeralContainer, **fields: Any) -> PodAssignment:
    """A Pod of one container with these that look into it."""
    return pod("web", *fields.pop("containers", (container(),)), ephemeral_containers=added, **fields)


def status(host: Host, name: str = "debugger") -> ContainerStatus:
    """What is told of a container that looks into the Pod."""
    return next(one for one in host.node.report("web").ephemeral_container_statuses if one.name == name)


def running(host: Host) -> None:
    """Have the Pod run and nobody looking into it."""
    host.settle()
    host.done()


def test_it_is_started_in_the_pod_that_runs() -> None:
    """Its image is pulled, it starts in the same sandbox, and the others are left alone."""
    host = Host(pod("web"))
    running(host)
    host.assign(looked_into(DEBUGGER))
    host.settle()
    assert host.done() == ["startContainer debugger"]
    assert sorted(host.names(state="running")) == ["POD/0", "debugger/0", "web/0"]
    assert status(host).state.running is not None
    assert host.ready("web")


def test_it_is_not_started_again() -> None:
    """How it ended is told; the Pod goes on and stays ready."""
    host = Host(pod("web"))
    running(host)
    host.assign(looked_into(EphemeralContainer(name="debugger", image="busybox:1", command=("sh", "-c", "exit 3"))))
    host.settle()
    ended = status(host).state.terminated
    assert ended is not None and ended.exit_code == 3
    assert status(host).restart_count == 0
    host.node.run_for(3600)
    assert "debugger/1" not in host.names()
    assert host.node.report("web").phase == "Running"
    assert host.ready("web")


def test_it_does_not_keep_a_pod_from_ending() -> None:
    """When the containers of the Pod are done, so is the Pod: the one that looks on is stopped."""
    ends = script("web", "sleep 5; exit 0")
    host = Host(looked_into(DEBUGGER, containers=(ends,), restart_policy="Never"))
    host.settle()
    assert host.node.report("web").phase == "Succeeded"
    assert host.names(state="running") == []
    assert status(host).state.terminated is not None


def test_it_goes_with_the_pod() -> None:
    """Nothing of a deleted Pod is left."""
    host = Host(looked_into(DEBUGGER))
    host.settle()
    host.delete("web")
    host.settle()
    assert host.names() == []


def test_it_sees_the_processes_of_the_container_that_it_names() -> None:
    """It waits until that one runs, and is told its identity on this host."""
    first = script("setup", "sleep 60; exit 0")
    added = EphemeralContainer(name="debugger", image="busybox:1", target_container_name="web")
    host = Host(looked_into(added, init_containers=(first,)))
    host.node.run_for(10)
    waiting = status(host).state.waiting
    assert waiting is not None and "waits until container web runs" in waiting.message
    host.settle()
    target = next(fact for fact in host.world.engine.facts() if fact.container == "web")
    details = [one.detail for one in host.world.executed if isinstance(one.detail, StartContainer)]
    assert [one.processes_of for one in details if one.spec.name == "debugger"] == [target.id]
    assert [one.processes_of for one in details if one.spec.name == "web"] == [""]


def test_it_waits_for_no_other_container() -> None:
    """A Pod whose init container hangs is what people look into."""
    host = Host(looked_into(DEBUGGER, init_containers=(script("setup", "sleep 100000"),)))
    host.node.run_for(60)
    assert "debugger/0" in host.names(state="running")
    assert "web/0" not in host.names()
    assert host.node.report("web").phase == "Pending"


def test_it_stays_ended_in_a_new_sandbox() -> None:
    """The Pod is made anew with a new sandbox; what looked on is not."""
    host = Host(looked_into(DEBUGGER))
    host.settle()
    sandbox = next(fact for fact in host.world.engine.facts() if fact.role == "sandbox")
    host.world.end_by_hand(sandbox.name)
    host.settle()
    assert any(name.startswith("web/") for name in host.names(state="running"))
    assert not any(name.startswith("debugger/") for name in host.names(state="running"))
    assert status(host).state.terminated is not None


def test_its_log_is_kept() -> None:
    """A container that ended is still there to be read."""
    host = Host(looked_into(EphemeralContainer(name="debugger", image="busybox:1", command=("true",))))
    host.settle()
    host.node.run_for(600)
    assert "debugger/0" in host.names()


def test_an_image_that_both_need_is_pulled_once() -> None:
    """The container of the Pod and the one that looks into it."""
    new = EphemeralContainer(name="debugger", image="shop/new:1")
    host = Host(looked_into(new, containers=(container("web", "shop/new:1"),)), images={"shop/new:1": Behaviour()})
    host.world.engine.images.discard("shop/new:1")
    host.settle()
    assert [one for one in host.done() if one.startswith("pull")] == ["pullImage shop/new:1"]
    assert sorted(host.names(state="running")) == ["POD/0", "debugger/0", "web/0"]
