"""Hosts come in and go, each step in one transaction: nothing is half given out."""

import pytest

from reconciler.model.access import Account, CredentialKind
from reconciler.model.agents import JoinRefused, JoinToken
from reconciler.store import Store
from tests.store.samples import FakeClock


def token(clock: FakeClock, id: str = "t1", node: str = "") -> JoinToken:
    """A token that lasts a minute."""
    return JoinToken(id=id, fingerprint=id * 32, node=node, created_at=clock.at, expires_at=clock.at + 60)


def certificate(clock: FakeClock, node: str, id: str) -> Account:
    """A node's certificate."""
    return Account(
        id=id,
        kind=CredentialKind.CERTIFICATE,
        name=f"system:node:{node}",
        groups=("system:nodes",),
        fingerprint=id * 16,
        created_at=clock.at,
    )


def enrol(store: Store, clock: FakeClock, one: JoinToken, node: str, key: str = "k", room: int = 4) -> int:
    """Take a host in."""
    return store.enrol(one, node, key, certificate(clock, node, f"{one.id}{node}{key}{len(store.accounts())}"), room)


def test_hosts_are_numbered_from_the_lowest(store: Store, clock: FakeClock) -> None:
    """A number that was given back is given again."""
    for id in ("t1", "t2", "t3"):
        store.add_join_token(token(clock, id))
    assert enrol(store, clock, token(clock, "t1"), "b") == 0
    assert enrol(store, clock, token(clock, "t2"), "a") == 1
    assert store.side_state().allocations == {"node/a": "1", "node/b": "0"}
    store.fence_node("b")
    store.forget_node("b")
    assert enrol(store, clock, token(clock, "t3"), "c") == 0


def test_a_refusal_gives_nothing_out(store: Store, clock: FakeClock) -> None:
    """No certificate, no number, and the token stays good."""
    store.add_join_token(token(clock, "t1"))
    store.add_join_token(token(clock, "t2"))
    enrol(store, clock, token(clock, "t1"), "a", room=1)
    for node, reason in (("b", "NoRoom"), ("a", "NodeExists")):
        with pytest.raises(JoinRefused) as told:
            enrol(store, clock, token(clock, "t2"), node, room=1)
        assert told.value.reason == reason
    assert len(store.accounts()) == 1
    assert [one.used_by for one in store.join_tokens()] == ["a", ""]
    assert list(store.side_state().allocations) == ["node/a"]


def test_the_same_key_may_ask_again_until_the_node_is_removed(store: Store, clock: FakeClock) -> None:
    """An answer can be lost; a host that was shut out stays out."""
    one = token(clock)
    store.add_join_token(one)
    assert enrol(store, clock, one, "a") == enrol(store, clock, one, "a") == 0
    assert [each.revoked_at is None for each in store.accounts()] == [False, True]
    with pytest.raises(JoinRefused, match="used already, by a"):
        enrol(store, clock, one, "a", key="other")
    store.fence_node("a")
    assert all(each.revoked_at is not None for each in store.accounts())
    with pytest.raises(JoinRefused, match="used already"):
        enrol(store, clock, one, "a")


def test_a_token_that_was_deleted_or_has_expired_is_none(store: Store, clock: FakeClock) -> None:
    """Also between the first look at it and its use."""
    one = token(clock)
    store.add_join_token(one)
    clock.at += 61
    with pytest.raises(JoinRefused, match="expired"):
        enrol(store, clock, one, "a")
    assert store.delete_join_token("t1")
    assert not store.delete_join_token("t1")
    with pytest.raises(JoinRefused, match="not one of this cluster"):
        enrol(store, clock, one, "a")
