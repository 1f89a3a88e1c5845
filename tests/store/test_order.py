"""Numbers are given in the order of commits, whoever writes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.errors import StaleError
from reconciler.store import Commit, Index, Store
from tests.store.samples import KEY, FakeClock, change, config_map, pod

WRITERS = 4


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 4), min_size=4, max_size=12), run=st.uuids())
def test_concurrent_writers_leave_no_holes_and_readers_see_none(
    url: str, clock: FakeClock, sizes: list[int], run: object
) -> None:
    """While several processes' stores write, a reader of the log never sees a number before a lower one."""
    stores = [Store.open(url, key=KEY, clock=clock) for _ in range(WRITERS)]
    reader = Store.open(url, key=KEY, clock=clock)
    start = reader.versions()[0]
    done = threading.Event()

    def write(worker: int) -> list[int]:
        numbers = []
        for turn, size in enumerate(sizes):
            names = [f"{run}-{worker}-{turn}-{n}" for n in range(size)]
            commit = Commit(changes=tuple(change("create", config_map(name)) for name in names))
            numbers += [e.resource_version for e in stores[worker].commit(commit, term=None).logged]
        return numbers

    def follow() -> list[int]:
        seen: list[int] = []
        while True:
            is_last = done.is_set()
            page = reader.changes_since(seen[-1] if seen else start, limit=7)
            seen += [entry.resource_version for entry in page]
            if is_last and not page:
                return seen

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        following = pool.submit(follow)
        written = [pool.submit(write, worker) for worker in range(WRITERS)]
        try:
            numbers = sorted(number for future in written for number in future.result(timeout=60))
        finally:
            done.set()
        seen = following.result(timeout=60)
    total = sum(sizes) * WRITERS
    assert numbers == list(range(start + 1, start + total + 1))
    assert seen == numbers
    for store in (*stores, reader):
        store.close()


def test_of_concurrent_compare_and_swaps_one_wins(url: str, clock: FakeClock) -> None:
    """No update is lost, in one process or in several."""
    stores = [Store.open(url, key=KEY, clock=clock) for _ in range(WRITERS)]
    stores[0].commit(Commit(changes=(change("create", config_map()),)), term=None)
    barrier = threading.Barrier(WRITERS)

    def write(worker: int) -> bool:
        barrier.wait(10)
        swap = change("update", config_map(value=f"by-{worker}"), expected="1")
        try:
            stores[worker].commit(Commit(changes=(swap,)), term=None)
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(write, range(WRITERS)))
    assert sum(won) == 1
    stored = stores[0].snapshot().objects
    assert next(iter(stored.values())).object.data == {"key": f"by-{won.index(True)}"}
    for store in stores:
        store.close()


def test_of_concurrent_creations_of_a_name_one_wins(url: str, clock: FakeClock) -> None:
    """The others are told that it exists, and write nothing."""
    stores = [Store.open(url, key=KEY, clock=clock) for _ in range(WRITERS)]
    barrier = threading.Barrier(WRITERS)

    def write(worker: int) -> bool:
        barrier.wait(10)
        changes = (change("create", config_map(f"own-{worker}")), change("create", config_map("shared")))
        try:
            stores[worker].commit(Commit(changes=changes), term=None)
        except StaleError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(write, range(WRITERS)))
    assert sum(won) == 1
    assert len(stores[0].snapshot().objects) == 2
    assert stores[0].versions()[0] == 2
    for store in stores:
        store.close()


def test_an_index_follows_the_writers_of_other_processes(url: str, clock: FakeClock) -> None:
    """Two daemons writing at once end with the same picture, each told every change once and in order."""
    stores = [Store.open(url, key=KEY, clock=clock) for _ in range(2)]
    indexes = [Index(store) for store in stores]
    told: list[list[int]] = [[], []]
    for heard, index in zip(told, indexes, strict=True):
        index.subscribe(lambda batch, heard=heard: heard.extend(e.resource_version for e in batch))

    def write(worker: int) -> None:
        for turn in range(20):
            object = pod(f"pod-{worker}-{turn}")
            stores[worker].commit(Commit(changes=(change("create", object),)), term=None)
            assert indexes[worker].get(change("create", object).ref) is not None
            if turn % 5 == 0:
                indexes[worker].poll()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    for index in indexes:
        index.poll()
    assert told == [list(range(1, 41))] * 2
    assert dict(indexes[0].objects) == dict(indexes[1].objects) == stores[0].snapshot().objects
    for store in stores:
        store.close()
