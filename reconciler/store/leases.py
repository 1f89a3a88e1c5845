"""Leases: time-limited rights with a rising term (P18).

Safety rests on the term, which every leader's transaction checks with the row locked; the expiry only decides when
somebody else may take over, so clocks that differ cost time and never correctness.
"""

from sqlalchemy import Connection, Row, Update, select, update

from reconciler.model.errors import LeadershipLost
from reconciler.store.schema import leases
from reconciler.store.upsert import upsert_into
from reconciler.store.values import LEADER, Lease


def acquire(connection: Connection, name: str, holder: str, ttl_s: float, now: float) -> Lease | None:
    """Take the lease if it is free, expired or already held by `holder`; None when somebody else holds it."""
    row = _locked(connection, name)
    is_held = bool(row.holder) and row.expires_at > now
    if is_held and row.holder != holder:
        return None
    term = row.term if is_held else row.term + 1
    connection.execute(
        update(leases).where(leases.c.name == name).values(holder=holder, term=term, expires_at=now + ttl_s)
    )
    return Lease(name=name, holder=holder, term=term, expires_at=now + ttl_s, ttl_s=ttl_s)


def renew(connection: Connection, lease: Lease, now: float) -> bool:
    """Extend the lease; False when somebody else took it."""
    found = connection.execute(_own(lease).values(expires_at=now + lease.ttl_s))
    return found.rowcount == 1


def release(connection: Connection, lease: Lease) -> None:
    """Give the lease up; its term stays, so that the next one is higher."""
    connection.execute(_own(lease).values(holder="", expires_at=0.0))


def require_term(connection: Connection, term: int) -> None:
    """Lock the leader's lease until the transaction ends, or raise LeadershipLost when `term` is not its term."""
    query = select(leases.c.term).where(leases.c.name == LEADER).with_for_update(read=True)
    held = connection.execute(query).scalar_one_or_none()
    if held != term:
        raise LeadershipLost(f"term {term} has ended; the newest one is {held or 0}")


def _own(lease: Lease) -> Update:
    return update(leases).where(
        leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.term == lease.term
    )


def _locked(connection: Connection, name: str) -> Row[tuple[str, str, int, float]]:
    fresh = {"name": name, "holder": "", "term": 0, "expires_at": 0.0}
    connection.execute(upsert_into(connection, leases).values(fresh).on_conflict_do_nothing())
    return connection.execute(select(leases).where(leases.c.name == name).with_for_update()).one()
