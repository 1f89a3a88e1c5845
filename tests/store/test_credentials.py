"""Credentials in memory: what a request asks, and what other daemons did."""

from __future__ import annotations

from sqlalchemy import event

from reconciler.store import Store
from reconciler.store.credentials import Accounts
from tests.store.samples import KEY, FakeClock
from tests.store.test_accounts import account


def test_finding_asks_no_database(store: Store) -> None:
    """Requests are answered in the thread of all requests: it must not wait for a disk."""
    accounts = Accounts(store)
    accounts.add(account("a1"))
    statements: list[str] = []
    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    found = accounts.find(account("a1").fingerprint)
    assert found == account("a1")
    assert accounts.find("0" * 64) is None
    assert accounts.all() == (account("a1"),)
    assert statements == []


def test_what_this_process_changes_holds_at_once(store: Store, clock: FakeClock) -> None:
    """The next request is judged by it."""
    accounts = Accounts(store)
    accounts.add(account("a1"))
    accounts.revoke(["a1"])
    found = accounts.find(account("a1").fingerprint)
    assert found is not None
    assert found.revoked_at == clock.at


def test_what_another_daemon_changes_holds_with_the_next_poll(url: str, store: Store, clock: FakeClock) -> None:
    """Several daemons share a database; each looks now and then."""
    other_store = Store.open(url, key=KEY, clock=clock)
    here, other = Accounts(store), Accounts(other_store)
    other.add(account("a1"))
    here.poll()
    assert here.all() == (account("a1"),)
    other.revoke(["a1"])
    here.poll()
    assert here.all()[0].revoked_at == clock.at
    other_store.close()


def test_what_was_given_out_is_there_after_a_restart(store: Store) -> None:
    """Memory is only a copy."""
    Accounts(store).add(account("a1"))
    assert Accounts(store).all() == (account("a1"),)
