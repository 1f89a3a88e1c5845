"""How much runs on a host."""

from reconciler.model.node_report import ContainerFact
from reconciler.model.running import containers_by_state, running_pods


def _fact(name: str, role: str, state: str) -> ContainerFact:
    return ContainerFact(id=name, name=name, role=role, pod_uid=name[0], container="c", state=state)


def test_pods_are_counted_by_their_sandboxes_and_containers_by_their_state() -> None:
    """A sandbox is no container, and one that has ended makes no Pod."""
    facts = (
        _fact("a0", "sandbox", "running"),
        _fact("a1", "app", "running"),
        _fact("a2", "app", "exited"),
        _fact("b0", "sandbox", "exited"),
        _fact("c0", "sandbox", "running"),
        _fact("c1", "init", "exited"),
    )
    assert running_pods(facts) == 2
    assert containers_by_state(facts) == {"exited": 2, "running": 1}
