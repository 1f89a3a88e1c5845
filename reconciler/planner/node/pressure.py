"""Whether memory, disk or process numbers press the host, as the kubelet judges it.

Pure. A condition comes at once and stays for five minutes after the last look at which its signal was low
(the kubelet's `evictionPressureTransitionPeriod`), so that it does not flap.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from reconciler.model.node import NodeFacts
from reconciler.model.pressure import CONDITIONS, Threshold
from reconciler.planner.node.memory import NodeMemory

TRANSITION_S = 300.0
# The time of a pressure that lasts is brought up to date no more often: memory is written when it changes.
_REFRESH_S = 10.0


def note_pressures(memory: NodeMemory, facts: NodeFacts, thresholds: Iterable[Threshold], now: float) -> NodeMemory:
    """Remember when each condition was last seen, and forget those that are over."""
    signals = {one.signal: one for one in facts.signals}
    seen = {kind: at for kind, at in memory.pressures.items() if at <= now < at + TRANSITION_S}
    for threshold in thresholds:
        fact = signals.get(threshold.signal)
        kind = CONDITIONS[threshold.signal]
        if fact is not None and threshold.is_met(fact) and now - seen.get(kind, 0.0) >= _REFRESH_S:
            seen[kind] = now
    if seen == memory.pressures:
        return memory
    return replace(memory, pressures={kind: seen[kind] for kind in sorted(seen)})


def pressures_of(memory: NodeMemory) -> tuple[str, ...]:
    """Return the conditions that hold."""
    return tuple(sorted(memory.pressures))


def next_relief_at(memory: NodeMemory) -> float | None:
    """Return when the first condition ends, unless its signal stays low."""
    return min((at + TRANSITION_S for at in memory.pressures.values()), default=None)
