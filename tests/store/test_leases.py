"""Leases and fencing (P18)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from reconciler.model.errors import LeadershipLost, TransientError
from reconciler.store import LEADER, Commit, Store, engine, leases
from tests.store.samples import KEY, FakeClock, Leader, change, config_map


def test_only_one_holder_at_a_time(store: Store, clock: FakeClock) -> None:
    """A second one gets nothing until the lease has expired, then a higher term (P18)."""
    first = store.acquire(LEADER, "a", 10.0)
    assert first is not None
    assert store.acquire(LEADER, "b", 10.0) is None
    clock.at += 10.0
    second = store.acquire(LEADER, "b", 10.0)
    assert second is not None
    assert (first.term, second.term) == (1, 2)
    assert store.acquire(LEADER, "a", 10.0) is None


def test_a_renewed_lease_does_not_expire(store: Store, clock: FakeClock) -> None:
    """Renewing counts from the time of renewal."""
    lease = store.acquire(LEADER, "a", 10.0)
    for _ in range(3):
        clock.at += 9.0
        assert lease is not None
        assert store.renew(lease)
    assert store.acquire(LEADER, "b", 10.0) is None


def test_acquiring_again_keeps_the_term(store: Store, clock: FakeClock) -> None:
    """The holder asking again is the holder; after expiry it is a new term, since another may have been between."""
    terms = []
    for wait in (0.0, 5.0, 20.0):
        clock.at += wait
        lease = store.acquire(LEADER, "a", 10.0)
        assert lease is not None
        terms.append(lease.term)
    assert terms == [1, 1, 2]


def test_a_lost_lease_cannot_be_renewed(store: Store, clock: FakeClock) -> None:
    """The old holder learns that it was replaced (P18)."""
    lease = store.acquire(LEADER, "a", 10.0)
    clock.at += 11.0
    store.acquire(LEADER, "b", 10.0)
    assert lease is not None
    assert not store.renew(lease)
    store.release(lease)
    assert store.acquire(LEADER, "c", 10.0) is None


def test_a_released_lease_is_free_at_once_with_a_higher_term(store: Store) -> None:
    """A clean stop costs the next leader no waiting."""
    lease = store.acquire(LEADER, "a", 1000.0)
    assert lease is not None
    store.release(lease)
    following = store.acquire(LEADER, "b", 10.0)
    assert following is not None
    assert following.term == lease.term + 1


def test_leases_of_different_names_are_independent(store: Store) -> None:
    """A name is a right of its own."""
    assert store.acquire("other", "a", 10.0) is not None
    assert store.acquire(LEADER, "b", 10.0) is not None


def test_a_stale_term_writes_nothing(leader: Leader) -> None:
    """A leader that slept through its lease is stopped by the term, whatever its clock says (P18)."""
    leader.clock.at += 60.0
    assert leader.store.acquire(LEADER, "daemon-2", 15.0) is not None
    before = leader.store.snapshot()
    with pytest.raises(LeadershipLost):
        leader.create(config_map())
    assert leader.store.snapshot() == before


def test_an_expired_lease_that_nobody_took_still_writes(leader: Leader) -> None:
    """Expiry lets others take over; until one does, there is no second writer."""
    leader.clock.at += 60.0
    leader.create(config_map())
    assert leader.get(config_map()) is not None


def test_a_term_that_was_never_given_is_refused(store: Store) -> None:
    """Without a lease there is no term to rely on (P18)."""
    with pytest.raises(LeadershipLost):
        store.commit(Commit(changes=(change("create", config_map()),)), term=1)


@pytest.mark.real
def test_a_stopped_leader_holds_nothing_for_long(
    postgresql_only: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the transaction of a leader that froze in its middle; its successor needs nobody's help (P18)."""
    monkeypatch.setattr(engine, "_POSTGRESQL", {"options": "-c idle_in_transaction_session_timeout=500"})
    frozen = Leader(Store.open(postgresql_only, key=KEY, clock=clock), clock)
    other = Store.open(postgresql_only, key=KEY, clock=clock)
    clock.at += 60.0
    with pytest.raises(TransientError), frozen.store._database.write() as connection:
        leases.require_term(connection, frozen.lease.term)
        successor = other.acquire(LEADER, "daemon-2", 15.0)
        assert successor is not None
        connection.execute(text("DELETE FROM objects"))
    with pytest.raises(LeadershipLost):
        frozen.create(config_map())
    for store in (frozen.store, other):
        store.close()
