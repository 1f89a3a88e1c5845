"""What is laid over one object: which parts of it, in which words, under which digest."""

from typing import Any

import pytest

from reconciler.model.kinds import Taint
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import RESTARTED_AT, Override, Rollback
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.overrides import (
    NOTHING,
    Overlay,
    delete_requested_pods,
    given_conditions,
    is_on_top,
    judge_overridden,
    note_held,
    overlay_of,
    override_changes,
    override_notes,
    settle_overrides,
    taint_words,
    why_laid,
)
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

TEMPLATE = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: 'i:VERSION'}]}}"
SPEC = f"replicas: 4, selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}"
THEN = "2026-01-01T00:00:00Z"
SCALER = ObjectRef.of("HorizontalPodAutoscaler", "default", "scaler")


def deployment(version: str = "2", replicas: int = 4, digest: str = "d") -> StoredObject:
    """Return a Deployment."""
    spec = SPEC.replace("VERSION", version).replace("4", str(replicas))
    return stored(read("Deployment", name="web", metadata="uid: u", spec=spec), digest=digest)


WEB = deployment()
OLD: Any = deployment("1").object.spec.template  # type: ignore[union-attr]
BACK = Rollback(revision=1, digest="d", template=OLD, by="admin", at=1_767_225_600.0)


def override(one: StoredObject = WEB, **parts: Any) -> Override:
    """Return an override of an object."""
    return Override(**{"ref": one.ref, "uid": "u", "by": "admin", "at": 1_767_225_600.0, **parts})


def view_of(one: StoredObject = WEB, *overrides: Override, scaled: bool = False) -> View:
    """Return a view of one object and what is overridden on it."""
    cluster = Cluster()
    observed = replace(cluster.observed, objects={one.ref: one}, overrides={other.ref: other for other in overrides})
    view = View(observed, cluster.policy, cluster.now)
    if scaled:
        view.autoscaled[one.ref] = SCALER
    return view


@pytest.mark.parametrize(
    ("parts", "scaled", "expected"),
    [
        ({}, False, NOTHING),
        ({"restarted_at": THEN}, False, Overlay(restarted_at=THEN)),
        ({"rollback": BACK}, False, Overlay(template=OLD)),
        ({"rollback": replace(BACK, digest="other")}, False, NOTHING),
        ({"rollback": BACK, "restarted_at": THEN}, True, Overlay(template=OLD, restarted_at=THEN, replicas=4)),
        ({"rollback": BACK, "uid": "other"}, False, NOTHING),
        ({}, True, Overlay(replicas=4)),
    ],
)
def test_what_lies_over_a_workload(parts: dict[str, Any], scaled: bool, expected: Overlay) -> None:
    """Restart, rollback of this very declaration, an autoscaler's number; nothing of an earlier object of the name."""
    assert overlay_of(view_of(WEB, override(**parts), scaled=scaled), WEB, "d") == expected


def test_nothing_lies_over_what_is_not_there_or_cannot_be_restarted() -> None:
    """A number may lie over other kinds, too; none is nobody's wish."""
    assert overlay_of(view_of(WEB, override()), None, "d") == NOTHING
    controller = read("ReplicationController", metadata="uid: u", spec=f"replicas: 2, {TEMPLATE}")
    one = stored(controller)
    assert overlay_of(view_of(one, override(one, restarted_at=THEN), scaled=True), one, "d") == Overlay(replicas=2)
    none = deployment(replicas=0)
    assert overlay_of(view_of(none, scaled=True), none, "d") == NOTHING


def test_an_overlay_changes_its_parts_alone() -> None:
    """Whoever declares that there shall be no Pod means it."""
    object: Any = WEB.object
    assert NOTHING.on(object) is object
    assert Overlay(template=OLD).on(object).spec.template == OLD
    marked = Overlay(restarted_at=THEN).on(object).spec
    assert marked.template.metadata.annotations == {RESTARTED_AT: THEN}
    assert replace(marked, template=object.spec.template) == object.spec
    assert Overlay(template=OLD, restarted_at=THEN).on(object).spec.template.spec == OLD.spec
    assert Overlay(replicas=7).on(object).spec.replicas == 7
    assert Overlay(replicas=7).on(deployment(replicas=0).object).spec.replicas == 0


def test_the_digest_tells_what_lies_over_a_declaration() -> None:
    """Each part comes and goes like a change; which number an autoscaler wants is not in it."""
    assert NOTHING.digest_with("d") == "d"
    assert Overlay(restarted_at=THEN).digest_with("d") == f"d++{THEN}"
    assert Overlay(replicas=7).digest_with("d") == Overlay(replicas=8).digest_with("d") == "d+++scaled"
    back, _, rest = Overlay(template=OLD).digest_with("d").removeprefix("d+").partition("+")
    assert (len(back), rest) == (16, "")
    assert Overlay(template=OLD, restarted_at=THEN, replicas=7).digest_with("d") == f"d+{back}+{THEN}+scaled"


HELD = "held back by rollback to revision 1 (by admin, since 2026-01-01T00:00:00Z)"
ASKED = (Reason.RESTART_REQUESTED, "restart asked for by admin")


@pytest.mark.parametrize(
    ("parts", "overlay", "digest", "expected"),
    [
        (None, Overlay(replicas=4), "d", (Reason.SPEC_CHANGED, "back to what is declared")),
        ({"rollback": BACK}, NOTHING, "d", (Reason.SPEC_CHANGED, "back to what is declared")),
        ({"restarted_at": THEN}, Overlay(restarted_at=THEN), "d", ASKED),
        ({"restarted_at": THEN, "rollback": BACK}, Overlay(template=OLD, restarted_at=THEN), "d", ASKED),
        (
            *({"restarted_at": THEN, "rollback": BACK}, Overlay(template=OLD, restarted_at=THEN)),
            *(f"d++{THEN}+scaled", (Reason.ROLLED_BACK, HELD)),
        ),
        ({"rollback": BACK}, Overlay(template=OLD), "d", (Reason.ROLLED_BACK, HELD)),
    ],
)
def test_why_an_object_changes_although_its_declaration_does_not(
    parts: dict[str, Any] | None, overlay: Overlay, digest: str, expected: tuple[Reason, str]
) -> None:
    """A restart that is new, a rollback, or the end of both."""
    one = deployment(digest=digest)
    assert why_laid(view_of(one, *([] if parts is None else [override(**parts)])), one, overlay) == expected


def test_a_rollback_that_lies_over_an_object_needs_its_declaration_to_go() -> None:
    """Without it only a new one, or a restart of what is declared, can be laid over it."""
    assert is_on_top(deployment(digest="d"), Overlay(restarted_at=THEN))
    assert is_on_top(deployment(digest=f"d++{THEN}+scaled"), Overlay(restarted_at=THEN))
    assert is_on_top(deployment(digest="d+t+"), Overlay(template=OLD))
    assert not is_on_top(deployment(digest="d+t+"), Overlay(restarted_at=THEN))


@pytest.mark.parametrize(
    ("parts", "scaled", "expected"),
    [
        (None, False, (Reason.IN_SYNC, "")),
        (None, True, (Reason.IN_SYNC, f"replicas by {SCALER}")),
        ({"rollback": BACK, "restarted_at": THEN}, True, (Reason.ROLLED_BACK, HELD)),
        (
            {"rollback": replace(BACK, digest="e"), "restarted_at": THEN},
            False,
            (Reason.IN_SYNC, f"restarted at {THEN}"),
        ),
        ({"labels": {"a": "b"}}, False, (Reason.IN_SYNC, "")),
    ],
)
def test_what_is_held_says_so(parts: dict[str, Any] | None, scaled: bool, expected: tuple[Reason, str]) -> None:
    """In the verdict of an object that is otherwise in order."""
    view = view_of(WEB, *([] if parts is None else [override(**parts)]), scaled=scaled)
    assert note_held(view, WEB) == expected
    judge_overridden(view)
    verdict = view.verdicts.get(WEB.ref)
    found = None if verdict is None else (verdict.decision, verdict.reason, verdict.message)
    assert found == ((Decision.UNCHANGED, *expected) if expected[1] else None)


def test_a_verdict_that_says_more_stays() -> None:
    """What changes, or waits."""
    view = view_of(WEB, override(restarted_at=THEN))
    view.judge(WEB.ref, Decision.BLOCKED, Reason.SUSPENDED, "waits", stored=WEB)
    judge_overridden(view)
    assert view.verdicts[WEB.ref].message == "waits"
    view = view_of(WEB, override(restarted_at=THEN))
    view.judge(WEB.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=WEB)
    judge_overridden(view)
    assert view.verdicts[WEB.ref].message == f"restarted at {THEN}"


def test_what_has_no_object_any_more_goes() -> None:
    """And a rollback whose declaration has changed, with a word; the rest stays."""
    view = view_of(WEB, override(uid="other"))
    settle_overrides(view)
    assert [one.after for one in override_changes(view)] == [None]
    gone = override(deployment(), restarted_at=THEN)
    view = view_of(stored(read("ConfigMap")), gone)
    settle_overrides(view)
    assert [(one.before, one.after) for one in override_changes(view)] == [(gone, None)]
    kept = override(rollback=BACK, restarted_at=THEN)
    view = view_of(WEB, kept)
    settle_overrides(view)
    assert not override_changes(view)
    ended = override(rollback=replace(BACK, digest="e"), restarted_at=THEN)
    view = view_of(WEB, ended)
    settle_overrides(view)
    assert [one.after for one in override_changes(view)] == [replace(ended, rollback=None)]
    (event,) = view.happenings
    assert (event.reason, event.message) == (
        "RollbackEnded",
        "rollback to revision 1 ends: the declaration has changed",
    )
    view = view_of(WEB, override(rollback=replace(BACK, digest="e")))
    settle_overrides(view)
    assert [one.after for one in override_changes(view)] == [None]


def test_notes_tell_everything_that_a_person_holds() -> None:
    """A restart is over, and holds nothing."""
    node = replace(WEB.ref, kind="Node", namespace="", name="n")
    taints = (Taint(key="a", value="b", effect="NoSchedule"), Taint(key="c", effect="NoExecute"))
    words = (override(rollback=BACK, restarted_at=THEN), override(ref=node, unschedulable=True, taints=taints))
    said = "(by admin, since 2026-01-01T00:00:00Z)"
    assert override_notes(view_of(WEB, *words)) == (
        f"deployment/default/web is {HELD}",
        f"node/n is cordoned {said}: no Pod is placed on it until it is uncordoned",
        f"node/n is tainted with a=b:NoSchedule, c:NoExecute {said}",
    )
    assert [taint_words(one) for one in taints] == ["a=b:NoSchedule", "c:NoExecute"]


PLACED, WAITING = "nodeName: n, terminationGracePeriodSeconds: 30, CONTAINERS", "CONTAINERS"


def pod(spec: str = PLACED, metadata: str = "") -> StoredObject:
    """Return a Pod."""
    said = spec.replace("CONTAINERS", "containers: [{name: c, image: i}]")
    return stored(read("Pod", metadata=f"uid: u, {metadata}", spec=said))


@pytest.mark.parametrize(
    ("ends_in", "asked", "left"),
    [(None, None, 30), (None, 5, 5), (None, 0, 0), (20, 5, 5), (20, 20, 20), (20, 25, 20), (20, None, 20), (0, 5, 0)],
)
def test_a_pod_ends_in_the_time_that_was_asked_for(ends_in: int | None, asked: int | None, left: int) -> None:
    """Its own where nothing was said; one that ends already can end sooner, never later."""
    ending = "" if ends_in is None else f"deletionTimestamp: '{THEN}', deletionGracePeriodSeconds: {ends_in}"
    one = pod(metadata=ending)
    view = view_of(one, override(one, delete_at=1.0, grace_s=asked))
    delete_requested_pods(view)
    metadata = view.objects[one.ref].object.metadata
    assert metadata.deletion_timestamp is not None
    assert metadata.deletion_grace_period_seconds == left


def test_who_was_not_told_to_end_stays() -> None:
    """Another uid, another kind, another override; a Pod without a node goes at once."""
    one = pod()
    for word in (override(one, uid="other", delete_at=1.0), override(one, conditions=())):
        view = view_of(one, word)
        delete_requested_pods(view)
        assert not view.touched
    view = view_of(WEB, override(delete_at=1.0))
    delete_requested_pods(view)
    assert not view.touched
    waiting = pod(WAITING)
    view = view_of(waiting, override(waiting, delete_at=1.0))
    delete_requested_pods(view)
    assert waiting.ref not in view.objects
    assert view.verdicts[waiting.ref].message == "deletion asked for by admin"


def test_conditions_of_other_controllers_are_those_of_this_very_pod() -> None:
    """An earlier Pod of the name had its own."""
    one: Any = pod()
    condition = read(
        "Pod", spec="containers: [{name: c, image: i}]", status="conditions: [{type: a, status: 'True'}]"
    ).status.conditions
    assert given_conditions(view_of(one, override(one, conditions=condition)), one.object) == condition
    assert given_conditions(view_of(one, override(one, uid="other", conditions=condition)), one.object) == ()
    assert given_conditions(view_of(one, override(one)), one.object) == ()
    assert given_conditions(view_of(one), one.object) == ()
