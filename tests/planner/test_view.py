"""What steps of a pass write, what is written in the end, and who sleeps afterwards."""

from typing import Any

import pytest

from reconciler.model.desired import Provenance
from reconciler.model.kinds import OwnerReference
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.identity import object_uid
from reconciler.planner.memo import Memo
from reconciler.planner.view import View, in_apply_order, owner_of
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

MAP = stored(read("ConfigMap", name="map", metadata="uid: u"), "api")
POD = stored(read("Pod", name="pod", metadata="uid: p, generation: 1", spec="containers: [{name: c, image: i}]"), "api")
THEN = "2026-01-01T00:00:00Z"


def view_of(*objects: StoredObject, memo: Memo | None = None, **fields: object) -> View:
    """Return a view of these objects."""
    cluster = Cluster()
    observed = replace(cluster.observed, objects={one.ref: one for one in objects}, **fields)
    return View(observed, cluster.policy, cluster.now, memo)


def writes(view: View) -> list[tuple[str, str, Reason]]:
    """Return what is written."""
    return [(one.verb, one.ref.name, one.reason) for one in view.changes()]


def decision(view: View, ref: ObjectRef = MAP.ref) -> tuple[Decision, Reason, str]:
    """Return what is decided on an object."""
    found = view.verdicts[ref]
    return found.decision, found.reason, found.message


@pytest.mark.parametrize(
    ("objects", "tombstones", "incarnation", "expected", "verbs"),
    [
        ((), {}, 1, Decision.CREATE, ["create"]),
        ((), {MAP.ref: 4}, 5, Decision.CREATE, ["create"]),
        ((replace(MAP, incarnation=2),), {MAP.ref: 7}, 3, Decision.REPLACE, ["delete", "create"]),
    ],
)
def test_an_object_that_is_made_is_another_one_than_the_one_before(
    objects: tuple[StoredObject, ...],
    tombstones: dict[ObjectRef, int],
    incarnation: int,
    expected: Decision,
    verbs: list[str],
) -> None:
    """Its uid follows from its name and how often there was one; what it replaces goes first."""
    view = view_of(*objects, tombstones=tombstones)
    given: Any = replace(MAP.object, metadata=replace(MAP.object.metadata, resource_version="7", generation=9))
    made = view.create(given, manager="api", reason=Reason.DECLARED, message="m")
    metadata = made.object.metadata
    assert metadata.uid == object_uid("test", "ConfigMap", "default", "map", incarnation)
    assert (metadata.generation, metadata.resource_version, metadata.creation_timestamp) == (1, "", view.timestamp)
    assert (made.incarnation, view.objects[MAP.ref]) == (incarnation, made)
    assert [verb for verb, _, _ in writes(view)] == verbs
    assert decision(view) == (expected, Reason.DECLARED, "m")


def test_a_generation_grows_with_the_spec_alone() -> None:
    """A label changes nothing of it; nor does what admission fills in."""
    view, pod = view_of(POD), POD.object
    labelled: Any = replace(pod, metadata=replace(pod.metadata, labels={"a": "b"}))
    assert view.update(POD, labelled, reason=Reason.SPEC_CHANGED).object.metadata.generation == 1
    moved: Any = replace(pod, spec=replace(pod.spec, node_name="n"))  # type: ignore[union-attr]
    assert view.update(POD, moved, reason=Reason.SPEC_CHANGED).object.metadata.generation == 2
    assert view_of(POD).complete(POD, moved).object.metadata.generation == 1


def test_an_update_that_changes_nothing_says_nothing() -> None:
    """Also a status that is the same."""
    view = view_of(POD)
    assert view.update(POD, POD.object, reason=Reason.SPEC_CHANGED) is POD
    assert view.set_status(POD, POD.object.status) is POD  # type: ignore[union-attr]
    assert not view.verdicts
    assert not view.touched


def test_an_update_keeps_what_it_does_not_say() -> None:
    """Manager, digest, provenance; an empty digest is one."""
    place = Provenance(source="main", commit="c1", file="all.yaml", line=1)
    one = replace(MAP, digest="d", provenance=place)
    view = view_of(one)
    labelled: Any = replace(one.object, metadata=replace(one.object.metadata, labels={"a": "b"}))
    kept = view.update(one, labelled, reason=Reason.SPEC_CHANGED, message="m")
    assert (kept.manager, kept.digest, kept.provenance) == ("api", "d", place)
    moved = replace(place, line=2)
    assert view_of(one).update(one, labelled, reason=Reason.SPEC_CHANGED, provenance=moved).provenance == moved
    assert decision(view) == (Decision.UPDATE, Reason.SPEC_CHANGED, "m")
    assert (view.verdicts[MAP.ref].provenance, view.verdicts[MAP.ref].manager) == (place, "api")
    view.judge(MAP.ref, Decision.BLOCKED, Reason.CONFLICT, provenance=place)
    assert (view.verdicts[MAP.ref].provenance, view.verdicts[MAP.ref].manager) == (place, "")
    said = view_of(one).update(one, labelled, reason=Reason.SPEC_CHANGED, digest="", manager="m", judged=False)
    assert (said.manager, said.digest) == ("m", "")


def test_a_status_is_written_apart_and_gives_no_verdict() -> None:
    """Beside a change of the object both are written; the reason is that of the change."""
    view = view_of(POD)
    status = replace(POD.object.status, phase="Running")  # type: ignore[union-attr]
    after = view.set_status(POD, status)
    assert not view.verdicts
    assert writes(view) == [("status", "pod", Reason.STATUS)]
    labelled: Any = replace(after.object, metadata=replace(after.object.metadata, labels={"a": "b"}))
    latest = view.update(after, labelled, reason=Reason.SPEC_CHANGED)
    assert writes(view) == [("update", "pod", Reason.SPEC_CHANGED), ("status", "pod", Reason.SPEC_CHANGED)]
    view.set_status(latest, replace(status, message="m"))
    assert writes(view)[0] == ("update", "pod", Reason.SPEC_CHANGED)
    view.update(latest, POD.object, reason=Reason.SPEC_CHANGED)
    assert writes(view) == []


def test_a_placed_pod_is_written_without_its_node() -> None:
    """The binding is a step of its own."""
    view = view_of(POD)
    bound: Any = replace(POD.object, spec=replace(POD.object.spec, node_name="n"))  # type: ignore[union-attr]
    assert view.place(POD, bound).object.spec.node_name == "n"  # type: ignore[union-attr]
    assert view.objects[POD.ref].object.spec.node_name == "n"  # type: ignore[union-attr]
    assert writes(view) == []
    running: Any = replace(view.objects[POD.ref].object, metadata=replace(POD.object.metadata, labels={"a": "b"}))
    view.update(view.objects[POD.ref], running, reason=Reason.SPEC_CHANGED)
    (change,) = view.changes()
    assert change.object.spec.node_name == ""  # type: ignore[union-attr]


def test_what_ends_is_told_to_once() -> None:
    """The first time counts; it is gone only when it is removed."""
    view = view_of(POD)
    view.terminate(POD, Reason.SPEC_CHANGED, "m", grace_s=5)
    first = view.objects[POD.ref]
    assert first.object.metadata.deletion_timestamp == view.timestamp
    assert first.object.metadata.deletion_grace_period_seconds == 5
    view.terminate(first, Reason.SPEC_CHANGED, "again", grace_s=9)
    assert view.objects[POD.ref] is first
    assert decision(view, POD.ref) == (Decision.DELETE, Reason.SPEC_CHANGED, "again")
    assert writes(view) == [("update", "pod", Reason.SPEC_CHANGED)]
    view.remove(first, Reason.POD_DELETED, "gone")
    assert writes(view) == [("delete", "pod", Reason.POD_DELETED)]
    assert decision(view, POD.ref) == (Decision.DELETE, Reason.POD_DELETED, "gone")


def test_what_is_made_and_changed_in_one_pass_is_made() -> None:
    """A later verdict replaces an earlier one in all other ways."""
    view = view_of()
    view.judge(MAP.ref, Decision.CREATE, Reason.DECLARED)
    view.judge(MAP.ref, Decision.UPDATE, Reason.SPEC_CHANGED)
    assert decision(view)[0] is Decision.CREATE
    view.judge(MAP.ref, Decision.BLOCKED, Reason.CONFLICT)
    view.judge(MAP.ref, Decision.UPDATE, Reason.SPEC_CHANGED)
    assert decision(view)[0] is Decision.UPDATE
    view.judge(MAP.ref, Decision.REPLACE, Reason.SPEC_CHANGED)
    view.judge(MAP.ref, Decision.UPDATE, Reason.SPEC_CHANGED)
    assert decision(view)[0] is Decision.REPLACE
    node = ObjectRef(kind="Node", name="n")
    view.judge(node, Decision.CREATE, Reason.DECLARED)
    assert node not in view.verdicts


def test_writes_are_in_the_order_of_kinds_and_deletions_last_and_backwards() -> None:
    """So that nothing is there without what it needs."""
    space = stored(read("Namespace", name="space"), "api")
    gone = [replace(one, ref=replace(one.ref, name=f"old-{one.ref.name}")) for one in (space, MAP, POD)]
    view = view_of(*gone)
    for one in gone:
        view.remove(one, Reason.POD_DELETED)
    for one in (POD, MAP, space):
        view.create(one.object, manager="api", reason=Reason.DECLARED)
    names = ["space", "map", "pod", "old-pod", "old-map", "old-space"]
    assert [name for _, name, _ in writes(view)] == names
    assert [ref.name for ref in in_apply_order([POD.ref, MAP.ref, space.ref])] == names[:3]


def test_what_comes_and_goes_in_one_pass_is_not_written() -> None:
    """Nobody has seen it."""
    view = view_of()
    made = view.create(MAP.object, manager="api", reason=Reason.DECLARED)
    view.remove(made, Reason.POD_DELETED)
    assert writes(view) == []


def test_events_are_of_an_object_and_warn_where_that_is_said() -> None:
    """Normal otherwise."""
    view = view_of(MAP)
    view.happened(MAP, "Reason", "message")
    view.happened(MAP, "Reason", "message", warning=True)
    assert [(one.type, one.uid, one.reason, one.message) for one in view.happenings] == [
        ("Normal", "u", "Reason", "message"),
        ("Warning", "u", "Reason", "message"),
    ]


def test_children_name_their_controller() -> None:
    """Which waits for them when it ends in the foreground."""
    wanted = OwnerReference(
        api_version="v1", kind="ConfigMap", name="map", uid="u", controller=True, block_owner_deletion=True
    )
    assert owner_of(MAP) == wanted


RUNNING = replace(POD, object=replace(POD.object, spec=replace(POD.object.spec, node_name="n")))  # type: ignore[union-attr]


def marked(one: StoredObject, **fields: object) -> StoredObject:
    """Return an object with other metadata."""
    return replace(one, object=replace(one.object, metadata=replace(one.object.metadata, **fields)))


@pytest.mark.parametrize(
    ("one", "sleeps"),
    [
        (MAP, True),
        (RUNNING, True),
        (POD, False),
        (marked(MAP, finalizers=("a",)), True),
        (marked(MAP, deletion_timestamp=THEN), False),
        (replace(MAP, manager="source/main"), False),
        (replace(MAP, manager="u"), True),
        (stored(read("PriorityClass", rest="value: 1"), "api"), True),
        (stored(read("ResourceQuota"), "api"), False),
    ],
)
def test_what_is_in_order_sleeps(one: StoredObject, sleeps: bool) -> None:
    """Not what ends, waits for a node, is no longer declared, or depends on more than objects."""
    memo = Memo()
    view = view_of(one, memo=memo)
    list(view.each([one.ref]))
    view.settle()
    assert (one.ref not in set(memo.attention.all_awake())) == sleeps


@pytest.mark.parametrize("why", ["override", "verdict", "scaled", "ended", "declared", "unchanged"])
def test_what_is_not_in_order_stays_awake(why: str) -> None:
    """Whoever a person overrides, an autoscaler scales, or anything is to be done about."""
    memo = Memo()
    one = RUNNING if why == "ended" else replace(MAP, manager="source/main") if why == "declared" else MAP
    overrides = {one.ref: Override(ref=one.ref, uid="u")} if why == "override" else {}
    view = view_of(one, memo=memo, overrides=overrides)
    if why in ("verdict", "unchanged"):
        view.judge(one.ref, Decision.BLOCKED if why == "verdict" else Decision.UNCHANGED, Reason.IN_SYNC)
    if why == "scaled":
        view.autoscaled[one.ref] = POD.ref
    if why == "ended":
        view.ended.add(one.ref)
    if why == "declared":
        view.declared = {one.ref}
    view.settle()
    assert (one.ref in set(memo.attention.all_awake())) == (why not in ("declared", "unchanged"))


def test_who_sleeps_keeps_his_verdict() -> None:
    """All verdicts are told in order; who is gone has none."""
    memo = Memo()
    other = replace(MAP, ref=replace(MAP.ref, name="another"))
    for objects, names in (((MAP, other), ["another", "map"]), ((MAP, other), ["another", "map"]), ((MAP,), ["map"])):
        view = view_of(*objects, memo=memo)
        for ref in view.each(sorted(view.awake())):
            if ref in view.objects:
                view.judge(ref, Decision.UNCHANGED, Reason.IN_SYNC)
        assert [one.object.name for one in view.all_verdicts()] == names
        view.settle()
