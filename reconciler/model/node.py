"""The documents that the controller sends to a node's agent: its assignment, the network view, what its Pods read.

All are versioned by `apiVersion` and tolerant when decoded. Times are Unix seconds, durations seconds.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from reconciler.model.base import Value
from reconciler.model.external import Announced
from reconciler.model.ingress import IngressView
from reconciler.model.kinds import HostPathType, PodSpec, Protocol
from reconciler.model.networkpolicy import NO_POLICIES, Policies
from reconciler.model.storage import DeviceSource, NfsShare

DOCUMENT_VERSION = "reconciler.dev/v1"
NetworkBackend: TypeAlias = Literal["vxlan", "host-gw", "routed"]


class ConfigReference(Value):
    """A ConfigMap or Secret that a Pod reads. `version` is its digest (keyed for Secrets); empty: it does not exist."""

    kind: str
    namespace: str
    name: str
    version: str = ""
    optional: bool = False


class ClaimBinding(Value):
    """Where a claim of a Pod lives on this node. `path` is empty while the claim is not bound; `message` says why.

    `host_path_type` is that of a volume of source hostPath; a volume of any other source has to be there already.
    `device`: containers get it as a block device. On a `share` it is the directory `path` below what is mounted, which
    is made there where the volume is `provisioned`; the whole share where `path` is empty.
    """

    claim: str
    volume: str = ""
    path: str = ""
    host_path_type: HostPathType | None = None
    read_only: bool = False
    message: str = ""
    device: DeviceSource = ""
    share: NfsShare | None = None
    provisioned: bool = False


class PodAssignment(Value):
    """One Pod that a node is to run.

    `digest` is that of the canonical spec; `revision` the commit it came from. `deletion_requested_at` is set once the
    Pod is to end, `grace_s` then bounds the ending; `still_served` while another live node may lead to it.
    `owner_kind` is Job, ReplicaSet, ... or empty. `exclusive` Pods wait for one contact with the leader after a reboot.
    `features` are what an agent must know to run it. `finished` is Succeeded or Failed once the cluster knows that the
    Pod has ended for ever: an agent that lost its memory must not run it again.
    """

    uid: str
    namespace: str
    name: str
    spec: PodSpec
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    digest: str = ""
    revision: str = ""
    owner_kind: str = ""
    service_account: str = "default"
    configuration: tuple[ConfigReference, ...] = ()
    claims: tuple[ClaimBinding, ...] = ()
    deletion_requested_at: float | None = None
    grace_s: float = 30.0
    still_served: bool = False
    exclusive: bool = False
    features: tuple[str, ...] = ()
    finished: str = ""


class VolumeAssignment(Value):
    """A directory that the local provisioner keeps on this node. `trash`: it is to be moved to the dated trash.

    `base` is the directory of its class, which has to be there already. With a `size`, in bytes, it is a file that
    holds a block device. On a `share` it is a directory there, named only to be moved to the trash.
    """

    name: str
    path: str
    claim: str = ""
    trash: bool = False
    base: str = ""
    size: int = 0
    share: NfsShare | None = None


class Assignment(Value):
    """What one node is to run. Agents refuse an older (term, generation) than they have seen.

    `lingering`: another live node may still know Pods that have gone from here by their addresses, and lead to these or
    let them through. Until it does not, none that was released is given to another Pod.
    """

    api_version: str = DOCUMENT_VERSION
    cluster_id: str
    term: int
    generation: int
    node: str
    pod_cidr: str
    cluster_pod_cidr: str
    service_cidr: str
    domain: str
    dns_address: str
    pods: tuple[PodAssignment, ...] = ()
    volumes: tuple[VolumeAssignment, ...] = ()
    class_paths: tuple[str, ...] = ()
    lingering: bool = False


# The distribution of a Service whose endpoints say themselves for which zones they are.
HINTED = "Auto"


class Endpoint(Value):
    """One backend of a Service. `pod` is `namespace/name` of a Pod, empty for hand-written endpoints.

    `for_zones` names the zones whose clients are to use it (hints of its EndpointSlice).
    """

    ip: str
    node: str = ""
    pod: str = ""
    pod_uid: str = ""
    hostname: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    for_zones: tuple[str, ...] = ()


class EndpointPort(Value):
    """Endpoints that share one target port of a Service's port (a named target may differ between Pods)."""

    port: int
    endpoints: tuple[Endpoint, ...] = ()


class ServicePortEntry(Value):
    """One port of a Service with where it leads. `protocol` is TCP, UDP or SCTP, `node_port` 0 where there is none."""

    name: str = ""
    protocol: Protocol = "TCP"
    port: int
    targets: tuple[EndpointPort, ...] = ()
    node_port: int = 0


class ServiceEntry(Value):
    """One Service as the nodes need it. `cluster_ip` is empty for headless and ExternalName Services.

    `internal_local`: from inside the cluster, only endpoints on the client's own node serve; `external_local`: from
    outside, only those of the node that is asked. It is reached at `external_ips` too, and at the addresses `balanced`
    by a load balancer, these from `source_ranges` only (empty: from anywhere). `distribution` says which endpoints are
    preferred.
    """

    namespace: str
    name: str
    cluster_ip: str = ""
    external_name: str = ""
    publish_not_ready: bool = False
    affinity_timeout_s: int = 0
    internal_local: bool = False
    external_ips: tuple[str, ...] = ()
    balanced: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    external_local: bool = False
    health_check_port: int = 0
    distribution: str = ""
    ports: tuple[ServicePortEntry, ...] = ()


class Peer(Value):
    """A node as the others reach it: the address of its host, the range of its Pods' addresses (CIDR notation).

    `backend` is how: by a tunnel, by plain routes, which need a link in common, or by the routes of the network itself.
    """

    node: str
    address: str
    pod_cidr: str
    backend: NetworkBackend = "vxlan"
    zone: str = ""


class NetworkView(Value):
    """The cluster's network as every node sees it: Services with their endpoints, the nodes, who announces what.

    Versioned like an Assignment.
    """

    api_version: str = DOCUMENT_VERSION
    cluster_id: str
    term: int
    generation: int
    services: tuple[ServiceEntry, ...] = ()
    peers: tuple[Peer, ...] = ()
    announced: tuple[Announced, ...] = ()
    policies: Policies = NO_POLICIES
    ingress: IngressView | None = None


class ConfigMaterial(Value):
    """The values of one ConfigMap or Secret. Never logged, stored on disk or shown; see `__repr__`."""

    kind: str
    namespace: str
    name: str
    version: str
    data: Mapping[str, bytes]
    type: str = ""

    def __repr__(self) -> str:
        return f"ConfigMaterial({self.kind.lower()}/{self.namespace}/{self.name}, {len(self.data)} keys)"


class Materials(Value):
    """The values that a node's Pods need, travelling beside its assignment."""

    configuration: tuple[ConfigMaterial, ...] = ()

    def find(self, kind: str, namespace: str, name: str) -> ConfigMaterial | None:
        """Return the values of one ConfigMap or Secret, or None."""
        for material in self.configuration:
            if (material.kind, material.namespace, material.name) == (kind, namespace, name):
                return material
        return None
