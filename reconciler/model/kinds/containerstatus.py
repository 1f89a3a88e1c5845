"""What was observed of one container: its state, what it holds, as whom it runs."""

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.container import ResourceMap, ResourceRequirements


class ContainerStateWaiting(Value):
    """Not running yet, and why."""

    reason: str = ""
    message: str = ""


class ContainerStateRunning(Value):
    """Running since a time."""

    started_at: str | None = None


class ContainerStateTerminated(Value):
    """Ended, how and when."""

    exit_code: int
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = ""


class ContainerState(Value):
    """One of waiting, running, terminated; none set means waiting."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ImageVolumeStatus(Value):
    """The image that a mounted volume was made of."""

    image_ref: str = ""


class VolumeStatus(Value):
    """What is known of a mounted volume besides its place."""

    image: ImageVolumeStatus | None = None


class VolumeMountStatus(Value):
    """A volume as a container has it."""

    name: str = ""
    mount_path: str = ""
    read_only: bool = False
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class LinuxContainerUser(Value):
    """The numbers that the first process of a container began with."""

    uid: int = 0
    gid: int = 0
    supplemental_groups: tuple[int, ...] = ()


class ContainerUser(Value):
    """As whom a container runs."""

    linux: LinuxContainerUser | None = None


class ResourceHealth(Value):
    """How one device is that a container has."""

    resource_id: str = field(default="", name="resourceID")
    health: str = ""
    message: str | None = None


class ResourceStatus(Value):
    """The devices that a container has of one resource."""

    name: str = ""
    resources: tuple[ResourceHealth, ...] = ()


class ContainerStatus(Value):
    """What was observed of one container."""

    name: str
    image: str = ""
    image_id: str = ""
    container_id: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    allocated_resources: ResourceMap = field(default_factory=dict)
    resources: ResourceRequirements | None = None
    volume_mounts: tuple[VolumeMountStatus, ...] = ()
    user: ContainerUser | None = None
    allocated_resources_status: tuple[ResourceStatus, ...] = ()
