"""Looking at every Pod of a node: assigned, remembered or found; those that need an address get one.

Pure.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.node import PodAssignment
from reconciler.planner.node.addresses import next_address
from reconciler.planner.node.look import NOTHING, Look, PodFacts, by_pod
from reconciler.planner.node.memory import NodeMemory, PodMemory
from reconciler.planner.node.remember import first_memory, remember
from reconciler.planner.node.resizes import allocate, as_allocated
from reconciler.planner.node.survey import Survey, settled_survey, survey_pod


def survey_all(look: Look, memory: NodeMemory) -> tuple[Survey, ...]:
    """Look at every Pod that is assigned, remembered or found; give addresses to those that need one."""
    found = by_pod(look.facts)
    surveys: dict[str, Survey] = {}
    everyone = _everyone(look, memory, found)
    met: list[tuple[str, PodAssignment | None, PodMemory, PodFacts]] = []
    for uid, pod in everyone:
        facts = found.get(uid, NOTHING)
        known = memory.pods.get(uid)
        settled = settled_survey(look, uid, pod, known, facts) if known is not None else None
        if settled is not None:
            surveys[uid] = settled
        else:
            met.append((uid, pod, _met(look, pod, known, facts), facts))
    addressed = _give_addresses(look, memory, surveys, allocate(look, memory, met)) if met else ()
    for uid, pod, known, facts in addressed:
        surveys[uid] = survey_pod(look, uid, pod, known, facts)
    return tuple(surveys[uid] for uid, _ in everyone)


def _everyone(
    look: Look, memory: NodeMemory, found: Mapping[str, PodFacts]
) -> tuple[tuple[str, PodAssignment | None], ...]:
    assigned = {pod.uid: pod for pod in sorted_pods(look.assignment.pods)}
    strays = (memory.pods.keys() | found.keys()) - assigned.keys()
    return (*assigned.items(), *((uid, None) for uid in sorted(strays) if uid))


def sorted_pods(pods: Iterable[PodAssignment]) -> list[PodAssignment]:
    """Return Pods in the order of their names."""
    return sorted(pods, key=lambda pod: (pod.namespace, pod.name, pod.uid))


def _met(look: Look, pod: PodAssignment | None, known: PodMemory | None, facts: PodFacts) -> PodMemory:
    earlier = known or first_memory(look, pod, facts)
    memory = remember(as_allocated(pod, earlier) if pod is not None else None, earlier, facts)
    if pod is not None and pod.spec.host_network != memory.host_network:
        memory = replace(memory, host_network=pod.spec.host_network)
    if pod is not None and (pod.deletion_requested_at is not None) != (memory.asked_at is not None):
        memory = replace(memory, asked_at=None if pod.deletion_requested_at is None else look.now)
    if pod is None and memory.absent_at is None:
        return replace(memory, absent_at=look.now)
    if pod is not None and memory.absent_at is not None:
        return replace(memory, absent_at=None)
    return memory


def _give_addresses(
    look: Look,
    memory: NodeMemory,
    surveys: Mapping[str, Survey],
    met: list[tuple[str, PodAssignment | None, PodMemory, PodFacts]],
) -> list[tuple[str, PodAssignment | None, PodMemory, PodFacts]]:
    if not any(_needs_address(pod, known, facts) for _, pod, known, facts in met):
        return met
    used = {one.memory.ip for one in surveys.values()}
    used |= {known.ip for _, _, known, _ in met} | {link.ip for link in look.facts.network.links}
    last, answer = memory.last_ip, []
    for uid, pod, known, facts in met:
        if _needs_address(pod, known, facts):
            given = look.assignment
            ip = next_address(given.pod_cidr, last, used, memory.released, look.now, given.lingering)
            known, last = replace(known, ip=ip), ip or last
            used.add(ip)
        answer.append((uid, pod, known, facts))
    return answer


def _needs_address(pod: PodAssignment | None, memory: PodMemory, facts: PodFacts) -> bool:
    if pod is None or pod.spec.host_network or memory.ip or memory.finished:
        return False
    return pod.deletion_requested_at is None and facts.sandbox is None
