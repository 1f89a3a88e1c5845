"""The index: always equal to the store, whole commits only, resumable."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.errors import StaleError
from reconciler.model.kinds import ref_of
from reconciler.model.observed import Acknowledgement, SourceState
from reconciler.store import Commit, EventType, Gone, Index, Logged, Objects, Store, View
from tests.store.samples import KEY, FakeClock, Leader, change, config_map, pod, running

NAMES = ("a", "b", "c")
steps = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(("create", "update", "delete")),
            st.sampled_from(NAMES),
            st.sampled_from(("shop", "bank")),
            st.integers(0, 2),
        ),
        max_size=4,
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=steps, fallback=st.booleans())
def test_the_index_equals_the_store_and_old_views_stay(clock: FakeClock, commits: list, fallback: bool) -> None:
    """After any transactions, refused ones too; replaying the log from any number gives the same."""
    store = Store.open("sqlite://", key=KEY, clock=clock)
    index = Index(store, ring=2 if fallback else 1_000)
    moments: list[tuple[View, dict]] = []
    for commit in commits:
        changes = tuple(change(verb, config_map(name, str(value), space)) for verb, name, space, value in commit)
        try:
            leader = Commit(changes=changes)
            store.commit(leader, term=_term(store))
        except StaleError:
            pass
        snapshot = store.snapshot()
        assert dict(index.objects) == snapshot.objects
        assert len(index.objects) == len(snapshot.objects)
        assert (index.resource_version, index.tombstones) == (snapshot.resource_version, snapshot.tombstones)
        moments.append((index.view, snapshot.objects))
    for view, objects in moments:
        assert dict(view.objects.items()) == objects
        replayed = view.objects.changed(
            (entry.stored.ref, None if entry.type is EventType.DELETED else entry.stored)
            for entry in index.since(view.resource_version)
        )
        assert dict(replayed) == dict(index.objects)
    store.close()


def _term(store: Store) -> int:
    lease = store.acquire("leader", "test", 1e9)
    assert lease is not None
    return lease.term


def test_a_reader_never_sees_half_a_commit(leader: Leader) -> None:
    """While a writer changes two objects together, every view has both as they were or both as they became."""
    index = Index(leader.store)
    leader.create(config_map("left", "0"), config_map("right", "0", namespace="bank"))
    left, right = ref_of(config_map("left")), ref_of(config_map("right", namespace="bank"))
    done = threading.Event()
    torn: list[tuple[str, str]] = []

    def read() -> None:
        while not done.is_set():
            objects = index.objects
            pair = tuple(objects[ref].object.data["key"] for ref in (left, right))  # type: ignore[union-attr]
            if len(set(pair)) != 1:
                torn.append(pair)  # type: ignore[arg-type]

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(1, 60):
        leader.commit(
            change("update", config_map("left", str(turn))),
            change("update", config_map("right", str(turn), namespace="bank")),
        )
    done.set()
    reader.join(10)
    assert torn == []


def test_subscribers_hear_whole_commits_with_the_state_before(leader: Leader) -> None:
    """`previous` lets a watch with a selector tell what left it."""
    index = Index(leader.store)
    heard: list[tuple[Logged, ...]] = []
    stop = index.subscribe(heard.append)
    leader.create(pod(), config_map())
    leader.commit(change("status", running(pod())))
    leader.commit(change("delete", pod()), change("create", pod(uid="new"), incarnation=2))
    stop()
    leader.create(config_map("unheard"))
    assert [[entry.resource_version for entry in batch] for batch in heard] == [[1, 2], [3], [4, 5]]
    assert heard[0][0].previous is None
    assert heard[1][0].previous == heard[0][0].stored
    assert [entry.previous and entry.previous.object.status.phase for entry in heard[2]] == ["Running", None]  # type: ignore[union-attr]


def test_a_commit_is_in_the_index_when_it_returns(leader: Leader) -> None:
    """The writer reads its own writes."""
    index = Index(leader.store)
    leader.create(pod())
    stored = index.get(ref_of(pod()))
    assert stored is not None
    assert index.by_kind("Pod") == index.by_namespace("Pod", "shop") == (stored,)
    assert index.by_kind("ConfigMap") == index.by_namespace("Pod", "bank") == ()
    assert ref_of(pod()) in index.objects
    assert ref_of(config_map()) not in index.objects
    assert index.objects[ref_of(pod())] is stored


def test_the_small_tables_follow_as_well(url: str, leader: Leader, clock: FakeClock) -> None:
    """Allocations, sources and acknowledgements, of this process at once and of others with a poll."""
    index = Index(leader.store)
    leader.commit(allocations={"clusterip/shop/web": "10.43.0.9"}, sources=(SourceState(name="main"),))
    assert index.side == leader.store.side_state()
    other = Store.open(url, key=KEY, clock=clock)
    other.acknowledge(Acknowledgement(source="main", objects=(ref_of(pod()),)))
    other.commit(Commit(changes=(change("create", pod()),)), term=None)
    assert index.get(ref_of(pod())) is None
    assert index.poll()
    assert not index.poll()
    assert index.get(ref_of(pod())) is not None
    assert len(index.side.acknowledgements) == 1
    other.close()


def test_a_watch_resumes_from_memory_or_from_the_log(leader: Leader) -> None:
    """Older numbers than the ring are read from the database, older ones than that are gone."""
    index = Index(leader.store, ring=4)
    for n in range(10):
        leader.create(config_map(f"c{n}"))
    for start in (0, 3, 8, 10):
        assert [entry.resource_version for entry in index.since(start)] == list(range(start + 1, 11))
    leader.clock.at += 100.0
    leader.store.prune_history(leader.clock.at - 50.0)
    with pytest.raises(Gone):
        index.since(1)
    with pytest.raises(Gone):
        index.since(11)
    assert [entry.resource_version for entry in index.since(8)] == [9, 10]


def test_following_misses_nothing_and_tells_nothing_twice(leader: Leader) -> None:
    """The past and the subscription meet without a gap."""
    index = Index(leader.store)
    leader.create(config_map("a"))
    heard: list[tuple[Logged, ...]] = []
    past, stop = index.follow(0, heard.append)
    leader.create(config_map("b"))
    assert [entry.resource_version for entry in past] == [1]
    assert [entry.resource_version for batch in heard for entry in batch] == [2]
    stop()


def test_an_index_that_fell_behind_the_log_starts_anew(url: str, leader: Leader, clock: FakeClock) -> None:
    """Its subscribers are told the difference, and older watches are gone."""
    leader.create(config_map("stays"), config_map("changes"), config_map("goes"))
    other = Store.open(url, key=KEY, clock=clock)
    index = Index(other)
    heard: list[tuple[EventType, str]] = []
    index.subscribe(lambda batch: heard.extend((entry.type, entry.stored.ref.name) for entry in batch))
    leader.commit(change("delete", config_map("goes")), change("update", config_map("changes", "2")))
    leader.create(config_map("comes"))
    clock.at += 10.0
    leader.store.prune_history(clock.at)
    assert index.poll()
    assert sorted(heard) == [
        (EventType.ADDED, "comes"),
        (EventType.DELETED, "goes"),
        (EventType.MODIFIED, "changes"),
    ]
    assert dict(index.objects) == leader.store.snapshot().objects
    with pytest.raises(Gone):
        index.since(3)
    other.close()


def test_objects_are_a_mapping_without_look_ups() -> None:
    """Values, items, keys and length agree."""
    assert len(Objects()) == 0
    assert list(Objects().items()) == list(Objects().values()) == list(Objects()) == []
