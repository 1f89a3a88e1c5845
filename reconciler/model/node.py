"""The documents that pass between the controller and a node's agent, and what an agent observes of its host.

All are versioned by `apiVersion` and tolerant when decoded. Times are Unix seconds, durations seconds.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from reconciler.model.base import Value
from reconciler.model.external import Announced
from reconciler.model.granted import Granted
from reconciler.model.ingress import IngressFact, IngressView
from reconciler.model.kinds import (
    Container,
    ContainerImage,
    ContainerStatus,
    HostPathType,
    PodCondition,
    PodSpec,
    Probe,
    Protocol,
)
from reconciler.model.networkpolicy import NO_POLICIES, Policies
from reconciler.model.pressure import OwnImage, PodDisk, SignalFact
from reconciler.model.storage import DeviceSource, NfsShare, StorageFact

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


class ContainerFact(Value):
    """One container of ours on the host, as the Engine tells. `role` is sandbox, init, sidecar, app or ephemeral.

    `state` is created, running, paused, exited or dead. `attempt` counts starts of this container of the Pod from 0.
    `sandbox` is the id of the container whose network it shares (`NetworkMode=container:ID`), empty when not told.
    `granted` is what it may use now; None where that is not told.
    """

    id: str
    name: str
    role: str
    pod_uid: str
    pod_namespace: str = ""
    pod_name: str = ""
    container: str = ""
    attempt: int = 0
    state: str
    image: str = ""
    image_id: str = ""
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    message: str = ""
    pid: int = 0
    sandbox: str = ""
    granted: Granted | None = None
    spec_digest: str = ""
    labels: Mapping[str, str] = {}


class LinkFact(Value):
    """A Pod's network link as the kernel has it: whole means that link, address and routes are as wired."""

    pod_uid: str
    interface: str
    ip: str
    whole: bool


class VolumeFact(Value):
    """The volumes of one Pod that are published on the host. `version` is the digest of what was written.

    `uses` are the shares (by key) and the volumes attached as block devices (by name) that the Pod may use.
    """

    pod_uid: str
    version: str
    uses: tuple[str, ...] = ()


class NetworkFact(Value):
    """State of the host's networking: what was programmed and still stands. Digests are empty when it does not.

    `prepared` covers addresses, forwarding, the accept rules for Docker and the base table. `peers_digest` is that of
    the ways to other nodes, `external_digest` that of the addresses from outside that it holds, `peers_damaged` whether
    somebody changed them; so with the rules of policies. `tunnel_error` says why this kernel makes no tunnel; empty
    while none has failed.
    """

    prepared: bool = False
    services_digest: str = ""
    names_digest: str = ""
    dns_running: bool = False
    peers_digest: str = ""
    peers_damaged: bool = False
    policies_digest: str = ""
    policies_damaged: bool = False
    tunnel_error: str = ""
    external_digest: str = ""
    links: tuple[LinkFact, ...] = ()


class HostFact(Value):
    """What a host has: CPU in thousandths, memory and disk in bytes, and who it is."""

    boot_id: str = ""
    hostname: str = ""
    address: str = ""
    kernel: str = ""
    os_image: str = ""
    architecture: str = ""
    engine_version: str = ""
    live_restore: bool = True
    cpu_millis: int = 0
    memory_bytes: int = 0
    swap_bytes: int = 0
    disk_bytes: int = 0
    disk_free_bytes: int = 0
    machine_id: str = ""
    system_uuid: str = ""
    agent_version: str = ""
    pods_max: int = 110


class NodeFacts(Value):
    """Everything observed of one host at one time.

    `complete` is false when a part could not be read (the Engine does not answer): then nothing may be concluded from
    what is missing. `images` lists references and ids that are present, `largest_images` what the Node's status
    shows of them. What stays on the host changes all the time, and what follows from it is reported: `signals`,
    `pod_memory`, `pod_processes` and `pod_disk` by uid, `own_images` (that may be removed), `listening`
    (`PROTOCOL/PORT/ADDRESS` of programs, without an address for those that listen on all).
    """

    node: str
    observed_at: float
    complete: bool = True
    engine_error: str = ""
    host: HostFact = HostFact()
    containers: tuple[ContainerFact, ...] = ()
    images: tuple[str, ...] = ()
    largest_images: tuple[ContainerImage, ...] = ()
    volumes: tuple[VolumeFact, ...] = ()
    directories: tuple[str, ...] = ()
    storage: StorageFact = StorageFact()
    network: NetworkFact = NetworkFact()
    ingress: IngressFact = IngressFact()
    signals: tuple[SignalFact, ...] = ()
    pod_memory: Mapping[str, int] = {}
    pod_processes: Mapping[str, int] = {}
    pod_disk: Mapping[str, PodDisk] = {}
    own_images: tuple[OwnImage, ...] = ()
    listening: tuple[str, ...] = ()

    def as_reported(self) -> "NodeFacts":
        """Return it without what stays on the host."""
        return msgspec.structs.replace(
            self, signals=(), pod_memory={}, pod_processes={}, pod_disk={}, own_images=(), listening=()
        )


class ProbeTarget(Value):
    """A probe that is to run against a running container. `probe_kind` is startup, liveness or readiness."""

    pod_uid: str
    pod_ip: str
    container: str
    container_id: str
    probe_kind: str
    probe: Probe
    spec: Container
    started_at: float

    @property
    def key(self) -> str:
        """Identify this probe of this start of the container."""
        return f"{self.container_id}/{self.probe_kind}"


class ProbeState(Value):
    """How a probe stands: `result` is unknown, success or failure after thresholds; counters of equal raw results."""

    key: str
    result: str = "unknown"
    successes: int = 0
    failures: int = 0
    message: str = ""
    probed_at: float = 0.0


class PodReport(Value):
    """What a node says about one Pod: the node's part of its status (phase, containers, addresses, conditions)."""

    uid: str
    namespace: str
    name: str
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    host_ip: str = ""
    pod_ip: str = ""
    start_time: str | None = None
    conditions: tuple[PodCondition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    realised_digest: str = ""
    gone: bool = False


class NodeEvent(Value):
    """Something that happened on a node, to become an Event object: about a Pod (`uid`) or the node itself."""

    at: float
    type: str = "Normal"
    reason: str
    message: str
    namespace: str = ""
    pod: str = ""
    uid: str = ""
    container: str = ""


class Observation(Value):
    """One report of one node: facts, Pods, the agent's memory (opaque to all but the node planner), and events.

    `generation` is that of the assignment it was planned from, `view_generation` that of the network view which the
    kernel's table and the names were last made from: what it leads to by now, not what was received. `pressures` are
    the conditions of the host that hold: MemoryPressure, DiskPressure, PIDPressure.
    """

    api_version: str = DOCUMENT_VERSION
    node: str
    boot_id: str
    sequence: int
    observed_at: float
    generation: int = 0
    view_generation: int = 0
    facts: NodeFacts
    pods: tuple[PodReport, ...] = ()
    pressures: tuple[str, ...] = ()
    memory: msgspec.Raw = msgspec.Raw(b"null")
    events: tuple[NodeEvent, ...] = ()
