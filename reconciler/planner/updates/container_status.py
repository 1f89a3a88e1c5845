"""What may be said of one container: as whom it runs, what it has mounted, which devices it has. Pure.

The rules are Kubernetes' validateContainerStatusUsers, validateContainerStatusVolumeMounts and
validateContainerStatusAllocatedResourcesStatus.
"""

from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.kinds import Container, ContainerStatus, PodSpec, ResourceStatus
from reconciler.planner.updates.fault import DUPLICATE, FORBIDDEN, INVALID, NOT_SUPPORTED, REQUIRED, TOO_LONG, Fault

_ID_MAX = 2**31 - 1
_IMAGE_MAX = 256
_MESSAGE_MAX = 1024
_HEALTH = ("Healthy", "Unhealthy", "Unknown")


def container_status_faults(field: str, spec: PodSpec, statuses: Sequence[ContainerStatus]) -> Iterator[Fault]:
    """Yield what is wrong with statuses of containers, which stand in this field of a status."""
    for number, status in enumerate(statuses):
        at = f"{field}[{number}]"
        yield from _user_faults(f"{at}.user.linux", spec, status)
        yield from _mount_faults(f"{at}.volumeMounts", status)
    containers = {one.name: one for one in (*spec.init_containers, *spec.containers)}
    yield from device_faults(field, containers, statuses)


def _user_faults(at: str, spec: PodSpec, status: ContainerStatus) -> Iterator[Fault]:
    user = status.user.linux if status.user is not None else None
    if user is None:
        return
    if spec.os is not None and spec.os.name == "windows":
        yield Fault(at, "cannot be set: the Pod is made for Windows", FORBIDDEN)
        return
    groups = ((f"supplementalGroups[{place}]", id) for place, id in enumerate(user.supplemental_groups))
    for name, number in (("uid", user.uid), ("gid", user.gid), *groups):
        if not 0 <= number <= _ID_MAX:
            yield Fault(f"{at}.{name}", f"must be between 0 and {_ID_MAX}", INVALID)


def _mount_faults(at: str, status: ContainerStatus) -> Iterator[Fault]:
    for number, mount in enumerate(status.volume_mounts):
        image = mount.volume_status.image if mount.volume_status is not None else None
        place = f"{at}[{number}].volumeStatus.image.imageRef"
        if image is not None and not image.image_ref:
            yield Fault(place, "is missing", REQUIRED)
        elif image is not None and len(image.image_ref) > _IMAGE_MAX:
            yield Fault(place, f"can have at most {_IMAGE_MAX} characters", TOO_LONG)


def device_faults(
    field: str, containers: Mapping[str, Container], statuses: Sequence[ContainerStatus]
) -> Iterator[Fault]:
    """Yield what is wrong with the devices of containers: resources that were not asked for, devices told twice."""
    for number, status in enumerate(statuses):
        container = containers.get(status.name)
        seen: set[str] = set()
        for place, resource in enumerate(status.allocated_resources_status):
            at = f"{field}[{number}].allocatedResourcesStatus[{place}]"
            if resource.name in seen:
                yield Fault(f"{at}.name", "is there twice", DUPLICATE)
            seen.add(resource.name)
            if container is not None and resource.name not in container.resources.requests:
                yield Fault(f"{at}.name", "must be a resource that the container requests", INVALID)
            yield from _health_faults(at, resource)


def _health_faults(at: str, resource: ResourceStatus) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, device in enumerate(resource.resources):
        place = f"{at}.resources[{number}]"
        if device.resource_id in seen:
            yield Fault(f"{place}.resourceID", "is there twice", DUPLICATE)
        seen.add(device.resource_id)
        if device.health not in _HEALTH:
            yield Fault(f"{place}.health", f"must be one of {', '.join(_HEALTH)}", NOT_SUPPORTED)
        if len((device.message or "").encode()) > _MESSAGE_MAX:
            yield Fault(f"{place}.message", f"can have at most {_MESSAGE_MAX} bytes", TOO_LONG)
