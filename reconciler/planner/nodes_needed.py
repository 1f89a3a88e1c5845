"""How few nodes are enough. Pure.

The exact answer is hard to find; what is said here is an upper bound: Pods are placed largest first, each on the first
node that takes it, on ever more nodes: first some of those there are, then copies of the largest of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice

from msgspec.structs import replace

from reconciler.model.capacity import NodesNeeded
from reconciler.model.forecast import Refusal, Unplaced
from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, with_pod
from reconciler.planner.scheduling.room import Room, requested
from reconciler.planner.scheduling.words import texts_of
from reconciler.planner.view import View, ref_for
from reconciler.planner.wanted_pods import Wanted

_TRIED_PER_SIZE = 40
_TRIED_WITH_COPIES = 20
_COPIES_MAX = 1_000
_HOSTNAME = "kubernetes.io/hostname"


def nodes_needed(view: View, wanted: Iterable[Wanted], candidates: dict[str, Candidate]) -> NodesNeeded:
    """Return the smallest number of nodes, of the shapes that there are, on which everything fits."""
    nodes = sorted((Candidate(node=one.node, has=one.has) for one in candidates.values()), key=_size)
    daemons = [pod for one in wanted if one.owner.kind == "DaemonSet" for pod in one.pods[:1]]
    pods = [_unplaced(pod) for one in wanted if one.owner.kind != "DaemonSet" for pod in one.pods]
    furnished = [_with_daemons(view, node, daemons) for node in nodes]
    choice = _choice(view, furnished)
    misfits: list[Pod] = []
    left: list[Pod] = []
    for pod in pods:
        fits = bool(furnished) and (_goes_with_others(pod) or bool(choice.best(pod)))
        (left if fits else misfits).append(pod)
    left.sort(key=lambda pod: _weight(pod, furnished))
    chosen = next((some for some in _sets(furnished, left) if _fit_all(view, some, left)), ())
    return NodesNeeded(
        count=len(chosen),
        present=len(nodes),
        shapes=dict(sorted(Counter(_shape(one) for one in chosen).items())),
        misfits=tuple(_misfit(choice, pod, furnished) for pod in misfits),
    )


def _choice(view: View, nodes: Iterable[Candidate]) -> Choice:
    return Choice({node.name: node for node in nodes}, view, settings=view.policy.placing)


def _unplaced(pod: Pod) -> Pod:
    return replace(pod, spec=replace(pod.spec, node_name="")) if pod.spec.node_name else pod


def _sets(nodes: Sequence[Candidate], pods: Sequence[Pod]) -> Iterator[tuple[Candidate, ...]]:
    """Go through sets of nodes with room enough in all, small ones first; beyond those there are, copy the largest."""
    asked = Room()
    for pod in pods:
        asked = asked.plus(requested(pod.spec))
    for size, _ in enumerate(nodes, start=1):
        if _has_room(nodes[:size], asked):
            yield from islice(combinations(nodes, size), _TRIED_PER_SIZE)
    yield from islice((some for some in _with_copies(nodes) if _has_room(some, asked)), _TRIED_WITH_COPIES)


def _with_copies(nodes: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    """Add to the nodes one copy of the first after the other."""
    some = tuple(nodes)
    for number in range(_COPIES_MAX if nodes else 0):
        some = (*some, _copy(nodes[0], number))
        yield some


def _has_room(nodes: Sequence[Candidate], asked: Room) -> bool:
    """Whether nodes have enough of everything, if it could be cut at will."""
    return (
        sum(one.has.cpu_millis - one.used.cpu_millis for one in nodes) >= asked.cpu_millis
        and sum(one.has.memory_bytes - one.used.memory_bytes for one in nodes) >= asked.memory_bytes
        and sum(one.has.pods - one.used.pods for one in nodes) >= asked.pods
    )


def _goes_with_others(pod: Pod) -> bool:
    """Whether a Pod must be where others are: on an empty node it would not fit."""
    return bool(pod.spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution)


def _copy(candidate: Candidate, number: int) -> Candidate:
    name = f"{candidate.name}+{number}"
    labels = dict(candidate.node.metadata.labels)
    if _HOSTNAME in labels:
        labels[_HOSTNAME] = name
    metadata = replace(candidate.node.metadata, name=name, labels=labels)
    return replace(candidate, node=replace(candidate.node, metadata=metadata))


def _shape(candidate: Candidate) -> str:
    return candidate.node.metadata.name.partition("+")[0]


def _fit_all(view: View, nodes: Sequence[Candidate], pods: Sequence[Pod]) -> bool:
    choice = _choice(view, nodes)
    for pod in pods:
        alike = choice.alike(pod)
        place = next((node.name for node in nodes if alike.misfit(node.name) is None), None)
        if place is None:
            return False
        choice.place(pod, place)
    return True


def _with_daemons(view: View, node: Candidate, daemons: Iterable[Pod]) -> Candidate:
    for pod in daemons:
        if _choice(view, (node,)).best(pod):
            node = with_pod(node, pod)
    return node


def _size(candidate: Candidate) -> tuple[int, int, str]:
    """Order the largest first, those of one size by name."""
    return (-candidate.has.cpu_millis, -candidate.has.memory_bytes, candidate.node.metadata.name)


def _weight(pod: Pod, nodes: Sequence[Candidate]) -> tuple[bool, float, str, str]:
    """Order the Pods that take the largest share of the largest node first, those that go with others last."""
    asks, has = requested(pod.spec), nodes[0].has
    share = max(asks.cpu_millis / max(has.cpu_millis, 1), asks.memory_bytes / max(has.memory_bytes, 1))
    return (_goes_with_others(pod), -share, pod.metadata.namespace, pod.metadata.name)


def _misfit(choice: Choice, pod: Pod, nodes: Sequence[Candidate]) -> Unplaced:
    texts = texts_of(choice.misfits(pod))
    refused = tuple(Refusal(node=node.name, why=texts[node.name]) for node in nodes)
    return Unplaced(pod=ref_for(pod), message="fits on no node of these shapes", nodes=refused)
