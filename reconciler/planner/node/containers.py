"""What each container of a Pod needs now, seen by itself: the order among them is decided in `pods.py`.

Pure. Every container gets exactly one want, with the reason and, while it waits, Kubernetes' word for it.
"""

from dataclasses import dataclass
from enum import Enum

from reconciler.model.kinds import Container, ContainerStateTerminated
from reconciler.model.node import ContainerFact, PodAssignment
from reconciler.model.plan import Reason
from reconciler.planner.node.images import full_name, full_names, pull_policy
from reconciler.planner.node.look import APP, INIT, SIDECAR, Look, PodFacts, has_ended, is_live, shares
from reconciler.planner.node.memory import ContainerMemory, Failure, ImageMemory
from reconciler.planner.node.probes import FAILURE, result_of
from reconciler.planner.node.references import missing_for_container

UNKNOWN_END = 137


class Want(Enum):
    """What a container needs: to be left running, started, stopped, waited for, or nothing ever again."""

    RUN = "run"
    START = "start"
    STOP = "stop"
    WAIT = "wait"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one container needs and how it stands.

    `fact` is its newest attempt on the host, `ended` how that (or, if it was removed by hand, the last known one)
    ended. `attempt` is the number of the next start; `waiting` and `message` are what the status says while it is
    not running; `until` is when waiting ends by itself.
    """

    spec: Container
    role: str
    memory: ContainerMemory
    fact: ContainerFact | None
    want: Want
    reason: Reason
    ended: ContainerStateTerminated | None = None
    attempt: int = 0
    pull: bool = False
    waiting: str = ""
    message: str = ""
    until: float | None = None
    started: bool = False
    ready: bool = False
    grace_s: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether it runs and has passed its startup probe."""
        return self.fact is not None and is_live(self.fact) and self.started

    @property
    def has_succeeded(self) -> bool:
        """Whether it ran to a good end for ever."""
        return self.want is Want.DONE and self.ended is not None and self.ended.exit_code == 0


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
        return _running(look, spec, role, memory, fact, starting=starting)
    if fact is not None and not has_ended(fact) and shares(fact, sandbox):
        return _startable(look, pod, spec, role, memory, fact, fact.attempt, Reason.CONTAINER_MISSING)
    return _not_running(look, pod, spec, role, memory, fact, sandbox, done)


def _running(
    look: Look, spec: Container, role: str, memory: ContainerMemory, fact: ContainerFact, *, starting: bool
) -> Judgement:
    startup = _probe_result(look, fact, "startup")
    # A container counts as started only after its postStart hook.
    hooked = starting and spec.lifecycle.post_start is not None
    passed = spec.startup_probe is None or startup == "success" or (startup == "unknown" and memory.started)
    started = passed and not hooked
    ready = started and _is_ready(look, spec, role, memory, fact)
    want, reason, message, grace_s = _fault(look, spec, memory, fact, startup)
    return Judgement(
        spec=spec,
        role=role,
        memory=memory,
        fact=fact,
        want=want,
        reason=reason,
        message=message,
        attempt=fact.attempt + 1,
        started=started,
        ready=ready,
        grace_s=grace_s,
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
        return _judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    seen = memory.attempt >= 0
    if fact is None and seen and ended is None:
        ended = ContainerStateTerminated(exit_code=UNKNOWN_END, reason="ContainerStatusUnknown")
    here = fact is not None and shares(fact, sandbox)
    if role == INIT and here and ended is not None and ended.exit_code == 0:
        return _judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    if seen and ended is not None and _is_final(pod, spec, role, ended, here):
        return _judgement(spec, role, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    reason = Reason.CONTAINER_MISSING if fact is None else Reason.CONTAINER_EXITED
    until = 0.0 if _has_another_image(memory, spec) else _backoff_end(memory, fact)
    if fact is not None and until > look.now:
        return _crash_loop(look, pod, spec, role, memory, fact, until)
    return _startable(look, pod, spec, role, memory, fact, memory.attempt + 1, reason)


def _is_final(pod: PodAssignment, spec: Container, role: str, ended: ContainerStateTerminated, here: bool) -> bool:
    """Whether the container's restart policy, or else the Pod's, leaves an ended container alone."""
    policy = spec.restart_policy or pod.spec.restart_policy
    if role == SIDECAR or policy == "Always" or _has_rule(spec, ended.exit_code):
        return False
    if role == INIT:
        return policy == "Never" and here and ended.exit_code != 0
    return policy == "Never" or ended.exit_code == 0


def _has_rule(spec: Container, exit_code: int) -> bool:
    """Whether a rule of the container says to start it again after this end."""
    return any(
        (exit_code in rule.exit_codes.values) == (rule.exit_codes.operator == "In")
        for rule in spec.restart_policy_rules
    )


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
    message = f"back-off {memory.backoff_s:.0f}s restarting failed container={spec.name} pod={pod.name}_{pod.namespace}"
    waiting = "CrashLoopBackOff"
    return _judgement(
        spec,
        role,
        memory,
        fact,
        Want.WAIT,
        Reason.BACK_OFF,
        memory.ended,
        attempt=memory.attempt + 1,
        waiting=waiting,
        message=message,
        until=until,
    )


def _startable(
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
    held = _held(look, pod, spec, memory)
    ended = memory.ended
    if held is not None:
        why, waiting, message, until = held
        return _judgement(
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
    earlier = _earlier_failure(look, pod, spec, memory) if pull or memory.failure.count else None
    return _judgement(
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


def _earlier_failure(look: Look, pod: PodAssignment, spec: Container, memory: ContainerMemory) -> Failure | None:
    pulling = look.images.get(image_key(pod, spec), ImageMemory()).failure
    if pulling.count:
        _, waiting, message, _ = _pull_held(spec, pulling.reason, pulling.message, 0.0, pulling.count)
        return Failure(reason=waiting, message=message)
    return memory.failure if memory.failure.count else None


def _held(
    look: Look, pod: PodAssignment, spec: Container, memory: ContainerMemory
) -> tuple[Reason, str, str, float | None] | None:
    missing = missing_for_container(pod, spec)
    if missing:
        return Reason.MISSING_REFERENCE, "CreateContainerConfigError", f"{', '.join(missing)} not found", None
    image = full_name(spec.image)
    if not image:
        message = f'failed to parse image name "{spec.image}"'
        return Reason.IMAGE_MISSING, "InvalidImageName", message, None
    if pull_policy(spec) == "Never" and image not in full_names(look.facts.images):
        message = f'image "{spec.image}" is not present with pull policy of Never'
        return Reason.IMAGE_MISSING, "ErrImageNeverPull", message, None
    pulling = look.images.get(image_key(pod, spec), ImageMemory()).failure
    if pulling.until > look.now and must_pull(look, spec):
        return _pull_held(spec, pulling.reason, pulling.message, pulling.until, pulling.count)
    if memory.failure.until > look.now:
        failure = memory.failure
        return Reason.BACK_OFF, failure.reason, failure.message, failure.until
    return None


def _pull_held(
    spec: Container, reason: str, message: str, until: float, count: int
) -> tuple[Reason, str, str, float | None]:
    """The first failure shows its own reason, later ones that they are being backed off from."""
    if count <= 1:
        return Reason.BACK_OFF, reason or "ErrImagePull", message, until
    text = f'Back-off pulling image "{spec.image}": {reason or "ErrImagePull"}: {message}'
    return Reason.BACK_OFF, "ImagePullBackOff", text, until


def must_pull(look: Look, spec: Container) -> bool:
    """Whether a pull has to precede the container's start."""
    policy = pull_policy(spec)
    if policy == "IfNotPresent":
        return full_name(spec.image) not in full_names(look.facts.images)
    return policy == "Always"


def image_key(pod: PodAssignment, spec: Container) -> str:
    """Name an image with the credentials it is pulled with; Pods that agree on both share a pull."""
    secrets = ",".join(sorted(one.name for one in pod.spec.image_pull_secrets))
    return f"{full_name(spec.image)} {pod.namespace}/{secrets}" if secrets else full_name(spec.image)


def _judgement(
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
) -> Judgement:
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
    )
