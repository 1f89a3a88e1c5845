"""How many nodes are compared before room is made, and who is left out of those that end."""

from typing import cast

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import LabelSelector, Pod
from reconciler.model.observed import StoredObject
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.evict import make_room
from reconciler.planner.scheduling.fit import Candidate, holding
from reconciler.planner.scheduling.preempt import Budget, Victims, find_room
from reconciler.planner.scheduling.resources import NodeResourcesFit
from reconciler.planner.view import View, ref_for
from tests.planner.scheduled import Objects, node, pod
from tests.planner.test_preemption import full
from tests.planner.test_preemption import pod as declared
from tests.planner.world import Cluster

ALL_CPU = [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "8"}}}]
NODE = node("n")
NEW = pod("new", "new", priority=99, containers=ALL_CPU)


def nodes(number: int, cheapest: int, app: str = "old", **others: int) -> dict[str, Candidate]:
    """Return full nodes in the order of their names; the Pod of one has the lowest priority, and an app of its own.

    `others` are apps of further Pods with the number of their node; that of a `chief` has the highest priority.
    """
    apps = {cheapest: "last", **{place: name for name, place in others.items()}}
    priorities = {"last": 1, "chief": 200}
    found = {}
    for place in range(number):
        name = f"n{place:04}"
        metadata = replace(NODE.node.metadata, name=name)
        here = apps.get(place, app)
        one = pod(f"p{place}", here, priority=priorities.get(here, 5))
        asks = replace(one, spec=replace(NEW.spec, priority=one.spec.priority, node_name=name))
        found[name] = holding(replace(NODE, node=replace(NODE.node, metadata=metadata)), (asks,))
    return found


def room(candidates: dict[str, Candidate], *budgets: Budget) -> str:
    """Return the node on which room is made."""
    of = Choice(candidates, Objects(), plugins=(NodeResourcesFit,))
    found = find_room(of, of.alike(NEW), NEW, budgets, sorted(candidates))
    assert isinstance(found, Victims)
    return found.node


@pytest.mark.parametrize(
    ("number", "cheapest", "is_seen"),
    [(3, 2, True), (99, 98, True), (100, 99, True), (101, 100, False), (1010, 100, True), (1010, 101, False)],
)
def test_a_hundred_nodes_or_a_tenth_are_compared(number: int, cheapest: int, is_seen: bool) -> None:
    """Whichever is more, and in a small cluster all of them; then the best of those is taken."""
    assert room(nodes(number, cheapest)) == f"n{cheapest if is_seen else 0:04}"


def test_nodes_are_compared_until_one_violates_no_budget() -> None:
    """The first hundred would all do, at the price of a budget."""
    budget = Budget("default", LabelSelector(match_labels={"app": "guarded"}), 0)
    assert room(nodes(130, 120, "guarded"), budget) == "n0120"
    # One such is enough, whatever the others would cost.
    assert room(nodes(130, 120, guarded=5), budget) == "n0000"


def test_a_node_on_which_nobody_may_end_is_passed_over() -> None:
    """Its Pod is of higher priority; those after it are compared all the same."""
    assert room(nodes(4, 3, chief=0)) == "n0003"


def test_who_is_gone_by_now_is_not_ended() -> None:
    """A victim that an earlier step of the same pass has taken away; the others end, and the room is kept."""
    cluster: Cluster = full(declared("first", "low", "4"), declared("second", "low", "4"))
    view = View(cluster.observed, cluster.policy, cluster.now)
    placed = {name: cast(Pod, one) for name, one in cluster.of("Pod").items()}
    gone = replace(placed["first"], metadata=replace(placed["first"].metadata, name="gone", uid="gone"))
    there = holding(replace(NODE, node=replace(NODE.node, metadata=replace(NODE.node.metadata, name="node-1"))), ())
    of = Choice({"node-1": holding(there, (gone, placed["second"]))}, Objects(), plugins=(NodeResourcesFit,))
    stored = StoredObject(ref=ref_for(NEW), object=NEW, manager="api")
    assert make_room(view, of, stored, ()) == ("node-1", "")
    assert [one.object.name for one in view.happenings] == ["second"]
    assert view.objects.keys() == cluster.observed.objects.keys()
    # Whoever ends takes its room until it has ended, and is known to end.
    here = {one.metadata.name: one.metadata.deletion_timestamp is not None for one in of.candidates["node-1"].pods}
    assert here == {"gone": False, "second": True} and of.candidates["node-1"].used.cpu_millis == 8000


def victims(name: str, *pods: tuple[int, str], violations: int = 0) -> Victims:
    """Return Pods that would end on a node: the priority of each, and when it began."""
    made = [pod(f"{name}{number}", "a", priority=priority) for number, (priority, _) in enumerate(pods)]
    began = [
        replace(one.status, start_time=f"2027-01-0{day}T00:00:00Z") for one, (_, day) in zip(made, pods, strict=True)
    ]
    return Victims(name, tuple(replace(one, status=of) for one, of in zip(made, began, strict=True)), violations)


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        (victims("b", (9, "1"), (9, "1")), victims("a", (1, "1"), violations=1)),
        (victims("b", (5, "1"), (5, "1")), victims("a", (6, "1"), (1, "1"))),
        (victims("b", (5, "1"), (1, "1")), victims("a", (5, "1"), (2, "1"))),
        (victims("b", (5, "1")), victims("a", (5, "1"), (-5, "1"))),
        (victims("b", (5, "2"), (1, "1")), victims("a", (5, "1"), (1, "3"))),
        (victims("b", (5, "2"), (5, "2")), victims("a", (5, "3"), (5, "1"))),
        (victims("a", (5, "1")), victims("b", (5, "1"))),
    ],
)
def test_room_is_made_where_least_is_lost(cheap: Victims, dear: Victims) -> None:
    """Budgets, the highest priority, all priorities, how many, who of the highest began last, and the name."""
    assert cheap.cost < dear.cost
