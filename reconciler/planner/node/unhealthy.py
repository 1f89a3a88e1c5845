"""Probes that fail, told in the kubelet's words: when it begins, when the answer changes, now and then while it lasts.

Pure. What was told is remembered with the container, so that neither another pass nor the agent's restart tells it
again; how often one probe is told of has a limit, whatever a command prints.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.node_report import NodeEvent, ProbeTarget
from reconciler.planner.node.happenings import event_of
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import PodMemory, Told
from reconciler.planner.node.pods import PodJudgement

UNHEALTHY = "Unhealthy"
APART_S = 30.0
AGAIN_S = 300.0
_MESSAGE_MAX = 1000
_DELAYS_READINESS = ("startup", "readiness")


def note_failing(
    look: Look, judged: PodJudgement, targets: Iterable[ProbeTarget]
) -> tuple[PodMemory, tuple[NodeEvent, ...]]:
    """Return the Pod's memory with what is told of its probes by now, and the events that tell it.

    Nothing of a Pod that ends: that it is no longer ready is as it should be.
    """
    memory = judged.memory
    if judged.pod is None or judged.is_terminating:
        return memory, ()
    asked = _by_container(targets)
    events: list[NodeEvent] = []
    for one in judged.containers:
        name = one.spec.name
        known = memory.containers.get(name)
        if known is None or not (known.unhealthy or name in asked):
            continue
        told = _told(look, known.unhealthy, asked.get(name, ()))
        if told == known.unhealthy:
            continue
        new = (kind for kind, entry in told.items() if entry != known.unhealthy.get(kind))
        events.extend(
            event_of(look, judged, "Warning", UNHEALTHY, _sentence(kind, told[kind].message), name) for kind in new
        )
        memory = replace(memory, containers={**memory.containers, name: replace(known, unhealthy=told)})
    return memory, tuple(events)


def next_telling(look: Look, memory: PodMemory, targets: Iterable[ProbeTarget]) -> float | None:
    """Return when `note_failing` could say something else though no probe does; None: never."""
    times = []
    for target in targets:
        known = memory.containers.get(target.container)
        told = known.unhealthy.get(target.probe_kind) if known is not None else None
        if told is not None:
            times.append(told.at + (AGAIN_S if told.message == failing(look, target) else APART_S))
    return min(times, default=None)


def failing(look: Look, target: ProbeTarget) -> str | None:
    """Return what a probe that fails last said; None where it is not known to fail."""
    state = look.probes.get(target.key)
    return state.message.strip()[:_MESSAGE_MAX] if state is not None and state.failures else None


def why_unready(memory: PodMemory, container: str) -> str:
    """Say which probe keeps a container from being ready, and its answer; nothing where none is known to."""
    known = memory.containers.get(container)
    told = known.unhealthy if known is not None else {}
    return next((_sentence(kind, told[kind].message) for kind in _DELAYS_READINESS if kind in told), "")


def _sentence(kind: str, message: str) -> str:
    return f"{kind.capitalize()} probe failed: {message}"


def _by_container(targets: Iterable[ProbeTarget]) -> dict[str, list[ProbeTarget]]:
    found: dict[str, list[ProbeTarget]] = {}
    for target in targets:
        found.setdefault(target.container, []).append(target)
    return found


def _told(look: Look, known: Mapping[str, Told], targets: Iterable[ProbeTarget]) -> dict[str, Told]:
    """Return by kind of probe what is told of it; what is no longer asked is forgotten."""
    answer: dict[str, Told] = {}
    for target in targets:
        earlier, message = known.get(target.probe_kind), failing(look, target)
        if message is not None and (earlier is None or _is_due(look, earlier, message)):
            answer[target.probe_kind] = Told(message=message, at=look.now)
        elif earlier is not None and not _is_over(look, earlier, target):
            answer[target.probe_kind] = earlier
    return answer


def _is_due(look: Look, told: Told, message: str) -> bool:
    """Whether a failure is told again; a clock that was set back says nothing of how long ago it was."""
    return not 0 <= look.now - told.at < (AGAIN_S if message == told.message else APART_S)


def _is_over(look: Look, told: Told, target: ProbeTarget) -> bool:
    """Whether the probe succeeds again; for a little while it counts as the same failure if it comes back."""
    state = look.probes.get(target.key)
    return state is not None and bool(state.successes) and not 0 <= look.now - told.at < APART_S
