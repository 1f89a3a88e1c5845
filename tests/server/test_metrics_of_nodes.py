"""The page of metrics tells what runs on each node."""

from reconciler.controller.status import node_status
from reconciler.model.kinds import Condition, ObjectMeta, Pod, PodSpec, PodStatus
from reconciler.model.kinds.pod import PodPhase
from reconciler.model.node_report import ContainerFact, NodeFacts, Observation
from reconciler.model.observed import NodeState
from reconciler.model.status import Health, Status
from reconciler.server.metrics import metrics_text


def fact(name: str, role: str, state: str) -> ContainerFact:
    """Return a container of a Pod of its own."""
    return ContainerFact(id=name, name=name, role=role, pod_uid=name, container="c", state=state)


def test_pods_that_have_ended_are_not_waited_for() -> None:
    """A try of a Job that failed, and was made up for, does not look like a Pod that is not ready."""
    spec = PodSpec(node_name="n", containers=())
    phases: tuple[PodPhase, ...] = ("Failed", "Succeeded", "Running")
    pods = [Pod(metadata=ObjectMeta(name=one), spec=spec, status=PodStatus(phase=one)) for one in phases]
    node = node_status(NodeState(name="n"), pods, silent=False)
    assert (node.pods, node.pods_ready) == (1, 0)


def test_a_node_with_too_little_of_something_says_so() -> None:
    """It is ready all the same."""
    facts = NodeFacts(node="n", observed_at=0.0)
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=0.0, facts=facts, pressures=("DiskPressure",))
    node = node_status(NodeState(name="n", observation=told), (), silent=False)
    assert (node.ready, node.message.split(":")[0]) == (True, "DiskPressure")
    assert node_status(NodeState(name="n", observation=told), (), silent=True).message == "silent"


def test_pods_count_by_their_sandboxes_and_containers_by_their_state() -> None:
    """A Pod whose sandbox has ended does not run."""
    there = (
        fact("a", "sandbox", "running"),
        fact("b", "sandbox", "running"),
        fact("c", "sandbox", "exited"),
        fact("d", "app", "running"),
        fact("e", "app", "exited"),
    )
    facts = NodeFacts(node="n", observed_at=0.0, containers=there)
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=0.0, facts=facts, pods=())
    node = node_status(NodeState(name="n", observation=told), (), silent=False)
    page = metrics_text(Status(at=0.0, version="1", cluster_id="c", health=Health.HEALTHY, nodes=(node,)))
    shown = [line for line in page.splitlines() if line.startswith("reconciler_node_running_")]
    assert shown == [
        'reconciler_node_running_pods{node="n"} 2.0',
        'reconciler_node_running_containers{container_state="exited",node="n"} 1.0',
        'reconciler_node_running_containers{container_state="running",node="n"} 1.0',
    ]


def test_what_lasts_that_a_node_cannot_do_is_told_with_its_reason() -> None:
    """As a sample of its own, as long as it lasts; what a silent node said last is not known to last."""
    said = (
        Condition(type="Ready", status="True"),
        Condition(
            type="NetworkUnavailable",
            status="True",
            reason="NetworkConflict",
            message="why",
            last_transition_time="2026-01-01T00:00:00Z",
        ),
        Condition(type="reconciler.dev/Degraded", status="False", reason="Recovered"),
    )
    facts = NodeFacts(node="n", observed_at=0.0)
    state = NodeState(name="n", observation=Observation(node="n", boot_id="b", sequence=1, observed_at=0, facts=facts))
    node = node_status(state, (), said, silent=False)
    assert node.ready
    assert [(one.condition, one.reason, one.message) for one in node.troubles] == [
        ("NetworkUnavailable", "NetworkConflict", "why")
    ]
    assert not node_status(state, (), said, silent=True).troubles
    page = metrics_text(Status(at=0.0, version="1", cluster_id="c", health=Health.DEGRADED, nodes=(node,)))
    sample = 'reconciler_node_trouble{condition="NetworkUnavailable",node="n",reason="NetworkConflict"} 1.0'
    assert sample in page.splitlines()
