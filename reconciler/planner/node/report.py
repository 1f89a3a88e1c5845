"""What a node says about a Pod: phase, conditions and the state of each container, in Kubernetes' words.

Pure. A report that says nothing new is the same value as before.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.model.container_id import shown_id
from reconciler.model.granted import effective_requests
from reconciler.model.kinds import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    PodCondition,
    ResourceRequirements,
)
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import FAILS, PodReport
from reconciler.model.times import rfc3339
from reconciler.planner.node.eviction import EVICTED
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import APP, INIT, SIDECAR, Look, is_live, is_whole
from reconciler.planner.node.pods import PodJudgement, Stage
from reconciler.planner.node.restart_all import may_restart_all, still_ending
from reconciler.planner.node.unhealthy import why_unready


def report_of(look: Look, judged: PodJudgement) -> PodReport:
    """Return the report on one Pod; the earlier one when nothing differs."""
    earlier = judged.memory.report
    if judged.pod is None:
        return _unassigned(look, judged)
    if judged.memory.finished and earlier is not None and _is_laid_to_rest(judged, earlier):
        gone = _is_gone(judged)
        return earlier if earlier.gone == gone else replace(earlier, gone=gone)
    report = _report(look, judged)
    return earlier if report == earlier and earlier is not None else report


def is_ready(judged: PodJudgement) -> bool:
    """Whether every container that counts is ready, in a sandbox in which the Pod was initialized."""
    return judged.initialized and all(one.ready for one in judged.containers if one.role != INIT)


def _is_gone(judged: PodJudgement) -> bool:
    """Whether nothing is left of a Pod that ends, and nothing that was begun for it can still make anything."""
    return judged.is_terminating and judged.found.is_empty and not judged.busy


def _report(look: Look, judged: PodJudgement) -> PodReport:
    pod, memory = judged.pod, judged.memory
    assert pod is not None
    host_ip = look.host_ip
    pod_ip = host_ip if pod.spec.host_network else (memory.ip if judged.sandbox_up else "")
    return PodReport(
        uid=judged.uid,
        namespace=pod.namespace,
        name=pod.name,
        phase=_phase(look, judged),
        reason=memory.reason,
        message=memory.message,
        host_ip=host_ip,
        pod_ip=pod_ip,
        start_time=rfc3339(memory.started_at),
        conditions=_conditions(look, judged),
        init_container_statuses=tuple(_status(look, judged, one) for one in judged.inits),
        container_statuses=tuple(_status(look, judged, one) for one in judged.apps),
        ephemeral_container_statuses=tuple(_status(look, judged, one) for one in judged.debuggers),
        realised_digest=pod.digest if judged.sandbox_up else "",
        gone=_is_gone(judged),
    )


def _unassigned(look: Look, judged: PodJudgement) -> PodReport:
    memory, gone = judged.memory, _is_gone(judged)
    earlier = memory.report
    if earlier is None:
        return PodReport(
            uid=judged.uid,
            namespace=memory.namespace,
            name=memory.name,
            phase="Unknown",
            host_ip=look.host_ip,
            start_time=rfc3339(memory.started_at),
            gone=gone,
        )
    return earlier if earlier.gone == gone else replace(earlier, gone=gone)


def _is_laid_to_rest(judged: PodJudgement, earlier: PodReport) -> bool:
    """Whether a finished Pod's last word was said: nothing of it runs any more."""
    if earlier.phase != judged.memory.finished or any(is_live(fact) for fact in judged.found.containers):
        return False
    return not _says_running(earlier) and not _is_explained_late(judged, earlier)


def _is_explained_late(judged: PodJudgement, earlier: PodReport) -> bool:
    """Whether it became known after the last word that memory had run out."""
    statuses = (*earlier.init_container_statuses, *earlier.container_statuses)
    told = {one.name: one.state.terminated.reason for one in statuses if one.state.terminated is not None}
    ended = {one.spec.name: one.ended.reason for one in judged.containers if one.ended is not None}
    return any(ended.get(name) == "OOMKilled" and reason == "Error" for name, reason in told.items())


def _says_running(report: PodReport) -> bool:
    statuses = (*report.init_container_statuses, *report.container_statuses, *report.ephemeral_container_statuses)
    return any(status.state.running is not None for status in statuses)


def _phase(look: Look, judged: PodJudgement) -> str:
    """The kubelet's rules: what is still to be initialised or started is Pending, what runs is Running."""
    if judged.memory.finished:
        return judged.memory.finished
    if any(not _was_started(look, judged, one) for one in judged.apps):
        return "Pending"
    return "Running"


def _was_started(look: Look, judged: PodJudgement, one: Judgement) -> bool:
    """Whether a container runs or has run; one that is only made waits as if it were not there yet."""
    state, last = _states(look, judged, one)
    return not one.memory.void and (state.waiting is None or last is not None)


def _status(look: Look, judged: PodJudgement, one: Judgement) -> ContainerStatus:
    fact, memory = one.fact, one.memory
    live = fact is not None and is_live(fact)
    measured = fact is not None and live and fact.granted is not None
    state, last = _states(look, judged, one)
    started: bool | None = one.started if live else False
    return ContainerStatus(
        name=one.spec.name,
        image=one.spec.image,
        image_id=fact.image_id if fact is not None else "",
        container_id=shown_id(memory.container_id) if memory.container_id else "",
        ready=one.ready if one.role != INIT else one.has_succeeded,
        started=started,
        restart_count=max(0, memory.attempt),
        state=state,
        last_state=ContainerState(terminated=last) if last is not None else ContainerState(),
        allocated_resources=effective_requests(one.spec.resources) if measured else {},
        resources=_in_force(one) if measured else None,
    )


def _in_force(one: Judgement) -> ResourceRequirements:
    """Return what a running container may use: what it is to have, or what it had before."""
    return one.memory.resources if one.resize else one.spec.resources


def _states(look: Look, judged: PodJudgement, one: Judgement) -> tuple[ContainerState, ContainerStateTerminated | None]:
    """Return the state now and how the start before it ended."""
    fact = one.fact
    if fact is not None and is_live(fact):
        running = ContainerStateRunning(started_at=rfc3339(fact.started_at))
        return ContainerState(running=running), one.memory.last
    settled = one.want in (Want.DONE, Want.START) or judged.stage is not Stage.RUN
    if settled and one.ended is not None:
        return ContainerState(terminated=one.ended), one.memory.last
    waiting = ContainerStateWaiting(
        reason=one.waiting or _default_waiting(look, judged, one), message=one.message or _what_fails(look, judged)
    )
    return ContainerState(waiting=waiting), one.ended or one.memory.last


def _what_fails(look: Look, judged: PodJudgement) -> str:
    """Return why nothing of a Pod can be made, from the second time on: the first answer may be an outdated one."""
    if _is_unwired(look, judged):
        return look.unwired
    failure = judged.memory.failure
    if failure.count < FAILS or judged.stage is not Stage.RUN:
        return ""
    return f"{failure.reason}: {failure.message}" if failure.message else failure.reason


def _default_waiting(look: Look, judged: PodJudgement, one: Judgement) -> str:
    if one.role == APP and judged.inits and not judged.initialized:
        return "PodInitializing"
    return "NetworkNotReady" if _is_unwired(look, judged) else "ContainerCreating"


def _is_unwired(look: Look, judged: PodJudgement) -> bool:
    """Whether a Pod waits for a network that its host does not get."""
    return bool(look.unwired) and judged.stage is Stage.RUN and not is_whole(judged.pod, judged.found)


def _conditions(look: Look, judged: PodJudgement) -> tuple[PodCondition, ...]:
    pod = judged.pod
    assert pod is not None
    wired = judged.sandbox_up and is_whole(pod, judged.found)
    completed = judged.memory.finished == "Succeeded"
    conditions = (
        PodCondition(type="PodReadyToStartContainers", status="True" if wired else "False"),
        _initialized(judged, completed),
        _containers_ready(judged, completed),
        *_taken_away(judged),
        *_resizes(judged),
        *_restarting(judged, pod),
    )
    earlier = judged.memory.report.conditions if judged.memory.report is not None else ()
    return tuple(_dated(one, earlier, look.now) for one in conditions)


def _taken_away(judged: PodJudgement) -> tuple[PodCondition, ...]:
    if judged.memory.reason != EVICTED:
        return ()
    message = judged.memory.message
    return (PodCondition(type="DisruptionTarget", status="True", reason="TerminationByKubelet", message=message),)


def _restarting(judged: PodJudgement, pod: PodAssignment) -> Iterator[PodCondition]:
    """Whether all containers are on their way to start anew, of a Pod of which they ever may."""
    if not may_restart_all(pod.spec):
        return
    kind, words = "AllContainersRestarting", {"Succeeded": "PodCompleted", "Failed": "PodFailed"}
    if judged.memory.finished or not still_ending((*judged.containers, *judged.debuggers)):
        yield PodCondition(type=kind, status="False", reason=words.get(judged.memory.finished, ""))
    else:
        message = "container exited with restart policy rule"
        yield PodCondition(type=kind, status="True", reason="RestartAllContainersStarted", message=message)


def _resizes(judged: PodJudgement) -> Iterator[PodCondition]:
    memory = judged.memory
    if memory.pending and not memory.finished:
        yield PodCondition(
            type="PodResizePending", status="True", reason=memory.pending, message=memory.pending_because
        )
    changing = [one for one in judged.containers if one.resize]
    if changing:
        failed = next((one.memory.resize_failure for one in changing if one.memory.resize_failure.count), None)
        yield PodCondition(
            type="PodResizeInProgress",
            status="True",
            reason="Error" if failed is not None else "",
            message=failed.message if failed is not None else "",
        )


def _initialized(judged: PodJudgement, completed: bool) -> PodCondition:
    if completed:
        return PodCondition(type="Initialized", status="True", reason="PodCompleted")
    if judged.initialized or not judged.inits:
        return PodCondition(type="Initialized", status="True")
    names = [one.spec.name for one in judged.inits if not (one.is_up if one.role == SIDECAR else one.has_succeeded)]
    message = f"containers with incomplete status: [{' '.join(names)}]"
    return PodCondition(type="Initialized", status="False", reason="ContainersNotInitialized", message=message)


def _containers_ready(judged: PodJudgement, completed: bool) -> PodCondition:
    if completed:
        return PodCondition(type="ContainersReady", status="False", reason="PodCompleted")
    if judged.memory.finished == "Failed":
        return PodCondition(type="ContainersReady", status="False", reason="PodFailed")
    if is_ready(judged):
        return PodCondition(type="ContainersReady", status="True")
    names = [one.spec.name for one in judged.containers if one.role != INIT and not one.ready]
    message = f"containers with unready status: [{' '.join(names)}]"
    failing = ((name, why_unready(judged.memory, name)) for name in names)
    message += "".join(f"; {name}: {why}" for name, why in failing if why)
    return PodCondition(type="ContainersReady", status="False", reason="ContainersNotReady", message=message)


def _dated(condition: PodCondition, earlier: tuple[PodCondition, ...], now: float) -> PodCondition:
    """A condition keeps the time at which its status last changed."""
    for one in earlier:
        if one.type == condition.type and one.status == condition.status:
            return replace(condition, last_transition_time=one.last_transition_time)
    return replace(condition, last_transition_time=rfc3339(now))
