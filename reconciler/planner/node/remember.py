"""Brings a Pod's memory up to what the host shows.

Pure. Attempts, ends and addresses are taken from the host, never from what was asked for: a step that was cut short
is found where it stopped (P17), and a memory that was lost grows back.
"""

from msgspec.structs import replace

from reconciler.model.container_id import shown_id
from reconciler.model.granted import granted
from reconciler.model.kinds import Container, ContainerStateTerminated, PodSpec, ResourceRequirements
from reconciler.model.kinds.container import ResourceMap
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.times import rfc3339
from reconciler.planner.node.backoff import is_trusted, next_restart_s, restart_s_of
from reconciler.planner.node.images import full_name
from reconciler.planner.node.look import Look, PodFacts, has_ended, is_live, shares
from reconciler.planner.node.memory import ContainerMemory, Failure, PodMemory
from reconciler.planner.node.resizes import is_other_size

START_ERROR = 128
_POD_IP = "reconciler.dev/pod-ip"


def every_container(spec: PodSpec) -> tuple[Container, ...]:
    """Return all containers of a Pod, also those that only look into it."""
    return (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)


def first_memory(look: Look, pod: PodAssignment | None, found: PodFacts) -> PodMemory:
    """Return the memory of a Pod that is met for the first time, or was forgotten."""
    facts = (*found.sandboxes, *found.containers)
    named = next((fact for fact in facts if fact.pod_name), None)
    return PodMemory(
        namespace=pod.namespace if pod else named.pod_namespace if named else "",
        name=pod.name if pod else named.pod_name if named else "",
        started_at=min((fact.created_at for fact in facts if fact.created_at), default=look.now),
        host_network=pod.spec.host_network if pod else False,
        finished=pod.finished if pod else "",
    )


def remember(pod: PodAssignment | None, memory: PodMemory, found: PodFacts) -> PodMemory:
    """Return the memory with what the host shows; the same value when there is nothing new."""
    memory = _remember_sandbox(memory, found)
    specs = {spec.name: spec for spec in every_container(pod.spec)} if pod else {}
    within = pod.spec.resources.limits if pod else {}
    changed: dict[str, ContainerMemory] = {}
    for name, facts in _by_name(found).items():
        earlier = memory.containers.get(name, ContainerMemory())
        later = _remember_container(earlier, facts, specs.get(name), within)
        if later is not earlier:
            changed[name] = later
    if changed:
        merged = {**memory.containers, **changed}
        memory = replace(memory, containers={name: merged[name] for name in sorted(merged)})
    return memory


def sandbox_fault(memory: PodMemory, found: PodFacts) -> str:
    """Say why the Pod's sandbox can no longer carry it, or nothing."""
    sandbox = found.sandbox
    live = [fact for fact in found.containers if is_live(fact)]
    if sandbox is None:
        return "the sandbox is gone" if live else ""
    if memory.broken == sandbox.id:
        return memory.broken_because
    if has_ended(sandbox):
        return f"the sandbox ended with {sandbox.exit_code}"
    if not memory.ip and not memory.host_network:
        return "the sandbox's address was forgotten"
    if any(not shares(fact, sandbox) for fact in live):
        return "a container runs in an older sandbox"
    if not any(fact.started_at < sandbox.started_at for fact in live):
        return ""
    if memory.sandbox_id == sandbox.id:
        return "the sandbox was restarted" if memory.sandbox_started_at != sandbox.started_at else ""
    # It is met for the first time, and the clock may have been set back since: a link does not outlive a restart.
    is_wired = memory.host_network or any(link.whole for link in found.links)
    return "" if is_wired else "the sandbox was restarted"


def termination(fact: ContainerFact) -> ContainerStateTerminated:
    """Return how a container ended, in Kubernetes' words."""
    never_ran = _never_ran(fact)
    return ContainerStateTerminated(
        exit_code=(fact.exit_code or START_ERROR) if never_ran else fact.exit_code,
        reason=_end_reason(fact),
        message=fact.error if never_ran else fact.message,
        started_at=rfc3339(fact.started_at) if fact.started_at > 0 else None,
        finished_at=rfc3339(fact.finished_at or fact.created_at),
        container_id=shown_id(fact.id),
    )


def _never_ran(fact: ContainerFact) -> bool:
    """Whether the Engine could not start it: told as created, or as ended the moment it was made."""
    return bool(fact.error) and (fact.state == "created" or fact.finished_at <= fact.created_at)


def _end_reason(fact: ContainerFact) -> str:
    if _never_ran(fact):
        return "StartError"
    if fact.oom_killed:
        return "OOMKilled"
    return "Completed" if fact.exit_code == 0 else "Error"


def _remember_sandbox(memory: PodMemory, found: PodFacts) -> PodMemory:
    sandbox = found.sandbox
    ip = memory.ip or _address(found)
    if ip != memory.ip:
        memory = replace(memory, ip=ip)
    if sandbox is None:
        return memory
    attempt = max(memory.sandbox_attempt, sandbox.attempt)
    known = (memory.sandbox_id, memory.sandbox_started_at)
    seen = known if sandbox_fault(memory, found) else (sandbox.id, sandbox.started_at)
    if (attempt, *seen) == (memory.sandbox_attempt, *known):
        return memory
    return replace(memory, sandbox_attempt=attempt, sandbox_id=seen[0], sandbox_started_at=seen[1])


def _address(found: PodFacts) -> str:
    """An address that was forgotten is still written on the Pod's link, or on its sandbox."""
    if found.links:
        return found.links[0].ip
    return found.sandbox.labels.get(_POD_IP, "") if found.sandbox else ""


def _by_name(found: PodFacts) -> dict[str, list[ContainerFact]]:
    names: dict[str, list[ContainerFact]] = {}
    for fact in found.containers:
        names.setdefault(fact.container, []).append(fact)
    return names


def _remember_container(
    memory: ContainerMemory, facts: list[ContainerFact], spec: Container | None, within: ResourceMap
) -> ContainerMemory:
    fact = facts[-1]
    if fact.attempt > memory.attempt or (fact.attempt == memory.attempt and fact.id != memory.container_id):
        memory = _next_attempt(memory, facts, spec)
    if memory.container_id == fact.id and _is_explained_late(memory, fact):
        return replace(memory, ended=termination(fact))
    if spec is not None and fact.id == memory.container_id and _has_been_given(memory, fact, spec, within):
        memory = replace(memory, resources=spec.resources, resize_failure=Failure())
    if memory.container_id != fact.id or memory.ended is not None or not has_ended(fact):
        return memory
    trusted = is_trusted(fact.started_at, fact.finished_at)
    return replace(
        memory,
        ended=termination(fact),
        backoff_s=0.0 if trusted else memory.backoff_s,
        condemned="",
        condemned_because="",
    )


def _has_been_given(memory: ContainerMemory, fact: ContainerFact, spec: Container, within: ResourceMap) -> bool:
    """Whether the host shows that the container may use what it is to, which was not known yet."""
    return memory.resources != spec.resources and is_live(fact) and fact.granted == granted(spec.resources, within)


def _is_explained_late(memory: ContainerMemory, fact: ContainerFact) -> bool:
    """Whether the Engine tells only now that a container that had ended was out of memory."""
    return memory.ended is not None and memory.ended.reason == "Error" and has_ended(fact) and fact.oom_killed


def _next_attempt(memory: ContainerMemory, facts: list[ContainerFact], spec: Container | None) -> ContainerMemory:
    fact = facts[-1]
    forgotten = memory.attempt < 0
    last = memory.ended
    if forgotten and len(facts) > 1:
        last = termination(facts[-2]) if has_ended(facts[-2]) else None
    image = _made_from(fact, spec)
    waits_s = restart_s_of(fact.attempt) if forgotten else next_restart_s(memory.backoff_s)
    # A container of another image or size begins without the waits that the one before earned.
    is_other = memory.image not in ("", image) or (spec is not None and is_other_size(memory, spec))
    return ContainerMemory(
        attempt=fact.attempt,
        container_id=fact.id,
        image=image,
        backoff_s=0.0 if is_other else waits_s,
        last=last,
        failure=Failure(),
        resources=spec.resources if spec is not None and not forgotten else ResourceRequirements(),
    )


def _made_from(fact: ContainerFact, spec: Container | None) -> str:
    """Return the image of a container as it is asked for; the host's own word where another is asked for by now."""
    if spec is None:
        return ""
    return spec.image if full_name(fact.image) in ("", full_name(spec.image)) else fact.image
