"""What was read, planned and done, and how long it is kept."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.desired import RevisionInfo
from reconciler.model.details import PullImage
from reconciler.model.kinds import ref_of
from reconciler.model.observed import Acknowledgement, SourceState
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.problem import Problem
from reconciler.store import ActionRecord, Index, RevisionRecord, RevisionState, Store
from tests.store.samples import (
    KEY,
    Leader,
    action,
    change,
    config_map,
    deployment,
    outcome,
    plan,
    pod,
)


def revision(commit: str, state: RevisionState = RevisionState.APPLIED, source: str = "main") -> RevisionRecord:
    """Make a record of a revision."""
    return RevisionRecord(source=source, revision=RevisionInfo(commit=commit), state=state)


def test_revisions_are_told_newest_first(leader: Leader) -> None:
    """With their state, problems and the time of the note; saying the same again is no news."""
    problems = (Problem(file="a.yaml", line=3, message="unknown field"),)
    failed = RevisionRecord(
        source="main", revision=RevisionInfo(commit="b"), state=RevisionState.FAILED, problems=problems
    )
    for record in (revision("a"), failed, failed, revision("a"), revision("c", source="other")):
        leader.commit(revisions=(record,))
    found = leader.store.revisions("main")
    assert [(record.revision.commit, record.state) for record in found] == [
        ("a", RevisionState.APPLIED),
        ("b", RevisionState.FAILED),
        ("a", RevisionState.APPLIED),
    ]
    assert found[1].problems == problems
    assert found[0].at == leader.clock.at
    assert len(leader.store.revisions(limit=2)) == 2


def test_plans_are_kept_as_they_are_shown(leader: Leader) -> None:
    """Without details, writes and unchanged objects (counted); an empty plan is no history."""
    verdicts = tuple(
        Verdict(object=ref_of(object), decision=decision, reason=Reason.IN_SYNC)
        for object, decision in (
            (pod(), Decision.UNCHANGED),
            (config_map(), Decision.UNCHANGED),
            (deployment(), Decision.UPDATE),
        )
    )
    shown = plan("p1", verdicts=verdicts, changes=(change("create", config_map()),))
    leader.commit(plan=shown)
    leader.commit(plan=Plan(id="p0"))
    leader.commit(plan=shown)
    (record,) = leader.store.plans()
    assert (record.id, record.unchanged, record.plan.changes) == ("p1", 2, ())
    assert [verdict.object for verdict in record.plan.verdicts] == [ref_of(deployment())]
    assert record.plan.actions == (action(),)


def test_a_plan_is_found_by_the_beginning_of_its_id(leader: Leader) -> None:
    """People see short ids; what means something in SQL means nothing here."""
    leader.commit(plan=plan("9b3f02aa"))
    assert leader.store.plan("9b3f02") == leader.store.plans()[0]
    assert leader.store.plan("%") is None
    assert leader.store.plan("8") is None


def test_actions_are_found_by_object_node_and_plan(leader: Leader) -> None:
    """Newest first, and all given conditions hold."""
    leader.commit(
        actions=(
            ActionRecord(plan="p1", action=action("a1", "node-1"), outcome=outcome("a1", 10.0)),
            ActionRecord(plan="p1", action=action("a2", "node-2"), outcome=outcome("a2", 11.0)),
            ActionRecord(plan="p2", action=action("a3", "node-1", ref_of(pod("b"))), outcome=outcome("a3", 12.0)),
        )
    )

    def keys(**conditions: object) -> list[str]:
        return [record.action.key for record in leader.store.actions(**conditions)]  # type: ignore[arg-type]

    assert keys() == ["a3", "a2", "a1"]
    assert keys(node="node-1") == ["a3", "a1"]
    assert keys(plan="p1", node="node-1") == ["a1"]
    assert keys(object=ref_of(pod("b"))) == ["a3"]
    assert keys(limit=1) == ["a3"]
    assert leader.store.actions(plan="p2")[0].at == 12.0


def test_of_an_action_its_type_and_image_are_kept(leader: Leader) -> None:
    """They are what durations are learnt from; the detail itself, with the whole Pod, is not kept."""
    pull = replace(action("a1"), detail=PullImage(image="shop/web:1"))
    leader.commit(actions=(ActionRecord(plan="p1", action=pull, outcome=outcome("a1")),))
    (record,) = leader.store.actions()
    assert (record.type, record.image, record.action.detail) == ("pullImage", "shop/web:1", None)


def test_pruning_drops_history_and_never_objects(leader: Leader) -> None:
    """Plans, actions and acknowledgements from before go; objects, revisions and newer history stay."""
    store = leader.store

    def happen(name: str) -> None:
        record = ActionRecord(plan=name, action=action(name), outcome=outcome(name))
        leader.commit(
            change("create", config_map(name)), plan=plan(name), actions=(record,), revisions=(revision(name),)
        )
        store.acknowledge(Acknowledgement(source="main", objects=(ref_of(config_map(name)),)))

    happen("old")
    leader.clock.at += 100.0
    happen("new")
    store.prune_history(leader.clock.at - 50.0)
    assert [record.id for record in store.plans()] == ["new"]
    assert [record.plan for record in store.actions()] == ["new"]
    assert [record.revision.commit for record in store.revisions()] == ["new", "old"]
    snapshot = store.snapshot()
    assert sorted(ref.name for ref in snapshot.objects) == ["new", "old"]
    assert [word.at for word in snapshot.acknowledgements] == [leader.clock.at]


def test_only_names_that_cannot_come_back_are_forgotten(leader: Leader) -> None:
    """A deleted ReplicaSet's Pods never return; names that people give might, whenever (P10)."""
    for object, manager in ((pod("owned"), "rs-uid"), (pod("bare"), "source/main"), (deployment(), "source/main")):
        leader.commit(change("create", object, manager=manager))
        leader.commit(change("delete", object, manager=manager))
    index = Index(leader.store)
    leader.clock.at += 100.0
    leader.store.prune_history(leader.clock.at - 50.0)
    assert sorted(ref.name for ref in leader.store.snapshot().tombstones) == ["bare", "web"]
    assert index.tombstones == leader.store.tombstones()


def test_a_sources_deletions_are_counted_for_an_hour(leader: Leader) -> None:
    """Derived from what was deleted, by whom it belonged to, across restarts (P02)."""
    leader.create(config_map("a"), config_map("b"))
    leader.create(config_map("c"), manager="api")
    leader.commit(sources=(SourceState(name="main", suspended=True, deleted_at=(1.0,)),))
    first = leader.clock.at
    leader.commit(change("delete", config_map("a"), manager="wrong"), change("delete", config_map("c")))
    leader.clock.at += 3_000.0
    leader.commit(change("delete", config_map("b")))
    state = leader.store.snapshot().sources["main"]
    assert (state.suspended, state.deleted_at) == (True, (first, leader.clock.at))
    leader.clock.at += 3_000.0
    assert leader.store.side_state().sources["main"].deleted_at == (leader.clock.at - 3_000.0,)


def test_whether_a_source_was_loaded_holds_for_this_process(url: str, leader: Leader) -> None:
    """After a restart it must be loaded again before anything of it is deleted (P02)."""
    state = SourceState(name="main", loaded=True, applied=RevisionInfo(commit="a"))
    leader.store.set_source_state(state)
    assert leader.store.snapshot().sources == {"main": state}
    other = Store.open(url, key=KEY, clock=leader.clock)
    assert other.snapshot().sources["main"].loaded is False
    assert other.snapshot().sources["main"].applied == RevisionInfo(commit="a")
    other.close()


def test_a_source_that_says_the_same_is_not_written(leader: Leader) -> None:
    """A poll without news is no write."""
    state = SourceState(name="main", loaded=True)
    assert leader.store.set_source_state(state).side_changed
    before = leader.store.versions()
    assert not leader.store.set_source_state(state).side_changed
    assert leader.store.versions() == before


def test_a_tick_does_not_undo_what_a_person_decided_meanwhile(leader: Leader) -> None:
    """Suspending and holding survive a transaction that was planned before (P15)."""
    leader.store.set_source_state(SourceState(name="main"))
    leader.store.change_source("main", suspended=True, held="bad")
    leader.commit(sources=(SourceState(name="main", loaded=True, applied=RevisionInfo(commit="a")),))
    state = leader.store.snapshot().sources["main"]
    assert (state.suspended, state.held, state.applied) == (True, "bad", RevisionInfo(commit="a"))
    leader.store.change_source("main", suspended=False)
    state = leader.store.snapshot().sources["main"]
    assert (state.suspended, state.held, state.applied, state.loaded) == (False, "bad", RevisionInfo(commit="a"), True)


def test_a_change_of_a_source_that_changes_nothing_is_not_written(leader: Leader) -> None:
    """Nor is one that only says again that it was loaded."""
    leader.store.change_source("main", loaded=True)
    before = leader.store.versions()
    assert not leader.store.change_source("main", loaded=True).side_changed
    assert leader.store.versions() == before


def test_an_acknowledgement_is_kept_with_its_time(leader: Leader) -> None:
    """Who let what be deleted, and when."""
    word = Acknowledgement(source="main", objects=(ref_of(pod()),), by="ada")
    leader.store.acknowledge(word)
    (found,) = leader.store.snapshot().acknowledgements
    assert (found.objects, found.by, found.at) == ((ref_of(pod()),), "ada", leader.clock.at)
