"""Rules by which the end of one container has all containers of its Pod start anew, in the same sandbox.

Pure. Semantics of the action `RestartAllContainers` of Kubernetes' `restartPolicyRules`: address and volumes stay, what
runs is killed without grace or preStop hook, init containers run again, and nothing starts before all have ended. Waits
between restarts grow as ever.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from reconciler.model.kinds import Container, PodSpec
from reconciler.model.node import PodAssignment
from reconciler.model.plan import Reason
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import PodFacts, is_live, shares
from reconciler.planner.node.memory import ContainerMemory, PodMemory

ACTION = "RestartAllContainers"


def action_after(container: Container, exit_code: int) -> str:
    """Return what the first rule of a container says that is about an end like this; empty: none is."""
    for rule in container.restart_policy_rules:
        if (exit_code in rule.exit_codes.values) == (rule.exit_codes.operator == "In"):
            return rule.action
    return ""


def may_restart_all(spec: PodSpec) -> bool:
    """Whether a rule of any container may have all start anew."""
    return any(rule.action == ACTION for one in _main(spec) for rule in one.restart_policy_rules)


def with_restart(pod: PodAssignment, memory: PodMemory, found: PodFacts) -> PodMemory:
    """Return the memory of a Pod in which what has run is void, where a container has ended so that a rule says so."""
    if memory.finished or pod.deletion_requested_at is not None or not may_restart_all(pod.spec):
        return memory
    why = next(_causes(pod.spec, memory.containers, found), "")
    if not why:
        return memory
    void = {
        name: replace(one, void=one.void or why) if one.attempt >= 0 else one for name, one in memory.containers.items()
    }
    return replace(memory, containers=void, initialized="")


def _causes(spec: PodSpec, known: Mapping[str, ContainerMemory], found: PodFacts) -> Iterator[str]:
    for container in _main(spec):
        memory = known.get(container.name)
        if memory is None or memory.ended is None or memory.void:
            continue
        here = any(one.id == memory.container_id and shares(one, found.sandbox) for one in found.of(container.name))
        if here and action_after(container, memory.ended.exit_code) == ACTION:
            yield f"container {container.name} ended with {memory.ended.exit_code}"


def to_be_stopped(debuggers: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Return containers that look into the Pod, to be stopped where what has run is void."""
    return tuple(
        replace(one, want=Want.STOP, reason=Reason.CONTAINER_EXITED, message=why_stopped(one.memory))
        if one.memory.void and one.fact is not None and is_live(one.fact)
        else one
        for one in debuggers
    )


def why_stopped(memory: ContainerMemory) -> str:
    """Say why a container is stopped whose run is void."""
    return f"must start anew: {memory.void}"


def still_ending(judged: Sequence[Judgement]) -> str:
    """Return the name of a container whose run is void and that has not ended yet; empty: there is none."""
    return next((one.spec.name for one in judged if one.memory.void and one.want is Want.STOP), "")


def _main(spec: PodSpec) -> tuple[Container, ...]:
    return (*spec.init_containers, *spec.containers)
