"""An agent that lost its disk finds its Pods again, and does nothing twice."""

from __future__ import annotations

from reconciler.simulation.node import SimulatedNode
from tests.planner.node.host import NODE, Host, container, pod, script


def _forget(host: Host) -> None:
    """Start an agent that remembers nothing."""
    host.node = SimulatedNode(NODE, host.clock, host.world)
    host.assign(*host.pods)
    host.done()


def test_a_pod_that_the_cluster_knows_to_have_finished_is_not_run_again() -> None:
    """P10: neither memory nor container is left on the host, and still a Job's Pod does not run twice."""
    host = Host(pod("job", script("job", "exit 0"), restart_policy="OnFailure", finished="Succeeded"))
    host.settle()
    assert [word for word in host.done() if word.startswith(("createSandbox", "startContainer"))] == []
    assert host.node.report("job").phase == "Succeeded"


def test_a_running_pod_does_not_fail_because_its_finished_init_container_was_removed() -> None:
    """P10: what runs shows that the init containers are done, though nothing else tells of them any more."""
    host = Host(pod("web", container(), init_containers=(script("prepare", "exit 0"),)))
    host.settle()
    host.world.remove_by_hand(host.full_name("prepare"))
    host.settle()
    _forget(host)
    host.settle()
    assert host.node.report("web").phase == "Running"
    assert host.ready("web")
    assert [word for word in host.done() if word.startswith(("stop", "start", "remove"))] == []
