"""Thresholds and schedule of probes, as the kubelet counts them.

Pure. A state belongs to one start of one container (its key holds the container's id), so results survive an
agent's restart (P10) and never outlive a container.
"""

from reconciler.model.node_report import ProbeState, ProbeTarget

SUCCESS = "success"
FAILURE = "failure"
_COUNT_MAX = 1_000_000


def advance(state: ProbeState, target: ProbeTarget, ok: bool, message: str, now: float) -> ProbeState:
    """Return the state after one more raw result; the result changes only when a threshold is reached."""
    successes = min(_COUNT_MAX, state.successes + 1) if ok else 0
    failures = 0 if ok else min(_COUNT_MAX, state.failures + 1)
    reached = successes >= target.probe.success_threshold if ok else failures >= target.probe.failure_threshold
    return ProbeState(
        key=target.key,
        result=(SUCCESS if ok else FAILURE) if reached else state.result,
        successes=successes,
        failures=failures,
        message="" if ok else message,
        probed_at=now,
    )


def next_at(state: ProbeState | None, target: ProbeTarget, now: float) -> float:
    """Return when the probe is due: after its initial delay at first, then once per period.

    What lies in the future was noted before the clock was set back: nobody knows how long ago, and the probe is due.
    """
    if target.started_at > now or (state is not None and state.probed_at > now):
        return now
    first = target.started_at + target.probe.initial_delay_seconds
    if state is None or state.probed_at <= 0:
        return first
    return max(first, state.probed_at + target.probe.period_seconds)


def result_of(probes_state: ProbeState | None) -> str:
    """Return unknown, success or failure."""
    return "unknown" if probes_state is None else probes_state.result
