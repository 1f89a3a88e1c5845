"""The credentials that were given out, in memory: a request finds its own without asking the database.

Thread-safe. Changes of this process hold at once, those of other daemons with `poll`.
"""

import threading
from collections.abc import Mapping, Sequence

from reconciler.model.access import Account
from reconciler.store.store import Store


class Accounts:
    """A view of a store's accounts, and the way to change them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version = -1
        self._found: Mapping[str, Account] = {}
        self.poll()

    def find(self, fingerprint: str) -> Account | None:
        """Return the credential with a fingerprint, also one that has ended; never asks the database."""
        return self._found.get(fingerprint)

    def all(self) -> tuple[Account, ...]:
        """Return every credential, oldest first; never asks the database."""
        return tuple(self._found.values())

    def add(self, account: Account) -> None:
        """Keep a new credential."""
        self._store.add_account(account)
        self.poll()

    def revoke(self, ids: Sequence[str]) -> None:
        """End credentials from now on."""
        self._store.revoke_accounts(ids)
        self.poll()

    def poll(self) -> None:
        """Read what changed, here or in another daemon."""
        with self._lock:
            version = self._store.versions()[1]
            if version != self._version:
                self._found = {account.fingerprint: account for account in self._store.accounts()}
                self._version = version
