"""From a Pod's assignment to the Engine's request that creates a container of it.

Pure: what must be looked up on the host (paths, the image's user, profiles) comes in as arguments, and the result
is a plain value. It may hold values of Secrets: it is never logged.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

from msgspec import field

from reconciler.executors.container import labels
from reconciler.executors.container.dns import (
    Resolver,
    host_name,
    hosts_entries,
    pod_resolver,
    resolver_settings,
)
from reconciler.executors.container.envfile import EnvFiles
from reconciler.executors.container.environment import environment, expand, expand_whole
from reconciler.executors.container.resources import group_setting, oom_score, resource_settings, sandbox_settings
from reconciler.executors.container.security import group_settings, security_settings, user_setting
from reconciler.executors.downward import PodPlace
from reconciler.model.base import Value
from reconciler.model.details import CreateSandbox, StartContainer
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import PodSpec, VolumeMount
from reconciler.model.node import Materials

_PROPAGATION = {"None": "rprivate", "HostToContainer": "rslave", "Bidirectional": "rshared"}
_LOG_CONFIG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


class Surroundings(Value):
    """What a container needs from the host.

    `sandbox` is the id of the sandbox, `image_user` that of the image's configuration (where asked for),
    `mount_sources` the host's path of each volume mount in order, `device_sources` that of each block device,
    `termination_file` that of the message file, `env_files` what files hold that variables are taken from,
    `cgroup_parent` the control group of the Pod, if it has one.
    """

    sandbox: str
    place: PodPlace = PodPlace()
    image_user: str = ""
    mount_sources: tuple[str, ...] = ()
    device_sources: tuple[str, ...] = ()
    read_only_volumes: tuple[str, ...] = ()
    termination_file: str = ""
    oom_score_min: int = -1000
    seccomp_profiles: Mapping[str, str] = field(default_factory=dict)
    env_files: EnvFiles = field(default_factory=dict)
    cgroup_parent: str = ""


def sandbox_body(
    detail: CreateSandbox, owner: labels.Owner, image: str, host: Resolver, oom_score_min: int, group: str = ""
) -> dict[str, Any]:
    """Return the request that creates the container that owns a Pod's namespaces."""
    pod = detail.pod
    spec = pod.spec
    named = labels.labels_of(owner, pod, labels.SANDBOX_CONTAINER, labels.SANDBOX_ROLE, detail.attempt)
    settings: dict[str, Any] = {
        "NetworkMode": "host" if spec.host_network else "none",
        "IpcMode": "host" if spec.host_ipc else "shareable",
        "PidMode": "host" if spec.host_pid else "",
        "ExtraHosts": hosts_entries(pod, detail.domain, detail.pod_ip),
        "GroupAdd": group_settings(spec.security_context),
        "Sysctls": {sysctl.name: sysctl.value for sysctl in spec.security_context.sysctls},
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": _LOG_CONFIG,
        **resolver_settings(pod_resolver(pod, detail.domain, detail.dns_address, host)),
        **sandbox_settings(oom_score_min),
        **group_setting(group),
    }
    body: dict[str, Any] = {
        "Image": image,
        "Labels": {**named, labels.POD_IP: detail.pod_ip},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": settings,
    }
    if not spec.host_network:
        body["Hostname"] = host_name(pod, detail.domain)
    return body


def container_body(
    detail: StartContainer, owner: labels.Owner, around: Surroundings, materials: Materials
) -> dict[str, Any]:
    """Return the request that creates one container of a Pod."""
    pod, container = detail.pod, detail.spec
    variables = environment(pod, container, around.place, materials, around.env_files)
    named = labels.labels_of(owner, pod, container.name, detail.role, detail.attempt)
    body: dict[str, Any] = {
        "Image": container.image,
        "Labels": {**named, labels.TERMINATION_POLICY: container.termination_message_policy},
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "User": user_setting(pod.spec.security_context, container.security_context, around.image_user),
        "WorkingDir": container.working_dir,
        "Tty": container.tty,
        "OpenStdin": container.stdin,
        "StdinOnce": container.stdin_once,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            **_namespaces(pod.spec, around.sandbox, detail.processes_of),
            "Mounts": _mounts(detail, around),
            **_devices(detail, around),
            "OomScoreAdj": max(oom_score(pod.spec, container, around.place.memory_bytes), around.oom_score_min),
            "RestartPolicy": {"Name": "no"},
            "LogConfig": _LOG_CONFIG,
            **resource_settings(container, pod.spec.resources.limits),
            **group_setting(around.cgroup_parent),
            **security_settings(pod.spec.security_context, container, around.seccomp_profiles),
        },
    }
    if container.command:
        body["Entrypoint"] = [expand(word, variables) for word in container.command]
    if container.args:
        body["Cmd"] = [expand(word, variables) for word in container.args]
    if container.lifecycle.stop_signal:
        body["StopSignal"] = container.lifecycle.stop_signal
    return body


def sub_path(mount: VolumeMount, variables: Mapping[str, str]) -> str:
    """Return the part of a volume that a mount shows; raises when it would lead out of it."""
    path = expand_whole(mount.sub_path_expr, variables) if mount.sub_path_expr else mount.sub_path
    if path.startswith("/") or ".." in path.split("/"):
        raise TerminalError(
            f"the subPath of volume {mount.name!r} leads out of it", reason="CreateContainerConfigError"
        )
    return posixpath.normpath(path) if path else ""


def _namespaces(spec: PodSpec, sandbox: str, processes_of: str) -> dict[str, str]:
    joined = f"container:{sandbox}"
    shared_pid = f"container:{processes_of}" if processes_of else ""
    if spec.share_process_namespace:
        shared_pid = joined
    return {
        "NetworkMode": joined,
        "IpcMode": "host" if spec.host_ipc else joined,
        "PidMode": "host" if spec.host_pid else shared_pid,
    }


def _mounts(detail: StartContainer, around: Surroundings) -> list[dict[str, Any]]:
    mounts = []
    for mount, source in zip(detail.spec.volume_mounts, around.mount_sources, strict=True):
        mounts.append(
            {
                "Type": "bind",
                "Source": source,
                "Target": posixpath.join("/", mount.mount_path),
                "ReadOnly": mount.read_only or mount.name in around.read_only_volumes,
                "BindOptions": {"Propagation": _PROPAGATION[mount.mount_propagation]},
            }
        )
    if around.termination_file:
        mounts.append(
            {
                "Type": "bind",
                "Source": around.termination_file,
                "Target": detail.spec.termination_message_path,
                "ReadOnly": False,
                "BindOptions": {"Propagation": "rprivate"},
            }
        )
    return mounts


def _devices(detail: StartContainer, around: Surroundings) -> dict[str, Any]:
    """Return the block devices; as with Kubernetes, one of a claim that is read-only can only be read."""
    found = [
        {
            "PathOnHost": source,
            "PathInContainer": device.device_path,
            "CgroupPermissions": "r" if device.name in around.read_only_volumes else "rwm",
        }
        for device, source in zip(detail.spec.volume_devices, around.device_sources, strict=True)
    ]
    return {"Devices": found} if found else {}
