"""Making room with rules of any kind: each is told who is thought away, and a failing one leaves nothing behind."""

from collections.abc import Collection

import pytest

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, holding
from reconciler.planner.scheduling.framework import Cluster, Misfit, Plugin
from reconciler.planner.scheduling.preempt import Victims, find_room
from tests.planner.scheduled import Objects, node, pod

IN_THE_WAY = Misfit(("in the way",))


class OneBeside(Plugin[list[str]]):
    """At most one Pod is beside the new one. It counts for itself, and is told of those alone that go and return."""

    name = "OneBeside"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.here = [one.metadata.name for one in cluster.nodes["a"].pods]

    def prepare(self, pod: Pod) -> list[str]:
        """Return who is there."""
        return self.here

    def why_not(self, state: list[str], pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse the node while there are two."""
        return IN_THE_WAY if len(state) > 1 else None

    def placed(self, state: list[str], pod: Pod, other: Pod, node: str) -> Collection[str]:
        """One more."""
        state.append(other.metadata.name)
        return ()

    def removed(self, state: list[str], pod: Pod, other: Pod, node: str) -> Collection[str]:
        """One less."""
        state.remove(other.metadata.name)
        return ()


class Jammed(Plugin[bool]):
    """Fails as soon as anybody is thought away; of who comes it wants to know nothing."""

    name = "Jammed"

    def prepare(self, pod: Pod) -> bool:
        """Take part."""
        return True

    def removed(self, state: bool, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Fail."""
        raise ArithmeticError("jammed")


def full() -> dict[str, Candidate]:
    """Return a node with two Pods of priority 0."""
    return {"a": holding(node("a", "z"), (pod("p", "x"), pod("q", "x")))}


def test_a_rule_that_counts_for_itself_is_told_of_trials() -> None:
    """One Pod ends, as one may stay; afterwards everything is as it was."""
    of = Choice(full(), Objects(), plugins=(OneBeside,))
    comes = pod("new", "x", priority=10)
    found = find_room(of, of.alike(comes), comes, (), ("a",))
    assert isinstance(found, Victims)
    assert [one.metadata.name for one in found.pods] == ["q"]
    assert of.alike(comes).why_not("a") == IN_THE_WAY
    assert [one.metadata.name for one in of.candidates["a"].pods] == ["p", "q"]


def test_a_rule_that_fails_in_a_trial_leaves_nothing_behind() -> None:
    """The failure is told, and the node is as it was."""
    nodes = full()
    of = Choice(nodes, Objects(), plugins=(Jammed,))
    comes = pod("new", "x", priority=10)
    with pytest.raises(ArithmeticError, match="jammed"):
        find_room(of, of.alike(comes), comes, (), ("a",))
    assert of.candidates == nodes
