"""What controllers ask about a Pod: whether it is available, and which of two goes first."""

from typing import Any

import pytest

from reconciler.model.kinds import Condition, ContainerStatus, ObjectMeta, Pod, PodSpec, PodStatus
from reconciler.planner.workloads.podview import available_at, deletion_rank, is_available, is_ready, ready_since

EARLY, LATE = "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"
AT_TEN = 1_767_261_600.0


def pod(
    name: str = "p",
    *,
    node: str = "node-1",
    phase: Any = "Running",
    ready: str = "",
    restarts: tuple[int, ...] = (),
    made: str = EARLY,
    ending: str | None = None,
) -> Pod:
    """Return a Pod; `ready` is since when, and empty while it is not."""
    status: Any = "True" if ready else "False"
    return Pod(
        metadata=ObjectMeta(name=name, creation_timestamp=made, deletion_timestamp=ending),
        spec=PodSpec(containers=(), node_name=node),
        status=PodStatus(
            phase=phase,
            conditions=(Condition(type="Ready", status=status, last_transition_time=ready or EARLY),),
            container_statuses=tuple(ContainerStatus(name=f"c{n}", restart_count=n) for n in restarts),
        ),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod(node="", ready=EARLY), pod(phase="Pending")),
        (pod(phase="Pending", ready=EARLY), pod(phase="Unknown")),
        (pod(phase="Unknown", ready=EARLY), pod()),
        (pod(phase="Failed", ready=EARLY), pod(phase="Unknown")),
        (pod(ending=LATE), pod(ready=EARLY, ending=EARLY)),
        (pod(ready=EARLY, ending=LATE), pod(ready=EARLY)),
        (pod(ready=EARLY, ending=EARLY), pod(ready=LATE, ending=LATE)),
        (pod(ready=LATE), pod(ready=EARLY, restarts=(9,))),
        (pod(ready=EARLY, restarts=(0, 4)), pod(ready=EARLY, restarts=(3, 3), made=LATE)),
        (pod(ready=EARLY, restarts=(1,), made=EARLY), pod(ready=EARLY, made=LATE)),
        (pod(ready=EARLY, made=LATE), pod(ready=EARLY, made=EARLY)),
        (pod("a"), pod("b")),
    ],
    ids=[
        "unplaced",
        "pending before unknown",
        "unknown before running",
        "ended before unknown",
        "unready before ready",
        "ending before staying",
        "ending for longer",
        "ready for less long",
        "its worst container restarted more often",
        "a restart is one more than none",
        "younger",
        "the name breaks ties",
    ],
)
def test_of_two_pods_this_one_goes_first(first: Pod, second: Pod) -> None:
    """What serves least goes first; each question counts more than all that follow."""
    assert deletion_rank(first) < deletion_rank(second)


def test_a_pod_is_ready_since_its_condition_says_so() -> None:
    """The time of a condition that does not hold says nothing."""
    assert is_ready(pod(ready=EARLY))
    assert ready_since(pod(ready=EARLY)) == AT_TEN
    assert not is_ready(pod())
    assert ready_since(pod()) is None
    assert not is_ready(Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=())))


@pytest.mark.parametrize(
    ("min_ready_s", "now", "expected"),
    [(0, AT_TEN - 1, True), (1, AT_TEN, False), (1, AT_TEN + 1, True), (30, AT_TEN + 29.9, False)],
)
def test_a_pod_is_available_once_it_was_ready_for_long_enough(min_ready_s: int, now: float, expected: bool) -> None:
    """Without a time to wait for it is at once, whatever the clocks of its node say."""
    assert is_available(pod(ready=EARLY), min_ready_s, now) is expected
    assert available_at(pod(ready=EARLY), min_ready_s) == AT_TEN + min_ready_s
    assert not is_available(pod(), min_ready_s, now)
