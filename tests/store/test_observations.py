"""Reports of nodes: the newest counts, and the past can be asked."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace
from sqlalchemy import create_engine, text

from reconciler.model.node_report import NodeEvent
from reconciler.store import Store
from tests.store.samples import FakeClock, Leader, observation


def _history(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM pod_history")).scalar_one()
    engine.dispose()
    return int(found)


def test_the_latest_report_is_kept(store: Store, clock: FakeClock) -> None:
    """With the time at which it arrived."""
    assert store.record_observation(observation(1, 100.0))
    assert store.record_observation(observation(2, 105.0, phase="Failed", memory=Raw(b'{"a":1}')))
    node = store.snapshot().nodes["node-1"]
    assert node.heartbeat_at == clock.at
    assert node.observation == observation(2, 105.0, phase="Failed", memory=Raw(b'{"a":1}'))


@pytest.mark.parametrize(
    ("late", "accepted"),
    [
        (observation(5, 100.0), False),
        (observation(4, 99.0), False),
        (observation(4, 100.0), False),
        (observation(6, 101.0), True),
        (observation(6, 50.0), True),
        (observation(1, 130.0), True),
        (observation(1, 130.0, boot_id="boot-2"), True),
    ],
)
def test_older_reports_of_a_boot_are_refused(store: Store, late, accepted: bool) -> None:
    """What was overtaken on its way changes nothing; a clock or a counter that fell back silences nobody."""
    store.record_observation(observation(5, 100.0))
    before = store.snapshot().nodes
    assert store.record_observation(late) is accepted
    assert (store.snapshot().nodes == before) is not accepted


def test_reports_of_an_earlier_boot_are_refused(store: Store) -> None:
    """However new they claim to be: a boot does not come back."""
    store.record_observation(observation(5, 100.0, boot_id="boot-1"))
    store.record_observation(observation(1, 110.0, boot_id="boot-2"))
    assert not store.record_observation(observation(6, 120.0, boot_id="boot-1"))
    observed = store.snapshot().nodes["node-1"].observation
    assert observed is not None
    assert observed.boot_id == "boot-2"


def test_a_boot_comes_back_when_the_later_one_was_that_of_a_copy(store: Store, clock: FakeClock) -> None:
    """That one has been silent for a lease, and is refused from then on."""
    store.record_observation(observation(5, 100.0, boot_id="boot-1"))
    store.record_observation(observation(1, 110.0, boot_id="copy"))
    clock.at += 41
    assert store.record_observation(observation(6, 150.0, boot_id="boot-1"))
    assert not store.record_observation(observation(2, 151.0, boot_id="copy"))
    assert store.record_observation(observation(7, 152.0, boot_id="boot-1"))


def test_reports_stay_out_of_the_change_log(store: Store) -> None:
    """They wake no watch and give no number."""
    before = store.versions()
    store.record_observation(observation())
    store.heartbeat("node-1", 1.0)
    assert store.versions() == before


def test_heartbeats_only_go_forward(store: Store) -> None:
    """Also for a node that never reported."""
    for at in (10.0, 30.0, 20.0):
        store.heartbeat("node-9", at)
    state = store.snapshot().nodes["node-9"]
    assert (state.heartbeat_at, state.observation) == (30.0, None)


def test_history_grows_only_when_something_is_said_of_a_pod(url: str, store: Store) -> None:
    """Times, free disk space, the agent's memory and events are not content; the times are kept all the same."""
    store.record_observation(observation(1, 100.0))
    events = (NodeEvent(at=1.0, reason="Pulled", message="m"),)
    store.record_observation(observation(2, 200.0, memory=Raw(b"2"), events=events))
    store.record_observation(observation(3, 300.0, memory=Raw(b"2"), events=events))
    assert _history(url) == 1
    latest = store.snapshot().nodes["node-1"].observation
    assert latest is not None
    assert (latest.sequence, latest.observed_at, latest.facts.observed_at) == (3, 300.0, 300.0)
    store.record_observation(observation(4, 400.0, phase="Failed"))
    assert _history(url) == 2


def test_what_moves_by_itself_is_stored_in_full_only_now_and_then(store: Store, clock: FakeClock) -> None:
    """An idle node does not rewrite its report all the time; what it says otherwise is stored at once."""

    def memory() -> bytes:
        latest = store.snapshot().nodes["node-1"].observation
        assert latest is not None
        return bytes(latest.memory)

    store.record_observation(observation(1, 100.0, memory=Raw(b"1")))
    store.record_observation(observation(2, 105.0, memory=Raw(b"2")))
    assert memory() == b"1"
    clock.at += 30.0
    store.record_observation(observation(3, 130.0, memory=Raw(b"3")))
    assert memory() == b"3"
    store.record_observation(observation(4, 135.0, memory=Raw(b"4"), generation=7))
    assert memory() == b"4"
    store.record_observation(
        observation(5, 140.0, memory=Raw(b"5"), generation=7, events=(NodeEvent(at=1.0, reason="r", message="m"),))
    )
    assert memory() == b"5"


def test_what_ran_at_a_time_can_be_asked(store: Store) -> None:
    """Before, between and after a change of image, and after the end (\"what ran on node X at 14:02\")."""
    store.record_observation(observation(1, 100.0, image="nginx:1.26"))
    store.record_observation(observation(2, 200.0, image="nginx:1.27"))
    store.record_observation(observation(3, 300.0, pods=()))
    assert store.what_ran("node-1", 99.0) == ()
    assert [ran.containers[0].image for ran in store.what_ran("node-1", 150.0)] == ["nginx:1.26"]
    (later,) = store.what_ran("node-1", 250.0)
    assert (later.since, later.report.name, later.containers[0].image) == (200.0, "web-1", "nginx:1.27")
    assert store.what_ran("node-1", 300.0) == ()
    assert store.what_ran("node-2", 250.0) == ()


def test_an_incomplete_report_ends_no_pod(store: Store) -> None:
    """Unknown is not absent (P20)."""
    store.record_observation(observation(1, 100.0))
    store.record_observation(observation(2, 200.0, pods=(), complete=False))
    assert len(store.what_ran("node-1", 250.0)) == 1
    store.record_observation(observation(3, 300.0, pods=()))
    assert store.what_ran("node-1", 350.0) == ()


def test_a_pod_reported_as_gone_ends(store: Store) -> None:
    """The report says so itself."""
    first = observation(1, 100.0)
    store.record_observation(first)
    store.record_observation(observation(2, 200.0, pods=(replace(first.pods[0], gone=True),)))
    assert store.what_ran("node-1", 250.0) == ()


def test_pruning_keeps_what_is_needed_to_answer_since_then(url: str, leader: Leader) -> None:
    """A Pod that runs since long is still found; what ended before is dropped."""
    store = leader.store
    store.record_observation(observation(1, 100.0, image="a"))
    store.record_observation(observation(2, 200.0, image="b"))
    both = (*observation(3, 300.0, name="web-2").pods, *observation(2, 200.0).pods)
    store.record_observation(observation(3, 300.0, pods=both, image="b"))
    store.record_observation(observation(4, 400.0, image="b"))
    store.prune_history(1_000.0)
    assert [ran.report.name for ran in store.what_ran("node-1", 2_000.0)] == ["web-1"]
    assert _history(url) == 1
