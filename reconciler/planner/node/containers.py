"""What each container of a Pod needs now, seen by itself: the order among them is decided in `pods.py`.

Pure. Every container gets exactly one want, with the reason and, while it waits, Kubernetes' word for it.
"""

from reconciler.model.kinds import Container, ContainerStateTerminated
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Reason
from reconciler.model.pod_name import pod_full_name
from reconciler.planner.node.backoff import RESTART_MAX_S
from reconciler.planner.node.holding import earlier_failure, held_back, must_pull
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import APP, INIT, SIDECAR, Look, PodFacts, has_ended, is_live, shares
from reconciler.planner.node.memory import ContainerMemory
from reconciler.planner.node.probes import FAILURE, result_of
from reconciler.planner.node.resizes import has_other_limits, is_other_size, is_to_be_resized, restarts
from reconciler.planner.node.restart_all import action_after, why_stopped

UNKNOWN_END = 137


def role_of(container: Container, *, is_init: bool) -> str:
    """Return init, sidecar or app."""
    if not is_init:
        return APP
    return SIDECAR if container.restart_policy == "Always" else INIT


def judge(
    look: Look,
    pod: PodAssignment,
    spec: Container,
    role: str,
    memory: ContainerMemory,
    found: PodFacts,
    *,
    done: bool,
    starting: bool,
) -> Judgement:
    """Judge one container.

    `done`: it is an init container whose work the running sandbox already has. `starting`: the action that starts it
    is still under way, so its postStart hook may be.
    """
    facts = found.of(spec.name)
    fact = facts[-1] if facts else None
    sandbox = found.sandbox
    if fact is not None and is_live(fact):
        return _running(look, pod, spec, role, memory, fact, sandbox, starting=starting)
    if fact is not None and not has_ended(fact) and shares(fact, sandbox):
        return startable(look, pod, spec, role, memory, fact, fact.attempt, Reason.CONTAINER_MISSING)
    return _not_running(look, pod, spec, role, memory, fact, sandbox, done)


def _running(
    look: Look,
    pod: PodAssignment,
    spec: Container,
    role: str,
    memory: ContainerMemory,
    fact: ContainerFact,
    sandbox: ContainerFact | None,
    *,
    starting: bool,
) -> Judgement:
    startup = _probe_result(look, fact, "startup")
    # A container counts as started only after its postStart hook.
    hooked = starting and spec.lifecycle.post_start is not None
    passed = spec.startup_probe is None or startup == "success" or (startup == "unknown" and memory.started)
    started = passed and not hooked
    ready = started and _is_ready(look, spec, role, memory, fact)
    want, reason, message, grace_s = _fault(look, spec, memory, fact, startup)
    within = pod.spec.resources.limits
    other = is_to_be_resized(memory, spec, within, fact) or has_other_limits(pod.spec, sandbox)
    resize = want is Want.RUN and other
    if resize and fact.granted is not None and restarts(spec, within, fact.granted):
        want, reason, message = (
            Want.STOP,
            Reason.SPEC_CHANGED,
            "other resources: its resizePolicy asks for a restart",
        )
    return Judgement(
        spec=spec,
        role=role,
        memory=memory,
        fact=fact,
        want=want,
        reason=reason,
        message=message,
        started=started,
        ready=ready,
        grace_s=grace_s,
        resize=resize and want is Want.RUN,
    )


def _is_ready(look: Look, spec: Container, role: str, memory: ContainerMemory, fact: ContainerFact) -> bool:
    if role == INIT:
        return False
    if spec.readiness_probe is None:
        return True
    result = _probe_result(look, fact, "readiness")
    return result == "success" or (result == "unknown" and memory.ready)


def _fault(
    look: Look, spec: Container, memory: ContainerMemory, fact: ContainerFact, startup: str
) -> tuple[Want, Reason, str, float | None]:
    """Say whether a running container must be stopped all the same."""
    if memory.void and memory.container_id == fact.id:
        return Want.STOP, Reason.CONTAINER_EXITED, why_stopped(memory), None
    if spec.startup_probe is not None and startup == FAILURE:
        grace = spec.startup_probe.termination_grace_period_seconds
        return Want.STOP, Reason.CONTAINER_UNHEALTHY, "failed startup probe", grace
    if spec.liveness_probe is not None and _probe_result(look, fact, "liveness") == FAILURE:
        grace = spec.liveness_probe.termination_grace_period_seconds
        return Want.STOP, Reason.CONTAINER_UNHEALTHY, "failed liveness probe", grace
    if memory.condemned == fact.id:
        return Want.STOP, Reason.CONTAINER_UNHEALTHY, memory.condemned_because, None
    if memory.container_id == fact.id and _has_another_image(memory, spec):
        return Want.STOP, Reason.SPEC_CHANGED, f"image {memory.image} -> {spec.image}", None
    return Want.RUN, Reason.IN_SYNC, "", None


def _probe_result(look: Look, fact: ContainerFact, kind: str) -> str:
    return result_of(look.probes.get(f"{fact.id}/{kind}"))


def _not_running(
    look: Look,
    pod: PodAssignment,
    spec: Container,
    role: str,
    memory: ContainerMemory,
    fact: ContainerFact | None,
    sandbox: ContainerFact | None,
    done: bool,
) -> Judgement:
    ended = memory.ended
    if role == INIT and done:
        return judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    seen = memory.attempt >= 0
    if fact is None and seen and ended is None:
        ended = ContainerStateTerminated(exit_code=UNKNOWN_END, reason="ContainerStatusUnknown")
    here = fact is not None and shares(fact, sandbox) and not memory.void
    if role == INIT and here and ended is not None and ended.exit_code == 0:
        return judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    if seen and ended is not None and not memory.void and _is_final(pod, spec, role, ended, here):
        return judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    reason = Reason.CONTAINER_MISSING if fact is None else Reason.CONTAINER_EXITED
    until = 0.0 if _has_another_image(memory, spec) or is_other_size(memory, spec) else _backoff_end(memory, fact)
    # An end that is yet to come was told by a clock that was ahead.
    if fact is not None and look.now < until <= look.now + RESTART_MAX_S:
        return _crash_loop(look, pod, spec, role, memory, fact, until)
    return startable(look, pod, spec, role, memory, fact, memory.attempt + 1, reason)


def _is_final(pod: PodAssignment, spec: Container, role: str, ended: ContainerStateTerminated, here: bool) -> bool:
    """Whether the container's restart policy, or else the Pod's, leaves an ended container alone."""
    policy = spec.restart_policy or pod.spec.restart_policy
    if role == SIDECAR or policy == "Always" or action_after(spec, ended.exit_code):
        return False
    if role == INIT:
        return policy == "Never" and here and ended.exit_code != 0
    return policy == "Never" or ended.exit_code == 0


def _has_another_image(memory: ContainerMemory, spec: Container) -> bool:
    """Whether the container last ran from another image: what that did says nothing about the new one."""
    return bool(memory.image) and memory.image != spec.image


def _backoff_end(memory: ContainerMemory, fact: ContainerFact | None) -> float:
    if fact is None or not has_ended(fact):
        return 0.0
    return (fact.finished_at or fact.created_at) + memory.backoff_s


def _crash_loop(
    look: Look,
    pod: PodAssignment,
    spec: Container,
    role: str,
    memory: ContainerMemory,
    fact: ContainerFact,
    until: float,
) -> Judgement:
    named = f"container={spec.name} pod={pod_full_name(pod.name, pod.namespace)}"
    message = f"back-off {memory.backoff_s:.0f}s restarting failed {named}"
    waiting = "CrashLoopBackOff"
    return judgement(
        spec,
        role,
        memory,
        fact,
        Want.WAIT,
        Reason.BACK_OFF,
        memory.ended,
        waiting=waiting,
        message=message,
        until=until,
    )


def startable(
    look: Look,
    pod: PodAssignment,
    spec: Container,
    role: str,
    memory: ContainerMemory,
    fact: ContainerFact | None,
    attempt: int,
    reason: Reason,
) -> Judgement:
    """Judge a container that should start: it does unless its image, its references or an earlier failure forbid."""
    held = held_back(look, pod, spec, memory)
    ended = memory.ended
    if held is not None:
        why, waiting, message, until = held
        return judgement(
            spec,
            role,
            memory,
            fact,
            Want.WAIT,
            why,
            ended,
            attempt=attempt,
            waiting=waiting,
            message=message,
            until=until,
        )
    # While the same is tried again, the status keeps saying why it is not running yet.
    pull = must_pull(look, spec)
    earlier = earlier_failure(look, pod, spec, memory) if pull or memory.failure.count else None
    return judgement(
        spec,
        role,
        memory,
        fact,
        Want.START,
        reason,
        ended,
        attempt=attempt,
        pull=pull,
        waiting=earlier.reason if earlier else "",
        message=earlier.message if earlier else "",
    )


def judgement(
    spec: Container,
    role: str,
    memory: ContainerMemory,
    fact: ContainerFact | None,
    want: Want,
    reason: Reason,
    ended: ContainerStateTerminated | None,
    *,
    attempt: int = 0,
    pull: bool = False,
    waiting: str = "",
    message: str = "",
    until: float | None = None,
    started: bool = False,
) -> Judgement:
    """Return the judgement of a container that is not to be stopped."""
    return Judgement(
        spec=spec,
        role=role,
        memory=memory,
        fact=fact,
        want=want,
        reason=reason,
        ended=ended,
        attempt=attempt,
        pull=pull,
        waiting=waiting,
        message=message,
        until=until,
        started=started,
    )
