"""What is asked of whoever provides machines and what belongs to them, and what they answer. See docs/EXTENDING.md.

Level-triggered: each question names everything that is wanted, each answer everything that there is. What is no longer
in a question is to be removed. Documents are versioned, and tolerant of fields that are added later. Load balancers and
machines are every provider's; what else one does, it says in `capabilities`, and of the rest nothing it says counts.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from reconciler.model.base import Value
from reconciler.model.kinds import AccessMode, NFSVolumeSource
from reconciler.model.kinds import Protocol as IPProtocol
from reconciler.model.refs import ObjectRef

PROVIDER_VERSION = "provider.reconciler.dev/v1"
PROVIDER_CLASS = "reconciler.dev/provider"
PROVIDER_PROVISIONER = "reconciler.dev/provider"
Capability = Literal["records", "routes", "volumes"]


class ProviderNode(Value):
    """A node of the cluster. `is_fit`: it is ready, and load balancers may lead to it."""

    name: str
    address: str
    provider_id: str = ""
    is_fit: bool = False


class BalancerPort(Value):
    """A port of a load balancer, and the port on every node that it leads to (0: there is none yet)."""

    name: str = ""
    protocol: IPProtocol = "TCP"
    port: int
    node_port: int = 0


class Balancer(Value):
    """A load balancer that is wanted, by the Service that wants it."""

    namespace: str
    name: str
    uid: str
    ports: tuple[BalancerPort, ...]
    ip: str = ""
    source_ranges: tuple[str, ...] = ()
    external_traffic_policy: str = "Cluster"
    health_check_node_port: int = 0


class Owner(Value):
    """The object that wants something."""

    kind: str
    namespace: str = ""
    name: str
    uid: str = ""


class Record(Value):
    """A DNS record that is wanted: addresses (A, AAAA) or one other name (CNAME). `ttl` in seconds, 0: as is usual."""

    name: str
    type: Literal["A", "AAAA", "CNAME"] = "A"
    targets: tuple[str, ...]
    ttl: int = 0
    owner: Owner


class Route(Value):
    """A route that is wanted: packets to a node's Pods go to the node."""

    node: str
    pod_cidr: str
    node_address: str
    provider_id: str = ""


class ProviderVolume(Value):
    """A volume that is wanted, `size` in bytes; `deleting`: it is not any more, and neither is what is on it.

    `node` and `zone` are those of the first Pod that uses it, where the class waits for that. Unlike all else, a volume
    that is no longer in a question is to be kept.
    """

    name: str
    claim: Owner
    size: int
    storage_class: str = ""
    parameters: Mapping[str, str] = {}
    access_modes: tuple[AccessMode, ...] = ()
    node: str = ""
    zone: str = ""
    deleting: bool = False


class ProviderRequest(Value):
    """One question. It is asked as JSON, with `apiVersion` and `kind` before it."""

    cluster_id: str
    nodes: tuple[ProviderNode, ...] = ()
    load_balancers: tuple[Balancer, ...] = ()
    records: tuple[Record, ...] = ()
    routes: tuple[Route, ...] = ()
    volumes: tuple[ProviderVolume, ...] = ()


class Instance(Value):
    """What the provider knows of the machine of a node; empty where it does not."""

    node: str
    provider_id: str = ""
    zone: str = ""
    region: str = ""
    type: str = ""


class Balanced(Value):
    """What came of a load balancer: where it is reached, or why it is not. None of both: not yet."""

    namespace: str
    name: str
    ip: str = ""
    hostname: str = ""
    error: str = ""


class Recorded(Value):
    """What came of the records of a name: they are there, or why they are not."""

    name: str
    error: str = ""


class Routed(Value):
    """A node whose Pods are reached, or why they are not."""

    node: str
    error: str = ""


class LocalDirectory(Value):
    """A directory, or what is mounted there: of one `node`, or the same one of all nodes in a `zone`."""

    node: str = ""
    zone: str = ""
    path: str


class VolumeMade(Value):
    """A volume that there is: `nfs` or `local` says where, `size` in bytes; or why it is not as wanted."""

    name: str
    size: int = 0
    nfs: NFSVolumeSource | None = None
    local: LocalDirectory | None = None
    error: str = ""


class ProviderAnswer(Value):
    """One answer. `capabilities` are what is done besides load balancers and machines; others than ours are ignored."""

    api_version: str
    capabilities: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()
    load_balancers: tuple[Balanced, ...] = ()
    records: tuple[Recorded, ...] = ()
    routes: tuple[Routed, ...] = ()
    volumes: tuple[VolumeMade, ...] = ()


class ProviderState(Value):
    """What the provider answered last (None: nothing since the start), and why it did not answer after that.

    `faults` say what could not be done for objects, by what was asked when it answered; `deleted` are the volumes whose
    deletion was asked for, and that there are no more.
    """

    answer: ProviderAnswer | None = None
    error: str = ""
    faults: Mapping[ObjectRef, str] = {}
    deleted: frozenset[str] = frozenset()

    def does(self, capability: Capability) -> bool:
        """Whether the provider sees to something."""
        return self.answer is not None and capability in self.answer.capabilities

    def volume(self, name: str) -> VolumeMade | None:
        """Return what there is of a volume."""
        known = self.answer.volumes if self.answer is not None and self.does("volumes") else ()
        return next((one for one in known if one.name == name), None)

    def balanced(self, namespace: str, name: str) -> Balanced | None:
        """Return what came of a Service's load balancer."""
        known = self.answer.load_balancers if self.answer is not None else ()
        return next((one for one in known if (one.namespace, one.name) == (namespace, name)), None)


class Provider(Protocol):
    """Whoever has machines, load balancers and the like."""

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Bring about what is wanted, as far as it can be now, and tell what there is; raise ReconcilerError if not."""
        ...
