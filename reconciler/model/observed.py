"""What the store and the nodes last reported: the planner's other input."""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.desired import Provenance, RevisionInfo
from reconciler.model.external import NODE_PORTS
from reconciler.model.kinds import AnyObject
from reconciler.model.metrics import NodeUsage
from reconciler.model.node import NetworkBackend
from reconciler.model.node_report import Observation
from reconciler.model.overrides import Override
from reconciler.model.provider import ProviderState
from reconciler.model.refs import ObjectRef


class StoredObject(Value, weakref=True):
    """One object as the store holds it.

    `manager` is `source/NAME`, `api`, or the uid of the owner. `digest` is that of the canonical declared form it was
    last written from (empty for derived objects), followed by the mark of what is laid over it, if anything is;
    `incarnation` counts how often this name was created.
    """

    ref: ObjectRef
    object: AnyObject
    manager: str
    provenance: Provenance | None = None
    digest: str = ""
    incarnation: int = 1

    @property
    def declared_digest(self) -> str:
        """The digest of the declaration alone, without what is laid over it."""
        return self.digest.partition("+")[0]


class NodeState(Value):
    """A node's latest report. Times are Unix seconds; `heartbeat_at` None means that it was never heard of.

    `listened_since` is when this leader began to listen to a node that was well before: it cannot have been heard while
    no daemon ran, and is not silent for that.
    """

    name: str
    heartbeat_at: float | None = None
    observation: Observation | None = None
    listened_since: float = 0.0

    @property
    def heard_at(self) -> float | None:
        """When its lease began: when it was heard last, or when that could be."""
        return None if self.heartbeat_at is None else max(self.heartbeat_at, self.listened_since)

    def is_silent(self, now: float, lease_s: float) -> bool:
        """Whether it has not been heard of for longer than its lease: unknown, which is not absent (P20)."""
        at = self.heartbeat_at
        return at is None or (now - at > lease_s and now - self.listened_since > lease_s)


class Acknowledgement(Value):
    """A person's word that these deletions of `source` may happen; it covers subsets in later revisions too."""

    source: str
    objects: tuple[ObjectRef, ...]
    by: str = ""
    at: float = 0.0


class SourceState(Value):
    """What is known of one source of manifests.

    `loaded` is false until one revision was read since start; `applied` is the revision last written to the store;
    `held` is a commit that a rollback holds, and `held_because` why, where it was no person's word; `healthy` is the
    last revision that was healthy as a whole, noted where a failed one is to return to it; `suspended` stops its
    reconciling. `deleted_at` lists the times (Unix seconds) of this source's deletions within the last hour, for the
    circuit breaker; `awaiting` are the deletions that it holds until a person acknowledges them, and
    `awaiting_because` says why.
    """

    name: str
    loaded: bool = False
    suspended: bool = False
    applied: RevisionInfo | None = None
    held: str = ""
    held_because: str = ""
    healthy: RevisionInfo | None = None
    error: str = ""
    deleted_at: tuple[float, ...] = ()
    awaiting: tuple[ObjectRef, ...] = ()
    awaiting_because: str = ""


class ClusterInfo(Value):
    """What is fixed when a cluster is made, and the pools that Services are given from. Networks in CIDR notation.

    `node_ports` is a range such as 30000-32767, `load_balancer` are ranges of addresses.
    """

    id: str
    name: str = "reconciler"
    domain: str = "cluster.local"
    pod_cidr: str = "10.42.0.0/16"
    node_prefix: int = 24
    service_cidr: str = "10.43.0.0/16"
    dns_address: str = "169.254.20.10"
    network_backend: NetworkBackend = "vxlan"
    node_ports: str = NODE_PORTS
    load_balancer: tuple[str, ...] = ()


class ObservedState(Value):
    """Everything a plan is made from besides the desired state.

    `allocations` maps `clusterip/NAMESPACE/NAME` and the like to the value given; `tombstones` maps the names of
    deleted objects to their last incarnation; `overrides` is what persons changed without Git; `usage` is what nodes
    used when they were measured last, as far as that is not long ago, and never part of a plan's basis; `provider` is
    what a provider told last, None where there is none.
    """

    cluster: ClusterInfo
    term: int = 0
    objects: Mapping[ObjectRef, StoredObject] = {}
    nodes: Mapping[str, NodeState] = {}
    allocations: Mapping[str, str] = {}
    tombstones: Mapping[ObjectRef, int] = {}
    acknowledgements: tuple[Acknowledgement, ...] = ()
    sources: Mapping[str, SourceState] = {}
    overrides: Mapping[ObjectRef, Override] = {}
    usage: Mapping[str, NodeUsage] = {}
    provider: ProviderState | None = None
