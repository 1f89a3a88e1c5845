"""Pods that are made for another system than the node's wait, and say so."""

import pytest

from reconciler.model.kinds import PodOS
from tests.planner.node.host import Host, pod


@pytest.mark.parametrize("name", ["linux", "windows"])
def test_a_node_starts_what_is_made_for_its_system(name: str) -> None:
    """Nothing of another Pod is made, not even its sandbox."""
    host = Host(pod("a", os=PodOS(name=name)))  # type: ignore[arg-type]
    host.settle()
    assert host.ready("a") == (name == "linux")
    assert host.node.last is not None
    messages = [one.message for one in host.node.last.plan.blocked]
    assert messages == ([] if name == "linux" else ["the Pod is made for windows, and this node runs Linux"])
