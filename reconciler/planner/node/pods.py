"""What one Pod needs now: its stage, and its containers in their order.

Pure. The order is Kubernetes': sandbox, volumes, init containers one after the other (sidecars stay), then the
others. What comes of it is either a chain of actions (`running.py`, `termination.py`) or a status (`report.py`).
"""

from enum import Enum

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.node import PodAssignment
from reconciler.model.plan import Reason
from reconciler.planner.node.containers import judge, role_of
from reconciler.planner.node.debuggers import judge_debuggers
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import INIT, SIDECAR, Look, PodFacts, is_live, shares
from reconciler.planner.node.memory import ContainerMemory, PodMemory
from reconciler.planner.node.remember import sandbox_fault
from reconciler.planner.node.resizes import as_allocated
from reconciler.planner.node.restart_all import still_ending, to_be_stopped, with_restart

NO_MEMORY = ContainerMemory()

_START = "startContainer"


class Stage(Enum):
    """Where a Pod is in its life on this node."""

    RUN = "run"
    RECREATE = "recreate"
    WIND_DOWN = "wind-down"
    TERMINATE = "terminate"


class PodJudgement(Part, frozen=True):
    """One Pod: its stage and why, whether its sandbox carries it, and what its containers need."""

    uid: str
    pod: PodAssignment | None
    memory: PodMemory
    found: PodFacts
    stage: Stage
    busy: bool
    why: str = ""
    sandbox_up: bool = False
    initialized: bool = False
    inits: tuple[Judgement, ...] = ()
    apps: tuple[Judgement, ...] = ()
    debuggers: tuple[Judgement, ...] = ()

    @property
    def containers(self) -> tuple[Judgement, ...]:
        """All containers that the Pod is made of, in the order of their start."""
        return (*self.inits, *self.apps)

    @property
    def is_terminating(self) -> bool:
        """Whether the Pod is to go for ever."""
        return self.stage is Stage.TERMINATE


def judge_pod(look: Look, uid: str, pod: PodAssignment | None, memory: PodMemory, found: PodFacts) -> PodJudgement:
    """Judge one Pod; its memory comes back with what follows for ever (finished, initialized, readiness)."""
    busy = _is_busy(look, pod, memory, found)
    if pod is None:
        return PodJudgement(uid=uid, pod=pod, memory=memory, found=found, stage=Stage.TERMINATE, busy=busy)
    pod = as_allocated(pod, memory)
    memory = with_restart(pod, memory, found)
    fault = sandbox_fault(memory, found)
    sandbox = found.sandbox
    if fault and sandbox is not None and memory.broken != sandbox.id:
        memory = replace(memory, broken=sandbox.id, broken_because=fault)
    sandbox_up = sandbox is not None and is_live(sandbox) and not fault
    was_done = sandbox_up and sandbox is not None and was_initialized(memory, found, sandbox.id)
    inits, apps = _judge_containers(look, pod, memory, found, done=was_done)
    initialized = was_done or (sandbox_up and all(_is_passed(one) for one in inits))
    inits, apps = _in_order(inits, apps, initialized)
    debuggers = to_be_stopped(judge_debuggers(look, pod, memory, found))
    if ending := still_ending((*inits, *apps, *debuggers)):
        inits, apps = _after(inits, ending), _after(apps, ending)
    memory = _note(memory, found, inits, apps, initialized)
    # Init containers that are done may be forgotten and removed: only those still to be done can fail the Pod.
    memory = _finish(look, pod, memory, () if initialized else inits, apps, fault, sandbox_up)
    stage = _stage(pod, memory, fault)
    return PodJudgement(
        uid=uid,
        pod=pod,
        memory=memory,
        found=found,
        stage=stage,
        why=fault,
        sandbox_up=sandbox_up,
        initialized=initialized,
        inits=inits,
        apps=apps,
        debuggers=debuggers,
        busy=busy,
    )


def _is_busy(look: Look, pod: PodAssignment | None, memory: PodMemory, found: PodFacts) -> bool:
    """Whether a chain of the Pod is still in flight.

    A pull belongs to every Pod that needs the image; what waits for it is in flight as well. The end of a Pod does
    not wait for a postStart hook.
    """
    in_flight = [one for one in memory.emitted if one.key in look.in_flight and one.type != "pullImage"]
    if in_flight and (pod is None or pod.deletion_requested_at is not None):
        live = {fact.container for fact in found.containers if is_live(fact)}
        in_flight = [one for one in in_flight if one.type != "startContainer" or one.target not in live]
    return bool(in_flight)


def _stage(pod: PodAssignment, memory: PodMemory, fault: str) -> Stage:
    if pod.deletion_requested_at is not None:
        return Stage.TERMINATE
    if memory.finished:
        return Stage.WIND_DOWN
    return Stage.RECREATE if fault else Stage.RUN


def _judge_containers(
    look: Look, pod: PodAssignment, memory: PodMemory, found: PodFacts, *, done: bool
) -> tuple[tuple[Judgement, ...], tuple[Judgement, ...]]:
    under_way = {one.target for one in memory.emitted if one.type == _START and one.key in look.in_flight}

    def judged(is_init: bool) -> tuple[Judgement, ...]:
        specs = pod.spec.init_containers if is_init else pod.spec.containers
        return tuple(
            judge(
                look,
                pod,
                spec,
                role_of(spec, is_init=is_init),
                memory.containers.get(spec.name, NO_MEMORY),
                found,
                done=done,
                starting=spec.name in under_way,
            )
            for spec in specs
        )

    return judged(True), judged(False)


def was_initialized(memory: PodMemory, found: PodFacts, sandbox: str) -> bool:
    """Whether init containers are done in this sandbox: remembered, or shown by a later container in it."""
    if memory.initialized == sandbox:
        return True
    void = {name for name, one in memory.containers.items() if one.void}
    return any(
        fact.role == "app" and fact.container not in void and shares(fact, found.sandbox) for fact in found.containers
    )


def _is_passed(judgement: Judgement) -> bool:
    """Whether an init container no longer holds up those after it."""
    return judgement.is_up if judgement.role == SIDECAR else judgement.has_succeeded


def _in_order(
    inits: tuple[Judgement, ...], apps: tuple[Judgement, ...], initialized: bool
) -> tuple[tuple[Judgement, ...], tuple[Judgement, ...]]:
    """Hold back every start whose turn has not come."""
    if initialized:
        return inits, apps
    ordered: list[Judgement] = []
    waits_for = ""
    for one in inits:
        ordered.append(_held_back(one, waits_for) if waits_for else one)
        if not waits_for and not _lets_pass(one):
            waits_for = one.spec.name
    if not waits_for:
        return tuple(ordered), apps
    return tuple(ordered), tuple(_held_back(one, waits_for) for one in apps)


def _lets_pass(one: Judgement) -> bool:
    """Whether what follows an init container can be part of the same chain of actions."""
    if one.role == INIT:
        return one.has_succeeded
    starts = one.want is Want.START and one.spec.startup_probe is None
    return one.is_up or starts


def _held_back(one: Judgement, waits_for: str) -> Judgement:
    if one.want is not Want.START:
        return one
    message = f"waits for init container {waits_for}"
    return replace(one, want=Want.WAIT, reason=Reason.WAITING_FOR_INIT, waiting="PodInitializing", message=message)


def _after(judged: tuple[Judgement, ...], ending: str) -> tuple[Judgement, ...]:
    """Hold back every start until a container has ended that is to start anew with the others."""
    why, message = Reason.WAITING_FOR_DEPENDENCY, f"waits for the end of container {ending}"
    return tuple(
        replace(one, want=Want.WAIT, reason=why, waiting="PodInitializing", message=message)
        if one.want is Want.START
        else one
        for one in judged
    )


def _note(
    memory: PodMemory,
    found: PodFacts,
    inits: tuple[Judgement, ...],
    apps: tuple[Judgement, ...],
    initialized: bool,
) -> PodMemory:
    """Remember readiness by container id, and that the init containers are done."""
    flags = {
        one.spec.name: replace(one.memory, ready=one.ready, started=one.started)
        for one in (*inits, *apps)
        if one.memory.attempt >= 0 and (one.ready, one.started) != (one.memory.ready, one.memory.started)
    }
    if flags:
        memory = replace(memory, containers={**memory.containers, **flags})
    if initialized and found.sandbox is not None and memory.initialized != found.sandbox.id:
        memory = replace(memory, initialized=found.sandbox.id)
    return memory


def _finish(
    look: Look,
    pod: PodAssignment,
    memory: PodMemory,
    inits: tuple[Judgement, ...],
    apps: tuple[Judgement, ...],
    fault: str,
    sandbox_up: bool,
) -> PodMemory:
    """Decide once and for ever whether the Pod has finished, and how."""
    if memory.finished:
        return memory
    deadline = pod.spec.active_deadline_seconds
    if all(one.want is Want.DONE for one in apps):
        succeeded = all(one.has_succeeded for one in apps)
        return replace(memory, finished="Succeeded" if succeeded else "Failed")
    if any(one.role == INIT and one.want is Want.DONE and not one.has_succeeded for one in inits):
        return replace(memory, finished="Failed")
    if deadline is not None and look.now >= memory.started_at + deadline:
        message = "Pod was active on the node longer than the specified deadline"
        return replace(memory, finished="Failed", reason="DeadlineExceeded", message=message)
    ran = any(one.memory.attempt >= 0 for one in apps)
    if pod.spec.restart_policy == "Never" and ran and not sandbox_up:
        return replace(memory, finished="Failed", message=fault or "the sandbox is gone")
    return memory
