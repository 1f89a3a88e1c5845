"""Who read of something is looked at again when it changes, whichever way it was asked for; and nobody else is."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.kinds import OwnerReference
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.attention import MAY_SLEEP
from reconciler.planner.memo import Memo
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

ASKING = ObjectRef.of("Service", "default", "asking")
Ask = Callable[[View], object]


def pod(name: str, labels: str = "{}", owner: str = "", **parts: str) -> StoredObject:
    """Return a Pod on a node."""
    object = read(
        "Pod",
        name=name,
        metadata=f"uid: u-{name}, labels: {labels}",
        spec="nodeName: n, containers: [{name: c, image: i}]",
        **parts,
    )
    if owner:
        reference = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="set", uid=owner, controller=True)
        object = replace(object, metadata=replace(object.metadata, owner_references=(reference,)))
    return stored(object, manager=owner or "api")


class World:
    """Passes of one planner that asks something for one Service."""

    def __init__(self, ask: Ask, *objects: StoredObject) -> None:
        self.ask, self.memo = ask, Memo()
        service = stored(read("Service", name=ASKING.name, spec="ports: [{port: 80}]"), manager="api")
        self.objects = {one.ref: one for one in (service, *objects)}

    def looked_at(self) -> bool:
        """Whether a pass looks at the Service."""
        cluster = Cluster()
        view = View(replace(cluster.observed, objects=dict(self.objects)), cluster.policy, cluster.now, self.memo)
        found = False
        for one in view.due("Service"):
            found |= one.ref == ASKING
            self.ask(view)
        view.settle()
        return found

    def change(self, one: StoredObject) -> None:
        """Have an object be another one."""
        self.objects[one.ref] = one


def on_uid(view: View, name: str) -> object:
    """Ask for the uid of a Pod."""
    return view.uid_of(ObjectRef.of("Pod", "default", name))


BEFORE = pod("one", "{a: b, c: d}", "u")
BARE = pod("one", "{a: b, c: d}")
ANEW = replace(BEFORE, object=replace(BEFORE.object, metadata=replace(BEFORE.object.metadata, uid="other")))
FREE = stored(
    read(
        "ReplicaSet",
        name="set",
        spec="template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}, selector: {}",
    ),
    manager="api",
)
FREE_AFTER = stored(
    read(
        "ReplicaSet",
        name="set",
        metadata="labels: {new: one}",
        spec="template: {metadata: {}, spec: {containers: [{name: c, image: i}]}}, selector: {}",
    ),
    manager="api",
)
ASKS: dict[str, tuple[Ask, StoredObject, StoredObject]] = {
    "the object": (lambda view: view.get(BEFORE.ref), BEFORE, pod("one", "{a: c}", "u")),
    "the object as it was": (lambda view: view.was_observed(BEFORE.ref), BEFORE, pod("one", "{a: c}", "u")),
    "its type": (lambda view: view.typed(type(BEFORE.object), "default", "one"), BEFORE, pod("one", "{a: c}", "u")),  # type: ignore[arg-type]
    "its uid": (lambda view: on_uid(view, "one"), BEFORE, ANEW),
    "all of a kind": (lambda view: view.of_kind("Pod"), BEFORE, pod("one", "{a: c}", "u")),
    "what an owner has": (lambda view: view.owned_by("u", "Pod"), BEFORE, pod("one", "{a: c}", "u")),
    "children": (lambda view: view.children("u"), BEFORE, pod("one", "{a: c}", "u")),
    "Pods without an owner": (lambda view: view.bare_pods("default"), BARE, pod("one", "{a: c}")),
    "Pods by label": (lambda view: view.labelled("default", {"a": "b"}), BARE, pod("one", "{a: b, e: f}")),
    "what may be taken in": (lambda view: view.watch_unmanaged("ReplicaSet", "default"), FREE, FREE_AFTER),
}
OTHERS = {
    "the object": pod("two"),
    "the object as it was": pod("two"),
    "its type": pod("two"),
    "its uid": pod("one", "{a: c}", "u"),
    "what an owner has": pod("two", owner="v"),
    "children": pod("two", owner="v"),
    "Pods without an owner": pod("two", owner="v"),
    "Pods by label": pod("two", "{a: c}"),
    "what may be taken in": pod("two"),
}


@pytest.mark.parametrize("way", ASKS)
def test_who_read_of_an_object_is_looked_at_again_when_it_changes(way: str) -> None:
    """Also when it comes or goes; while nothing changes, nothing is looked at."""
    ask, before, after = ASKS[way]
    world = World(ask, before)
    assert world.looked_at()
    assert not world.looked_at()
    world.change(after)
    assert world.looked_at()
    assert not world.looked_at()
    del world.objects[after.ref]
    assert world.looked_at()
    assert not world.looked_at()
    world.change(before)
    assert world.looked_at()


@pytest.mark.parametrize("way", OTHERS)
def test_nobody_is_looked_at_for_what_he_did_not_ask_for(way: str) -> None:
    """P18: a pass costs what has changed."""
    ask, before, _ = ASKS[way]
    world = World(ask, before)
    assert world.looked_at()
    world.change(OTHERS[way])
    assert not world.looked_at()


def test_what_depends_on_more_than_objects_is_always_looked_at() -> None:
    """Kinds of which it is not known that they may sleep."""
    assert "Service" in MAY_SLEEP
    assert not {"DaemonSet", "Job", "CronJob", "HorizontalPodAutoscaler", "Node"} & MAY_SLEEP


@pytest.mark.parametrize(
    "why",
    [
        lambda view: view.keep_awake(),
        lambda view: view.keep_awake(ASKING),
        lambda view: view.warn("mind"),
        lambda view: view.look_again(view.now + 1),
        lambda view: view.happened(view.objects[ASKING], "Reason", "message"),
    ],
)
def test_who_has_a_reason_to_be_looked_at_again_stays_awake(why: Ask) -> None:
    """A warning is told in every pass, and a time comes by itself."""
    world = World(why)
    assert world.looked_at()
    assert world.looked_at()
    world.ask = lambda view: None
    assert world.looked_at()
    assert not world.looked_at()


def test_one_that_stays_awake_keeps_no_other_awake() -> None:
    """P18: only what has a reason is looked at."""
    memo, cluster = Memo(), Cluster()
    objects = {
        one.ref: one
        for one in (stored(read("Service", name=name, spec="ports: [{port: 80}]"), manager="api") for name in "abc")
    }

    def visited() -> str:
        view = View(replace(cluster.observed, objects=objects), cluster.policy, cluster.now, memo)
        found = ""
        for one in view.due("Service"):
            found += one.ref.name
            if one.ref.name == "b":
                view.warn("mind")
        view.settle()
        return found

    assert [visited(), visited(), visited()] == ["abc", "b", "b"]


def test_what_is_gone_is_forgotten() -> None:
    """P18: it is looked at no more, also what came and went between two passes."""
    memo, cluster = Memo(), Cluster()
    service = stored(read("Service", name="a", spec="ports: [{port: 80}]"), manager="api")

    def awake(objects: dict[ObjectRef, StoredObject], step: Ask = lambda view: None) -> set[str]:
        view = View(replace(cluster.observed, objects=objects), cluster.policy, cluster.now, memo)
        step(view)
        view.settle()
        return {ref.name for ref in view.awake()}

    keep: Ask = lambda view: view.keep_awake(service.ref)  # noqa: E731
    assert awake({service.ref: service}, keep) == {"a"}
    assert awake({}) == set()
    made: Ask = lambda view: view.create(service.object, manager="api", reason=Reason.DECLARED)  # noqa: E731
    assert awake({}, made) == {"a"}
    assert awake({}) == set()


def test_what_is_said_of_a_sleeper_shows_in_the_plan() -> None:
    """Though a step says it that came upon it by another way; once, as long as it holds."""
    memo, cluster = Memo(), Cluster()
    service = stored(read("Service", name="a", spec="ports: [{port: 80}]"), manager="api")

    def said(message: str) -> list[str]:
        observed = replace(cluster.observed, objects={service.ref: service})
        view = View(observed, cluster.policy, cluster.now, memo)
        for one in view.due("Service"):
            view.judge(one.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=one)
        if message:
            view.judge(service.ref, Decision.BLOCKED, Reason.CONFLICT, message, stored=service)
        found = [one.message for one in view.all_verdicts()]
        view.settle()
        return found

    assert [said(""), said(""), said("waits"), said("waits"), said(""), said("")] == [
        [""],
        [""],
        ["waits"],
        ["waits"],
        [""],
        [""],
    ]


def test_a_time_that_has_come_keeps_nobody_awake() -> None:
    """What is due is done in this very pass; the earliest of those to come is the time to look again."""
    world = World(lambda view: view.look_again(view.now))
    assert world.looked_at()
    assert not world.looked_at()
    view = View(Cluster().observed, Cluster().policy, 10.0)
    for at, expected in ((10.0, None), (9.0, None), (12.0, 12.0), (13.0, 12.0), (11.0, 11.0)):
        view.look_again(at)
        assert view.look_again_at == expected


def names(found: list[StoredObject]) -> list[str]:
    """Return the names of objects."""
    return [one.ref.name for one in found]


def test_each_way_to_ask_finds_the_right_ones_in_order() -> None:
    """By kind, owner, label, node, end: in the order of names."""
    ended = [pod(f"end-{phase}", owner="v", status=f"phase: {phase}") for phase in ("Succeeded", "Failed")]
    some = [pod("b", "{a: b, c: d}"), pod("a", "{a: b}"), pod("d", "{a: b}", "u"), pod("c", "{c: d}", "u"), *ended]
    elsewhere: Any = pod("z", "{a: b}").object
    far = stored(replace(elsewhere, metadata=replace(elsewhere.metadata, namespace="far")), manager="api")
    view = View(
        replace(Cluster().observed, objects={one.ref: one for one in (*some, far, FREE)}), Cluster().policy, 0.0
    )
    assert names(view.of_kind("Pod")) == ["a", "b", "c", "d", "end-Failed", "end-Succeeded", "z"]
    assert names(view.owned_by("u", "Pod")) == ["c", "d"] == names(view.children("u"))
    assert view.owned_by("u", "Job") == view.children("w") == []
    assert names(view.bare_pods("default")) == ["a", "b"]
    assert names(view.finished_pods()) == ["end-Failed", "end-Succeeded"]
    assert names(view.on_node("n")) == names(view.of_kind("Pod"))
    assert view.on_node("m") == []
    assert names(view.labelled("default", {"a": "b"})) == ["a", "b", "d"]
    assert (
        names(view.labelled("default", {"a": "b", "c": "d"}))
        == ["b"]
        == names(view.labelled("default", {"c": "d", "a": "b"}))
    )
    assert view.labelled("default", {}) == view.labelled("default", {"a": "e"}) == []
    assert names(view.unmanaged("ReplicaSet")) == ["set"]
    assert view.uid_of(FREE.ref) == ""
    assert on_uid(view, "none") is None


def test_the_latest_of_an_object_is_what_was_decided_on_it() -> None:
    """Of one that is gone by now it is what was known."""
    view = View(replace(Cluster().observed, objects={BARE.ref: BARE}), Cluster().policy, 0.0)
    assert view.latest(BARE) is BARE
    after = view.set_status(BARE, replace(BARE.object.status, phase="Running"))  # type: ignore[union-attr]
    assert view.latest(BARE) is after
    view.remove(after, Reason.POD_DELETED)
    assert view.latest(BARE) is BARE


def test_one_that_is_woken_on_the_way_has_its_turn_if_it_comes_later() -> None:
    """One that was passed by has it in the next pass; each reads for itself."""
    memo, cluster = Memo(), Cluster()
    services = {name: stored(read("Service", name=name, spec="ports: [{port: 80}]"), manager="api") for name in "abc"}
    objects = {one.ref: one for one in (*services.values(), BARE)}

    def visited(*, changing: str = "", reading: str = "abc") -> str:
        view = View(replace(cluster.observed, objects=dict(objects)), cluster.policy, cluster.now, memo)
        found = ""
        for one in view.due("Service"):
            found += one.ref.name
            if one.ref.name in reading:
                view.get(BARE.ref)
            if one.ref.name == changing:
                view.set_status(BARE, replace(BARE.object.status, phase="Running"))  # type: ignore[union-attr]
        view.settle()
        return found

    assert visited() == "abc"
    assert visited() == ""
    objects[services["b"].ref] = replace(services["b"], digest="new")
    assert visited(changing="b") == "bc"
    assert visited(reading="b") == "abc"
    objects[BARE.ref] = replace(BARE, digest="new")
    assert visited(reading="") == "b"


def test_going_through_names_notes_what_is_read_for_each() -> None:
    """As going through what is due does."""
    memo, cluster = Memo(), Cluster()
    service = stored(read("Service", name=ASKING.name, spec="ports: [{port: 80}]"), manager="api")
    objects = {one.ref: one for one in (service, BARE)}

    def is_awake() -> bool:
        view = View(replace(cluster.observed, objects=dict(objects)), cluster.policy, cluster.now, memo)
        found = ASKING in set(view.awake())
        for _ in view.each([ASKING] if found else []):
            view.get(BARE.ref)
        view.get(FREE.ref)
        view.settle()
        return found

    assert is_awake()
    assert not is_awake()
    objects[BARE.ref] = pod("one", "{a: c}")
    assert is_awake()
    objects[FREE.ref] = FREE
    assert not is_awake()


def test_only_what_nobody_manages_may_be_taken_in() -> None:
    """Not what has an owner, a source, or ends."""
    owned = pod("owned", owner="u")
    some = [
        pod("free"),
        replace(owned, manager="api"),
        replace(pod("declared"), manager="source/main"),
        stored(
            read("Pod", name="ends", metadata="deletionTimestamp: a", spec="containers: [{name: c, image: i}]"), "api"
        ),
    ]
    view = View(replace(Cluster().observed, objects={one.ref: one for one in some}), Cluster().policy, 0.0)
    assert names(view.unmanaged("Pod")) == ["free"]
