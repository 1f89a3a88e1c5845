"""What an action needs to be carried out: one type for each thing a host can be asked to do.

Every effect is idempotent by name: doing it again finds its own work and answers unchanged.
"""

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.external import HealthCheck, Way
from reconciler.model.granted import Granted
from reconciler.model.ingress import ProxyBackend, ProxyCertificate, ProxyMap, ProxyUsers
from reconciler.model.kinds import Container, Lifecycle
from reconciler.model.kinds.container import ResourceMap
from reconciler.model.networkpolicy import PolicyRules
from reconciler.model.node import Peer, PodAssignment, ServiceEntry
from reconciler.model.storage import NfsShare


class _Detail(Value, tag_field="type"):
    """Base of the tagged union."""


class PullImage(_Detail, tag="pullImage"):
    """Pull an image. `pull_secrets` are names of Secrets of the Pod's namespace (type dockerconfigjson)."""

    image: str
    namespace: str = ""
    pull_secrets: tuple[str, ...] = ()


class RemoveImage(_Detail, tag="removeImage"):
    """Remove an image that was pulled for this cluster, unless a container is made from it or it has another name."""

    image_id: str
    names: tuple[str, ...] = ()


class CreateSandbox(_Detail, tag="createSandbox"):
    """Create and start the container that owns a Pod's namespaces. `name` is the Engine's container name."""

    pod: PodAssignment
    name: str
    attempt: int
    pod_ip: str
    domain: str
    dns_address: str


class RemoveSandbox(_Detail, tag="removeSandbox"):
    """Remove a sandbox container (killing it when it runs)."""

    container_id: str
    name: str


class AttachPod(_Detail, tag="attachPod"):
    """Wire a routed veth with `pod_ip` (a /32) into the network namespace of the sandbox container.

    `isolated` are the directions (ingress, egress) in which NetworkPolicies isolate the Pod: without their rules in
    place it is not wired.
    """

    pod_uid: str
    sandbox: str
    pod_ip: str
    isolated: tuple[str, ...] = ()


class DetachPod(_Detail, tag="detachPod"):
    """Remove a Pod's link and routes from the host."""

    pod_uid: str
    pod_ip: str


class StartContainer(_Detail, tag="startContainer"):
    """Create and start one container of a Pod (and run its postStart hook). `role` is init, sidecar, app or ephemeral.

    `processes_of` is the id of the container whose processes an ephemeral one sees.
    """

    pod: PodAssignment
    spec: Container
    role: str
    name: str
    attempt: int
    sandbox: str
    pod_ip: str
    host_ip: str
    node: str
    processes_of: str = ""


class StopContainer(_Detail, tag="stopContainer"):
    """Run preStop, then TERM, then KILL when the grace period (seconds, shared by preStop and TERM) is over."""

    container_id: str
    name: str
    grace_s: float
    lifecycle: Lifecycle | None = None
    pod_ip: str = ""
    spec: Container | None = None


class ResizeContainer(_Detail, tag="resizeContainer"):
    """Let a running container use what its spec says now, `within` the limits of its Pod, without starting it anew.

    `whole`, where it is given, is what the Pod's containers may use together from now on.
    """

    container_id: str
    name: str
    spec: Container
    within: ResourceMap = field(default_factory=dict)
    pod_uid: str = ""
    sandbox: str = ""
    whole: Granted | None = None


class RemoveContainer(_Detail, tag="removeContainer"):
    """Remove an ended container."""

    container_id: str
    name: str


class PublishVolumes(_Detail, tag="publishVolumes"):
    """Make (or bring up to date, atomically) the volumes of a Pod. `version` digests what is written."""

    pod: PodAssignment
    version: str
    node: str
    pod_ip: str
    host_ip: str


class UnpublishVolumes(_Detail, tag="unpublishVolumes"):
    """Remove what was published for a Pod; never what a claim holds."""

    pod_uid: str


class ProvisionVolume(_Detail, tag="provisionVolume"):
    """Make the directory of a local volume; `base`, where there is one, has to be there already.

    With a `size`, in bytes, it is a file that holds a block device, and grows where it is smaller.
    """

    name: str
    path: str
    base: str = ""
    size: int = 0


class TrashVolume(_Detail, tag="trashVolume"):
    """Move the directory (or file) of a released volume to the dated trash; that on a share to the share's own."""

    name: str
    path: str
    share: NfsShare | None = None


class MountShare(_Detail, tag="mountShare"):
    """Mount a share; below it find the directory of a `volume`, or make it where it never was."""

    share: NfsShare
    volume: str = ""
    directory: str = ""


class UnmountShare(_Detail, tag="unmountShare"):
    """Unmount a share that no Pod uses."""

    key: str


class AttachDevice(_Detail, tag="attachDevice"):
    """Attach the file of a volume as a block device."""

    name: str
    path: str


class DetachDevice(_Detail, tag="detachDevice"):
    """Detach the file of a volume that no Pod uses."""

    name: str
    path: str


class WatchRooms(_Detail, tag="watchRooms"):
    """Tell from now on how much room these directories of storage classes have."""

    paths: tuple[str, ...]


class PrepareHost(_Detail, tag="prepareHost"):
    """Make the host ready to carry Pods: forwarding, DNS address, accept rules for Docker, base table, DNS server."""

    pod_cidr: str
    cluster_pod_cidr: str
    service_cidr: str
    dns_address: str
    domain: str


class HostPort(Value):
    """A port of the host that leads to a Pod. `host_ip` empty means every address."""

    host_ip: str = ""
    protocol: str = "TCP"
    port: int
    pod_ip: str
    pod_port: int


class ProgramServices(_Detail, tag="programServices"):
    """Bring the kernel's table to these Services, host ports and ways from outside. `digest` names the whole."""

    digest: str
    services: tuple[ServiceEntry, ...]
    host_ports: tuple[HostPort, ...] = ()
    ways: tuple[Way, ...] = ()


class ProgramExternal(_Detail, tag="programExternal"):
    """Hold and announce these addresses from outside, and no others, and answer health checks. `digest` names it all.

    `address` is this host's own: addresses are announced on its link. One that a host other than the `peers` has there
    is not taken.
    """

    digest: str
    address: str
    addresses: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    checks: tuple[HealthCheck, ...] = ()


class DnsRecord(Value):
    """One DNS answer set: lower-case absolute name with final dot, type A, CNAME, SRV or PTR, values as text."""

    name: str
    type: str
    values: tuple[str, ...]
    ttl: int = 5


class ProgramPeers(_Detail, tag="programPeers"):
    """Make the ways to the Pods of other nodes, and remove those to any other. `digest` names the whole.

    `address` is this host's own, `pod_cidr` the range of its Pods, `cluster_pod_cidr` that of everybody's.
    """

    digest: str
    address: str
    pod_cidr: str
    cluster_pod_cidr: str
    peers: tuple[Peer, ...]


class ProgramPolicies(_Detail, tag="programPolicies"):
    """Bring the kernel's rules to what NetworkPolicies say of this host's Pods. `digest` names the whole.

    Rules without Pods mean no rules. `dns_address` is the host's address that a Pod reaches only when it may.
    """

    digest: str
    dns_address: str
    rules: PolicyRules


class PublishNames(_Detail, tag="publishNames"):
    """Give the DNS server these records, replacing all earlier ones. `digest` names the whole."""

    digest: str
    domain: str
    records: tuple[DnsRecord, ...]


class ProgramIngress(_Detail, tag="programIngress"):
    """Have the proxy of Ingresses run this configuration. `structure` names all but the servers, `endpoints` those.

    `view` is the digest of what it was made from. Secrets are named; what they hold is among the materials.
    """

    structure: str
    endpoints: str
    view: str
    head: str
    backends: tuple[ProxyBackend, ...] = ()
    maps: tuple[ProxyMap, ...] = ()
    certificates: tuple[ProxyCertificate, ...] = ()
    users: tuple[ProxyUsers, ...] = ()


class StopIngress(_Detail, tag="stopIngress"):
    """Stop the proxy of Ingresses: this node serves none."""


class Bind(_Detail, tag="bind"):
    """Place a Pod on a node."""

    pod_uid: str
    node: str


Detail = (
    PullImage
    | RemoveImage
    | CreateSandbox
    | RemoveSandbox
    | AttachPod
    | DetachPod
    | StartContainer
    | StopContainer
    | ResizeContainer
    | RemoveContainer
    | PublishVolumes
    | UnpublishVolumes
    | ProvisionVolume
    | TrashVolume
    | MountShare
    | UnmountShare
    | AttachDevice
    | DetachDevice
    | WatchRooms
    | PrepareHost
    | ProgramServices
    | ProgramPeers
    | ProgramExternal
    | ProgramPolicies
    | PublishNames
    | ProgramIngress
    | StopIngress
    | Bind
)


def type_of(detail: Detail | None) -> str:
    """Return the tag by which a detail is known on the wire, such as `pullImage`; empty without one."""
    return "" if detail is None else str(type(detail).__struct_config__.tag)


def image_of(detail: Detail | None) -> str:
    """Return the image that a step is about: pulled, started or stopped; empty for every other."""
    match detail:
        case PullImage():
            return detail.image
        case StartContainer():
            return detail.spec.image
        case StopContainer():
            return detail.spec.image if detail.spec is not None else ""
        case _:
            return ""
