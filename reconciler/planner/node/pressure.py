"""Whether memory, disk or process numbers press the host, as the kubelet judges it.

Pure. A condition comes at once and stays for a while after the last look at which its signal was low (the kubelet's
`evictionPressureTransitionPeriod`), so that it does not flap. A soft threshold makes its condition at once as well, but
ends no Pod before it has held for its own time.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.node_report import NodeFacts
from reconciler.model.pressure import CONDITIONS, HostLimits, Threshold
from reconciler.planner.node.memory import NodeMemory

_ORDER = {"memory.available": 0, "pid.available": 2}
_IMAGES, _DISKS = "imagefs.", ("nodefs.", "imagefs.")
# The time of a pressure that lasts is brought up to date no more often: memory is written when it changes.
_REFRESH_S = 10.0


def note_pressures(memory: NodeMemory, facts: NodeFacts, limits: HostLimits, now: float) -> NodeMemory:
    """Remember since when each threshold is met and when each condition was last seen; forget what is over."""
    if not (facts.signals or memory.pressures or memory.met or memory.reclaim_at):
        return memory
    signals = {one.signal: one for one in facts.signals}
    seen = {kind: at for kind, at in memory.pressures.items() if at <= now < at + limits.transition_s}
    met: dict[str, float] = {}
    for threshold in limits.thresholds:
        fact, since = signals.get(threshold.signal), memory.met.get(threshold.key)
        if fact is None or not threshold.is_met(fact, was_met=since is not None):
            continue
        met[threshold.key] = now if since is None or since > now else since
        kind = CONDITIONS[threshold.signal]
        if now - seen.get(kind, 0.0) >= _REFRESH_S:
            seen[kind] = now
    # What is to be made free on its own begins anew with each time that a disk fills up.
    reclaim_at = memory.reclaim_at if memory.reclaim_at <= now else now
    if not _is_reclaimed(_due(met, limits.thresholds, now), facts):
        reclaim_at = 0.0
    elif not reclaim_at:
        reclaim_at = now
    if (seen, met, reclaim_at) == (memory.pressures, memory.met, memory.reclaim_at):
        return memory
    return replace(
        memory,
        pressures={kind: seen[kind] for kind in sorted(seen)},
        met={key: met[key] for key in sorted(met)},
        reclaim_at=reclaim_at,
    )


def due_thresholds(memory: NodeMemory, limits: HostLimits, now: float) -> tuple[Threshold, ...]:
    """Return the thresholds for which Pods are ended now; memory comes first, as with the kubelet, processes last."""
    found = _due(memory.met, limits.thresholds, now)
    return tuple(sorted(found, key=lambda one: _ORDER.get(one.signal, 1)))


def is_of_disk(signal: str) -> bool:
    """Whether a signal is about a disk."""
    return signal.startswith(_DISKS)


def has_image_disk(facts: NodeFacts) -> bool:
    """Whether the images are on a disk of their own."""
    return any(one.signal.startswith(_IMAGES) for one in facts.signals)


def pressures_of(memory: NodeMemory) -> tuple[str, ...]:
    """Return the conditions that hold."""
    return tuple(sorted(memory.pressures))


def next_relief_at(memory: NodeMemory, limits: HostLimits, now: float) -> float | None:
    """Return when the first condition ends, unless its signal stays low, or a soft threshold has held long enough."""
    if not memory.pressures and not memory.met:
        return None
    times = [at + limits.transition_s for at in memory.pressures.values()]
    times += (memory.met[one.key] + (one.grace_s or 0.0) for one in limits.thresholds if one.key in memory.met)
    return min((at for at in times if at > now), default=None)


def _due(met: Mapping[str, float], thresholds: Iterable[Threshold], now: float) -> list[Threshold]:
    return [one for one in thresholds if met and one.key in met and now >= met[one.key] + (one.grace_s or 0.0)]


def _is_reclaimed(due: Iterable[Threshold], facts: NodeFacts) -> bool:
    """Whether images and ended containers make room where it is short: where the images are."""
    kinds = (_IMAGES,) if has_image_disk(facts) else _DISKS
    return any(one.signal.startswith(kinds) for one in due)
