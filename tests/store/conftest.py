"""Every test of the store runs on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from reconciler.store import Store
from tests.store.samples import KEY, FakeClock, Leader


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state.db"
        return
    yield from _fresh_database(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def postgresql_only(postgresql_url: str) -> Iterator[str]:
    """The URL of an empty database on PostgreSQL."""
    yield from _fresh_database(postgresql_url)


def _fresh_database(postgresql_url: str) -> Iterator[str]:
    server = make_url(postgresql_url)
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def store(url: str, clock: FakeClock) -> Iterator[Store]:
    """An open, empty store."""
    opened = Store.open(url, key=KEY, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def leader(store: Store, clock: FakeClock) -> Leader:
    """A leader of that store."""
    return Leader(store, clock)
