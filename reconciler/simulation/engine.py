"""A simulated container engine: containers by name, processes that live in virtual time, a registry.

Pure apart from its own state. Effects are idempotent by name, as those of the real one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from reconciler.model.details import (
    CreateSandbox,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    StopContainer,
)
from reconciler.model.errors import StaleError, TerminalError, TransientError
from reconciler.model.granted import granted, granted_to_pod
from reconciler.model.node_report import ContainerFact
from reconciler.model.podresources import has_pod_resources
from reconciler.model.pressure import OwnImage
from reconciler.planner.node.images import full_name
from reconciler.simulation.behaviour import KILLED, SERVER, Behaviour, behaviour_of
from reconciler.simulation.clock import VirtualClock

_PREFIX = "reconciler.dev/"


@dataclass
class SimulatedContainer:
    """One container: its fact, how its process behaves, and when it was asked to end.

    `set_by_s` is how far the clock was set since the process began: processes do not live by it.
    """

    fact: ContainerFact
    behaviour: Behaviour = SERVER
    term_at: float | None = None
    grace_s: float = 0.0
    set_by_s: float = 0.0

    @property
    def began_at(self) -> float:
        """When its process began, by the clock as it is set now."""
        return self.fact.started_at + self.set_by_s

    @property
    def is_running(self) -> bool:
        """Whether its process exists."""
        return self.fact.state == "running"

    def ends_at(self) -> tuple[float, int] | None:
        """Return when and how its process ends as things stand."""
        if self.term_at is None and self.behaviour.exit_after_s is None:
            return None
        ends: list[tuple[float, int]] = []
        if self.behaviour.exit_after_s is not None:
            ends.append((self.began_at + self.behaviour.exit_after_s, self.behaviour.exit_code))
        if self.term_at is not None:
            if self.behaviour.term_s is not None:
                ends.append((self.term_at + self.behaviour.term_s, self.behaviour.term_code))
            ends.append((self.term_at + self.grace_s, KILLED))
        return min(ends, default=None)


@dataclass
class SimulatedEngine:
    """Containers and images of one host. `registry` is what can be pulled, with the behaviour of each image."""

    clock: VirtualClock
    node: str
    registry: dict[str, Behaviour] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    containers: dict[str, SimulatedContainer] = field(default_factory=dict)
    own_images: dict[str, OwnImage] = field(default_factory=dict)
    image_bytes: int = 100 << 20
    registry_error: str = ""
    pulls: int = 0
    _made: int = 0

    def advance(self) -> None:
        """Let processes end whose time has come."""
        now = self.clock.now()
        for container in self.containers.values():
            if container.term_at is None and container.behaviour.exit_after_s is None:
                continue
            end = container.ends_at() if container.is_running else None
            if end is not None and end[0] <= now:
                self._end(container, *end)

    def next_at(self) -> float | None:
        """Return when the next process ends or answers a probe differently."""
        now = self.clock.now()
        times: list[float] = []
        for container in self.containers.values():
            if container.is_running:
                end = container.ends_at()
                times.extend(() if end is None else (end[0],))
                times.extend(container.began_at + age for age in container.behaviour.changes())
        return min((time for time in times if time > now), default=None)

    def set_clock(self, seconds: float) -> None:
        """Take in that the clock was set forward or back: nothing that runs notices."""
        for container in self.containers.values():
            container.set_by_s += seconds
            if container.term_at is not None:
                container.term_at += seconds

    def facts(self) -> tuple[ContainerFact, ...]:
        """Return every container."""
        self.advance()
        return tuple(self.containers[name].fact for name in sorted(self.containers))

    def find(self, identity: str) -> SimulatedContainer | None:
        """Return a container by name or id."""
        self.advance()
        found = self.containers.get(identity)
        return found or next((one for one in self.containers.values() if one.fact.id == identity), None)

    # Effects

    def pull(self, detail: PullImage) -> tuple[bool, str]:
        """Pull an image from the registry."""
        if self.registry_error:
            raise TransientError(self.registry_error, reason="ErrImagePull")
        name = full_name(detail.image)
        if not self.offers(name):
            raise TransientError(f"{detail.image}: not found", reason="ErrImagePull")
        self.pulls += 1
        if detail.image not in self.images:
            identity = f"sha256:{detail.image}"
            self.own_images[identity] = OwnImage(
                id=identity, names=(detail.image,), size_bytes=self.image_bytes, pulled_at=self.clock.now()
            )
        self.images.add(detail.image)
        return True, detail.image

    def remove_image(self, detail: RemoveImage) -> tuple[bool, str]:
        """Remove an image that was pulled and that no container is made from."""
        image = self.own_images.get(detail.image_id)
        if image is None or any(one.fact.image_id == detail.image_id for one in self.containers.values()):
            return False, ""
        del self.own_images[detail.image_id]
        self.images.difference_update(image.names)
        return True, detail.image_id

    def offers(self, name: str) -> bool:
        """Whether the registry has an image (full name)."""
        return any(full_name(one) == name for one in self.registry)

    def behaviour_of(self, detail: StartContainer, image: Behaviour) -> Behaviour:
        """Return how a container's process will behave."""
        return behaviour_of(detail.spec, image)

    def create_sandbox(self, detail: CreateSandbox, *, start: bool = True) -> tuple[bool, str]:
        """Create and start a sandbox."""
        existing = self.find(detail.name)
        if existing is None:
            pod = detail.pod
            labels = {
                f"{_PREFIX}pod-uid": pod.uid,
                f"{_PREFIX}role": "sandbox",
                f"{_PREFIX}pod-ip": detail.pod_ip,
            }
            existing = self._make(
                detail.name, pod.uid, pod.namespace, pod.name, "sandbox", "POD", detail.attempt, labels
            )
            if has_pod_resources(pod.spec):
                existing.fact = replace(existing.fact, granted=granted_to_pod(pod.spec))
        return self._start(existing, start=start)

    def start_container(self, detail: StartContainer, *, start: bool = True) -> tuple[bool, str]:
        """Create and start a container in its Pod's sandbox."""
        existing = self.find(detail.name)
        if existing is None:
            sandbox = self.find(detail.sandbox)
            if sandbox is None or not sandbox.is_running:
                raise StaleError(f"the sandbox {detail.sandbox} does not run", reason="SandboxGone")
            image = self._image(detail.spec.image)
            pod = detail.pod
            labels = {f"{_PREFIX}pod-uid": pod.uid, f"{_PREFIX}role": detail.role}
            existing = self._make(
                detail.name, pod.uid, pod.namespace, pod.name, detail.role, detail.spec.name, detail.attempt, labels
            )
            existing.behaviour = self.behaviour_of(detail, image)
            existing.fact = replace(
                existing.fact,
                sandbox=sandbox.fact.id,
                image=detail.spec.image,
                image_id=f"sha256:{detail.spec.image}",
                spec_digest=pod.digest,
                granted=granted(detail.spec.resources, pod.spec.resources.limits),
            )
        return self._start(existing, start=start)

    def resize_container(self, detail: ResizeContainer) -> tuple[bool, str]:
        """Let a container use something else."""
        container = self.find(detail.container_id)
        if container is None or not container.is_running:
            raise StaleError(f"container {detail.name} does not run", reason="ContainerGone")
        container.fact = replace(container.fact, granted=granted(detail.spec.resources, detail.within))
        sandbox = self.find(detail.sandbox) if detail.sandbox else None
        if sandbox is not None and detail.whole is not None:
            sandbox.fact = replace(sandbox.fact, granted=detail.whole)
        return True, container.fact.id

    def begin_stop(self, detail: StopContainer) -> None:
        """Ask a container to end; it is killed when its grace is over."""
        container = self.find(detail.container_id)
        if container is not None and container.is_running and container.term_at is None:
            container.term_at = self.clock.now()
            container.grace_s = detail.grace_s

    def finish_stop(self, detail: StopContainer) -> tuple[bool, str]:
        """Wait until it has ended."""
        container = self.find(detail.container_id)
        if container is None:
            return False, ""
        if not container.is_running:
            return container.term_at is not None, container.fact.id
        end = container.ends_at()
        assert end is not None, "what was asked to end has an end"
        self.clock.advance_to(end[0])
        self.advance()
        return True, container.fact.id

    def remove(self, detail: RemoveContainer | RemoveSandbox) -> tuple[bool, str]:
        """Remove a container; a running sandbox is killed, a running container is left alone."""
        container = self.find(detail.container_id) or self.find(detail.name)
        if container is None:
            return False, ""
        if container.is_running and isinstance(detail, RemoveContainer):
            raise StaleError(f"container {detail.name} runs", reason="ContainerRuns")
        del self.containers[container.fact.name]
        return True, ""

    # What happens without us

    def end_all(self, exit_code: int = KILLED) -> None:
        """End every process, as a restart of the Engine without live-restore does."""
        self.advance()
        for container in self.containers.values():
            if container.is_running:
                self._end(container, self.clock.now(), exit_code)

    def end(self, name: str, exit_code: int = KILLED) -> None:
        """End one process, as `docker kill` does."""
        container = self.containers[name]
        self._end(container, self.clock.now(), exit_code)

    def restart(self, name: str) -> None:
        """End a container and start the same one again, as `docker restart` does."""
        self.end(name)
        container = self.containers[name]
        container.term_at = None
        container.fact = replace(
            container.fact,
            state="running",
            started_at=self.clock.now(),
            finished_at=0.0,
            exit_code=0,
            pid=self._number(),
        )

    def _image(self, image: str) -> Behaviour:
        name = full_name(image)
        if not any(full_name(one) == name for one in self.images):
            raise TransientError(f"no such image: {image}", reason="ErrImageNotPresent")
        return next((one for key, one in self.registry.items() if full_name(key) == name), SERVER)

    def _make(
        self,
        name: str,
        uid: str,
        namespace: str,
        pod: str,
        role: str,
        container: str,
        attempt: int,
        labels: Mapping[str, Any],
    ) -> SimulatedContainer:
        fact = ContainerFact(
            id=f"{self.node}-{self._number():08x}",
            name=name,
            role=role,
            pod_uid=uid,
            pod_namespace=namespace,
            pod_name=pod,
            container=container,
            attempt=attempt,
            state="created",
            created_at=self.clock.now(),
            labels=labels,
        )
        self.containers[name] = SimulatedContainer(fact)
        return self.containers[name]

    def _start(self, container: SimulatedContainer, *, start: bool) -> tuple[bool, str]:
        fact = container.fact
        if fact.state != "created" or not start:
            if fact.role == "sandbox" and fact.state == "exited":
                raise StaleError(f"sandbox {fact.name} has ended", reason="SandboxEnded")
            return False, fact.id
        now = self.clock.now()
        if container.behaviour.start_error:
            error = container.behaviour.start_error
            container.fact = replace(
                fact, state="exited", exit_code=127, error=error, started_at=now, finished_at=fact.created_at
            )
            raise TerminalError(error, reason="RunContainerError")
        container.fact = replace(fact, state="running", started_at=now, pid=self._number())
        container.set_by_s = 0.0
        return True, fact.id

    def _end(self, container: SimulatedContainer, at: float, exit_code: int) -> None:
        container.fact = replace(container.fact, state="exited", finished_at=at, exit_code=exit_code, pid=0)

    def _number(self) -> int:
        self._made += 1
        return self._made
