"""Pods that differ in what decides about placing are looked at each for itself, though they come together."""

from typing import Any

import pytest

from reconciler.model.kinds import LabelSelector, Node, NodeSelectorRequirement, NodeSelectorTerm, Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, term_holds, with_pod
from reconciler.planner.scheduling.framework import Cluster, Misfit
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.noderules import is_chosen
from reconciler.planner.scheduling.preempt import Budget, worth_trying
from reconciler.planner.scheduling.resources import NodeResourcesFit
from reconciler.planner.scheduling.spread_constraints import Constraint, counts_node, default_selector
from tests.planner.reading import read
from tests.planner.scheduled import HOST, RACK, ZONE, Objects, affinity, even, near, node, pod
from tests.planner.world import replace

PORT_TAKEN = "node(s) didn't have free ports for the requested pod ports"
MB = 1024 * 1024


def choice(*nodes: Candidate, kept: dict[str, Any] | None = None) -> Choice:
    """Return the choice among nodes."""
    return Choice({one.name: one for one in nodes}, Objects(), kept=kept)


def on_port(name: str, number: int) -> Pod:
    """Return a Pod that takes a port of its host."""
    ports = [{"containerPort": 80, "hostPort": number}]
    return pod(name, "web", containers=[{"name": "c", "image": "i", "ports": ports}])


def of_image(name: str, image: str) -> Pod:
    """Return a Pod of an image."""
    return pod(name, "web", containers=[{"name": "c", "image": image}])


def with_image(one: Candidate, image: str) -> Candidate:
    """Return a node that has a large image."""
    status: Any = read("Node", status=f"images: [{{names: ['{image}'], sizeBytes: {900 * MB}}}]").status
    return replace(one, node=replace(one.node, status=replace(one.node.status, images=status.images)))


def test_a_port_of_the_host_is_taken_for_those_that_ask_for_it() -> None:
    """Not for those that ask for another, or for none."""
    of = choice(node("a"))
    first, same, other, plain = on_port("1", 80), on_port("2", 80), on_port("3", 81), pod("4", "web")
    assert [of.best(one) for one in (first, same, other, plain)] == ["a"] * 4
    of.place(first, "a")
    assert [of.best(one) for one in (same, other, plain)] == ["", "a", "a"]
    assert of.misfits(same) == {"a": Misfit((PORT_TAKEN,))}


def test_each_goes_where_its_own_image_is() -> None:
    """One whose image is nowhere goes where the name says."""
    of = choice(with_image(node("a"), "docker.io/library/one:1"), with_image(node("b"), "docker.io/library/two:1"))
    found = [of.best(of_image(str(number), f"{image}:1")) for number, image in enumerate(("one", "two", "three"))]
    assert found == ["a", "b", "a"]


def test_a_pod_with_gates_goes_nowhere_and_keeps_nobody_else() -> None:
    """In whichever order they are asked about."""
    gated, plain = pod("g", "web", schedulingGates=[{"name": "wait"}]), pod("p", "web")
    for order in ((gated, plain), (plain, gated)):
        of = choice(node("a"))
        assert {one.metadata.name: of.best(one) for one in order} == {"g": "", "p": "a"}


def test_a_pod_without_its_claim_goes_nowhere_however_others_are_placed() -> None:
    """What is so on every node stays so."""
    of = choice(node("a"), node("b"))
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "none"}}]
    waits = pod("w", "web", volumes=volumes, topologySpreadConstraints=[even("web", HOST)])
    assert of.best(waits) == ""
    for name in "ab":
        of.place(pod(f"on-{name}", "web"), name)
        assert of.best(waits) == ""
        assert set(of.misfits(waits).values()) == {Misfit(('persistentvolumeclaim "none" not found',), is_final=True)}


def test_nobody_ends_on_a_node_that_a_pod_does_not_name() -> None:
    """Room there would be of no use."""
    required = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}]}
    named = pod("n", "web", affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
                containers=[{"name": "c", "image": "i", "resources": {"requests": {"cpu": "8"}}}])  # fmt: skip
    of = choice(*(with_pod(node(name), sized("1", "1Gi")) for name in "ab"))
    assert of.best(named) == "" and worth_trying(of, of.alike(named)) == ["a"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"affinity": affinity(podAntiAffinity=[near("web", HOST)])}, ["n00", "n01", "n02"]),
        ({"affinity": affinity(podAntiAffinity=[near("web", ZONE)])}, ["n00", "n01", "x"]),
        ({"affinity": affinity(podAntiAffinity=[near("web", RACK)])}, ["n00", "n02", "n04"]),
        ({"topologySpreadConstraints": [even("web", HOST)]}, ["n00", "n01", "n02"]),
        ({"topologySpreadConstraints": [even("web", ZONE)]}, ["n00", "n01", "n02"]),
        ({"topologySpreadConstraints": [even("web", RACK)]}, ["n00", "n02", "n04"]),
    ],
)
@pytest.mark.parametrize("number", [5, 70])
def test_what_is_placed_counts_in_its_domain(number: int, wish: dict[str, Any], expected: list[str]) -> None:
    """Of a label with few values, and of one with many; one node has none of them."""
    of = choice(node("x"), *(node(f"n{one:02}", f"z{one % 2}", rack=f"r{one // 2}") for one in range(number)))
    web = pod("w", "web", **wish)
    for place in expected:
        anew = Choice(of.candidates, Objects())
        assert of.misfits(web) == anew.misfits(web)
        assert of.alike(web).totals() == anew.alike(web).totals()
        assert of.best(web) == anew.best(web) == place
        of.place(web, place)


def test_who_is_another_by_now_counts_as_what_it_is() -> None:
    """Though as many Pods as before are there, and the first is the same."""
    kept: dict[str, Any] = {}
    first, second = pod("one", "db"), pod("two", "db")
    apart = pod("x", "web", affinity=affinity(podAntiAffinity=[near("web", HOST)]))
    there = with_pod(with_pod(node("a"), first), second)
    assert choice(there, kept=kept).best(apart) == "a"
    changed = replace(second, metadata=replace(second.metadata, labels={"app": "web"}))
    assert choice(with_pod(with_pod(node("a"), first), changed), kept=kept).best(apart) == ""


def test_a_node_without_a_label_that_is_spread_over_does_not_count() -> None:
    """Its Pods make nothing uneven."""
    soft = [even("web", ZONE, hard=False), even("web", RACK, hard=False)]
    web = pod("w", "web", topologySpreadConstraints=soft)
    nodes = [node("a", "z1", rack="r1"), node("b", "z2", rack="r2"), node("c", "z1")]
    for _ in range(3):
        nodes[2] = with_pod(nodes[2], pod("there", "web"))
    assert choice(*nodes).best(web) == "a"


LABELLED: Any = read("Node", metadata="labels: {a: b, n: '5', word: x}")


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [({"a": "b", "n": "5", "word": "x"}, True), ({"a": "b"}, True), ({"a": "c"}, False), ({}, True)],
)
def test_a_node_is_chosen_by_all_of_its_labels_or_some(labels: dict[str, str], chosen: bool) -> None:
    """By every label that it has, too."""
    assert is_chosen(labels, None, LABELLED) is chosen


@pytest.mark.parametrize(
    ("key", "operator", "values", "holds"),
    [
        ("n", "Gt", ("4",), True),
        ("n", "Gt", ("5",), False),
        ("n", "Lt", ("6",), True),
        ("n", "Gt", ("-4",), True),
        ("n", "Gt", ("+4",), True),
        ("n", "Gt", ("--4",), False),
        ("n", "Gt", ("many",), False),
        ("n", "Lt", ("9" * 5000,), False),
        ("n", "Gt", ("4".zfill(5000),), True),
        ("n", "Gt", (), False),
        ("word", "Gt", ("4",), False),
        ("none", "Lt", ("4",), False),
        ("n", "In", ("4", "5"), True),
        ("n", "In", ("4",), False),
        ("none", "In", ("4",), False),
        ("n", "NotIn", ("5",), False),
        ("n", "NotIn", ("4",), True),
        ("none", "NotIn", ("4",), True),
        ("n", "Exists", (), True),
        ("none", "Exists", (), False),
        ("n", "DoesNotExist", (), False),
        ("none", "DoesNotExist", (), True),
    ],
)
def test_a_term_is_about_a_label(key: str, operator: Any, values: tuple[str, ...], holds: bool) -> None:
    """Its value, or whether it is there; what is no number is neither more nor less, at either side."""
    one = NodeSelectorRequirement(key=key, operator=operator, values=values)
    assert term_holds(NodeSelectorTerm(match_expressions=(one,)), LABELLED) is holds


@pytest.mark.parametrize(
    ("selector", "covers"),
    [
        (None, False),
        (LabelSelector(), False),
        (LabelSelector(match_labels={"app": "web"}), True),
        (LabelSelector(match_labels={"app": "db"}), False),
    ],
)
def test_a_budget_without_a_selector_protects_nobody(selector: LabelSelector | None, covers: bool) -> None:
    """Nor does one whose selector is empty."""
    assert Budget("default", selector, 1).covers(pod("p", "web")) is covers
    assert not Budget("other", selector, 1).covers(pod("p", "web"))


def sized(cpu: str, memory: str, **more: Any) -> Pod:
    """Return a Pod that asks for this much."""
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    return pod("p", "web", containers=[{"name": "c", "image": "i", "resources": resources}], **more)


@pytest.mark.parametrize(
    ("old", "new", "helps"),
    [
        (("2", "2Gi"), ("1", "2Gi"), True),
        (("2", "2Gi"), ("2", "1Gi"), True),
        (("2", "2Gi"), ("1", "3Gi"), True),
        (("2", "2Gi"), ("2", "2Gi"), False),
        (("2", "2Gi"), ("3", "3Gi"), False),
    ],
)
def test_a_pod_that_asks_for_less_of_anything_may_make_room(
    old: tuple[str, str], new: tuple[str, str], helps: bool
) -> None:
    """Be it of one thing alone."""
    before, after = (sized(*size, nodeName="a") for size in (old, new))
    plugin = NodeResourcesFit(Cluster({}, Objects()))
    assert (
        plugin.may_help(replace(sized("4", "4Gi"), metadata=pod("waits", "web").metadata), Change("Pod", before, after))
        is helps
    )


def wants(value: str) -> dict[str, Any]:
    """Return a node affinity."""
    terms = [{"matchExpressions": [{"key": "a", "operator": "In", "values": [value]}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("spec", "heeds", "counts"),
    [
        ({}, True, True),
        ({"nodeSelector": {"a": "b"}}, True, True),
        ({"nodeSelector": {"a": "c"}}, True, False),
        ({"nodeSelector": {"a": "c"}}, False, True),
        ({"affinity": wants("b")}, True, True),
        ({"affinity": wants("c")}, True, False),
        ({"affinity": wants("c")}, False, True),
    ],
)
def test_nodes_that_a_pod_would_not_go_to_do_not_count(spec: dict[str, Any], heeds: bool, counts: bool) -> None:
    """Unless its constraint says so."""
    one = Constraint(topology_key=ZONE, max_skew=1, selector=None, is_hard=True, heeds_affinity=heeds)
    here: Node = LABELLED
    assert counts_node(one, pod("p", "web", **spec), here) is counts


def test_pods_are_spread_with_those_of_their_own_services() -> None:
    """Not with what other Services choose; one without a selector chooses nobody."""
    web = pod("p", "web", labels={"tier": "front"})
    selectors = ({"app": "web"}, {"app": "db"}, {}, {"tier": "front"}, {"app": "web", "tier": "back"})
    assert default_selector(web, selectors, None) == LabelSelector(match_labels={"app": "web", "tier": "front"})
