"""Which probes should run now.

Pure. The startup probe comes first and alone; a Pod that ends is only asked whether it is ready.
"""

from reconciler.model.container_id import read_id
from reconciler.model.kinds import Container, PodSpec, Probe
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import PodReport, ProbeTarget
from reconciler.model.times import unix
from reconciler.planner.node.judgement import Judgement
from reconciler.planner.node.look import INIT, Look, is_live
from reconciler.planner.node.pods import PodJudgement, Stage


def targets_of(look: Look, judged: PodJudgement) -> tuple[ProbeTarget, ...]:
    """Return the probes of one Pod."""
    pod = judged.pod
    if pod is None or judged.stage not in (Stage.RUN, Stage.TERMINATE) or judged.memory.finished:
        return ()
    found: list[ProbeTarget] = []
    for one in judged.containers:
        if one.role != INIT and one.fact is not None and is_live(one.fact):
            found.extend(_of_container(look, judged, pod, one))
    return tuple(found)


def last_known_targets(look: Look, pod: PodAssignment, report: PodReport) -> tuple[ProbeTarget, ...]:
    """Return the probes of a Pod from its last report, while the Engine is silent: those that need no Engine."""
    specs = {spec.name: spec for spec in all_containers(pod.spec)}
    found: list[ProbeTarget] = []
    for status in (*report.init_container_statuses, *report.container_statuses):
        spec, running = specs.get(status.name), status.state.running
        if spec is None or running is None:
            continue
        started_at = unix(running.started_at) or look.now
        known = read_id(status.container_id)
        identity = known.id if known is not None else ""
        for kind, probe in _wanted(spec, started=bool(status.started), ending=pod.deletion_requested_at is not None):
            if probe.exec is None:
                found.append(_target(pod, spec, kind, probe, identity, report.pod_ip, started_at))
    return tuple(found)


def all_containers(spec: PodSpec) -> tuple[Container, ...]:
    """Return every container of a Pod in the order of their start."""
    return (*spec.init_containers, *spec.containers)


def _of_container(look: Look, judged: PodJudgement, pod: PodAssignment, one: Judgement) -> tuple[ProbeTarget, ...]:
    fact = one.fact
    assert fact is not None
    ip = look.host_ip if pod.spec.host_network else judged.memory.ip
    wanted = _wanted(one.spec, started=one.started, ending=judged.is_terminating)
    return tuple(_target(pod, one.spec, kind, probe, fact.id, ip, fact.started_at) for kind, probe in wanted)


def _wanted(spec: Container, *, started: bool, ending: bool) -> tuple[tuple[str, Probe], ...]:
    if not started and spec.startup_probe is not None:
        return () if ending else (("startup", spec.startup_probe),)
    wanted: list[tuple[str, Probe]] = []
    if spec.liveness_probe is not None and not ending:
        wanted.append(("liveness", spec.liveness_probe))
    if spec.readiness_probe is not None:
        wanted.append(("readiness", spec.readiness_probe))
    return tuple(wanted)


def _target(
    pod: PodAssignment, spec: Container, kind: str, probe: Probe, container_id: str, ip: str, started_at: float
) -> ProbeTarget:
    return ProbeTarget(
        pod_uid=pod.uid,
        pod_ip=ip,
        container=spec.name,
        container_id=container_id,
        probe_kind=kind,
        probe=probe,
        spec=spec,
        started_at=started_at,
    )
