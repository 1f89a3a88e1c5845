"""What of a change the scheduler looks at, and whom it concerns: each part at both of its sides."""

from typing import Any

import pytest

from reconciler.model.kinds import Namespace, Pod
from reconciler.planner.scheduling.framework import AnyPlugin, Cluster, Plugin
from reconciler.planner.scheduling.gates import SchedulingGates
from reconciler.planner.scheduling.hints import Change, is_counted, parts, where
from reconciler.planner.scheduling.noderules import NodeName, NodePorts, NodeUnschedulable, TaintToleration
from reconciler.planner.scheduling.plugins import HEARD, PLUGINS
from reconciler.planner.storage.capacity import STORAGE_FREE
from tests.planner.reading import read
from tests.planner.scheduled import Objects

CPU = "resources: {requests: {cpu: 1}}"


def change_of(old: Any, new: Any) -> Change:
    """Return what becomes of an object."""
    return Change((new or old).kind, old, new)


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
    assert parts(change_of(*SAME[case])) == ()


@pytest.mark.parametrize("case", WHOLE)
def test_what_may_decide_is_a_change(case: str) -> None:
    """As it is."""
    change = change_of(*WHOLE[case])
    assert parts(change) == (change,)


def test_a_pod_that_comes_moves_or_ends_changes_its_nodes() -> None:
    """Each end of a move by itself; what does not count is not there."""
    waits, here, there, done = pod(node="", phase="Pending"), pod("a"), pod("b"), pod("a", phase="Succeeded")
    assert parts(change_of(waits, here)) == (change_of(None, here),)
    assert parts(change_of(here, done)) == (change_of(here, None),)
    assert parts(change_of(None, here)) == (change_of(None, here),)
    assert parts(change_of(here, None)) == (change_of(here, None),)
    assert parts(change_of(here, there)) == (change_of(here, None), change_of(None, there))
    nominated = pod(node="", phase="Pending", nominated="a")
    assert parts(change_of(nominated, here)) == ()
    assert parts(change_of(nominated, there)) == (change_of(nominated, None), change_of(None, there))


def test_whom_a_change_is_about() -> None:
    """By type, by name, and the Pod itself."""
    one, other = pod(), read("Pod", name="other", metadata="uid: v", spec="containers: [{name: c, image: i}]")
    change, names = change_of(one, one), [("default", "one")]
    assert change.of(Pod) == (one, one)
    assert change_of(None, one).of(Pod) == (None, one) and change_of(one, None).of(Pod) == (one, None)
    assert all(each.is_named(Pod, names) for each in (change, change_of(None, one), change_of(one, None)))
    assert not change.is_named(Pod, [("other", "one"), ("default", "other")])
    assert change.of_itself(one) == (one, one)
    assert change.of_itself(other) is None
    assert change_of(None, one).of_itself(one) is None and change_of(one, None).of_itself(one) is None


@pytest.mark.parametrize(
    ("old", "new", "relabelled"),
    [
        (None, read("Namespace"), True),
        (read("Namespace"), None, True),
        (read("Namespace"), read("Namespace", metadata="labels: {a: b}"), True),
        (read("Namespace"), read("Namespace", metadata="annotations: {a: b}"), False),
    ],
)
def test_who_is_relabelled(old: Any, new: Any, relabelled: bool) -> None:
    """Or comes, or goes."""
    assert change_of(old, new).is_relabelled(Namespace) is relabelled


@pytest.mark.parametrize(("old", "new"), [(None, pod()), (pod(), None), (node(), pod()), (pod(), node())])
def test_no_hint_is_given_about_what_is_not_what_it_is_said_to_be(old: Any, new: Any) -> None:
    """It says what it found, and no Pod is left waiting for a wrong answer."""
    change = Change("Node", old, new)
    with pytest.raises(TypeError, match="expected a Node, got a Pod"):
        parts(change)
    for plugin in PLUGINS:
        if "Node" in plugin.hints:
            with pytest.raises(TypeError, match="expected a Node, got a Pod"):
                plugin.hints["Node"](plugin(Cluster({}, Objects())), pod(), change)


def test_who_refuses_a_pod_says_what_may_help_it() -> None:
    """And only what somebody has a hint about is listened to."""
    refusing = {one for one in PLUGINS if one.why_not is not Plugin.why_not or one is SchedulingGates}
    assert {one for one in PLUGINS if one.hints} == refusing
    assert {"Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod", "StorageClass"} == HEARD


CORDON = "{key: node.kubernetes.io/unschedulable, operator: Exists}"
WAITS, BEARS = pod(node=""), pod(node="", spec=f"tolerations: [{{key: a, operator: Exists}}, {CORDON}]")
BEARS_ANOTHER = pod(node="", spec="tolerations: [{key: a, operator: Exists}]")
CORDONED, TAINTED = node(spec="unschedulable: true"), node(spec="taints: [{key: a, effect: NoSchedule}]")


def taking(*ports: int, place: str = "n") -> Any:
    """Return a Pod that takes ports of its node."""
    return pod(node=place, cpu=f"ports: [{', '.join(f'{{containerPort: 1, hostPort: {one}}}' for one in ports)}]")


@pytest.mark.parametrize(
    ("plugin", "waits", "old", "new", "helps"),
    [
        (NodeUnschedulable, WAITS, CORDONED, node(), True),
        (NodeUnschedulable, WAITS, None, node(), True),
        (NodeUnschedulable, WAITS, None, CORDONED, False),
        (NodeUnschedulable, WAITS, node(), CORDONED, False),
        (NodeUnschedulable, WAITS, node(), None, False),
        (NodeUnschedulable, BEARS, WAITS, BEARS, True),
        (NodeUnschedulable, WAITS, BEARS, WAITS, False),
        (NodeUnschedulable, BEARS_ANOTHER, WAITS, BEARS_ANOTHER, False),
        (NodeName, pod("n"), None, node(), True),
        (NodeName, pod("m"), None, node(), False),
        (NodeName, pod("n"), node(), None, False),
        (NodeName, pod("n"), CORDONED, node(), False),
        (TaintToleration, WAITS, TAINTED, node(), True),
        (TaintToleration, WAITS, None, TAINTED, False),
        (TaintToleration, BEARS, None, TAINTED, True),
        (TaintToleration, BEARS, WAITS, BEARS, True),
        (TaintToleration, WAITS, WAITS, WAITS, False),
        (NodePorts, taking(80, place=""), None, node(), True),
        (NodePorts, taking(80, place=""), node(), None, False),
        (NodePorts, taking(80, place=""), CORDONED, node(), False),
        (NodePorts, taking(80, place=""), taking(81, 80), None, True),
        (NodePorts, taking(80, place=""), taking(81), None, False),
        (NodePorts, taking(80, place=""), None, taking(80), False),
        (SchedulingGates, WAITS, pod(node="", spec="schedulingGates: [{name: g}]"), WAITS, True),
        (SchedulingGates, WAITS, WAITS, pod(node="", spec="schedulingGates: [{name: g}]"), False),
    ],
)
def test_what_may_help_whom_a_node_refused_by_itself(
    plugin: type[AnyPlugin], waits: Any, old: Any, new: Any, helps: bool
) -> None:
    """A node that comes or lets it in now, a Pod that goes, or the Pod's own change."""
    assert plugin(Cluster({}, Objects())).may_help(waits, change_of(old, new)) is helps
