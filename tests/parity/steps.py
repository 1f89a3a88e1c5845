"""One Pod of a node, what its host shows of it, and one step of the node, as rows about kubelets spell them."""

from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact, NodeFacts, ProbeState
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.step import NodeStep, step
from tests.planner.node.host import IMAGE, NODE, assignment, view

NOW = 1_800_000_000.0
UID = "pod-uid"


def facts_of(*containers: ContainerFact) -> NodeFacts:
    """Return what a host shows: the Pod's sandbox, and these containers in it."""
    sandbox = ContainerFact(
        id="sandbox", name="sandbox", role="sandbox", pod_uid=UID, state="running", created_at=1.0, started_at=1.0
    )
    return NodeFacts(node=NODE, observed_at=NOW, containers=(sandbox, *containers), images=(f"docker.io/{IMAGE}",))


def fact_of(name: str, state: str, *, attempt: int = 0, exit_code: int = 0, role: str = "app") -> ContainerFact:
    """Return a container of the Pod."""
    return ContainerFact(
        id=f"{name}-{attempt}",
        name=f"{name}-{attempt}",
        role=role,
        pod_uid=UID,
        container=name,
        attempt=attempt,
        state=state,
        sandbox="sandbox",
        created_at=2.0,
        started_at=0.0 if state == "created" else NOW - 1,
        finished_at=NOW if state == "exited" else 0.0,
        exit_code=exit_code,
    )


def step_with(
    one: PodAssignment, facts: NodeFacts, memory: NodeMemory | None = None, *believed: ProbeState
) -> NodeStep:
    """Return what the node does about the Pod."""
    return step(
        memory or NodeMemory(),
        assignment(one),
        view(),
        facts,
        probes={state.key: state for state in believed},
        outcomes=(),
        in_flight=frozenset(),
        now=NOW,
    )
