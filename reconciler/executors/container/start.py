"""Creating and starting one container of a Pod, and its postStart hook.

Effect, idempotent by name: whatever an earlier try left is continued from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from reconciler.executors.capacity import host_size, lowest_oom_score
from reconciler.executors.container.envfile import EnvFiles
from reconciler.executors.container.environment import ContainerConfigError, environment
from reconciler.executors.container.facts import hide_values, start_error, start_failed
from reconciler.executors.container.hooks import run_hook
from reconciler.executors.container.owned import Owned, is_running, was_never_started
from reconciler.executors.container.podcgroup import PodCgroups
from reconciler.executors.container.render import Surroundings, container_body, sub_path
from reconciler.executors.container.sandbox import check_group
from reconciler.executors.container.security import needs_image_user, seccomp_path
from reconciler.executors.downward import PodPlace
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused, EngineSilent
from reconciler.model.details import StartContainer
from reconciler.model.errors import ReconcilerError, StaleError, TransientError
from reconciler.model.kinds import Volume
from reconciler.model.node import Materials, PodAssignment

_SECCOMP = "seccomp"


class ImageNotPresent(TransientError):
    """The image is not on the host."""

    reason = "ImageNotPresent"


class CreateContainerError(TransientError):
    """The Engine did not create a container."""

    reason = "CreateContainerError"


class RunContainerError(TransientError):
    """The Engine created a container and could not start it."""

    reason = "RunContainerError"


class PostStartHookError(TransientError):
    """The postStart hook failed; the container was killed."""

    reason = "PostStartHookError"


class Volumes(Protocol):
    """What starting a container needs of the volumes of its Pod."""

    def mount_source(
        self, pod: PodAssignment, volume: Volume, container: str, attempt: int, index: int, part: str
    ) -> str:
        """Return the path of the host that a mount shows."""
        ...

    def device_source(self, pod: PodAssignment, volume: Volume) -> str:
        """Return the block device of the host that a container gets as a volume."""
        ...

    def read_file(self, pod: PodAssignment, volume: Volume, path: str) -> bytes | None:
        """Return what a file of a volume holds; None where there is no such file."""
        ...

    def release_parts(self, pod_uid: str, container: str, attempt: int) -> None:
        """Undo what `mount_source` did for all other attempts."""
        ...

    def is_read_only(self, pod: PodAssignment, volume: Volume) -> bool:
        """Whether containers may not write to a volume."""
        ...


class Starter:
    """Starts containers on one host."""

    def __init__(
        self,
        engine: Engine,
        owned: Owned,
        cgroups: PodCgroups,
        volumes: Volumes,
        files: "PodFiles",
        data_dir: Path,
    ) -> None:
        self._engine = engine
        self._owned = owned
        self._cgroups = cgroups
        self._volumes = volumes
        self._files = files
        self._profiles = data_dir / _SECCOMP

    def start(self, detail: StartContainer, materials: Materials, expects: str, deadline: Deadline) -> tuple[bool, str]:
        """Bring one container to run; return whether anything was done, and its id."""
        sandbox = self._sandbox(detail, expects)
        found = self._existing(detail, sandbox)
        if found is not None and not was_never_started(found):
            return self._continue(detail, found, deadline), str(found["Id"])
        with self._cgroups.entered(detail.pod.uid, detail.pod.spec) as group:
            if found is not None:
                container = str(found["Id"])
            else:
                container = self._create(detail, sandbox, group, materials, deadline)
            try:
                self._engine.start_container(container, deadline.left_s)
            except EngineRefused as error:
                raise self._start_failure(detail, container, error) from None
            if group:
                check_group(self._engine, self._cgroups, detail.pod.uid, container, deadline)
        self._post_start(detail, container, deadline)
        return True, container

    def _sandbox(self, detail: StartContainer, expects: str) -> str:
        found = self._owned.find(detail.sandbox, detail.pod.uid)
        if found is None or not is_running(found):
            raise StaleError(f"sandbox {detail.sandbox} does not run")
        self._owned.expect(found, expects, detail.sandbox)
        return str(found["Id"])

    def _existing(self, detail: StartContainer, sandbox: str) -> Mapping[str, Any] | None:
        """Return what an earlier try made, unless that belongs to an older sandbox and never ran."""
        found = self._owned.find(detail.name, detail.pod.uid)
        if found is None:
            return None
        if start_failed(found):
            raise RunContainerError(f"container {detail.spec.name} does not start: {start_error(found)}")
        if was_never_started(found) and found["HostConfig"]["NetworkMode"] != f"container:{sandbox}":
            self._engine.remove_container(str(found["Id"]), force=True, timeout_s=30.0)
            return None
        return found

    def _continue(self, detail: StartContainer, found: Mapping[str, Any], deadline: Deadline) -> bool:
        """Do what is left for a container that was started: perhaps its hook (which may run twice, never not)."""
        if not is_running(found):
            return False
        if found["HostConfig"].get("CgroupParent"):
            check_group(self._engine, self._cgroups, detail.pod.uid, str(found["Id"]), deadline)
        if self._files.hook_has_run(detail):
            return False
        return self._post_start(detail, str(found["Id"]), deadline)

    def _create(
        self, detail: StartContainer, sandbox: str, group: str, materials: Materials, deadline: Deadline
    ) -> str:
        around = replace(self._surroundings(detail, sandbox, materials), cgroup_parent=group)
        body = container_body(detail, self._owned.owner, around, materials)
        try:
            return self._engine.create_container(detail.name, body, deadline.left_s)
        except EngineRefused as error:
            if error.status == 404:
                raise self._missing(detail) from error
            if appeared := self._owned.appeared(detail.name, detail.pod.uid, error):
                return appeared
            words = hide_values(str(error), body["Env"])
            raise CreateContainerError(f"container {detail.spec.name} is not created: {words}") from None

    def _missing(self, detail: StartContainer) -> ReconcilerError:
        """Tell what it was that the Engine did not find: the image, or the sandbox since we looked."""
        if self._engine.inspect_image(detail.spec.image) is None:
            return ImageNotPresent(f"image {detail.spec.image} is not on the node")
        return StaleError(f"sandbox {detail.sandbox} is gone")

    def _start_failure(self, detail: StartContainer, container: str, error: EngineRefused) -> ReconcilerError:
        """Tell why a container did not start; the Engine's words may quote an expanded command."""
        found = self._engine.inspect_container(container)
        if found is None:
            return StaleError(f"container {detail.spec.name} is gone")
        words = hide_values(str(error), found["Config"].get("Env") or ())
        return RunContainerError(f"container {detail.spec.name} does not start: {words}")

    def _surroundings(self, detail: StartContainer, sandbox: str, materials: Materials) -> Surroundings:
        pod, context = detail.pod, detail.pod.spec.security_context
        place = PodPlace(node=detail.node, pod_ip=detail.pod_ip, host_ip=detail.host_ip, **host_size())
        asked = needs_image_user(context, detail.spec.security_context)
        profile = seccomp_path(context, detail.spec.security_context)
        volumes, files = pod.spec.volumes, self._env_files(detail)
        return Surroundings(
            sandbox=sandbox,
            place=place,
            image_user=self._image_user(detail.spec.image) if asked else "",
            mount_sources=self._mount_sources(detail, place, materials, files),
            device_sources=self._device_sources(detail),
            read_only_volumes=tuple(v.name for v in volumes if self._volumes.is_read_only(pod, v)),
            termination_file=str(self._files.make_message_file(detail)),
            oom_score_min=lowest_oom_score(self._engine.socket_path),
            seccomp_profiles=self._profile(profile),
            env_files=files,
        )

    def _env_files(self, detail: StartContainer) -> EnvFiles:
        """Return what the files hold that variables of the container are taken from."""
        volumes = {volume.name: volume for volume in detail.pod.spec.volumes}
        sources = (one.value_from.file_key_ref for one in detail.spec.env if one.value_from is not None)
        wanted = {(one.volume_name, one.path) for one in sources if one is not None and one.volume_name in volumes}
        return {(name, path): self._volumes.read_file(detail.pod, volumes[name], path) for name, path in sorted(wanted)}

    def _mount_sources(
        self, detail: StartContainer, place: PodPlace, materials: Materials, files: EnvFiles
    ) -> tuple[str, ...]:
        pod, container = detail.pod, detail.spec
        volumes = {volume.name: volume for volume in pod.spec.volumes}
        variables = environment(pod, container, place, materials, files)
        self._volumes.release_parts(pod.uid, container.name, detail.attempt)
        sources = []
        for index, mount in enumerate(container.volume_mounts):
            if mount.name not in volumes:
                raise ContainerConfigError(f"the pod has no volume {mount.name!r}")
            part = sub_path(mount, variables)
            volume = volumes[mount.name]
            sources.append(self._volumes.mount_source(pod, volume, container.name, detail.attempt, index, part))
        return tuple(sources)

    def _device_sources(self, detail: StartContainer) -> tuple[str, ...]:
        volumes = {volume.name: volume for volume in detail.pod.spec.volumes}
        for device in detail.spec.volume_devices:
            if device.name not in volumes:
                raise ContainerConfigError(f"the pod has no volume {device.name!r}")
        named = (volumes[device.name] for device in detail.spec.volume_devices)
        return tuple(self._volumes.device_source(detail.pod, volume) for volume in named)

    def _image_user(self, image: str) -> str:
        found = self._engine.inspect_image(image)
        if found is None:
            raise ImageNotPresent(f"image {image} is not on the node")
        return str((found.get("Config") or {}).get("User") or "")

    def _profile(self, path: str) -> Mapping[str, str]:
        file = (self._profiles / path).resolve()
        if not path or not file.is_relative_to(self._profiles.resolve()) or not file.is_file():
            return {}
        return {path: file.read_text()}

    def _post_start(self, detail: StartContainer, container: str, deadline: Deadline) -> bool:
        hook = detail.spec.lifecycle.post_start
        if hook is None:
            return False
        try:
            run_hook(self._engine, container, hook, detail.spec, detail.pod_ip or detail.host_ip, deadline)
        except EngineSilent:
            raise
        except ReconcilerError as error:
            self._kill(container)
            raise PostStartHookError(f"postStart of {detail.spec.name} failed: {error}") from error
        self._files.mark_hook(detail)
        return True

    def _kill(self, container: str) -> None:
        try:
            self._engine.kill_container(container)
        except EngineRefused as error:
            if error.status not in (404, 409):
                raise


class PodFiles(Protocol):
    """The small files we keep for each container."""

    def make_message_file(self, detail: StartContainer) -> Path:
        """Make the file that the container may write its last words to."""
        ...

    def hook_has_run(self, detail: StartContainer) -> bool:
        """Whether the postStart hook of this start is done (or there is none)."""
        ...

    def mark_hook(self, detail: StartContainer) -> None:
        """Write down that the postStart hook of this start is done."""
        ...
