"""Credentials that were given out: of a token only its SHA-256 is here, of a certificate nothing but its own.

One that has ended is kept as long as it could still be shown to us, so that it is refused for what it is.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from reconciler.model.access import Account, CredentialKind
from reconciler.store.codec import to_bytes
from reconciler.store.draft import bump_side_version
from reconciler.store.schema import accounts

_groups = msgspec.json.Decoder(tuple[str, ...])


def read_accounts(connection: Connection) -> tuple[Account, ...]:
    """Return every credential, oldest first."""
    query = select(accounts).order_by(accounts.c.created_at, accounts.c.id)
    return tuple(_account(row) for row in connection.execute(query).mappings())


def write_account(connection: Connection, account: Account) -> None:
    """Keep a new credential; the same id or the same fingerprint twice is refused by the database."""
    row = {
        "id": account.id,
        "kind": account.kind.value,
        "name": account.name,
        "groups": to_bytes(account.groups),
        "fingerprint": account.fingerprint,
        "created_at": account.created_at,
        "created_by": account.created_by,
        "expires_at": account.expires_at,
        "revoked_at": account.revoked_at,
    }
    connection.execute(insert(accounts).values(row))
    bump_side_version(connection)


def revoke_accounts(connection: Connection, ids: tuple[str, ...], now: float) -> None:
    """End credentials from now on; one that was revoked before keeps its time."""
    valid = accounts.c.id.in_(ids) & accounts.c.revoked_at.is_(None)
    connection.execute(update(accounts).where(valid).values(revoked_at=now))
    bump_side_version(connection)


def prune_accounts(connection: Connection, older_than: float) -> None:
    """Forget what ended before `older_than`; a revoked certificate is remembered until it has expired as well."""
    is_expired = accounts.c.expires_at < older_than
    is_revoked_token = (accounts.c.kind == CredentialKind.TOKEN.value) & (accounts.c.revoked_at < older_than)
    found = connection.execute(delete(accounts).where(or_(is_expired, is_revoked_token)))
    if found.rowcount:
        bump_side_version(connection)


def _account(row: Any) -> Account:
    values = {**row, "kind": CredentialKind(row["kind"]), "groups": _groups.decode(row["groups"])}
    return Account(**values)
