"""Credentials that were given out, as the database keeps them."""

from __future__ import annotations

import pytest

from reconciler.model.access import Account, CredentialKind
from reconciler.model.errors import StaleError
from reconciler.store import Store
from tests.store.samples import FakeClock

NOW = 1_700_000_000.0


def account(id: str = "ab12", **fields: object) -> Account:
    """Return a token of ada."""
    values = {
        "id": id,
        "kind": CredentialKind.TOKEN,
        "name": "ada",
        "groups": ("developers", "on-call"),
        "fingerprint": f"{id:0>64}",
        "created_at": NOW,
        "created_by": "system:root",
        **fields,
    }
    return Account(**values)  # type: ignore[arg-type]


def test_what_is_kept_comes_back_as_it_was(store: Store) -> None:
    """Every field survives, with and without a time at which it ends."""
    both = (account("a1", expires_at=NOW + 60), account("b2", kind=CredentialKind.CERTIFICATE, groups=()))
    for one in both:
        store.add_account(one)
    assert store.accounts() == both


@pytest.mark.parametrize("again", [account("a1", fingerprint="f" * 64), account("b2", fingerprint=f"{'a1':0>64}")])
def test_an_id_and_a_fingerprint_stand_for_one_credential(store: Store, again: Account) -> None:
    """Neither can be given to a second one, and the first stays."""
    store.add_account(account("a1"))
    with pytest.raises(StaleError):
        store.add_account(again)
    assert store.accounts() == (account("a1"),)


def test_revoking_keeps_the_first_time(store: Store, clock: FakeClock) -> None:
    """Revoking again does not move the time at which a credential ended; others stay valid."""
    store.add_account(account("a1"))
    store.add_account(account("b2"))
    store.revoke_accounts(["a1"])
    revoked_at = clock.at
    clock.at += 100.0
    store.revoke_accounts(["a1", "no-such"])
    assert [one.revoked_at for one in store.accounts()] == [revoked_at, None]


def test_other_daemons_learn_of_a_change(store: Store) -> None:
    """The number that daemons poll moves with every credential that is given out or revoked."""
    numbers = [store.versions()[1]]
    store.add_account(account("a1"))
    numbers.append(store.versions()[1])
    store.revoke_accounts(["a1"])
    numbers.append(store.versions()[1])
    assert numbers == sorted(set(numbers))


def test_what_ended_long_ago_is_forgotten_unless_it_could_be_shown_again(store: Store, clock: FakeClock) -> None:
    """A revoked certificate would be valid by itself until it expires: it stays on the list until then."""
    certificate = CredentialKind.CERTIFICATE
    store.add_account(account("expired", expires_at=NOW + 10))
    store.add_account(account("revoked-token", created_at=NOW + 1))
    store.add_account(account("revoked-certificate", kind=certificate, created_at=NOW + 2, expires_at=NOW + 1e6))
    store.add_account(account("valid", created_at=NOW + 3))
    store.revoke_accounts(["revoked-token", "revoked-certificate"])
    clock.at += 1000.0
    store.prune_history(NOW + 500.0)
    assert [one.id for one in store.accounts()] == ["revoked-certificate", "valid"]
