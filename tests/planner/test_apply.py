"""What the cluster looks like once a plan is written: each part of a plan reaches what it is about, and no more."""

from typing import Any

import pytest

from reconciler.model.desired import RevisionInfo
from reconciler.model.details import Bind
from reconciler.model.observed import ObservedState, SourceState
from reconciler.model.overrides import Override, OverrideChange
from reconciler.model.plan import Action, Change, Executor, Hold, Plan, Reason, RevisionEnding, Verb
from reconciler.planner.apply import apply_plan
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

MAP = stored(read("ConfigMap", name="map"))
POD = stored(read("Pod", name="pod", spec="containers: [{name: a, image: a}]"))
NEW = RevisionInfo(commit="c2")


def state(**fields: object) -> ObservedState:
    """Return a cluster with a ConfigMap, a Pod and a source."""
    plain = {"objects": {MAP.ref: MAP, POD.ref: POD}, "sources": {"main": SourceState(name="main")}}
    return replace(Cluster().observed, **{**plain, **fields})


def change(verb: str, manager: str = "source/main", incarnation: int = 3) -> Change:
    """Return a write of the ConfigMap."""
    return Change(
        verb=verb, ref=MAP.ref, object=MAP.object, manager=manager, reason=Reason.DECLARED, incarnation=incarnation
    )


def test_a_deletion_leaves_the_number_of_the_last_incarnation_and_a_time() -> None:
    """So that the next one of the name has another uid, and its source's deletions are counted."""
    after = apply_plan(state(), Plan(observed_at=7.0, changes=(change("delete"),)))
    assert MAP.ref not in after.objects
    assert POD.ref in after.objects
    assert after.tombstones == {MAP.ref: 3}
    assert after.sources["main"].deleted_at == (7.0,)
    again = replace(after, tombstones={MAP.ref: 9})
    assert apply_plan(again, Plan(changes=(change("delete"),))).tombstones == {MAP.ref: 9}
    first = apply_plan(state(), Plan(changes=(change("delete", incarnation=0),)))
    assert first.tombstones == {MAP.ref: 0}


def test_only_deletions_of_a_source_are_counted_for_it() -> None:
    """Not those of what the cluster made itself, nor those of a source that is gone."""
    for manager in ("api", "main", "source/gone"):
        after = apply_plan(state(), Plan(observed_at=7.0, changes=(change("delete", manager),)))
        assert after.sources == state().sources


def test_a_binding_places_its_pod() -> None:
    """And says nothing of one that is gone by now, or of another kind of step."""
    bind = Action(
        key="k",
        executor=Executor.SCHEDULING,
        verb=Verb.BIND,
        object=POD.ref,
        reason=Reason.PLACED,
        detail=Bind(pod_uid="u", node="node-1"),
    )
    after = apply_plan(state(), Plan(actions=(bind,)))
    assert after.objects[POD.ref].object.spec.node_name == "node-1"  # type: ignore[union-attr]
    assert apply_plan(state(objects={}), Plan(actions=(bind,))).objects == {}
    assert apply_plan(state(), Plan(actions=(replace(bind, detail=None),))) == state()


def test_revisions_are_those_of_sources_that_are_there() -> None:
    """What was planned for is applied, and read."""
    after = apply_plan(state(), Plan(revisions={"main": NEW, "gone": NEW}))
    assert after.sources == {"main": SourceState(name="main", applied=NEW, loaded=True)}


@pytest.mark.parametrize(
    ("parts", "awaiting", "because"),
    [
        ({"holds": (Hold(source="main", id="h", objects=(POD.ref,), message="many"),)}, (POD.ref,), "many"),
        ({"unheld": ("main",)}, (), ""),
        ({"unheld": ("other",)}, (MAP.ref,), "before"),
        ({"holds": (Hold(source="other", id="h", objects=(POD.ref,), message="many"),)}, (MAP.ref,), "before"),
    ],
)
def test_what_awaits_a_person_is_what_the_last_plan_held(parts: Any, awaiting: Any, because: str) -> None:
    """Of each source by itself; one that the plan could not judge is as before."""
    before = SourceState(name="main", awaiting=(MAP.ref,), awaiting_because="before")
    found = apply_plan(state(sources={"main": before}), Plan(**parts)).sources["main"]
    assert (found.awaiting, found.awaiting_because) == (awaiting, because)


def test_a_revision_that_ended_well_is_the_last_healthy_one() -> None:
    """One that failed is not, and a source that is gone has none."""
    well = RevisionEnding(source="main", revision=NEW)
    assert apply_plan(state(), Plan(endings=(well,))).sources["main"].healthy == NEW
    assert apply_plan(state(), Plan(endings=(replace(well, failed=MAP.ref),))) == state()
    assert apply_plan(state(), Plan(endings=(replace(well, source="gone"),))) == state()


def test_overrides_change_or_go() -> None:
    """One that is gone already goes without a word."""
    one = Override(ref=MAP.ref, restarted_at="then")
    held = state(overrides={MAP.ref: one})
    assert apply_plan(held, Plan(overrides=(OverrideChange(before=one),))).overrides == {}
    assert apply_plan(state(), Plan(overrides=(OverrideChange(before=one),))).overrides == {}
    later = replace(one, restarted_at="now")
    assert apply_plan(held, Plan(overrides=(OverrideChange(before=one, after=later),))).overrides == {MAP.ref: later}


def test_what_is_allocated_is_added() -> None:
    """Besides what was allocated before."""
    after = apply_plan(state(allocations={"a": "1", "b": "2"}), Plan(allocations={"b": "3"}))
    assert after.allocations == {"a": "1", "b": "3"}
