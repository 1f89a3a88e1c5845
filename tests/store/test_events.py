"""Events: counted when they repeat, found by what they are about, forgotten with time."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.kinds import ref_of
from reconciler.model.refs import ObjectRef
from reconciler.store import EventType, Index
from tests.store.samples import Leader, happening, pod


def test_a_repeated_event_is_counted(leader: Leader) -> None:
    """One object, with how often and when first and last."""
    for _ in range(3):
        leader.commit(happenings=(happening(),))
        leader.clock.at += 60.0
    (event,) = leader.store.events()
    assert event.count == 3
    assert (event.first_timestamp, event.last_timestamp) == ("2023-11-14T22:13:20Z", "2023-11-14T22:15:20Z")
    assert event.metadata.creation_timestamp == event.first_timestamp


def test_what_is_told_late_has_the_time_at_which_it_was(leader: Leader) -> None:
    """As by a node that was cut off; older news date nothing back, and nothing is yet to come."""
    at = leader.clock.at
    late = replace(happening(), at=at - 120.0)
    leader.commit(happenings=(late,))
    (event,) = leader.store.events()
    assert (event.first_timestamp, event.last_timestamp) == ("2023-11-14T22:11:20Z", "2023-11-14T22:11:20Z")
    assert event.metadata.creation_timestamp == "2023-11-14T22:13:20Z"
    leader.commit(happenings=(replace(late, at=at + 60.0), late))
    (event,) = leader.store.events()
    assert (event.count, event.last_timestamp) == (3, "2023-11-14T22:13:20Z")


def test_repeats_within_one_transaction_are_counted(leader: Leader) -> None:
    """One entry of the log, two occurrences."""
    committed = leader.commit(happenings=(happening(), happening()))
    assert [entry.stored.object.count for entry in committed.logged] == [2]  # type: ignore[union-attr]


def test_other_messages_are_other_events(leader: Leader) -> None:
    """What differs in message, reason or object is not mixed."""
    about = ref_of(pod())
    leader.commit(happenings=(happening("a"), happening("b"), happening("a", object=about)))
    assert [event.count for event in leader.store.events()] == [1, 1, 1]
    assert [event.message for event in leader.store.events(about)] == ["a"]


def test_events_about_cluster_scoped_objects_stand_in_default(leader: Leader) -> None:
    """As Kubernetes does."""
    about = ObjectRef.of("Node", "", "node-1")
    leader.commit(happenings=(happening(object=about),))
    (event,) = leader.store.events(about)
    assert (event.metadata.namespace, event.involved_object.namespace) == ("default", "")


def test_the_last_written_event_comes_first(leader: Leader) -> None:
    """A repeated one is recent again."""
    for message in ("a", "b", "a"):
        leader.commit(happenings=(happening(message),))
    assert [event.message for event in leader.store.events(limit=2)] == ["a", "b"]


def test_a_long_message_is_cut(leader: Leader) -> None:
    """At 1,024 characters, as Kubernetes' own limit."""
    leader.commit(happenings=(happening("x" * 5_000),))
    assert len(leader.store.events()[0].message) == 1_024


def test_old_events_are_deleted_visibly_and_leave_no_trace(leader: Leader) -> None:
    """Watches see them go; no tombstone remains."""
    index = Index(leader.store)
    leader.commit(happenings=(happening("old"),))
    leader.clock.at += 100.0
    leader.commit(happenings=(happening("new"),))
    heard: list[EventType] = []
    index.subscribe(lambda batch: heard.extend(entry.type for entry in batch))
    leader.store.prune_history(leader.clock.at - 50.0)
    assert heard == [EventType.DELETED]
    assert [stored.object.message for stored in index.by_kind("Event")] == ["new"]  # type: ignore[union-attr]
    assert leader.store.snapshot().tombstones == index.tombstones == {}
