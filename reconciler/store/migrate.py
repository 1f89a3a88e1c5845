"""Brings a database to this version's schema; refuses one that is newer.

The common case, nothing to do, is one query and imports nothing of Alembic.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from reconciler.model.errors import ConfigurationError
from reconciler.store.engine import Database

HEAD = "0004"
"""The newest migration. A test compares it with the files."""

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as every version uses the same one.
_ADVISORY_LOCK = 7_305_118_112_004


def migrate(database: Database) -> None:
    """Migrate forward in one transaction, one process at a time."""
    with database.read() as connection:
        if _version(connection) == HEAD:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
        if _version(connection) != HEAD:
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = _version(connection)
    if found is not None and found not in known:
        raise ConfigurationError(
            f"the database has schema {found}, which is newer than this version's {HEAD}",
            reason="NewerSchema",
            hint="run the version of reconciler that wrote it, or a newer one, or restore a backup",
        )
    command.upgrade(config, HEAD)
