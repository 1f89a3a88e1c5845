"""Which containers may be added to a Pod that runs, to look into it. Pure.

The rules are Kubernetes' ValidatePodEphemeralContainersUpdate, those of the subresource `ephemeralcontainers`, and what
its validateWindowsHostProcessPod says of such containers.
"""

from collections.abc import Iterator

from reconciler.model.base import wire_name
from reconciler.model.host_process import has_host_process, host_process_of, is_all_host_process
from reconciler.model.kinds import EphemeralContainer, Pod
from reconciler.planner.updates.fault import DUPLICATE, FORBIDDEN, Fault
from reconciler.planner.updates.pod import MIRROR

_PLAIN = EphemeralContainer(name="plain", image="plain")
# What only belongs to containers that the Pod is made of.
_NOT_ITS_OWN = (
    "ports",
    "resources",
    "resize_policy",
    "restart_policy",
    "restart_policy_rules",
    "liveness_probe",
    "readiness_probe",
    "startup_probe",
    "lifecycle",
)
_FIELD = "spec.ephemeralContainers"


def added_containers(old: Pod, new: Pod) -> tuple[EphemeralContainer, ...]:
    """Return the ephemeral containers that a Pod does not have yet."""
    known = {one.name for one in old.spec.ephemeral_containers}
    return tuple(one for one in new.spec.ephemeral_containers if one.name not in known)


def ephemeral_faults(old: Pod, new: Pod) -> Iterator[Fault]:
    """Yield why a Pod cannot have the ephemeral containers of another one: those that it has stay as they are."""
    if new.spec.ephemeral_containers and MIRROR in new.metadata.annotations:
        yield Fault(_FIELD, "cannot be added to a static Pod", FORBIDDEN)
    wanted = {one.name: (number, one) for number, one in enumerate(new.spec.ephemeral_containers)}
    for container in old.spec.ephemeral_containers:
        if container.name not in wanted:
            yield Fault(_FIELD, f"cannot lose {container.name}: it stays until the Pod goes", FORBIDDEN)
        elif wanted[container.name][1] != container:
            yield Fault(f"{_FIELD}[{wanted[container.name][0]}]", "cannot be changed once it is there", FORBIDDEN)
    regular = {one.name for one in (*new.spec.init_containers, *new.spec.containers)}
    seen = set(regular)
    for number, container in enumerate(new.spec.ephemeral_containers):
        if container.name in seen:
            yield Fault(f"{_FIELD}[{number}].name", f"{container.name} is a container of this Pod already", DUPLICATE)
        seen.add(container.name)
        yield from _container_faults(f"{_FIELD}[{number}]", container, regular)
        yield from _host_process_faults(f"{_FIELD}[{number}].securityContext.windowsOptions", new, container)
    if new.spec.ephemeral_containers and has_host_process(new.spec) and not is_all_host_process(new.spec):
        yield Fault(_FIELD, "hostProcess: either all containers of a Pod have it, or none")


def _host_process_faults(at: str, pod: Pod, container: EphemeralContainer) -> Iterator[Fault]:
    of_pod, own = host_process_of(pod.spec.security_context), host_process_of(container.security_context)
    if None not in (of_pod, own) and of_pod != own:
        yield Fault(f"{at}.hostProcess", "must be the same as that of the Pod")


def _container_faults(at: str, container: EphemeralContainer, regular: set[str]) -> Iterator[Fault]:
    for name in _NOT_ITS_OWN:
        if getattr(container, name) != getattr(_PLAIN, name):
            yield Fault(f"{at}.{wire_name(name)}", "cannot be set for an ephemeral container", FORBIDDEN)
    if container.target_container_name and container.target_container_name not in regular:
        yield Fault(f"{at}.targetContainerName", f"there is no container {container.target_container_name}")
    for number, mount in enumerate(container.volume_mounts):
        if mount.sub_path or mount.sub_path_expr:
            field = "subPath" if mount.sub_path else "subPathExpr"
            yield Fault(f"{at}.volumeMounts[{number}].{field}", "cannot be set for an ephemeral container", FORBIDDEN)
