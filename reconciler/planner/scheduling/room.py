"""What nodes have and what Pods ask for. Pure.

The arithmetic is that of Kubernetes' `PodRequests`: containers and sidecars together, or an init container with the
sidecars that started before it where that is more; or what the Pod asks for as a whole.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, cast

from reconciler.model.base import Value
from reconciler.model.kinds import Container, Node, Pod, PodSpec
from reconciler.model.podresources import aggregate, container_requests, has_pod_resources, pod_requests
from reconciler.model.quantity import bytes_of, cpu_millis, in_units

# What kube-scheduler's scores suppose of a container that asks for nothing.
DEFAULT_CPU_MILLIS = 100
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024


class Room(Value):
    """CPU in thousandths, memory in bytes, number of Pods; `others` are further resources by name, in order."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    pods: int = 0
    ephemeral_bytes: int = 0
    others: tuple[tuple[str, int], ...] = ()

    def plus(self, other: "Room") -> "Room":
        """Return the sum."""
        return Room(
            cpu_millis=self.cpu_millis + other.cpu_millis,
            memory_bytes=self.memory_bytes + other.memory_bytes,
            pods=self.pods + other.pods,
            ephemeral_bytes=self.ephemeral_bytes + other.ephemeral_bytes,
            others=_merged(self.others, other.others, int.__add__),
        )

    def of(self, resource: str) -> int:
        """Return the amount of one resource by Kubernetes' name."""
        match resource:
            case "cpu":
                return self.cpu_millis
            case "memory":
                return self.memory_bytes
            case "ephemeral-storage":
                return self.ephemeral_bytes
            case "pods":
                return self.pods
        return dict(self.others).get(resource, 0)


def _merged(
    a: tuple[tuple[str, int], ...], b: tuple[tuple[str, int], ...], join: Callable[[int, int], int]
) -> tuple[tuple[str, int], ...]:
    if not b or not a:
        return a or b
    found = dict(a)
    for name, amount in b:
        found[name] = join(found.get(name, 0), amount)
    return tuple(sorted(found.items()))


def requested(spec: PodSpec) -> Room:
    """Return what a Pod asks for: the sum of its containers and sidecars, or its largest init container if more.

    What it asks for as a whole stands for that.
    """
    found = _asked(spec, _of)
    return _as_whole(found, pod_requests(spec)) if has_pod_resources(spec) else found


def supposed(spec: PodSpec) -> Room:
    """Return what scores reckon with for a Pod: as it asks, and a little for containers that ask for nothing."""
    found = _asked(spec, _supposed_of)
    if not has_pod_resources(spec):
        return found
    # Little is only supposed of a resource that neither the Pod nor any container asks for.
    asked = pod_requests(spec)
    said = {name: value for name, value in aggregate(spec, container_requests).items() if name in ("cpu", "memory")}
    return _as_whole(found, {**said, **asked} if asked else {})


def _asked(spec: PodSpec, of: Callable[[Container], Room]) -> Room:
    steady = Room(pods=1)
    for container in spec.containers:
        steady = steady.plus(of(container))
    peak = running = Room()
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            running = running.plus(of(container))
            steady = steady.plus(of(container))
            peak = _larger(peak, running)
        else:
            peak = _larger(peak, running.plus(of(container)))
    return _larger(peak, steady) if spec.init_containers else steady


def _as_whole(room: Room, asked: Mapping[str, Fraction]) -> Room:
    """Return room with what a Pod asks for as a whole."""
    huge = {name: in_units(value, 0) for name, value in asked.items() if name not in _NAMED}
    return Room(
        cpu_millis=in_units(asked["cpu"], -3) if "cpu" in asked else room.cpu_millis,
        memory_bytes=in_units(asked["memory"], 0) if "memory" in asked else room.memory_bytes,
        pods=room.pods,
        ephemeral_bytes=room.ephemeral_bytes,
        others=tuple(sorted({**dict(room.others), **huge}.items())) if huge else room.others,
    )


def _of(container: Container) -> Room:
    resources = container.resources
    # A limit without a request is a request too.
    if not resources.limits:
        return room_of(resources.requests)
    return room_of({**resources.limits, **resources.requests})


def _supposed_of(container: Container) -> Room:
    resources = container.resources
    wanted = {**resources.limits, **resources.requests}
    found = room_of(wanted)
    return Room(
        cpu_millis=found.cpu_millis if "cpu" in wanted else DEFAULT_CPU_MILLIS,
        memory_bytes=found.memory_bytes if "memory" in wanted else DEFAULT_MEMORY_BYTES,
        ephemeral_bytes=found.ephemeral_bytes,
        others=found.others,
    )


_NAMED = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})


def room_of(amounts: Mapping[str, Any], *, pods: int = 0) -> Room:
    """Return quantities by Kubernetes' names as room; `pods` is a count of its own."""
    others: tuple[tuple[str, int], ...] = ()
    if not amounts.keys() <= _NAMED:
        others = tuple(sorted((name, bytes_of(amount)) for name, amount in amounts.items() if name not in _NAMED))
    return Room(
        cpu_millis=cpu_millis(amounts.get("cpu", 0)),
        memory_bytes=bytes_of(amounts.get("memory", 0)),
        ephemeral_bytes=bytes_of(amounts.get("ephemeral-storage", 0)),
        pods=pods,
        others=others,
    )


def _larger(a: Room, b: Room) -> Room:
    return Room(
        cpu_millis=max(a.cpu_millis, b.cpu_millis),
        memory_bytes=max(a.memory_bytes, b.memory_bytes),
        pods=max(a.pods, b.pods),
        ephemeral_bytes=max(a.ephemeral_bytes, b.ephemeral_bytes),
        others=_merged(a.others, b.others, max),
    )


def allocatable(node: Node) -> Room:
    """Return what a node has for Pods."""
    has = node.status.allocatable
    return room_of(has, pods=int(cast(str, has.get("pods", "110"))))


def host_ports(pod: Pod) -> frozenset[tuple[str, int, str]]:
    """Return the (protocol, port, address) triples of the host that a Pod takes."""
    found = set()
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        for port in container.ports:
            number = port.host_port or (port.container_port if pod.spec.host_network else None)
            if number:
                found.add((port.protocol, number, port.host_ip or "0.0.0.0"))
    return frozenset(found)
