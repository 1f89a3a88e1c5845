"""The conditions of a Node, in the kubelet's words while it reports and in those of upstream's controller after. Pure.

What presses a host (memory, disk, process numbers) is judged on the host, see `planner.node.pressure`.
"""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.kinds import Condition
from reconciler.model.observed import NodeState
from reconciler.planner.health import condition


class _Words(Value):
    """Reason and message of a condition while it is True and while it is False."""

    true: tuple[str, str]
    false: tuple[str, str]


_PRESSURES: Mapping[str, _Words] = {
    "MemoryPressure": _Words(
        true=("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        false=("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ),
    "DiskPressure": _Words(
        true=("KubeletHasDiskPressure", "kubelet has disk pressure"),
        false=("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ),
    "PIDPressure": _Words(
        true=("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        false=("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ),
}


def readiness(state: NodeState, *, silent: bool) -> str:
    """Return True, False or Unknown: whether a node can run Pods."""
    if silent:
        return "Unknown"
    observation = state.observation
    return "True" if observation is not None and observation.facts.complete else "False"


def node_conditions(state: NodeState, before: tuple[Condition, ...], *, silent: bool) -> tuple[Condition, ...]:
    """Return what holds of a node now; of a silent one nothing is known, and what never was told is told so."""
    if silent:
        return tuple(_unknown(kind, before) for kind in (*_PRESSURES, "Ready"))
    observation = state.observation
    pressures = observation.pressures if observation is not None else ()
    return (*(_pressure(kind, kind in pressures) for kind in _PRESSURES), _ready(state))


def _pressure(kind: str, is_there: bool) -> Condition:
    words = _PRESSURES[kind]
    reason, message = words.true if is_there else words.false
    return Condition(type=kind, status="True" if is_there else "False", reason=reason, message=message)


def _ready(state: NodeState) -> Condition:
    observation = state.observation
    if readiness(state, silent=False) == "True":
        return Condition(type="Ready", status="True", reason="KubeletReady", message="kubelet is posting ready status")
    why = f"container runtime is down: {observation.facts.engine_error}" if observation else "no report yet"
    return Condition(type="Ready", status="False", reason="KubeletNotReady", message=why)


def _unknown(kind: str, before: tuple[Condition, ...]) -> Condition:
    known = condition(before, kind)
    if known is None:
        reason, message = "NodeStatusNeverUpdated", "Kubelet never posted node status."
    elif known.status == "Unknown":
        reason, message = known.reason, known.message
    else:
        reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
    return Condition(type=kind, status="Unknown", reason=reason, message=message)
