"""What is worth telling about a Pod when its state changes, in the words of Kubernetes' events.

Pure. Only changes are told: the report before is compared with the one now.
"""

from collections.abc import Iterator

from reconciler.model.node_report import NodeEvent, PodReport
from reconciler.planner.node.eviction import EVICTED
from reconciler.planner.node.judgement import Want
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import host_ports
from reconciler.planner.node.pods import PodJudgement, Stage

_WAITING = {
    "CrashLoopBackOff": "BackOff",
    "ImagePullBackOff": "BackOff",
    "CreateContainerConfigError": "Failed",
    "InvalidImageName": "InspectFailed",
    "ErrImageNeverPull": "ErrImageNeverPull",
}
_GIVE_WAY = "see which with: ss -lnptu; give it or the Pod (hostPort) another port"


def happenings_of(look: Look, judged: PodJudgement, report: PodReport) -> tuple[NodeEvent, ...]:
    """Return the events that follow from how the Pod changed."""
    earlier = judged.memory.report
    if report is earlier or judged.pod is None:
        return ()
    return tuple(_changes(look, judged, earlier, report))


def _changes(look: Look, judged: PodJudgement, earlier: PodReport | None, report: PodReport) -> Iterator[NodeEvent]:
    before = dict(_waiting(earlier)) if earlier is not None else {}
    for name, (reason, message) in _waiting(report):
        if reason in _WAITING and before.get(name, ("", ""))[0] != reason:
            yield event_of(look, judged, "Warning", _WAITING[reason], message, name)
    if report.reason and (earlier is None or earlier.reason != report.reason):
        kind = "Warning" if report.reason == EVICTED else "Normal"
        yield event_of(look, judged, kind, report.reason, report.message)
    if report.pod_ip and (earlier is None or not earlier.pod_ip):
        for port in _taken_ports(look, judged):
            message = f"A program on this host listens on {port}: what comes to it leads to the Pod; {_GIVE_WAY}"
            yield event_of(look, judged, "Warning", "HostPortConflict", message)
    pending = _pending(report)
    if pending and (earlier is None or _pending(earlier)[:1] != pending[:1]):
        yield event_of(look, judged, "Warning", f"Resize{pending[0]}", pending[1])
    if judged.stage is Stage.RECREATE and (earlier is None or earlier.realised_digest):
        message = f"Pod sandbox changed, it will be killed and re-created: {judged.why}"
        yield event_of(look, judged, "Normal", "SandboxChanged", message)


def _taken_ports(look: Look, judged: PodJudgement) -> Iterator[str]:
    """Yield the Pod's ports of the host that a program of the host has as well."""
    assert judged.pod is not None
    for port in host_ports(judged.pod, judged.memory.ip):
        whole = f"{port.protocol}/{port.port}/"
        of_some = (one for one in look.facts.listening if one.startswith(whole) and not port.host_ip)
        if any(one in look.facts.listening for one in (whole, f"{whole}{port.host_ip}")) or any(of_some):
            yield f"{port.host_ip or '0.0.0.0'}:{port.port}/{port.protocol}"


def _pending(report: PodReport) -> tuple[str, ...]:
    """Return why a resize is held back, and in more words; nothing where none is."""
    found = (one for one in report.conditions if one.type == "PodResizePending")
    return next(((one.reason, one.message) for one in found), ())


def killing_events(look: Look, judged: PodJudgement) -> tuple[NodeEvent, ...]:
    """Return the events that go with the stops of containers that run and must not."""
    return tuple(
        event_of(
            look,
            judged,
            "Warning",
            "Killing",
            f"Container {one.spec.name} {one.message}, will be restarted",
            one.spec.name,
        )
        for one in judged.containers
        if one.want is Want.STOP
    )


def _waiting(report: PodReport) -> Iterator[tuple[str, tuple[str, str]]]:
    for status in (*report.init_container_statuses, *report.container_statuses):
        waiting = status.state.waiting
        if waiting is not None:
            yield status.name, (waiting.reason, waiting.message)


def event_of(look: Look, judged: PodJudgement, type_: str, reason: str, message: str, container: str = "") -> NodeEvent:
    """Return an event about a Pod, or about one container of it."""
    memory = judged.memory
    return NodeEvent(
        at=look.now,
        type=type_,
        reason=reason,
        message=message,
        namespace=memory.namespace,
        pod=memory.name,
        uid=judged.uid,
        container=container,
    )
