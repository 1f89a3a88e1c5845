"""What a node's planner remembers between steps.

Pure values, encodable as JSON. Losing them is survivable: attempts, addresses and most flags are found again in
what the host shows; only back-offs start anew and a directory that vanished can no longer be told from a new one.
"""

from collections.abc import Mapping

import msgspec
from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds import ContainerStateTerminated, ResourceRequirements
from reconciler.model.node import DOCUMENT_VERSION
from reconciler.model.node_report import Observation, PodReport


class Emitted(Value):
    """An action that was handed out: its key, what it does (tag of its detail), and to which container or image.

    `repairs` says what it mends; empty for what is not a repair.
    """

    key: str
    type: str
    target: str = ""
    repairs: str = ""


class Failure(Value):
    """Something that failed and is tried again at `until` (Unix seconds); `count` failures in a row."""

    count: int = 0
    until: float = 0.0
    reason: str = ""
    message: str = ""


class Told(Value):
    """What an event told of a probe that fails, and when (Unix seconds)."""

    message: str
    at: float


class ContainerMemory(Value):
    """One container of a Pod.

    `attempt` is the highest ever seen on the host (-1: none), `container_id` its id and `image` what was asked for
    then. `backoff_s` is how long the next restart waits after this attempt's end. `ended` tells the end of this
    attempt, `last` that of the one before. `ready` and `started` hold for `container_id`; `condemned` is the id of
    a container that must be stopped though it runs. `failure` counts starts that made no container. `resources` are
    those that `container_id` was last given; `resize_failure` counts resizes of it that failed. `unhealthy` says by
    kind of probe what was told of its failing. `void` says why it starts anew whatever has become of it; empty: it
    does not.
    """

    attempt: int = -1
    container_id: str = ""
    image: str = ""
    backoff_s: float = 0.0
    ended: ContainerStateTerminated | None = None
    last: ContainerStateTerminated | None = None
    ready: bool = False
    started: bool = False
    condemned: str = ""
    condemned_because: str = ""
    failure: Failure = Failure()
    resources: ResourceRequirements = ResourceRequirements()
    resize_failure: Failure = Failure()
    unhealthy: Mapping[str, Told] = field(default_factory=dict)
    void: str = ""


class PodMemory(Value):
    """One Pod.

    `started_at` is when this node first met it. `sandbox_id` and `sandbox_started_at` tell a restarted sandbox;
    `initialized` is the id of the sandbox whose init containers are done. `failure` is that of the Pod's sandbox,
    link or volumes. `broken` is the id of a sandbox that has to go, `broken_because` why. `finished` is Succeeded or
    Failed, for ever; `evicted_grace_s` is how long it then has, where the host ended it. `absent_at`: no longer
    assigned since; `asked_at`: asked to end since, by this host's clock. `allocated` are the resources of each
    container that the node has agreed to; where the Pod asks for others, `pending` is Deferred or Infeasible.
    """

    namespace: str
    name: str
    started_at: float
    ip: str = ""
    host_network: bool = False
    sandbox_attempt: int = -1
    sandbox_id: str = ""
    sandbox_started_at: float = 0.0
    initialized: str = ""
    broken: str = ""
    broken_because: str = ""
    containers: Mapping[str, ContainerMemory] = field(default_factory=dict)
    emitted: tuple[Emitted, ...] = ()
    failure: Failure = Failure()
    finished: str = ""
    reason: str = ""
    message: str = ""
    evicted_grace_s: float = 1.0
    absent_at: float | None = None
    asked_at: float | None = None
    allocated: Mapping[str, ResourceRequirements] = field(default_factory=dict)
    pending: str = ""
    pending_because: str = ""
    report: PodReport | None = None


class ImageMemory(Value):
    """Pulls of one image with one set of credentials: how many ended, and whether the last one failed."""

    pulls: int = 0
    failure: Failure = Failure()


class Collection(Value):
    """When images were last chosen to be removed, which (ids), and how often in a row they were too few."""

    at: float = 0.0
    chosen: tuple[str, ...] = ()
    failures: int = 0


class NodeMemory(Value):
    """Everything remembered of one node. Mappings are by Pod uid, image, address, kind of action, and condition.

    `met` says by threshold since when so little is left, `reclaim_at` since when room is made on the images' disk
    (0: none is), `unused` by id since when no container uses an image of ours.
    """

    api_version: str = DOCUMENT_VERSION
    term: int = 0
    generation: int = 0
    view_term: int = 0
    view_generation: int = 0
    boot_in_contact: str = ""
    pods: Mapping[str, PodMemory] = field(default_factory=dict)
    images: Mapping[str, ImageMemory] = field(default_factory=dict)
    last_ip: str = ""
    released: Mapping[str, float] = field(default_factory=dict)
    provisioned: tuple[str, ...] = ()
    emitted: tuple[Emitted, ...] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    pressures: Mapping[str, float] = field(default_factory=dict)
    met: Mapping[str, float] = field(default_factory=dict)
    reclaim_at: float = 0.0
    evicted_at: float = 0.0
    unused: Mapping[str, float] = field(default_factory=dict)
    collection: Collection = Collection()


def memory_of(observation: Observation | None) -> NodeMemory:
    """Return what a node last reported of its planner's memory; an empty one where it reported none."""
    if observation is None:
        return NodeMemory()
    return msgspec.json.decode(observation.memory, type=NodeMemory | None) or NodeMemory()
