"""What may become of a Job, a Node and a Pod that is held back: each rule of upstream at both of its sides."""

from typing import Any

import pytest

from reconciler.planner.updates.gated_pod import choice_faults, gate_faults
from reconciler.planner.updates.node import node_faults
from reconciler.planner.updates.rules import update_faults
from tests.planner.reading import read

POD = "restartPolicy: Never, containers: [{name: c, image: i}]"


def job(spec: str = "", pod: str = "", marks: str = "", status: str = "") -> Any:
    """Return a Job."""
    template = f"template: {{metadata: {{labels: {{{marks}}}}}, spec: {{{POD}, {pod}}}}}"
    return read("Job", spec=f"{spec + ', ' if spec else ''}{template}", status=status)


HELD = "conditions: [{type: Suspended, status: 'True'}], startTime: '2026-01-01T00:00:00Z'"


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ((2, 2), (3, 3), []),
        ((3, 3), (2, 2), []),
        ((2, 1), (2, 2), []),
        ((2, 2), (3, 2), ["spec.completions"]),
        ((2, 2), (2, 1), []),
    ],
)
def test_an_indexed_job_changes_its_size_as_a_whole(
    before: tuple[int, int], after: tuple[int, int], fields: list[str]
) -> None:
    """Completions and parallelism together; parallelism alone at any time."""
    spec = "completionMode: Indexed, completions: {}, parallelism: {}"
    old, new = (job(spec.format(*size)) for size in (before, after))
    assert [fault.field for fault in update_faults(old, new)] == fields


def test_the_completions_of_other_jobs_are_fixed() -> None:
    """Also where one of the two is Indexed."""
    old, new = (job(f"completions: {size}, parallelism: {size}") for size in (2, 3))
    assert [fault.field for fault in update_faults(old, new)] == ["spec.completions"]
    indexed = job("completionMode: Indexed, completions: 3, parallelism: 3")
    assert {fault.field for fault in update_faults(old, indexed)} == {"spec.completions", "spec.completionMode"}
    assert {fault.field for fault in update_faults(indexed, old)} == {"spec.completions", "spec.completionMode"}


@pytest.mark.parametrize(
    ("spec", "status", "is_open"),
    [
        ("suspend: true", "", True),
        ("", "", False),
        ("suspend: true", "active: 1", False),
        ("suspend: true", "startTime: '2026-01-01T00:00:00Z'", False),
        ("suspend: true", HELD, True),
        ("suspend: true", f"{HELD}, active: 1", False),
        ("suspend: true", f"{HELD}, terminating: 1", False),
        ("suspend: true", "terminating: 1", True),
        ("suspend: true", HELD.replace("'True'", "'False'"), False),
        ("suspend: true", HELD.replace("Suspended", "Complete"), False),
        ("suspend: true", HELD.replace("[{", "[{type: Complete, status: 'False'}, {"), True),
    ],
)
def test_where_a_job_runs_is_open_while_nothing_of_it_does(spec: str, status: str, is_open: bool) -> None:
    """Nodes, tolerations and marks; never its containers."""
    old = job(spec, status=status)
    for pod, marks in (("nodeSelector: {a: b}", ""), ("tolerations: [{key: a, operator: Exists}]", ""), ("", "a: b")):
        fields = [fault.field for fault in update_faults(old, job(spec, pod, marks, status))]
        assert fields == ([] if is_open else ["spec.template"])
    assert [fault.field for fault in update_faults(old, job(spec, "hostNetwork: true", "", status))] == [
        "spec.template"
    ]


def node(spec: str = "", status: str = "") -> Any:
    """Return a Node."""
    return read("Node", spec=spec, status=status)


TAINTS = "taints: [{key: a, effect: NoSchedule}, {key: KEY, effect: EFFECT}]"
ADDRESSES = "addresses: [{type: InternalIP, address: 192.0.2.1}, {type: TYPE, address: 192.0.2.1}]"
NODES = {
    "a provider": (node(), node("providerID: a"), []),
    "another provider": (node("providerID: a"), node("providerID: b"), ["spec.providerID"]),
    "the same provider": (node("providerID: a"), node("providerID: a"), []),
    "networks": (node(), node("podCIDRs: [10.0.0.0/24]"), []),
    "networks of both families": (node(), node("podCIDRs: [10.0.0.0/24, 'fd00::/64']"), []),
    "networks of one family": (node(), node("podCIDRs: [10.0.0.0/24, 10.0.1.0/24]"), ["spec.podCIDRs"]),
    "what is no network": (node(), node("podCIDRs: [10.0.0.0/24, a]"), ["spec.podCIDRs[1]"]),
    "other networks": (node("podCIDRs: [10.0.0.0/24]"), node("podCIDRs: [10.0.1.0/24]"), ["spec.podCIDRs"]),
    "taints of two keys": (node(), node(TAINTS.replace("KEY", "b").replace("EFFECT", "NoSchedule")), []),
    "taints of two effects": (node(), node(TAINTS.replace("KEY", "a").replace("EFFECT", "NoExecute")), []),
    "a taint twice": (node(), node(TAINTS.replace("KEY", "a").replace("EFFECT", "NoSchedule")), ["spec.taints[1]"]),
    "two addresses": (node(), node(status=ADDRESSES.replace("TYPE", "ExternalIP")), []),
    "an address twice": (node(), node(status=ADDRESSES.replace("TYPE", "InternalIP")), ["status.addresses[1]"]),
    "parts of a cpu": (node(), node(status="capacity: {cpu: 500m}, allocatable: {cpu: 500m}"), []),
    "parts of a device": (node(), node(status="capacity: {example.com/a: 500m}"), ["status.capacity.example.com/a"]),
    "whole devices": (node(), node(status="allocatable: {example.com/a: 2}"), []),
}


@pytest.mark.parametrize("case", NODES)
def test_a_node_keeps_its_networks_and_says_nothing_twice(case: str) -> None:
    """What it has once, it has."""
    old, new, fields = NODES[case]
    assert [fault.field for fault in node_faults(old, new)] == fields


def gated(gates: str = "{name: a/a}", terms: str = "", selector: str = "") -> Any:
    """Return the spec of a Pod that is held back."""
    required = f"requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{terms}]}}" if terms else ""
    affinity = f"affinity: {{nodeAffinity: {{{required}}}}}"
    spec = f"schedulingGates: [{gates}], nodeSelector: {{{selector}}}, {affinity}, containers: [{{name: c, image: i}}]"
    return read("Pod", spec=spec).spec


def term(*keys: str, fields: str = "") -> str:
    """Return a term of an affinity."""
    listed = [
        ", ".join(f"{{key: {key}, operator: Exists}}" for key in some.split()) for some in (" ".join(keys), fields)
    ]
    return f"{{matchExpressions: [{listed[0]}], matchFields: [{listed[1]}]}}"


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("", term("a"), 0),
        (term("a"), term("a"), 0),
        (term("a"), term("a", "b"), 0),
        (term("a"), term("b", "a"), 1),
        (term("a", "b"), term("a"), 1),
        (term("a"), "", 1),
        (term("a"), f"{term('a')}, {term('b')}", 1),
        (term("a"), term("a", fields="f"), 0),
        (term("a", fields="f"), term("a"), 1),
        (term(fields="f"), term("a", fields="f"), 0),
        (term(), term(), 0),
        (term(), term("a"), 1),
        (term(), term(fields="f"), 1),
        (f"{term('a')}, {term('b')}", f"{term('b')}, {term('a')}", 2),
    ],
)
def test_the_choice_of_a_gated_pod_can_only_narrow(before: str, after: str, count: int) -> None:
    """Each term by itself; one that chooses nothing goes on choosing nothing."""
    assert len(list(choice_faults(gated(terms=before), gated(terms=after)))) == count


@pytest.mark.parametrize(
    ("before", "after", "count"), [("", "a: b", 0), ("a: b", "a: b, c: d", 0), ("a: b", "a: c", 1), ("a: b", "", 1)]
)
def test_the_labels_that_a_gated_pod_wants_can_only_be_more(before: str, after: str, count: int) -> None:
    """None is dropped or changed."""
    assert len(list(choice_faults(gated(selector=before), gated(selector=after)))) == count


def test_gates_can_only_go() -> None:
    """The new one is named."""
    one, two = gated(), gated("{name: b/b}, {name: a/a}")
    assert [fault.field for fault in gate_faults(one, two)] == ["spec.schedulingGates[0]"]
    assert list(gate_faults(two, one)) == []


@pytest.mark.parametrize(("capacity", "is_refused"), [("1", False), ("0", True), ("-1", True), ("null", False)])
def test_a_node_has_swap_space_or_says_nothing_of_it(capacity: str, is_refused: bool) -> None:
    """None is not told as 0."""
    node = read("Node", status=f"nodeInfo: {{swap: {{capacity: {capacity}}}}}")
    fields = ["status.nodeInfo.swap.capacity"] if is_refused else []
    assert [fault.field for fault in node_faults(node, node)] == fields


def test_a_revision_keeps_its_content() -> None:
    """What its Pods were made from is what it says for ever; its number grows when it is returned to."""
    before, after = (read("ControllerRevision", rest=f"revision: {n}\ndata: {{a: 1}}") for n in (1, 2))
    other = read("ControllerRevision", rest="revision: 1\ndata: {a: 2}")
    assert update_faults(before, after) == ()
    assert [fault.field for fault in update_faults(before, other)] == ["data"]
