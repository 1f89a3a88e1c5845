"""What the node lets its Pods have: a change of requests and limits is taken over where there is room for it.

Pure. The rules are those of Kubernetes' kubelet: what asks for more than the node has is infeasible, what the others
leave no room for is deferred, Pods that have waited are looked at by priority. Until a change is taken over, the Pod
goes on with what it was given before, and its restarts too.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from reconciler.model.granted import Granted, granted, granted_to_pod, is_alike
from reconciler.model.kinds import Container, PodSpec, ResourceRequirements
from reconciler.model.kinds.container import ResourceMap
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact, HostFact
from reconciler.model.podresources import WHOLE, has_pod_resources
from reconciler.planner.node.look import Look, PodFacts
from reconciler.planner.node.memory import ContainerMemory, NodeMemory, PodMemory
from reconciler.planner.scheduling.room import Room, requested

INFEASIBLE = "Infeasible"
DEFERRED = "Deferred"
_NOTHING = ResourceRequirements()
Met = tuple[str, PodAssignment | None, PodMemory, PodFacts]


def resources_of(spec: PodSpec) -> dict[str, ResourceRequirements]:
    """Return what the containers ask for that ask for anything, and the Pod as a whole, by no name."""
    asked = {one.name: one.resources for one in (*spec.init_containers, *spec.containers) if one.resources != _NOTHING}
    return asked if spec.resources == _NOTHING else {**asked, WHOLE: spec.resources}


def as_allocated(pod: PodAssignment, memory: PodMemory) -> PodAssignment:
    """Return a Pod with what the node has given it, while it does not get what it asks for."""
    if not memory.pending:
        return pod
    return replace(pod, spec=_with(pod.spec, memory.allocated))


def _with(spec: PodSpec, resources: Mapping[str, ResourceRequirements]) -> PodSpec:
    def given(containers: Iterable[Container]) -> tuple[Container, ...]:
        return tuple(replace(one, resources=resources.get(one.name, _NOTHING)) for one in containers)

    return replace(
        spec,
        init_containers=given(spec.init_containers),
        containers=given(spec.containers),
        resources=resources.get(WHOLE, _NOTHING),
    )


def allocate(look: Look, memory: NodeMemory, met: Sequence[Met]) -> list[Met]:
    """Decide which of these Pods get what they ask for; others keep what they have, and remember why."""
    decided: dict[str, PodMemory] = {}
    for uid, pod, known, _ in sorted(met, key=_rank):
        if pod is None or known.finished or known.allocated == (asked := resources_of(pod.spec)):
            # Nothing is asked for, or no longer.
            decided[uid] = replace(known, pending="", pending_because="") if known.pending else known
        elif not known.allocated:
            decided[uid] = replace(known, allocated=asked)
        else:
            decided[uid] = _decide(look, memory, decided, pod, known, asked)
    return [(uid, pod, decided[uid], facts) for uid, pod, _, facts in met]


def _rank(one: Met) -> tuple[int, str]:
    return (-(one[1].spec.priority or 0) if one[1] is not None else 0, one[0])


def _decide(
    look: Look,
    memory: NodeMemory,
    decided: Mapping[str, PodMemory],
    pod: PodAssignment,
    known: PodMemory,
    asked: Mapping[str, ResourceRequirements],
) -> PodMemory:
    if WHOLE in asked and WHOLE not in known.allocated:
        message = "it was started without resources as a whole: the containers that run cannot be given them"
        return replace(known, pending=INFEASIBLE, pending_because=message)
    wanted, has = requested(pod.spec), requested(_with(pod.spec, known.allocated))
    if too_much := _beyond(wanted, has, _of_host(look.facts.host)):
        message = f"the node has less than is asked for: {too_much}"
        return replace(known, pending=INFEASIBLE, pending_because=message)
    free = _free(look, {**memory.pods, **decided}, pod)
    if too_much := _beyond(wanted, has, free):
        return replace(known, pending=DEFERRED, pending_because=f"the node has no room for it now: {too_much}")
    return replace(known, allocated=dict(asked), pending="", pending_because="")


def _of_host(host: HostFact) -> Room:
    return Room(cpu_millis=host.cpu_millis, memory_bytes=host.memory_bytes)


def _free(look: Look, memories: Mapping[str, PodMemory], pod: PodAssignment) -> Room:
    """Return what the other Pods of the node leave of it."""
    room = _of_host(look.facts.host)
    cpu, memory = room.cpu_millis, room.memory_bytes
    for other in look.assignment.pods:
        known = memories.get(other.uid)
        if other.uid == pod.uid or other.finished or (known is not None and known.finished):
            continue
        spec = _with(other.spec, known.allocated) if known is not None and known.allocated else other.spec
        used = requested(spec)
        cpu, memory = cpu - used.cpu_millis, memory - used.memory_bytes
    return Room(cpu_millis=cpu, memory_bytes=memory)


def _beyond(wanted: Room, has: Room, room: Room) -> str:
    """Say of what there is too little; what grows no further always fits, and a host of unknown size holds all."""
    if wanted.cpu_millis > max(has.cpu_millis, room.cpu_millis):
        return f"cpu {wanted.cpu_millis}m, {max(room.cpu_millis, 0)}m there"
    if wanted.memory_bytes > max(has.memory_bytes, room.memory_bytes):
        return f"memory {wanted.memory_bytes >> 20}Mi, {max(room.memory_bytes, 0) >> 20}Mi there"
    return ""


# Containers


def is_to_be_resized(memory: ContainerMemory, spec: Container, within: ResourceMap, fact: ContainerFact) -> bool:
    """Whether a running container may use something else than it is to be given, `within` the limits of its Pod."""
    if fact.granted is None or memory.container_id != fact.id:
        return False
    if memory.resources == spec.resources and not within:
        return False
    return fact.granted != granted(spec.resources, within)


def has_other_limits(spec: PodSpec, sandbox: ContainerFact | None) -> bool:
    """Whether the containers of a Pod may use something else together than they are to."""
    if sandbox is None or sandbox.granted is None or not has_pod_resources(spec):
        return False
    return not is_alike(sandbox.granted, granted_to_pod(spec))


def restarts(spec: Container, within: ResourceMap, before: Granted) -> bool:
    """Whether the container has to be started anew for what changes, by its resize policy."""
    after = granted(spec.resources, within)
    cpu = (before.cpu_shares, before.cpu_quota_us) != (after.cpu_shares, after.cpu_quota_us)
    changes = {"cpu": cpu, "memory": before.memory_bytes != after.memory_bytes}
    return any(one.restart_policy == "RestartContainer" and changes[one.resource_name] for one in spec.resize_policy)


def is_other_size(memory: ContainerMemory, spec: Container) -> bool:
    """Whether the container last ran with other resources: its restart is then not one of a crash loop."""
    known = memory.resources
    return bool(known.requests or known.limits) and granted(known) != granted(spec.resources)
