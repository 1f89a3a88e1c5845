"""Pods: their spec, template and status."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.container import (
    AppArmorProfile,
    Container,
    EphemeralContainer,
    ResourceRequirements,
    SeccompProfile,
    SELinuxOptions,
    WindowsSecurityContextOptions,
)
from reconciler.model.kinds.containerstatus import ContainerStatus
from reconciler.model.kinds.meta import Condition, LocalObjectReference, Object, ObjectMeta
from reconciler.model.kinds.scalars import (
    AddressText,
    HostName,
    Label,
    LabelKey,
    LabelValue,
    NonEmpty,
    OptionalSubdomain,
    PositiveSeconds,
    Seconds,
    UserNumber,
)
from reconciler.model.kinds.scheduling import Affinity, Toleration, TopologySpreadConstraint
from reconciler.model.kinds.volumes import Volume

RestartPolicy: TypeAlias = Literal["Always", "OnFailure", "Never"]
DNSPolicy: TypeAlias = Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]
PodPhase: TypeAlias = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class HostAlias(Value):
    """Names for an address in the Pod's hosts file."""

    ip: AddressText
    hostnames: tuple[str, ...] = ()


class PodDNSConfigOption(Value):
    """One resolver option, such as `ndots`."""

    name: NonEmpty
    value: str | None = None


class PodDNSConfig(Value):
    """Additions to the Pod's resolver configuration."""

    nameservers: tuple[AddressText, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


class Sysctl(Value):
    """A kernel parameter of the Pod's namespaces."""

    name: NonEmpty
    value: str


class PodSecurityContext(Value):
    """As whom and how confined the Pod's containers run unless they say otherwise."""

    run_as_user: UserNumber | None = None
    run_as_group: UserNumber | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[UserNumber, ...] = ()
    supplemental_groups_policy: Literal["Merge", "Strict"] = "Merge"
    fs_group: UserNumber | None = None
    fs_group_change_policy: Literal["Always", "OnRootMismatch"] = "Always"
    sysctls: tuple[Sysctl, ...] = ()
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_options: SELinuxOptions | None = None
    se_linux_change_policy: Literal["MountOption", "Recursive"] | None = None
    windows_options: WindowsSecurityContextOptions | None = None


class PodOS(Value):
    """The operating system that a Pod is made for."""

    name: Literal["linux", "windows"]


class PodSchedulingGate(Value):
    """A reason not to place a Pod yet; it is placed when none is left."""

    name: LabelKey


class PodReadinessGate(Value):
    """A condition besides the containers that makes the Pod ready."""

    condition_type: LabelKey


class PodSpec(Value):
    """What a Pod runs and how."""

    containers: Annotated[tuple[Container, ...], Meta(min_length=1)]
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[EphemeralContainer, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volumes: tuple[Volume, ...] = ()
    restart_policy: RestartPolicy = "Always"
    termination_grace_period_seconds: Seconds = 30
    active_deadline_seconds: PositiveSeconds | None = None
    dns_policy: DNSPolicy = "ClusterFirst"
    dns_config: PodDNSConfig = PodDNSConfig()
    host_aliases: tuple[HostAlias, ...] = ()
    hostname: Annotated[Label, Meta(min_length=1)] | None = None
    subdomain: Annotated[Label, Meta(min_length=1)] | None = None
    set_hostname_as_fqdn: bool = False
    hostname_override: HostName | None = None
    os: PodOS | None = None
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    host_users: bool = True
    share_process_namespace: bool = False
    security_context: PodSecurityContext = PodSecurityContext()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    service_account_name: OptionalSubdomain = ""
    service_account: OptionalSubdomain = ""
    automount_service_account_token: bool | None = None
    enable_service_links: bool = True
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    node_name: str = ""
    node_selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict)
    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    priority_class_name: OptionalSubdomain = ""
    priority: int | None = None
    preemption_policy: Literal["PreemptLowerPriority", "Never"] = "PreemptLowerPriority"
    scheduler_name: Literal["default-scheduler"] = "default-scheduler"


class PodTemplateSpec(Value):
    """The Pod that a workload makes copies of."""

    spec: PodSpec
    metadata: ObjectMeta = ObjectMeta()


class PodIP(Value):
    """One address of a Pod."""

    ip: str


class HostIP(Value):
    """One address of a Pod's node."""

    ip: str


class PodStatus(Value):
    """What was observed of a Pod."""

    phase: PodPhase = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    host_ip: str = ""
    host_ips: tuple[HostIP, ...] = ()
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    start_time: str | None = None
    nominated_node_name: str = ""
    qos_class: str = ""
    observed_generation: int = 0
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()


PodCondition: TypeAlias = Condition


class Pod(Object):
    """Containers that live and are placed together."""

    kind: ClassVar[str] = "Pod"
    api_version: str = field(default_factory=lambda: "v1")
    spec: PodSpec
    status: PodStatus = PodStatus()
