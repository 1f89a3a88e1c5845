"""When probes are due, also when the clock is set."""

from reconciler.model.kinds import Container, Probe
from reconciler.model.node_report import ProbeState, ProbeTarget
from reconciler.planner.node.probes import next_at

NOW = 1_000_000.0


def target(started_at: float) -> ProbeTarget:
    """Return a probe of a container that began then; its first try comes after 5 s, then one every 10 s."""
    probe = Probe(initial_delay_seconds=5, period_seconds=10)
    return ProbeTarget(
        pod_uid="u",
        pod_ip="10.0.0.1",
        container="c",
        container_id="i",
        probe_kind="readiness",
        probe=probe,
        spec=Container(name="c", image="i"),
        started_at=started_at,
    )


def test_the_first_probe_waits_for_its_delay() -> None:
    """A container has time to begin."""
    assert next_at(None, target(NOW), NOW) == NOW + 5


def test_probes_follow_each_other_by_their_period() -> None:
    """Once per period, and never before the first delay."""
    state = ProbeState(key="k", probed_at=NOW - 4)
    assert next_at(state, target(NOW - 100), NOW) == NOW + 6
    assert next_at(state, target(NOW - 1), NOW) == NOW + 6


def test_a_clock_that_was_set_back_silences_no_probe() -> None:
    """A container that begins in the future, or was probed there, is probed at once."""
    assert next_at(None, target(NOW + 300), NOW) == NOW
    assert next_at(ProbeState(key="k", probed_at=NOW + 300), target(NOW - 100), NOW) == NOW
