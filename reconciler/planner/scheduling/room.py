"""What nodes have and what Pods ask for. Pure."""

from typing import cast

from reconciler.model.base import Value
from reconciler.model.kinds import Container, Node, Pod, PodSpec
from reconciler.model.quantity import bytes_of, cpu_millis


class Room(Value):
    """CPU in thousandths, memory in bytes, number of Pods."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    pods: int = 0

    def plus(self, other: "Room") -> "Room":
        """Return the sum."""
        return Room(
            cpu_millis=self.cpu_millis + other.cpu_millis,
            memory_bytes=self.memory_bytes + other.memory_bytes,
            pods=self.pods + other.pods,
        )


def requested(spec: PodSpec) -> Room:
    """Return what a Pod asks for: the sum of its containers and sidecars, or its largest init container if more."""
    sidecars = [one for one in spec.init_containers if one.restart_policy == "Always"]
    steady = Room(pods=1)
    for container in (*spec.containers, *sidecars):
        steady = steady.plus(_of(container))
    peak = steady
    running = Room(pods=1)
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            running = running.plus(_of(container))
        else:
            peak = _larger(peak, running.plus(_of(container)))
    return peak


def _of(container: Container) -> Room:
    # A limit without a request is a request too.
    wanted = {**container.resources.limits, **container.resources.requests}
    return Room(cpu_millis=cpu_millis(wanted.get("cpu", 0)), memory_bytes=bytes_of(wanted.get("memory", 0)))


def _larger(a: Room, b: Room) -> Room:
    return Room(
        cpu_millis=max(a.cpu_millis, b.cpu_millis),
        memory_bytes=max(a.memory_bytes, b.memory_bytes),
        pods=max(a.pods, b.pods),
    )


def allocatable(node: Node) -> Room:
    """Return what a node has for Pods."""
    has = node.status.allocatable
    return Room(
        cpu_millis=cpu_millis(has.get("cpu", 0)),
        memory_bytes=bytes_of(has.get("memory", 0)),
        pods=int(cast(str, has.get("pods", "110"))),
    )


def host_ports(pod: Pod) -> frozenset[tuple[str, int, str]]:
    """Return the (protocol, port, address) triples of the host that a Pod takes."""
    found = set()
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        for port in container.ports:
            number = port.host_port or (port.container_port if pod.spec.host_network else None)
            if number:
                found.add((port.protocol, number, port.host_ip or "0.0.0.0"))
    return frozenset(found)
