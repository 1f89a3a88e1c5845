"""Ports of Services on the nodes, and the port on which nodes tell of their health. Pure.

Semantics of Kubernetes' allocator: a number is one Service's whatever the protocol, and the protocols of one port of a
Service share it. A number that cannot be had is not programmed; the Service says why.
"""

from collections.abc import Iterator
from typing import cast

from reconciler.model.external import NodePortRange, needs_health_check, needs_node_ports
from reconciler.model.kinds import Pod, Service, ServicePort, ServiceSpec
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.services.rows import NODE_PORT, Rows, has_row, probing, row_key, rows_of
from reconciler.planner.view import View, replace

_HEALTH = "health"


def give_node_ports(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Give a Service its ports on the nodes; return why it cannot have one, or nothing."""
    service = cast(Service, stored.object)
    if service.spec.type not in ("NodePort", "LoadBalancer"):
        rows_of(view).release_others(NODE_PORT, stored.ref, ())
        return stored, ""
    numbers = _Numbers(view, stored)
    ports = tuple(numbers.of_port(service.spec, port) for port in service.spec.ports)
    spec = service.spec if ports == service.spec.ports else replace(service.spec, ports=ports)
    if needs_health_check(spec):
        number = numbers.given(_HEALTH, "healthCheckNodePort", spec.health_check_node_port)
        if number and number != spec.health_check_node_port:
            spec = replace(spec, health_check_node_port=number)
    rows_of(view).release_others(NODE_PORT, stored.ref, numbers.keys)
    if spec is not service.spec:
        stored = view.update(stored, replace(service, spec=spec), reason=Reason.PLACED, judged=False)
    return stored, "; ".join(dict.fromkeys(numbers.faults))


def held_node_ports(view: View, stored: StoredObject) -> tuple[bool, ...]:
    """Return which of the ports of a Service on the nodes are its own, in order; last that of its health check."""
    spec = cast(Service, stored.object).spec
    names = [name for port in spec.ports for name in (str(port.port), _own_name(port))]
    held = [bool(one.node_port) and has_row(view, NODE_PORT, stored, str(one.node_port), names) for one in spec.ports]
    number = spec.health_check_node_port
    return (*held, bool(number) and has_row(view, NODE_PORT, stored, str(number), (_HEALTH,)))


class _Numbers:
    """The numbers of one Service in this pass."""

    def __init__(self, view: View, stored: StoredObject) -> None:
        self.keys: list[str] = []
        self.faults: list[str] = []
        self._view = view
        self._ref = stored.ref
        self._rows: Rows = rows_of(view)
        self._range = NodePortRange.parse(view.observed.cluster.node_ports)
        self._by_port: dict[int, int] = {}
        self._mine: set[int] = set()

    def of_port(self, spec: ServiceSpec, port: ServicePort) -> ServicePort:
        """Return a port with its number."""
        asked = port.node_port or 0
        shared = self._by_port.get(port.port) or _asked_for(spec, port.port)
        if not asked and not needs_node_ports(spec):
            return port
        wanted = asked or shared
        if wanted in self._mine:
            return port if asked else replace(port, node_port=wanted)
        name = str(port.port) if port.port not in self._by_port else _own_name(port)
        number = self.given(name, "nodePort", wanted)
        if not number:
            return port
        self._by_port.setdefault(port.port, number)
        self._mine.add(number)
        return port if number == asked else replace(port, node_port=number)

    def given(self, name: str, field: str, asked: int) -> int:
        """Return the number that is had under a name; 0 where none is to be had."""
        key = row_key(NODE_PORT, self._ref, name)
        fault = self._why_not(asked) if asked else ""
        if fault:
            self.faults.append(f"{field} {asked} {fault}")
            return 0
        number = asked or self._free(key)
        if not number:
            self.faults.append(f"no port of the nodes is free in {self._range}")
            return 0
        self._rows.take(key, str(number))
        self.keys.append(key)
        return number

    def _why_not(self, number: int) -> str:
        if str(number) in self._rows.of(NODE_PORT, self._ref).values():
            return ""  # also where the range has become another one since
        if number not in self._range:
            return f"is outside of the range {self._range}"
        other = self._rows.holder(NODE_PORT, str(number))
        return f"is that of {other}" if other not in (None, self._ref) else ""

    def _free(self, key: str) -> int:
        used = _used(self._view)
        known = self._rows.of(NODE_PORT, self._ref).get(key, "")
        if known and int(known) in self._range and int(known) not in used:
            return int(known)
        return int(self._rows.first_free(NODE_PORT, lambda: self._candidates(key, used)) or 0)

    def _candidates(self, key: str, used: frozenset[int]) -> Iterator[str]:
        band = self._range.band
        for index in probing(key, len(band)):
            if band[index] not in used and band[index] not in self._mine:
                yield str(band[index])


def _own_name(port: ServicePort) -> str:
    return f"{port.port}-{port.protocol}"


def _asked_for(spec: ServiceSpec, port: int) -> int:
    """Return the number that another protocol of a port of the Service asks for."""
    return next((one.node_port for one in spec.ports if one.port == port and one.node_port), 0)


def _used(view: View) -> frozenset[int]:
    """Return the numbers that Services have or ask for, and those that Pods take on their hosts."""
    used: dict[str, frozenset[int]] = view.kept_for_pass("node ports", dict)
    if not used:
        specs = [cast(Service, one.object).spec for one in view.of_kind("Service")]
        asked = {port.node_port or 0 for spec in specs for port in spec.ports}
        asked |= {spec.health_check_node_port for spec in specs}
        used["asked"] = frozenset(asked | set(_host_ports(view)))
    return used["asked"]


def _host_ports(view: View) -> Iterator[int]:
    for stored in view.of_kind("Pod"):
        for container in cast(Pod, stored.object).spec.containers:
            for port in container.ports:
                yield port.host_port or 0
