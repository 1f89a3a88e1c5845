"""Pods in tables: how many containers are ready, and the one word that says how the Pod is. Pure."""

from collections.abc import Iterable, Iterator

from reconciler.model.kinds import ContainerState, ContainerStatus, Pod, PodStatus
from reconciler.model.times import unix
from reconciler.server.tables.columns import AGE, NAME, NONE, Cell, Cells, Form, RowCondition, Since, age, text

_ENDED = ("Succeeded", "Failed")
_COMPLETED = {
    "Succeeded": (RowCondition(type="Completed", status="True", reason="Succeeded", message="The Pod ended well."),),
    "Failed": (RowCondition(type="Completed", status="True", reason="Failed", message="The Pod failed."),),
}


def _cells(pod: Pod) -> Cells:
    spec, status = pod.spec, pod.status
    sidecars = {one.name for one in spec.init_containers if one.restart_policy == "Always"}
    word, is_starting = _init_word(pod, sidecars)
    counted = [one for one in status.init_container_statuses if one.name in sidecars]
    if is_starting:
        counted = list(status.init_container_statuses)
    ready = sum(1 for one in _started_sidecars(status, sidecars) if one.ready)
    if not is_starting or _is_true(status, "Initialized"):
        word = _main_word(status, word if is_starting else _phase_word(status))
        counted = [one for one in status.init_container_statuses if one.name in sidecars]
        counted += status.container_statuses
        ready += sum(1 for one in status.container_statuses if one.ready and one.state.running is not None)
    return (
        pod.metadata.name,
        f"{ready}/{len(spec.containers) + len(sidecars)}",
        _ending_word(pod, word),
        _restarts(counted),
        age(pod.metadata),
        status.pod_ips[0].ip if status.pod_ips else status.pod_ip or NONE,
        spec.node_name or NONE,
        status.nominated_node_name or NONE,
        _gates(pod),
    )


def _phase_word(status: PodStatus) -> str:
    for condition in status.conditions:
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            return condition.reason
    return status.reason or status.phase


def _init_word(pod: Pod, sidecars: set[str]) -> tuple[str, bool]:
    """Return what the first init container that is not through says, and whether there is one."""
    for index, one in enumerate(pod.status.init_container_statuses):
        ended, waiting = one.state.terminated, one.state.waiting
        if (ended is not None and ended.exit_code == 0) or (one.name in sidecars and one.started):
            continue
        if ended is not None:
            return f"Init:{_end_word(one.state)}", True
        if waiting is not None and waiting.reason not in ("", "PodInitializing"):
            return f"Init:{waiting.reason}", True
        return f"Init:{index}/{len(pod.spec.init_containers)}", True
    return _phase_word(pod.status), False


def _main_word(status: PodStatus, word: str) -> str:
    """Return what the first container that does not simply run says, or the word so far."""
    is_running = False
    for one in reversed(status.container_statuses):
        waiting = one.state.waiting
        if waiting is not None and waiting.reason:
            word = waiting.reason
        elif one.state.terminated is not None:
            word = _end_word(one.state)
        elif one.ready and one.state.running is not None:
            is_running = True
    if word == "Completed" and is_running:
        return "Running" if _is_true(status, "Ready") else "NotReady"
    return word


def _end_word(state: ContainerState) -> str:
    ended = state.terminated
    assert ended is not None
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _ending_word(pod: Pod, word: str) -> str:
    if pod.metadata.deletion_timestamp is None:
        return word
    if pod.status.reason == "NodeLost":
        return "Unknown"
    return word if pod.status.phase in _ENDED else "Terminating"


def _started_sidecars(status: PodStatus, sidecars: set[str]) -> Iterator[ContainerStatus]:
    """Go through the sidecars up to the first init container that is not through."""
    for one in status.init_container_statuses:
        if one.state.terminated is not None and one.state.terminated.exit_code == 0:
            continue
        if not (one.name in sidecars and one.started):
            return
        yield one


def _restarts(counted: Iterable[ContainerStatus]) -> Cell:
    number, last = 0, 0.0
    for one in counted:
        number += one.restart_count
        ended = one.last_state.terminated
        if ended is not None:
            last = max(last, unix(ended.finished_at) or 0.0)
    return Since(last, f"{number} (", " ago)") if number and last else str(number)


def _gates(pod: Pod) -> str:
    gates = pod.spec.readiness_gates
    return f"{sum(_is_true(pod.status, gate.condition_type) for gate in gates)}/{len(gates)}" if gates else NONE


def _is_true(status: PodStatus, type_: str) -> bool:
    return any(one.type == type_ and one.status == "True" for one in status.conditions)


def _conditions(pod: Pod) -> tuple[RowCondition, ...]:
    return _COMPLETED.get(pod.status.phase, ())


POD = Form(
    (
        NAME,
        text("Ready", "How many of the Pod's containers are ready."),
        text("Status", "How the Pod is: its phase, or the reason why it is not further."),
        text("Restarts", "How often its containers were started again, and when last."),
        AGE,
        text("IP", "The Pod's address.", wide=True),
        text("Node", "The node it runs on.", wide=True),
        text("Nominated Node", "The node where room is being made for it.", wide=True),
        text("Readiness Gates", "How many of its readiness gates are passed.", wide=True),
    ),
    _cells,
    _conditions,
)
