"""Containers: image, command, environment, ports, mounts, resources, security."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.probe import Lifecycle, Probe
from reconciler.model.kinds.scalars import (
    RESOURCE_NAME_PATTERN,
    ConfigKey,
    EnvName,
    Label,
    NonEmpty,
    PortName,
    PortNumber,
    Quantity,
    Subdomain,
    UserNumber,
)

Protocol: TypeAlias = Literal["TCP", "UDP", "SCTP"]
PullPolicy: TypeAlias = Literal["Always", "IfNotPresent", "Never"]
MountPropagation: TypeAlias = Literal["None", "HostToContainer", "Bidirectional"]
ResourceName: TypeAlias = Annotated[str, Meta(pattern=RESOURCE_NAME_PATTERN)]
ExitCode: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
ResourceMap: TypeAlias = Mapping[ResourceName, Quantity]


class ObjectFieldSelector(Value):
    """Takes a value from the Pod itself."""

    field_path: NonEmpty
    api_version: Literal["v1"] = "v1"


class ResourceFieldSelector(Value):
    """Takes a value from a container's requests or limits."""

    resource: NonEmpty
    container_name: str = ""
    divisor: Quantity = "1"


class ConfigMapKeySelector(Value):
    """Takes one key of a ConfigMap."""

    name: Subdomain
    key: ConfigKey
    optional: bool = False


class SecretKeySelector(Value):
    """Takes one key of a Secret."""

    name: Subdomain
    key: ConfigKey
    optional: bool = False


class FileKeySelector(Value):
    """Takes one variable of a file that another container of the Pod has written."""

    volume_name: NonEmpty
    path: NonEmpty
    key: EnvName
    optional: bool = False


class EnvVarSource(Value):
    """Where an environment variable's value comes from."""

    exactly_one: ClassVar[tuple[str, ...]] = (
        "config_map_key_ref",
        "secret_key_ref",
        "field_ref",
        "resource_field_ref",
        "file_key_ref",
    )

    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    file_key_ref: FileKeySelector | None = None


class EnvVar(Value):
    """One environment variable."""

    name: EnvName
    value: str = ""
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Value):
    """All keys of a ConfigMap as environment variables."""

    name: Subdomain
    optional: bool = False


class SecretEnvSource(Value):
    """All keys of a Secret as environment variables."""

    name: Subdomain
    optional: bool = False


class EnvFromSource(Value):
    """All keys of one object as environment variables, with a prefix."""

    exactly_one: ClassVar[tuple[str, ...]] = ("config_map_ref", "secret_ref")

    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None
    secret_ref: SecretEnvSource | None = None


class ContainerPort(Value):
    """A port that a container listens on."""

    container_port: PortNumber
    name: Annotated[PortName, Meta(min_length=1)] | None = None
    protocol: Protocol = "TCP"
    host_port: PortNumber | None = None
    host_ip: str = ""


class VolumeMount(Value):
    """Shows a volume of the Pod inside a container."""

    name: NonEmpty
    mount_path: NonEmpty
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False
    mount_propagation: MountPropagation = "None"


class VolumeDevice(Value):
    """Gives a container a volume of the Pod as a block device."""

    name: NonEmpty
    device_path: NonEmpty


class ResourceRequirements(Value):
    """What a container is promised (requests) and may use at most (limits)."""

    requests: ResourceMap = field(default_factory=dict)
    limits: ResourceMap = field(default_factory=dict)


class Capabilities(Value):
    """Kernel capabilities added to or dropped from the default set."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SELinuxOptions(Value):
    """SELinux labels of a process."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class SeccompProfile(Value):
    """Which system calls are allowed."""

    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_profile: str | None = None


class AppArmorProfile(Value):
    """Which AppArmor profile confines the processes."""

    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_profile: str | None = None


class WindowsSecurityContextOptions(Value):
    """How a container is confined on Windows."""

    gmsa_credential_spec_name: str | None = None
    gmsa_credential_spec: str | None = None
    run_as_user_name: str | None = None
    host_process: bool | None = None


class SecurityContext(Value):
    """As whom and how confined a container runs; wins over the Pod's."""

    run_as_user: UserNumber | None = None
    run_as_group: UserNumber | None = None
    run_as_non_root: bool | None = None
    privileged: bool = False
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool = False
    capabilities: Capabilities = Capabilities()
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_options: SELinuxOptions | None = None
    proc_mount: Literal["Default"] = "Default"
    windows_options: WindowsSecurityContextOptions | None = None


class ContainerResizePolicy(Value):
    """What a change of one resource of a running container restarts."""

    resource_name: Literal["cpu", "memory"]
    restart_policy: Literal["NotRequired", "RestartContainer"]


class ContainerRestartRuleOnExitCodes(Value):
    """Chooses ends of a container by their exit codes."""

    operator: Literal["In", "NotIn"]
    values: Annotated[tuple[ExitCode, ...], Meta(max_length=255)] = ()


class ContainerRestartRule(Value):
    """What becomes of a container that ended in one way, whatever its policy says."""

    action: Literal["Restart", "RestartAllContainers"]
    exit_codes: ContainerRestartRuleOnExitCodes


class Container(Value):
    """One container of a Pod. `restartPolicy: Always` makes an init container a sidecar."""

    name: Label
    image: NonEmpty
    image_pull_policy: PullPolicy | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    restart_policy: Literal["Always", "OnFailure", "Never"] | None = None
    restart_policy_rules: Annotated[tuple[ContainerRestartRule, ...], Meta(max_length=20)] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle = Lifecycle()
    security_context: SecurityContext = SecurityContext()
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: Literal["File", "FallbackToLogsOnError"] = "File"
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class EphemeralContainer(Container):
    """A container that looks into a Pod that runs: it is added, never started again, and counts for nothing.

    It has no ports, probes, hooks and resources of its own. `targetContainerName` is whose processes it sees.
    """

    target_container_name: str = ""
