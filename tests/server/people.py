"""Users with tokens, for tests of who may do what: `bearer("ada")` is the header that proves to be ada."""

from collections.abc import Sequence

from reconciler.model.access import Account, CredentialKind
from reconciler.server.authentication import fingerprint_of_token
from reconciler.server.users import Access


class People:
    """Accounts in memory: each user's token is `token-of-NAME`."""

    def __init__(self, **groups: tuple[str, ...]) -> None:
        accounts = [_account(name, of) for name, of in groups.items()]
        self._accounts = {account.fingerprint: account for account in accounts}

    def find(self, fingerprint: str) -> Account | None:
        return self._accounts.get(fingerprint)

    def all(self) -> Sequence[Account]:
        return tuple(self._accounts.values())

    def add(self, account: Account) -> None:
        self._accounts[account.fingerprint] = account

    def revoke(self, ids: Sequence[str]) -> None:
        self._accounts = {key: one for key, one in self._accounts.items() if one.id not in ids}


def access(**groups: tuple[str, ...]) -> Access:
    """Return what an API needs to know these users."""
    return Access(accounts=People(**groups))


def token_of(name: str) -> str:
    """Return the token that proves to be a user."""
    return f"token-of-{name}"


def bearer(name: str) -> str:
    """Return the header `Authorization` of a user."""
    return f"Bearer {token_of(name)}"


def _account(name: str, groups: tuple[str, ...]) -> Account:
    return Account(
        id=f"id-{name}",
        kind=CredentialKind.TOKEN,
        name=name,
        groups=groups,
        fingerprint=fingerprint_of_token(token_of(name)),
        created_at=0.0,
    )
