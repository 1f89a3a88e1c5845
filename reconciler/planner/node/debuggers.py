"""Containers that look into a Pod: started once, never again, and nothing of the Pod depends on them.

Pure. As with the kubelet they wait for no other container but the one whose processes they see.
"""

from reconciler.model.kinds import Container, ContainerStateTerminated, EphemeralContainer
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Reason
from reconciler.planner.node.containers import UNKNOWN_END, judgement, startable
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import EPHEMERAL, Look, PodFacts, has_ended, is_live, shares
from reconciler.planner.node.memory import ContainerMemory, PodMemory


def judge_debuggers(look: Look, pod: PodAssignment, memory: PodMemory, found: PodFacts) -> tuple[Judgement, ...]:
    """Judge the ephemeral containers of a Pod."""
    return tuple(
        _judge(look, pod, one, memory.containers.get(one.name, ContainerMemory()), found)
        for one in pod.spec.ephemeral_containers
    )


def target_of(pod: PodAssignment, name: str, found: PodFacts) -> ContainerFact | None:
    """Return the running container whose processes an ephemeral one sees, if there is one to see."""
    target = next((one.target_container_name for one in pod.spec.ephemeral_containers if one.name == name), "")
    facts = [fact for fact in found.of(target) if is_live(fact)] if target else []
    return facts[-1] if facts else None


def _judge(
    look: Look, pod: PodAssignment, one: EphemeralContainer, memory: ContainerMemory, found: PodFacts
) -> Judgement:
    spec, facts = _plain(one), found.of(one.name)
    fact = facts[-1] if facts else None
    if fact is not None and is_live(fact):
        return judgement(spec, EPHEMERAL, memory, fact, Want.RUN, Reason.IN_SYNC, None, started=True)
    is_made = fact is not None and not has_ended(fact) and shares(fact, found.sandbox)
    if memory.attempt >= 0 and not is_made:
        unknown = ContainerStateTerminated(exit_code=UNKNOWN_END, reason="ContainerStatusUnknown")
        ended = memory.ended or unknown
        return judgement(spec, EPHEMERAL, memory, fact, Want.DONE, Reason.CONTAINER_FINISHED, ended)
    if one.target_container_name and target_of(pod, one.name, found) is None:
        message = f"waits until container {one.target_container_name} runs"
        return judgement(
            *(spec, EPHEMERAL, memory, fact, Want.WAIT, Reason.WAITING_FOR_DEPENDENCY, None),
            waiting="ContainerCreating",
            message=message,
        )
    return startable(look, pod, spec, EPHEMERAL, memory, fact, 0, Reason.CONTAINER_MISSING)


def _plain(one: EphemeralContainer) -> Container:
    """Return what it is as a container; whose processes it sees is told beside it."""
    fields = {name: getattr(one, name) for name in Container.__struct_fields__}
    return Container(**fields)
