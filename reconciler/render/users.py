"""Credentials as a table. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.times import unix
from reconciler.render.tables import Table, at
from reconciler.render.words import short_age

Document = Mapping[str, Any]


def users_table(users: Sequence[Document], *, now: float) -> Table:
    """Return the credentials that were given out, oldest first, with whether each still counts."""
    return Table(
        columns=("ID", "USER", "GROUPS", "CREDENTIAL", "STATE", "AGE", "GIVEN BY"),
        rows=tuple(
            (
                at(user, "metadata", "name"),
                at(user, "name"),
                ",".join(at(user, "groups", default=())),
                at(user, "credential"),
                _state(user, now),
                _age(user, now),
                at(user, "createdBy"),
            )
            for user in users
        ),
    )


def _state(user: Document, now: float) -> str:
    if at(user, "revokedAt"):
        return "revoked"
    expires_at = unix(at(user, "expiresAt"))
    if expires_at is None:
        return "valid"
    return "expired" if expires_at <= now else f"valid for {short_age(expires_at - now)}"


def _age(user: Document, now: float) -> str:
    created = unix(at(user, "metadata", "creationTimestamp"))
    return "<unknown>" if created is None else short_age(now - created)
