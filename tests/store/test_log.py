"""The change log: what a watch resumes from."""

from __future__ import annotations

import pytest

from reconciler.store import EventType, Gone, Store, history
from tests.store.samples import Leader, change, config_map, pod, running


def test_the_log_tells_every_change_in_order(leader: Leader) -> None:
    """Each entry has the object as it was then, and its own number."""
    leader.create(pod(), config_map())
    leader.commit(change("status", running(pod())))
    leader.commit(change("delete", config_map()))
    entries = leader.store.changes_since(0, limit=100)
    assert [(entry.resource_version, entry.type, entry.stored.ref.kind) for entry in entries] == [
        (1, EventType.ADDED, "Pod"),
        (2, EventType.ADDED, "ConfigMap"),
        (3, EventType.MODIFIED, "Pod"),
        (4, EventType.DELETED, "ConfigMap"),
    ]
    assert entries[0].stored.object.status.phase == "Pending"
    assert entries[2].stored.object.status.phase == "Running"
    assert [entry.stored.object.metadata.resource_version for entry in entries] == ["1", "2", "3", "4"]


def test_a_page_never_ends_inside_a_transaction(leader: Leader) -> None:
    """A reader of pages sees whole commits, too."""
    leader.create(config_map("a"))
    leader.create(*(config_map(f"b{n}") for n in range(5)))
    leader.create(config_map("c"))
    pages = []
    at = 0
    while page := leader.store.changes_since(at, limit=2):
        pages.append([entry.resource_version for entry in page])
        at = page[-1].resource_version
    assert pages == [[1, 2, 3, 4, 5, 6], [7]]


def test_nothing_follows_the_newest_number(leader: Leader) -> None:
    """Asking from the end is no error."""
    leader.create(config_map())
    assert leader.store.changes_since(1) == ()


def test_what_was_pruned_is_gone(leader: Leader) -> None:
    """A watch from before the kept log is told to list again, one from the edge goes on."""
    leader.create(config_map("a"))
    leader.create(config_map("b"))
    leader.clock.at += 100.0
    leader.create(config_map("c"))
    leader.store.prune_history(leader.clock.at - 50.0)
    with pytest.raises(Gone):
        leader.store.changes_since(1)
    assert [entry.resource_version for entry in leader.store.changes_since(2)] == [3]


def test_a_number_of_the_future_is_gone(leader: Leader) -> None:
    """After a restored backup, clients that have seen more must list again."""
    leader.create(config_map())
    with pytest.raises(Gone):
        leader.store.changes_since(2)


def test_the_log_is_bounded_by_number(leader: Leader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any pruning it keeps the newest entries only."""
    monkeypatch.setattr(history, "LOG_KEPT", 1_500)
    for batch in range(4):
        leader.create(*(config_map(f"{batch}-{n}") for n in range(1_000)))
    with pytest.raises(Gone):
        leader.store.changes_since(2_499)
    assert len(leader.store.changes_since(2_500, limit=5_000)) == 1_500


def test_the_numbers_go_on_after_a_restart(url: str, leader: Leader) -> None:
    """A number is never given twice."""
    from tests.store.samples import KEY

    leader.create(config_map("a"))
    leader.store.prune_history(leader.clock.at + 1.0)
    leader.store.close()
    again = Store.open(url, key=KEY, clock=leader.clock)
    assert Leader(again, leader.clock).create(config_map("b")).resource_version == 2
    again.close()
