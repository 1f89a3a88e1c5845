"""What of a change the scheduler looks at, and whom it concerns: each part at both of its sides."""

from typing import Any

import pytest

from reconciler.model.kinds import Namespace, Node, Pod
from reconciler.planner.scheduling.hints import Change, is_counted, parts, where
from reconciler.planner.storage.capacity import STORAGE_FREE
from tests.planner.reading import read

CPU = "resources: {requests: {cpu: 1}}"


def pod(
    node: str = "n", phase: str = "Running", nominated: str = "", marks: str = "", spec: str = "", cpu: str = ""
) -> Any:
    """Return a Pod."""
    return read(
        "Pod",
        metadata=f"uid: u, {marks}",
        spec=f"nodeName: '{node}', containers: [{{name: c, image: i, {cpu}}}], {spec}",
        status=f"phase: {phase}, nominatedNodeName: '{nominated}'",
    )


def node(marks: str = "", spec: str = "", status: str = "allocatable: {cpu: 4}") -> Any:
    """Return a node."""
    return read("Node", name="n", metadata=marks, spec=spec, status=status)


@pytest.mark.parametrize(
    ("one", "place", "counts"),
    [
        (pod(), "n", True),
        (pod(node=""), "", False),
        (pod(node="", nominated="m"), "m", True),
        (pod(node="n", nominated="m"), "n", True),
        (pod(phase="Succeeded"), "n", False),
        (pod(phase="Failed"), "n", False),
        (pod(phase="Pending"), "n", True),
    ],
)
def test_a_pod_counts_where_it_is_or_is_to_be(one: Pod, place: str, counts: bool) -> None:
    """Until it ends."""
    assert (where(one), is_counted(one)) == (place, counts)


ENDING = "deletionTimestamp: '2027-01-01T00:00:00Z'"
ANTI = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a}]}}"
SAME: dict[str, tuple[Any, Any]] = {
    "nothing": (pod(), pod()),
    "a condition": (pod(), read("Pod", metadata="uid: u", spec="nodeName: n, containers: [{name: c, image: i}]",
                                status="phase: Running, conditions: [{type: Ready, status: 'True'}]")),
    "a name of a host": (pod(), pod(spec="hostname: h")),
    "what waits": (pod(node="", phase="Pending"), pod(node="", phase="Pending", marks="labels: {a: b}")),
    "what has ended": (pod(phase="Failed"), pod(phase="Succeeded")),
    "an ended one that goes": (pod(phase="Failed"), None),
    "what comes to wait": (None, pod(node="", phase="Pending")),
    "a node's heartbeat": (node(), node(status="allocatable: {cpu: 4}, conditions: [{type: Ready, status: 'True'}]")),
    "a node's mark": (node(), node("annotations: {a: b}")),
}  # fmt: skip
WHOLE: dict[str, tuple[Any, Any]] = {
    "labels": (pod(), pod(marks="labels: {a: b}")),
    "an end that begins": (pod(), pod(marks=ENDING)),
    "what it asks for": (pod(), pod(cpu=CPU)),
    "volumes": (pod(), pod(spec="volumes: [{name: v, emptyDir: {}}]")),
    "a priority": (pod(), pod(spec="priority: 1")),
    "affinity": (pod(), pod(spec=ANTI)),
    "init containers": (pod(), pod(spec="initContainers: [{name: x, image: i}]")),
    "a node's labels": (node(), node("labels: {a: b}")),
    "a node's room on disks": (node(), node(f"annotations: {{{STORAGE_FREE}: '{{}}'}}")),
    "a cordon": (node(), node(spec="unschedulable: true")),
    "a node's room": (node(), node(status="allocatable: {cpu: 8}")),
    "a node that comes": (None, node()),
    "a node that goes": (node(), None),
    "a namespace": (read("Namespace", metadata="labels: {a: b}"), read("Namespace")),
}


@pytest.mark.parametrize("case", SAME)
def test_what_decides_nothing_is_no_change(case: str) -> None:
    """It wakes nobody."""
    assert parts(Change(*SAME[case])) == ()


@pytest.mark.parametrize("case", WHOLE)
def test_what_may_decide_is_a_change(case: str) -> None:
    """As it is."""
    change = Change(*WHOLE[case])
    assert parts(change) == (change,)


def test_a_pod_that_comes_moves_or_ends_changes_its_nodes() -> None:
    """Each end of a move by itself; what does not count is not there."""
    waits, here, there, done = pod(node="", phase="Pending"), pod("a"), pod("b"), pod("a", phase="Succeeded")
    assert parts(Change(waits, here)) == (Change(None, here),)
    assert parts(Change(here, done)) == (Change(here, None),)
    assert parts(Change(None, here)) == (Change(None, here),)
    assert parts(Change(here, None)) == (Change(here, None),)
    assert parts(Change(here, there)) == (Change(here, None), Change(None, there))
    nominated = pod(node="", phase="Pending", nominated="a")
    assert parts(Change(nominated, here)) == ()
    assert parts(Change(nominated, there)) == (Change(nominated, None), Change(None, there))


def test_whom_a_change_is_about() -> None:
    """By type, by name, and the Pod itself."""
    one, other = pod(), read("Pod", name="other", metadata="uid: v", spec="containers: [{name: c, image: i}]")
    change = Change(one, one)
    assert change.of(Node) is None and change.of(Pod) == (one, one)
    assert Change(None, one).of(Pod) == (None, one) and Change(one, None).of(Pod) == (one, None)
    assert change.name == Change(None, one).name == Change(one, None).name == ("default", "one")
    assert change.of_itself(one) == (one, one)
    assert change.of_itself(other) is None
    assert Change(None, one).of_itself(one) is None and Change(one, None).of_itself(one) is None
    assert Change(node(), node()).of_itself(one) is None


@pytest.mark.parametrize(
    ("old", "new", "relabelled"),
    [
        (None, read("Namespace"), True),
        (read("Namespace"), None, True),
        (read("Namespace"), read("Namespace", metadata="labels: {a: b}"), True),
        (read("Namespace"), read("Namespace", metadata="annotations: {a: b}"), False),
        (pod(), pod(marks="labels: {a: b}"), False),
    ],
)
def test_who_is_relabelled(old: Any, new: Any, relabelled: bool) -> None:
    """Or comes, or goes."""
    assert Change(old, new).is_relabelled(Namespace) is relabelled
