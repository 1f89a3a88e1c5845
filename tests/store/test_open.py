"""Opening a database: migrations, the key, the identity of the cluster."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from reconciler.model.errors import ConfigurationError, TransientError
from reconciler.model.observed import ClusterInfo
from reconciler.store import LEADER, Store
from reconciler.store.migrate import HEAD, MIGRATIONS
from reconciler.store.schema import metadata
from tests.store.samples import KEY, FakeClock


def test_an_empty_database_is_migrated_and_opened_again_as_it_is(url: str, clock: FakeClock) -> None:
    """Opening twice migrates once, and what was written is there."""
    first = Store.open(url, key=KEY, clock=clock)
    first.acquire(LEADER, "daemon-1", 15.0)
    first.close()
    second = Store.open(url, key=KEY, clock=clock)
    assert second.acquire(LEADER, "daemon-2", 15.0) is None
    second.close()


def test_the_migrations_make_the_tables_that_the_code_uses(url: str, clock: FakeClock) -> None:
    """What Alembic would still change is nothing."""
    Store.open(url, key=KEY, clock=clock).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_the_code_names() -> None:
    """The shortcut that skips Alembic knows the newest file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_newer_schema_is_refused_and_left_alone(url: str, clock: FakeClock) -> None:
    """An older version does not touch what it does not understand."""
    Store.open(url, key=KEY, clock=clock).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError) as refused:
        Store.open(url, key=KEY, clock=clock)
    assert refused.value.reason == "NewerSchema"
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()


def test_another_key_is_refused_at_once(url: str, clock: FakeClock) -> None:
    """A wrong key is noticed when the database is opened, not when the first Secret is read (P22)."""
    Store.open(url, key=KEY, clock=clock).close()
    with pytest.raises(ConfigurationError) as refused:
        Store.open(url, key=b"x" * 32, clock=clock)
    assert refused.value.reason == "WrongKey"


def test_a_short_key_is_refused(url: str, clock: FakeClock) -> None:
    """The message says the length and not the key."""
    with pytest.raises(ConfigurationError, match="5 bytes") as refused:
        Store.open(url, key=b"short", clock=clock)
    assert "short" not in str(refused.value)


def test_the_cluster_is_set_once(store: Store) -> None:
    """The same again is fine, another one is refused."""
    cluster = ClusterInfo(id="c1")
    assert store.cluster() is None
    store.set_cluster(cluster)
    store.set_cluster(cluster)
    other = ClusterInfo(id="c1", pod_cidr="10.99.0.0/16", network_backend="host-gw")
    named = "podCidr is 10.42.0.0/16, not 10.99.0.0/16, networkBackend is vxlan, not host-gw"
    with pytest.raises(ConfigurationError, match=named):
        store.set_cluster(other)
    assert store.cluster() == cluster


def test_the_file_is_for_its_owner_only(tmp_path: Path, clock: FakeClock) -> None:
    """Neither the database nor what SQLite keeps beside it can be read by others."""
    store = Store.open(f"sqlite:///{tmp_path}/state.db", key=KEY, clock=clock)
    store.set_cluster(ClusterInfo(id="c1"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert set(modes) == {"state.db", "state.db-wal", "state.db-shm"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("url", ["nonsense", "mysql://u@h/d"])
def test_a_setting_that_names_no_supported_database_is_refused(url: str, clock: FakeClock) -> None:
    """The message says what can be used."""
    with pytest.raises(ConfigurationError):
        Store.open(url, key=KEY, clock=clock)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    """Somebody else's file is not overwritten."""
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigurationError):
        Store.open(f"sqlite:///{path}", key=KEY, clock=clock)
    assert path.read_bytes() == b"not a database" * 1000


def test_a_server_that_does_not_answer_may_do_so_later(tmp_path: Path, clock: FakeClock) -> None:
    """An absent server is not a wrong setting; the password is not in the message (P22)."""
    with pytest.raises(TransientError) as failed:
        Store.open(f"postgresql://u:hunter2@/x?host={tmp_path}", key=KEY, clock=clock)
    assert "hunter2" not in f"{failed.value!r} {failed.value.__cause__!r}"


def test_a_database_in_memory_works_for_tests(clock: FakeClock) -> None:
    """`sqlite://` is a store of one process."""
    store = Store.open("sqlite://", key=KEY, clock=clock)
    store.set_cluster(ClusterInfo(id="c1"))
    assert store.snapshot().objects == {}
    store.close()


def test_several_processes_open_an_empty_database_at_once(url: str, clock: FakeClock) -> None:
    """One migrates, the others wait for it."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store.open(url, key=KEY, clock=clock), range(4)))
    terms = [store.acquire(LEADER, f"daemon-{n}", 15.0) for n, store in enumerate(stores)]
    assert [lease is not None for lease in terms] == [True, False, False, False]
    for store in stores:
        store.close()


@pytest.mark.real
def test_a_lost_connection_is_transient(postgresql_only: str, clock: FakeClock) -> None:
    """After the server ended every connection, the next transaction works."""
    store = Store.open(postgresql_only, key=KEY, clock=clock)
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    end_others = text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    engine = create_engine(postgresql_only)
    with engine.connect() as connection:
        connection.execute(end_others)
    store.acquire("name", "a", 1.0)
    with pytest.raises(TransientError), store._database.write() as own, engine.connect() as connection:
        connection.execute(end_others)
        own.execute(text("SELECT 1"))
    store.acquire("name", "a", 1.0)
    engine.dispose()
    store.close()
