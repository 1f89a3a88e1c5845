"""What an agent observes of its host, and what it reports of it and of its Pods to the controller.

Versioned by `apiVersion` and tolerant when decoded. Times are Unix seconds, durations seconds.
"""

from collections.abc import Mapping

import msgspec

from reconciler.model.base import Value
from reconciler.model.granted import Granted
from reconciler.model.ingress import IngressFact
from reconciler.model.kinds import Container, ContainerImage, ContainerStatus, PodCondition, Probe
from reconciler.model.node import DOCUMENT_VERSION
from reconciler.model.pressure import OwnImage, PodDisk, SignalFact
from reconciler.model.storage import StorageFact


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


# So many failures in a row are no accident: the first answer may be an outdated one.
FAILS = 2


class NodeFault(Value):
    """What a host was to be given, in vain: by which `action` (its tag), how often in a row, with the last answer.

    `blocks_pods`: no Pod gets its network meanwhile.
    """

    action: str
    reason: str
    message: str = ""
    tries: int = FAILS
    blocks_pods: bool = False

    @property
    def lasts(self) -> bool:
        """Whether it is a state of the host, and not only a try that failed."""
        return self.tries >= FAILS


class Observation(Value):
    """One report of one node: facts, Pods, the agent's memory (opaque to all but the node planner), and events.

    `generation` is that of the assignment it was planned from, `view_generation` that of the network view which the
    kernel's table and the names were last made from: what it leads to by now, not what was received. `pressures` are
    the conditions of the host that hold: MemoryPressure, DiskPressure, PIDPressure. `faults` is what it lacks and does
    not get.
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
    faults: tuple[NodeFault, ...] = ()
    memory: msgspec.Raw = msgspec.Raw(b"null")
    events: tuple[NodeEvent, ...] = ()
