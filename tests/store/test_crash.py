"""Killing a writer at any moment loses nothing that was acknowledged and leaves nothing torn (P17)."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from reconciler.store import Store
from tests.store.samples import KEY, FakeClock
from tests.store.writer import OBJECTS

ROOT = Path(__file__).resolve().parents[2]
KILLS = 5


def test_kill_9_in_mid_transaction_leaves_nothing_torn(url: str, clock: FakeClock) -> None:
    """All parts of a round are there or none, acknowledged rounds are, and the next writer goes on (P17)."""
    chance = random.Random(17)
    Store.open(url, key=KEY, clock=clock).close()
    last_seen = 0
    for _ in range(KILLS):
        acknowledged = _run_and_kill(url, chance.uniform(0.0, 0.08))
        last_seen = _check_whole(url, clock, max(acknowledged, last_seen))


def _run_and_kill(url: str, after_s: float) -> int:
    """Start a writer, let it acknowledge two rounds, kill it a random moment later; return its last round."""
    command = [sys.executable, "-m", "tests.store.writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline(), writer.stdout.readline()]
        time.sleep(after_s)
        writer.kill()
        lines += writer.stdout.readlines()
    assert lines[1], "the writer ended by itself"
    return max(int(line) for line in lines if line.endswith("\n"))


def _check_whole(url: str, clock: FakeClock, acknowledged: int) -> int:
    store = Store.open(url, key=KEY, clock=clock)
    snapshot = store.snapshot()
    rounds = {int(stored.object.data["key"]) for stored in snapshot.objects.values()}  # type: ignore[union-attr]
    assert len(snapshot.objects) == OBJECTS
    assert len(rounds) == 1
    (number,) = rounds
    assert number >= acknowledged
    assert snapshot.allocations == {"number/shop/web": str(number)}
    assert snapshot.sources["main"].error == str(number)
    assert store.plans(1)[0].id == str(number)
    assert snapshot.resource_version == number * OBJECTS
    last = store.changes_since(snapshot.resource_version - OBJECTS, limit=OBJECTS)
    assert [entry.resource_version for entry in last][-1] == snapshot.resource_version
    store.close()
    return number
