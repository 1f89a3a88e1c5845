"""What each node has against a Pod, and which is the best: rules of placing at both of their sides."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ContainerImage, Pod, Taint
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of, holding, with_pod, without
from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.images import ImageLocality
from tests.planner.scheduled import HOST, ZONE, Objects, affinity, near, node, pod

REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"
NOT_APART = "node(s) didn't match pod anti-affinity rules"
NOT_NEAR = "node(s) didn't match pod affinity rules"


def choice(*nodes: Candidate, silent: tuple[str, ...] = ()) -> Choice:
    """Return the choice among nodes."""
    return Choice({one.name: one for one in nodes}, Objects(), silent)


def against(of: Choice, one: Pod) -> dict[str, list[str]]:
    """Return what each node has against a Pod."""
    return {name: list(found.reasons) if found is not None else [] for name, found in of.misfits(one).items()}


def three() -> tuple[Candidate, ...]:
    """Return nodes in two zones."""
    return node("a", "z1"), node("b", "z1"), node("c", "z2")


def test_what_is_placed_counts_for_those_that_come() -> None:
    """In its domain, and no more once it is taken away again."""
    of = choice(*three())
    apart = pod("x", "web", affinity=affinity(podAntiAffinity=[near("web", ZONE)]))
    plain, together = pod("y", "web"), pod("z", "db", affinity=affinity(podAffinity=[near("web", ZONE)]))
    assert against(of, together) == {name: [NOT_NEAR] for name in "abc"}
    of.place(apart, "a")
    assert against(of, apart) == {"a": [NOT_APART], "b": [NOT_APART], "c": []}
    assert against(of, plain) == {"a": [REPELLED], "b": [REPELLED], "c": []}
    assert against(of, together) == {"a": [], "b": [], "c": [NOT_NEAR]}
    assert (of.best(apart), of.best(together)) == ("c", "b")
    of.displace(apart, "a")
    assert against(of, plain) == {name: [] for name in "abc"}
    assert against(of, together) == {name: [NOT_NEAR] for name in "abc"}


def test_the_first_of_a_group_may_be_anywhere_and_the_next_near_it() -> None:
    """Where it matches its own terms, all of them; a node without the label is none."""
    bare = Candidate(
        node=replace(node("d").node, metadata=replace(node("d").node.metadata, labels={HOST: "d"})), has=node("d").has
    )
    of = choice(*three(), bare)
    group = pod("x", "web", affinity=affinity(podAffinity=[near("web", ZONE)]))
    mixed = pod("y", "web", affinity=affinity(podAffinity=[near("web", ZONE), near("db", ZONE)]))
    assert against(of, group) == {"a": [], "b": [], "c": [], "d": [NOT_NEAR]}
    assert against(of, mixed) == {name: [NOT_NEAR] for name in "abcd"}
    of.place(group, "c")
    assert against(of, group) == {"a": [NOT_NEAR], "b": [NOT_NEAR], "c": [], "d": [NOT_NEAR]}
    assert against(of, mixed) == {name: [NOT_NEAR] for name in "abcd"}
    of.place(pod("db", "db"), "c")
    assert against(of, mixed)["c"] == [NOT_NEAR], "no Pod matches both"


def test_wishes_lead_to_and_away() -> None:
    """From both sides, by their weights; what must be near counts as a wish of those that are there."""
    of = choice(*three())
    of.place(pod("web", "web"), "c")
    assert of.best(pod("x", "db", affinity=affinity(podAffinity=[(10, near("web", ZONE))]))) == "c"
    assert of.best(pod("x", "db", affinity=affinity(podAntiAffinity=[(10, near("web", ZONE))]))) in ("a", "b")
    drawn = choice(*three())
    drawn.place(pod("web", "web", affinity=affinity(podAffinity=[near("web", HOST)])), "b")
    scores = drawn.alike(pod("next", "web")).totals()
    assert scores["b"] > scores["a"]
    pushed = choice(*three())
    pushed.place(pod("web", "web", affinity=affinity(podAntiAffinity=[(50, near("db", HOST))])), "a")
    assert pushed.best(pod("db", "db")) == "b"


def test_apart_and_wishes_count_by_themselves() -> None:
    """A domain that others avoid is no better or worse for a wish."""
    of = choice(*three())
    both = affinity(podAntiAffinity=[near("db", HOST)], podAffinity=[(1, near("cache", HOST))])
    of.place(pod("db", "db"), "a")
    of.place(pod("cache", "cache"), "b")
    one = pod("x", "web", affinity=both)
    assert against(of, one) == {"a": [NOT_APART], "b": [], "c": []}
    assert of.best(one) == "b"
    scores = of.alike(one).totals()
    plain = of.alike(pod("plain", "web")).totals()
    assert (scores["b"] - plain["b"], scores["c"] - plain["c"]) == (200, 0)


def tainted(name: str, *effects: str) -> Candidate:
    """Return a node with these taints."""
    taints = tuple(Taint(key=f"k{number}", effect=effect) for number, effect in enumerate(effects))
    one = node(name)
    return Candidate(node=replace(one.node, spec=replace(one.node.spec, taints=taints)), has=one.has)


@pytest.mark.parametrize(
    ("tolerations", "refused", "put_off"),
    [
        ([], ["hard", "run"], [150, 300]),
        ([{"key": "k0", "operator": "Exists"}], [], [0, 300]),
        ([{"key": "k0", "operator": "Exists", "effect": "NoSchedule"}], ["run"], [150, 300]),
        ([{"operator": "Exists"}], [], [0, 0]),
    ],
)
def test_taints_keep_away_and_soft_ones_put_off(tolerations: list[Any], refused: list[str], put_off: list[int]) -> None:
    """The fewer soft ones, the better."""
    of = choice(
        tainted("free"),
        tainted("hard", "NoSchedule"),
        tainted("run", "NoExecute"),
        tainted("soft", "PreferNoSchedule"),
        tainted("softer", "PreferNoSchedule", "PreferNoSchedule"),
    )
    one = pod("x", "web", tolerations=tolerations)
    assert [name for name, why in against(of, one).items() if why] == refused
    scores = of.alike(one).totals()
    assert of.best(one) == "free"
    assert [scores["free"] - scores[name] for name in ("soft", "softer")] == put_off


def test_a_cordoned_or_silent_node_takes_nothing() -> None:
    """Unless the Pod bears the one; the other nobody bears."""
    of = choice(node("a", unschedulable=True), node("b"), silent=("b",))
    assert against(of, pod("x", "web")) == {
        "a": ["node(s) were unschedulable"],
        "b": ["node(s) had untolerated taint {node.kubernetes.io/unreachable: }"],
    }
    assert all(one is not None and one.is_final for one in of.misfits(pod("x", "web")).values()), "no room would help"
    bears = pod("y", "web", tolerations=[{"operator": "Exists"}])
    assert against(of, bears)["a"] == [] and of.best(bears) == "a"
    assert dict(of.alike(pod("x", "web")).reasons()) == {
        "node(s) were unschedulable": 1,
        "node(s) had untolerated taint {node.kubernetes.io/unreachable: }": 1,
    }


def named(*names: str, key: str = "metadata.name", operator: str = "In") -> dict[str, Any]:
    """Return an affinity to nodes by their names."""
    field = {"key": key, "operator": operator, "values": list(names)}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def test_who_names_nodes_goes_to_those() -> None:
    """The others are not asked at all, and say so together."""
    of = choice(*three())
    one = pod("x", "web", affinity=named("b", "gone"))
    assert of.best(one) == "b"
    assert dict(of.alike(one).reasons()) == {"node(s) didn't satisfy plugin(s) [NodeAffinity]": 2}
    other = pod("y", "web", affinity=named("a", operator="NotIn"))
    assert against(of, other)["a"] == ["node(s) didn't match Pod's node affinity/selector"]
    assert of.best(pod("z", "web", nodeSelector={ZONE: "z2"})) == "c"
    assert of.best(pod("z", "web", nodeName="b")) == "b"
    assert against(of, pod("z", "web", nodeName="b"))["a"] == ["node(s) didn't match the requested node name"]


def test_a_node_that_others_make_room_on_comes_first() -> None:
    """Where it fits; else the best."""
    of = choice(*three())
    waiting = pod("x", "web")
    waiting = replace(waiting, status=replace(waiting.status, nominated_node_name="c"))
    assert (of.best(pod("y", "web")), of.best(waiting)) == ("a", "c")
    barred = choice(*three(), silent=("c",))
    assert barred.best(waiting) == "a"
    gone = replace(waiting, status=replace(waiting.status, nominated_node_name="gone"))
    assert of.best(gone) == "a"


def test_a_node_knows_the_lowest_of_its_priorities() -> None:
    """As Pods come and go; one without a priority has 0."""
    one, low, high = node("a"), pod("low", "web", priority=-5), pod("high", "web", priority=7)
    plain = pod("plain", "web")
    assert one.lowest is None and with_pod(one, high).lowest == 7
    assert with_pod(with_pod(one, high), low).lowest == with_pod(with_pod(one, low), high).lowest == -5
    assert candidate_of(one.node, (high, low, plain)).lowest == holding(one, (high, plain, low)).lowest == -5
    assert without(holding(one, (high, low, plain)), (low,)).lowest == 0


MB = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "score"),
    [
        (0, 0),
        (23 * MB, 0),
        (32 * MB, 0),
        (33 * MB, 1),
        (511 * MB, 49),
        (512 * MB, 50),
        (1000 * MB, 100),
        (9000 * MB, 100),
    ],
)
def test_images_count_between_two_sizes(size: int, score: int) -> None:
    """23 MiB and 1,000 MiB for each container, each times the share of the nodes that have it."""

    def has(*sizes: int) -> Candidate:
        images = tuple(ContainerImage(names=(f"i{number}",), size_bytes=one) for number, one in enumerate(sizes))
        one = node("a")
        return Candidate(node=replace(one.node, status=replace(one.node.status, images=images)), has=one.has)

    one = pod("x", "web", containers=[{"name": "c", "image": "i0"}])
    alone = ImageLocality(Cluster({"a": has(size)}, Objects()))
    assert alone.prepare(one) == {"a": score}
    half = ImageLocality(Cluster({"a": has(2 * size), "b": node("b")}, Objects()))
    assert half.prepare(one) == {"a": score}
    two = pod("x", "web", containers=[{"name": "c", "image": "i0"}], initContainers=[{"name": "d", "image": "i1"}])
    assert ImageLocality(Cluster({"a": has(1000 * MB, 1000 * MB)}, Objects())).prepare(two) == {"a": 100}
    assert ImageLocality(Cluster({"a": has(1000 * MB, 23 * MB)}, Objects())).prepare(two) == {"a": 50}
    assert ImageLocality(Cluster({"a": node("a")}, Objects())).prepare(one) is None


@pytest.mark.parametrize(
    "then",
    [
        ["web", "db"],
        ["db", "web"],
        ["db", "db"],
        ["web"],
        ["db"],
        [],
        ["web", "db", "web"],
        ["db", "web", "web"],
    ],
)
def test_what_is_kept_from_pass_to_pass_makes_no_difference(then: list[str]) -> None:
    """Pods that stay, go, come, or are others by now."""
    apart = pod("x", "new", affinity=affinity(podAntiAffinity=[near("db", ZONE)]))
    drawn = pod("y", "new", affinity=affinity(podAffinity=[(9, near("web", HOST))]))
    first = [pod("p0", "web"), pod("p1", "db")]
    same = [n < 2 and first[n].metadata.labels["app"] == app for n, app in enumerate(then)]
    later = [first[n] if same[n] else pod(f"q{n}", app) for n, app in enumerate(then)]
    kept: dict[str, Any] = {}
    for pods in (first, later, first):
        nodes = {"a": holding(node("a", "z1"), tuple(pods)), "b": node("b", "z1"), "c": node("c", "z2")}
        of, anew = Choice(nodes, Objects(), kept=kept), Choice(nodes, Objects())
        for one in (apart, drawn):
            assert against(of, one) == against(anew, one)
            assert of.alike(one).totals() == anew.alike(one).totals()


def test_claims_of_one_pod_or_one_node_are_counted_as_pods_come_and_go() -> None:
    """A second Pod waits for the end of the first; on the node where it is used, a volume can be shared."""

    def claim(name: str, mode: str) -> dict[str, Any]:
        spec = {"accessModes": [mode], "volumeName": f"v-{name}", "resources": {"requests": {"storage": "1Gi"}}}
        meta = {"name": name, "namespace": "default", "uid": name}
        status = {"phase": "Bound"}
        return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec, "status": status}

    def volume(name: str, mode: str) -> dict[str, Any]:
        ref = {"namespace": "default", "name": name, "uid": name}
        share = {"server": "s", "path": "/p"}
        spec = {"accessModes": [mode], "capacity": {"storage": "1Gi"}, "nfs": share, "claimRef": ref}
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"v-{name}"}, "spec": spec}

    modes = (("pod", "ReadWriteOncePod"), ("node", "ReadWriteOnce"))
    world = Objects(*(claim(*one) for one in modes), *(volume(*one) for one in modes))
    of = Choice({one.name: one for one in three()}, world)

    def user(name: str, claimed: str) -> Pod:
        return pod(name, "web", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": claimed}}])

    assert of.best(user("u", "pod")) == of.best(user("u", "node")) == "a"
    of.place(user("first", "pod"), "b")
    of.place(user("second", "node"), "b")
    assert [name for name, why in against(of, user("u", "pod")).items() if not why] == []
    assert [name for name, why in against(of, user("u", "node")).items() if not why] == ["b"]
    of.displace(user("first", "pod"), "b")
    of.displace(user("second", "node"), "b")
    assert [name for name, why in against(of, user("u", "pod")).items() if not why] == ["a", "b", "c"]
    assert [name for name, why in against(of, user("u", "node")).items() if not why] == ["a", "b", "c"]
