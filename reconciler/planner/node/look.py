"""What one step looks at: the whole node, and the part of it that belongs to one Pod.

Pure.
"""

from collections.abc import Mapping

from reconciler.model.base import Part
from reconciler.model.node import Assignment, PodAssignment
from reconciler.model.node_report import ContainerFact, LinkFact, NodeFacts, ProbeState, VolumeFact
from reconciler.model.pressure import DEFAULT_LIMITS, HostLimits
from reconciler.planner.node.memory import ImageMemory

SANDBOX = "sandbox"
INIT = "init"
SIDECAR = "sidecar"
APP = "app"
EPHEMERAL = "ephemeral"
_ROLES = (SANDBOX, INIT, SIDECAR, APP, EPHEMERAL)
_LIVE = ("running", "paused", "restarting")


class Look(Part, frozen=True):
    """What all Pods of one step share.

    `in_contact`: the leader was heard since this boot of the host. `reclaim`: the images' disk is so full that whatever
    nobody uses goes. `unwired` says why no Pod gets its network; empty where nothing is known against it.
    """

    node: str
    now: float
    assignment: Assignment
    facts: NodeFacts
    in_flight: frozenset[str]
    probes: Mapping[str, ProbeState]
    images: Mapping[str, ImageMemory]
    in_contact: bool
    reclaim: bool = False
    limits: HostLimits = DEFAULT_LIMITS
    unwired: str = ""

    @property
    def host_ip(self) -> str:
        """The address of the host."""
        return self.facts.host.address


class PodFacts(Part, frozen=True):
    """What the host shows of one Pod; containers are sorted by name and attempt."""

    sandboxes: tuple[ContainerFact, ...] = ()
    containers: tuple[ContainerFact, ...] = ()
    links: tuple[LinkFact, ...] = ()
    volume: VolumeFact | None = None

    @property
    def sandbox(self) -> ContainerFact | None:
        """The newest sandbox; older ones are leftovers."""
        return self.sandboxes[-1] if self.sandboxes else None

    def of(self, container: str) -> tuple[ContainerFact, ...]:
        """Return every attempt of one container, oldest first."""
        return tuple(fact for fact in self.containers if fact.container == container)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the Pod is left on the host."""
        return not (self.sandboxes or self.containers or self.links or self.volume)


NOTHING = PodFacts()


def is_live(fact: ContainerFact) -> bool:
    """Whether the container's processes exist."""
    return fact.state in _LIVE


def has_ended(fact: ContainerFact) -> bool:
    """Whether the container ran to an end, or could not be started at all."""
    return not is_live(fact) and (fact.state != "created" or bool(fact.error))


def is_whole(pod: PodAssignment | None, found: PodFacts) -> bool:
    """Whether the Pod's network is as wired; a Pod on the host's network needs none."""
    if pod is not None and pod.spec.host_network:
        return True
    return len(found.links) == 1 and found.links[0].whole


def shares(fact: ContainerFact, sandbox: ContainerFact | None) -> bool:
    """Whether a container lives in this sandbox: by what the Engine tells, else by having been made after it."""
    if sandbox is None:
        return False
    if fact.sandbox:
        return fact.sandbox == sandbox.id
    return fact.created_at >= sandbox.created_at


def by_pod(facts: NodeFacts) -> dict[str, PodFacts]:
    """Group what was observed by Pod uid."""
    sandboxes: dict[str, list[ContainerFact]] = {}
    containers: dict[str, list[ContainerFact]] = {}
    links: dict[str, list[LinkFact]] = {}
    for fact in facts.containers:
        if fact.role in _ROLES:
            group = sandboxes if fact.role == SANDBOX else containers
            group.setdefault(fact.pod_uid, []).append(fact)
    for link in facts.network.links:
        links.setdefault(link.pod_uid, []).append(link)
    volumes = {volume.pod_uid: volume for volume in facts.volumes}
    uids = {**dict.fromkeys(sandboxes), **dict.fromkeys(containers), **dict.fromkeys(links), **dict.fromkeys(volumes)}
    return {
        uid: PodFacts(
            sandboxes=_sorted(sandboxes.get(uid)),
            containers=_sorted(containers.get(uid)),
            links=tuple(sorted(links[uid], key=lambda link: link.interface)) if uid in links else (),
            volume=volumes.get(uid),
        )
        for uid in uids
    }


def _sorted(facts: list[ContainerFact] | None) -> tuple[ContainerFact, ...]:
    if not facts:
        return ()
    if len(facts) == 1:
        return (facts[0],)
    return tuple(sorted(facts, key=lambda fact: (fact.container, fact.attempt, fact.created_at, fact.id)))
