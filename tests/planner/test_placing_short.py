"""What is not looked at when Pods are placed: other nodes than the one room was made on, and Pods that end."""

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Misfit, Plugin
from tests.planner.scheduled import Objects, node, pod
from tests.planner.test_hints import manifest
from tests.planner.world import Cluster

NODES = ("a", "b", "c")


class Asked(Plugin[list[str]]):
    """Notes which nodes it is asked about; it has something against those that a Pod names in a label."""

    name = "Asked"

    def prepare(self, pod: Pod) -> list[str] | Misfit | None:
        """Return what it notes in."""
        against = pod.metadata.labels.get("against", "")
        if against in ("nothing", "everything"):
            return None if against == "nothing" else Misfit(("everywhere",))
        found: list[str] = self.cluster.kept.setdefault("asked", [])
        return found

    def only(self, state: list[str]) -> Collection[str] | None:
        """Return all but one node."""
        return ("a", "b")

    def why_not(self, state: list[str], pod: Pod, node: Candidate) -> Misfit | None:
        """Note the node."""
        state.append(node.name)
        return Misfit(("not here",)) if pod.metadata.labels.get("against") == node.name else None


@pytest.mark.parametrize(
    ("nominated", "against", "best", "asked"),
    [
        ("b", "", "b", ["b"]),
        ("b", "nothing", "b", []),
        ("b", "everything", "", []),
        ("b", "b", "a", ["b", "a", "b"]),
        ("c", "", "a", ["a", "b"]),
        ("gone", "", "a", ["a", "b"]),
        ("", "", "a", ["a", "b"]),
    ],
)
def test_room_was_made_on_a_node_and_the_others_are_not_asked_about(
    nominated: str, against: str, best: str, asked: list[str]
) -> None:
    """Unless it does not take the Pod after all."""
    kept: dict[str, list[str]] = {}
    choice = Choice({name: node(name) for name in NODES}, Objects(), plugins=(Asked,), kept=kept)
    waiting = pod("one", "a", labels={"against": against})
    waiting = replace(waiting, status=replace(waiting.status, nominated_node_name=nominated))
    assert choice.best(waiting) == best
    assert kept.get("asked", []) == asked


def test_a_silent_node_takes_no_pod_that_room_was_made_for() -> None:
    """It goes to another one."""
    choice = Choice({name: node(name) for name in NODES}, Objects(), silent=("b",))
    waiting = pod("one", "a")
    assert choice.best(replace(waiting, status=replace(waiting.status, nominated_node_name="b"))) == "a"


def test_a_pod_that_ends_before_it_was_placed_says_so_once() -> None:
    """As kube-scheduler does; then it is gone."""
    cluster = Cluster(nodes=("node-1",))
    stays = manifest("stays", "a", {})
    cluster.push("---\n".join((stays, manifest("waits", "a", {"nodeSelector": {"disk": "none"}}))))
    cluster.settle()
    cluster.push(stays, commit="c2")
    told = [(one.object.name, one.reason, one.message) for _ in range(4) for one in cluster.tick().happenings]
    assert told == [("waits", "FailedScheduling", "skip schedule deleting pod: default/waits")]
    assert set(cluster.of("Pod")) == {"stays"}
