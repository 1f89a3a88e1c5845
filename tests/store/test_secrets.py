"""No value of a Secret is readable in the database, in a message or in a representation (P22)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine, text

from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.kinds import ref_of
from reconciler.store import Index, Store
from tests.store.samples import KEY, FakeClock, Leader, change, config_map, happening, plan, secret

VALUE = "cGxhbnRlZC12YWx1ZS1vZi10aGUtdGVzdA"
LATER = "YW5vdGhlci12YWx1ZS1vZi10aGUtdGVzdA"


def _database_bytes(url: str) -> bytes:
    """Every byte of the database: its files, or every row of every table."""
    engine = create_engine(url)
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.iterdir())
    content = []
    with engine.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        for name in names.all():
            for row in connection.execute(text(f"SELECT * FROM {name}")):
                content += [bytes(cell) if isinstance(cell, memoryview | bytes) else str(cell).encode() for cell in row]
    engine.dispose()
    return b"\0".join(content)


def test_no_byte_of_the_database_tells_a_value(url: str, leader: Leader) -> None:
    """Neither tables, nor change log, nor the write-ahead file, at any time of a Secret's life (P22)."""
    Index(leader.store)
    leader.create(secret(VALUE), config_map(value="visible-value"))
    leader.commit(change("update", secret(LATER)), plan=plan(), happenings=(happening(),))
    assert leader.get(secret(VALUE)).object.data == {"password": LATER}
    leader.commit(change("delete", secret(LATER)))
    assert leader.store.changes_since(0)[0].stored.object.data == {"password": VALUE}
    for content in (_database_bytes(url), _closed_bytes(url, leader)):
        assert b"visible-value" in content
        assert VALUE.encode() not in content
        assert LATER.encode() not in content


def _closed_bytes(url: str, leader: Leader) -> bytes:
    leader.store.close()
    return _database_bytes(url)


def test_equal_values_look_different(url: str, leader: Leader) -> None:
    """Sealing the same twice gives other bytes, so that equal passwords cannot be recognised."""
    leader.create(secret(VALUE, "a"), secret(VALUE, "b"))
    engine = create_engine(url)
    with engine.connect() as connection:
        bodies = connection.execute(text("SELECT body FROM objects")).scalars().all()
    engine.dispose()
    assert len({bytes(body)[12:44] for body in bodies}) == 2


def test_an_unchanged_secret_is_not_written_again(leader: Leader) -> None:
    """That its bytes differ each time does not make it a change."""
    leader.create(secret(VALUE))
    assert leader.commit(change("update", secret(VALUE))).logged == ()


def test_what_is_sealed_cannot_be_moved_to_another_name(url: str, leader: Leader) -> None:
    """Swapping rows in the database is noticed."""
    leader.create(secret(VALUE, "a"), secret(LATER, "b"))
    engine = create_engine(url)
    with engine.begin() as connection:
        body = connection.execute(text("SELECT body FROM objects WHERE key = 'Secret/shop/a'")).scalar_one()
        connection.execute(text("UPDATE objects SET body = :body WHERE key = 'Secret/shop/b'"), {"body": body})
    engine.dispose()
    with pytest.raises(ConfigurationError) as refused:
        leader.store.snapshot()
    assert refused.value.reason == "WrongKey"


def test_neither_messages_nor_representations_tell_a_value(
    url: str, leader: Leader, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals, database failures at debug level, and printed values keep silent (P22)."""
    caplog.set_level(logging.DEBUG)
    committed = leader.create(secret(VALUE))
    told = [repr(committed), repr(leader.store.snapshot()), repr(leader.store.changes_since(0)), repr(leader.store)]
    refused = [
        change("create", secret(VALUE)),
        change("update", secret(VALUE), expected="99"),
        change("update", replace(secret(VALUE), metadata=replace(secret("").metadata, uid="other"))),
    ]
    for one in refused:
        with pytest.raises(ReconcilerError) as raised:
            leader.commit(one)
        told.append(f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE changes"))
    with pytest.raises(ReconcilerError) as raised:
        leader.commit(change("update", secret(LATER)))
    told.append(f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}")
    engine.dispose()
    everything = " ".join(told) + caplog.text
    assert str(ref_of(secret(VALUE))) in everything
    assert VALUE not in everything
    assert LATER not in everything
    assert KEY.hex() not in everything


def test_a_secret_survives_a_restart(url: str, leader: Leader, clock: FakeClock) -> None:
    """With the same key everything is read again."""
    leader.create(secret(VALUE))
    leader.store.close()
    again = Store.open(url, key=KEY, clock=clock)
    assert again.snapshot().objects[ref_of(secret(""))].object.data == {"password": VALUE}  # type: ignore[union-attr]
    again.close()
