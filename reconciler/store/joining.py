"""How hosts come in and go: join tokens, the numbers of nodes, their certificates; each step one transaction.

Of a token only its SHA-256 is here. A token is good for one key: whoever asks again with the same key, because the
answer was lost, is answered again; anybody else finds it used.
"""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from reconciler.model.access import Account
from reconciler.model.agents import NODE_PREFIX, JoinRefused, JoinToken
from reconciler.store import accounts as credentials
from reconciler.store.draft import bump_side_version
from reconciler.store.schema import accounts, allocations, join_tokens, observations
from reconciler.store.side import write_allocations

_POOL = "node"


def allocation_key(node: str) -> str:
    """Return the key under which a node's number is kept."""
    return f"{_POOL}/{node}"


def read_tokens(connection: Connection) -> tuple[JoinToken, ...]:
    """Return every join token, oldest first."""
    query = select(join_tokens).order_by(join_tokens.c.created_at, join_tokens.c.id)
    return tuple(JoinToken(**row) for row in connection.execute(query).mappings())


def write_token(connection: Connection, token: JoinToken) -> None:
    """Keep a new join token; the same id twice is refused by the database."""
    connection.execute(insert(join_tokens).values({name: getattr(token, name) for name in token.__struct_fields__}))


def delete_token(connection: Connection, id: str) -> bool:
    """Forget a join token; False when there is none."""
    return bool(connection.execute(delete(join_tokens).where(join_tokens.c.id == id)).rowcount)


def prune_tokens(connection: Connection, older_than: float) -> None:
    """Forget the tokens that ended before a time."""
    connection.execute(delete(join_tokens).where(join_tokens.c.expires_at < older_than))


def enrol(
    connection: Connection,
    token: JoinToken,
    node: str,
    key: str,
    account: Account,
    numbers: int,
    now: float,
) -> int:
    """Take a host in under a name, with a certificate; return its number. Raises JoinRefused, and changes nothing.

    `key` is the hash of the host's public key, `numbers` how many nodes the Pod range has room for.
    """
    found = connection.execute(select(join_tokens).where(join_tokens.c.id == token.id).with_for_update())
    row = found.mappings().one_or_none()
    present = JoinToken(**row) if row is not None else None
    again = require_usable(present, token.fingerprint, node, key, now)
    number = _number_of(connection, node)
    if not again and (number is not None or _reports(connection, node)):
        _require_rejoin(present, node)
    if number is None:
        number = _free_number(connection, numbers)
        write_allocations(connection, {allocation_key(node): str(number)})
    revoke_node(connection, node, now)
    credentials.write_account(connection, account)
    spent = {"used_at": now, "used_by": node, "used_key": key}
    connection.execute(update(join_tokens).where(join_tokens.c.id == token.id).values(spent))
    bump_side_version(connection)
    return number


def require_usable(token: JoinToken | None, fingerprint: str, node: str, key: str, now: float) -> bool:
    """Raise JoinRefused unless a token lets this host in; return whether it has let the same one in before."""
    if token is None or token.fingerprint != fingerprint:
        raise JoinRefused(
            "the join token is not one of this cluster",
            reason="TokenUnknown",
            hint="on the daemon's host: reconciler token create",
        )
    again = token.used_at is not None and (token.used_by, token.used_key) == (node, key)
    if token.used_at is not None and not again:
        raise JoinRefused(
            f"join token {token.id} was used already, by {token.used_by}",
            reason="TokenUsed",
            hint="each host needs one of its own; on the daemon's host: reconciler token create",
        )
    if token.expires_at <= now:
        raise JoinRefused(
            f"join token {token.id} has expired",
            reason="TokenExpired",
            hint="on the daemon's host: reconciler token create",
        )
    if token.node and token.node != node:
        raise JoinRefused(
            f"join token {token.id} is for node {token.node} only, not for {node}",
            reason="TokenForOther",
            hint=f"join with --node-name {token.node}, or make a token for {node}",
        )
    return again


def revoke_node(connection: Connection, node: str, now: float) -> None:
    """End every certificate of a node from now on."""
    own = (accounts.c.name == f"{NODE_PREFIX}{node}") & accounts.c.revoked_at.is_(None)
    connection.execute(update(accounts).where(own).values(revoked_at=now))


def fence(connection: Connection, node: str, now: float) -> None:
    """Shut a node out: its certificates end, and the token that let it in does so no more, also not with its key."""
    revoke_node(connection, node, now)
    connection.execute(update(join_tokens).where(join_tokens.c.used_by == node).values(used_key=""))
    bump_side_version(connection)


def forget(connection: Connection, node: str) -> None:
    """Forget a node that was shut out: its number is free, its last report is gone."""
    write_allocations(connection, {allocation_key(node): ""})
    connection.execute(delete(observations).where(observations.c.node == node))
    bump_side_version(connection)


def _require_rejoin(token: JoinToken | None, node: str) -> None:
    if token is None or token.node != node:
        raise JoinRefused(
            f"there is a node {node} already",
            reason="NodeExists",
            hint=f"give this host another name with --node-name; if it is the same host, make a token for it: "
            f"reconciler token create --node {node}",
        )


def _number_of(connection: Connection, node: str) -> int | None:
    query = select(allocations.c.value).where(allocations.c.key == allocation_key(node))
    value = connection.execute(query).scalar_one_or_none()
    return None if value is None else int(value)


def _reports(connection: Connection, node: str) -> bool:
    """Whether a node has reported, be it that it was given no number yet."""
    query = select(observations.c.node).where(observations.c.node == node)
    return connection.execute(query).scalar_one_or_none() is not None


def _free_number(connection: Connection, numbers: int) -> int:
    taken = {int(value) for value in connection.execute(select(allocations.c.value).where(_in_pool())).scalars()}
    free = next((number for number in range(numbers) if number not in taken), None)
    if free is None:
        raise JoinRefused(
            f"the cluster's Pod range has room for {numbers} nodes, and all of it is taken",
            reason="NoRoom",
            hint="remove a node that is gone: reconciler node remove NAME",
        )
    return free


def _in_pool() -> Any:
    return allocations.c.pool == _POOL
