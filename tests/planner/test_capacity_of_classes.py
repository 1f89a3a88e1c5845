"""Nodes tell how much room they have for volumes; Pods go where theirs can be made."""

import json
from fractions import Fraction

import msgspec
import pytest

from reconciler.model.kinds import LabelSelector, Node, ObjectMeta
from reconciler.model.observed import NodeState
from reconciler.model.storage import RoomFact, StorageFact
from reconciler.planner.storage.capacity import STORAGE_FREE, Capacity, has_enough
from tests.planner.volumes import bindings, claim, places, pod, storage_class, why
from tests.planner.world import Cluster

replace = msgspec.structs.replace
GI = 1 << 30
OWN, FAST = "/var/lib/reconciler/volumes", "/mnt/fast"
FAST_CLASS = storage_class("fast", parameters={"path": f"{FAST}/"})


class Roomy(Cluster):
    """A cluster whose nodes tell the room of their directories."""

    def __init__(self, **rooms: dict[str, int]) -> None:
        self.rooms = {name.replace("_", "-"): told for name, told in rooms.items()}
        super().__init__(tuple(self.rooms))
        self.settle()

    def tell(self, node: str, **free: int) -> None:
        """Have a node tell other room from now on."""
        paths = {"own": OWN, "fast": FAST}
        self.rooms[node] = {paths[name]: size for name, size in free.items()}
        self.report()

    def _state(self, node: str) -> NodeState:
        state = super()._state(node)
        rooms = tuple(RoomFact(path=path, total=100 * GI, free=free) for path, free in self.rooms[node].items())
        assert state.observation is not None
        facts = replace(state.observation.facts, storage=StorageFact(rooms=rooms))
        return replace(state, observation=replace(state.observation, facts=facts))


def test_a_pod_goes_where_its_volume_has_room() -> None:
    """A node with just enough takes it; the first by name, with a byte less, does not."""
    cluster = Roomy(node_1={OWN: GI - 1}, node_2={OWN: GI})
    cluster.push(claim("data", "1Gi") + pod("app", "data"))
    cluster.settle()
    assert places(cluster) == {"app": "node-2"}
    assert bindings(cluster)["data"].startswith("pvc-")


def test_where_no_room_is_told_of_there_may_be_some() -> None:
    """An agent of an older release tells nothing of any directory."""
    cluster = Roomy(node_1={}, node_2={OWN: 0})
    cluster.push(
        claim("data", "1Gi") + FAST_CLASS + claim("more", storageClassName="fast") + pod("app", "data", "more")
    )
    cluster.settle()
    assert places(cluster) == {"app": "node-1"}


def test_a_class_that_is_new_waits_until_nodes_have_looked() -> None:
    """Or its first volumes would be on the first node by name, whether or not that has such a disk."""
    cluster = Roomy(node_1={OWN: GI}, node_2={OWN: GI})
    cluster.push(FAST_CLASS + claim("data", "1Gi", storageClassName="fast") + pod("app", "data"))
    cluster.settle()
    assert why(cluster, "app").startswith("0/2 nodes are available: 2 node(s) did not have enough free storage.")
    cluster.tell("node-1", own=GI, fast=0)
    cluster.tell("node-2", own=GI, fast=GI)
    cluster.settle()
    assert places(cluster) == {"app": "node-2"}


def test_a_pod_without_room_says_so_and_goes_on_when_there_is_some() -> None:
    """kube-scheduler's words; a volume that is there needs no room, and each class has its own."""
    cluster = Roomy(node_1={OWN: 9 * GI, FAST: 0})
    cluster.push(FAST_CLASS + claim("data", "1Gi", storageClassName="fast") + pod("app", "data"))
    cluster.settle()
    assert why(cluster, "app").startswith("0/1 nodes are available: 1 node(s) did not have enough free storage.")
    cluster.tell("node-1", own=0, fast=GI)
    cluster.settle()
    assert places(cluster) == {"app": "node-1"}
    cluster.tell("node-1", own=0, fast=0)
    cluster.push(FAST_CLASS + claim("data", "1Gi", storageClassName="fast") + pod("again", "data"))
    cluster.settle()
    assert places(cluster) == {"again": "node-1"}


def test_a_volume_is_made_where_there_is_most_room() -> None:
    """So that it can grow; of claims of one class their sum counts."""
    cluster = Roomy(node_1={OWN: 20 * GI}, node_2={OWN: 80 * GI}, node_3={OWN: 40 * GI})
    cluster.push(claim("a", "10Gi") + claim("b", "5Gi") + pod("app", "a", "b"))
    cluster.settle()
    assert places(cluster) == {"app": "node-2"}


@pytest.mark.parametrize(("free", "node"), [(GI, "node-1"), (GI - 1, "node-2")])
def test_a_volume_for_no_pod_is_made_on_the_first_node_with_room(free: int, node: str) -> None:
    """A class with Immediate asks for room too."""
    cluster = Roomy(node_1={OWN: free}, node_2={OWN: 5 * GI})
    cluster.push(storage_class("now", volumeBindingMode="Immediate") + claim("data", "1Gi", storageClassName="now"))
    cluster.settle()
    made = cluster.of("PersistentVolume")[bindings(cluster)["data"]]
    terms = made.spec.node_affinity.required.node_selector_terms  # type: ignore[union-attr]
    assert terms[0].match_expressions[0].values == (node,)


@pytest.mark.parametrize(
    ("free", "largest", "labels", "enough"),
    [
        (5, None, {}, True),
        (4, None, {}, False),
        (9, 5, {}, True),
        (9, 4, {}, False),
        (4, 5, {}, True),
        (None, None, {}, False),
        (9, None, {"zone": "a"}, True),
        (9, None, {"zone": "b"}, False),
    ],
)
def test_what_is_enough(free: int | None, largest: int | None, labels: dict[str, str], enough: bool) -> None:
    """For five bytes, as upstream: the largest volume counts where it is told, and only on the nodes that are meant."""
    node = Node(metadata=ObjectMeta(name="n", labels={"zone": "a"}))
    size, most = (None if one is None else Fraction(one) for one in (free, largest))
    told = Capacity("fast", LabelSelector(match_labels=labels), size, most)
    other = Capacity("slow", LabelSelector(), Fraction(100))
    found = has_enough([other, told], "fast", node, Fraction(5))
    assert found == (told if enough else None)


def test_the_room_stands_at_the_node() -> None:
    """By directory, that of the built-in class by a name of its own; a report without any leaves it."""
    cluster = Roomy(node_1={OWN: 7, FAST: 5})

    def noted() -> object:
        node = cluster.of("Node")["node-1"]
        assert isinstance(node, Node)
        return json.loads(node.metadata.annotations[STORAGE_FREE])

    assert noted() == {"default": 7, FAST: 5}
    cluster.tell("node-1")
    cluster.settle()
    assert noted() == {"default": 7, FAST: 5}
