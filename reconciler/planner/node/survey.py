"""One Pod, seen whole: what it needs, its report, its probes, and what it means for the network map.

Pure. A Pod that needs nothing and whose inputs did not change since costs one comparison: the last such answer per
Pod is kept beside the function, and only ever used for equal inputs.
"""

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import NodeEvent, PodReport, ProbeTarget
from reconciler.planner.node.happenings import happenings_of
from reconciler.planner.node.look import Look, PodFacts
from reconciler.planner.node.memory import PodMemory
from reconciler.planner.node.network import LocalTruth, host_ports
from reconciler.planner.node.pods import PodJudgement, judge_pod
from reconciler.planner.node.probes import result_of
from reconciler.planner.node.report import is_ready, report_of
from reconciler.planner.node.targets import targets_of
from reconciler.planner.node.unhealthy import failing, next_telling, note_failing


class Survey(Part, frozen=True):
    """What is known of one Pod after looking. `judged` is None when nothing is to be done for it."""

    uid: str
    pod: PodAssignment | None
    found: PodFacts
    memory: PodMemory
    report: PodReport
    truth: LocalTruth | None
    targets: tuple[ProbeTarget, ...] = ()
    events: tuple[NodeEvent, ...] = ()
    judged: PodJudgement | None = None


class _Settled(Part, frozen=True):
    host_ip: str
    results: tuple[tuple[str, str | None], ...]
    until: float | None
    survey: Survey


_SETTLED: dict[tuple[str, str], _Settled] = {}
_SETTLED_MAX = 20_000


def settled_survey(
    look: Look, uid: str, pod: PodAssignment | None, memory: PodMemory, found: PodFacts
) -> Survey | None:
    """Return the kept answer when it still holds."""
    kept = _SETTLED.get((look.node, uid))
    if look.reclaim and memory.finished and found.containers:
        return None
    if kept is None or (kept.until is not None and look.now >= kept.until):
        return None
    survey = kept.survey
    if survey.memory is not memory and survey.memory != memory:
        return None
    same = (survey.pod is pod or survey.pod == pod) and survey.found == found and kept.host_ip == look.host_ip
    return survey if same and kept.results == _results(look, survey) else None


def keep_settled(look: Look, survey: Survey) -> None:
    """Keep the answer about a Pod for which nothing is to be done."""
    pod = survey.pod
    if len(_SETTLED) >= _SETTLED_MAX:
        _SETTLED.clear()
    quiet = Survey(
        uid=survey.uid,
        pod=pod,
        found=survey.found,
        memory=survey.memory,
        report=survey.report,
        truth=survey.truth,
        targets=survey.targets,
    )
    _SETTLED[look.node, survey.uid] = _Settled(look.host_ip, _results(look, survey), _until(look, survey), quiet)


def _until(look: Look, survey: Survey) -> float | None:
    """Return when the answer about a Pod may change though nothing of it does."""
    pod, times = survey.pod, []
    if pod is not None and pod.spec.active_deadline_seconds is not None and not survey.memory.finished:
        times.append(survey.memory.started_at + pod.spec.active_deadline_seconds)
    if pod is not None and pod.deletion_requested_at is None:
        telling = next_telling(look, survey.memory, survey.targets)
        times.extend(() if telling is None else (telling,))
    return min(times, default=None)


def survey_pod(look: Look, uid: str, pod: PodAssignment | None, memory: PodMemory, found: PodFacts) -> Survey:
    """Look at one Pod."""
    judged = judge_pod(look, uid, pod, memory, found)
    targets = targets_of(look, judged)
    noted, unhealthy = note_failing(look, judged, targets)
    if noted is not judged.memory:
        judged = replace(judged, memory=noted)
    report = report_of(look, judged)
    events = (*happenings_of(look, judged, report), *unhealthy)
    later = judged.memory if judged.memory.report is report else replace(judged.memory, report=report)
    return Survey(
        uid=uid,
        pod=pod,
        found=found,
        memory=later,
        report=report,
        truth=_truth(look, judged, report),
        targets=targets,
        events=events,
        judged=judged,
    )


def last_known(pod: PodAssignment, memory: PodMemory) -> LocalTruth | None:
    """Return what the last report says a Pod means for the network, while the Engine is silent."""
    report = memory.report
    if report is None or report.gone or memory.finished:
        return None
    ready = any(one.type == "ContainersReady" and one.status == "True" for one in report.conditions)
    terminating = pod.deletion_requested_at is not None
    ports = () if terminating else host_ports(pod, report.pod_ip)
    return LocalTruth(
        uid=report.uid,
        ip=report.pod_ip,
        ready=ready,
        terminating=terminating,
        gated=bool(pod.spec.readiness_gates),
        ports=ports,
    )


def _truth(look: Look, judged: PodJudgement, report: PodReport) -> LocalTruth | None:
    pod = judged.pod
    if pod is None or report.gone or judged.memory.finished:
        return None
    ip = look.host_ip if pod.spec.host_network else judged.memory.ip
    ports = host_ports(pod, ip) if judged.sandbox_up and not judged.is_terminating else ()
    return LocalTruth(
        uid=judged.uid,
        ip=ip,
        ready=is_ready(judged),
        terminating=judged.is_terminating,
        gated=bool(pod.spec.readiness_gates),
        ports=ports,
    )


def _results(look: Look, survey: Survey) -> tuple[tuple[str, str | None], ...]:
    if not survey.targets:
        return ()
    return tuple((result_of(look.probes.get(one.key)), failing(look, one)) for one in survey.targets)
