"""INSERT ... ON CONFLICT, which both databases have and SQLAlchemy spells by dialect.

PostgreSQL's dialect is imported where it is spoken: with SQLite it would only cost time and memory at every start.
"""

from typing import cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite


def upsert_into(connection: Connection, table: Table) -> sqlite.Insert:
    """Return an INSERT that can be told what to do on a conflict; the same for every dialect in what we use of it."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return cast(sqlite.Insert, postgresql.insert(table))
