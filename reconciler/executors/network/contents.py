"""What the maps of the kernel's table hold, and the difference that a new set of Services makes.

Pure, but for the memory that makes the difference cheap: a Service that has not changed costs one look at whether it
is the very same value.
"""

import operator
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import compress, count
from typing import TypeVar

from reconciler.executors.network.frame import MAPS, PLANES, VERDICTS
from reconciler.executors.network.layout import (
    Element,
    Elements,
    host_port_elements,
    service_elements,
    way_elements,
)
from reconciler.model.details import HostPort, ProgramServices
from reconciler.model.external import Way
from reconciler.model.node import ServiceEntry

_UDP = "17"
_HOST_PORTS = ("host-ports", "host-ports-on")
Source = ServiceEntry | HostPort | Way
_Key = tuple[str, str]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class UdpTarget:
    """An endpoint that a UDP port led to: connections bound to it are to be forgotten. Empty fields mean any."""

    address: str
    port: int
    endpoint: str = ""


@dataclass(slots=True)
class Change:
    """What is to be taken out of the maps and put into them. A changed value is in both."""

    removed: dict[str, dict[str, str]] = field(default_factory=dict)
    added: dict[str, dict[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.removed.values()) or any(self.added.values())

    def gone_udp(self) -> frozenset[UdpTarget]:
        """Return the UDP endpoints that something leads away from."""
        found = set()
        for plane in PLANES:
            for name in (f"{plane.prefix}endpoints", f"{plane.prefix}members"):
                kept = {(_stem(key), value) for key, value in self.added.get(name, {}).items()}
                for key, value in self.removed.get(name, {}).items():
                    if (_stem(key), value) not in kept:
                        found |= _udp(_stem(key), value)
            for key in self.removed.get(f"{plane.prefix}ports", {}):
                found |= _udp(key)
        for name in _HOST_PORTS:
            for key, value in self.removed.get(name, {}).items():
                found |= _udp(key, value)
        return frozenset(found)

    def new_udp_ports(self) -> frozenset[UdpTarget]:
        """Return the UDP ports of the host, and of addresses from outside, that begin to lead somewhere."""
        found = set()
        for name in (*_HOST_PORTS, *VERDICTS):
            for key in self.added.get(name, {}).keys() - self.removed.get(name, {}).keys():
                found |= _udp(key)
        return frozenset(found)


def _udp(key: str, endpoint: str = "") -> set[UdpTarget]:
    """Return what an element leads UDP to, nothing for another protocol; its key ends in protocol and port."""
    *address, protocol, port = key.split(" . ")
    if protocol != _UDP:
        return set()
    return {UdpTarget(address[0] if address else "", int(port), endpoint.split(" . ")[0])}


def _stem(key: str) -> str:
    return key.rpartition(" . ")[0]


class Contents:
    """The elements that the maps hold. `fingerprint` depends on nothing but the elements."""

    def __init__(self, elements: Elements | None = None) -> None:
        self.elements: dict[str, dict[str, str]] = {name: dict((elements or {}).get(name, {})) for name in MAPS}
        self.fingerprint = sum(
            _weight(name, key, value) for name, of in self.elements.items() for key, value in of.items()
        )
        # Known only for what was programmed here; elements read from the kernel have no source.
        self._made_from: ProgramServices | None = None
        self._counts: Counter[Element] = Counter()

    def change_to(self, detail: ProgramServices) -> "tuple[Contents, Change]":
        """Return the contents that Services and host ports ask for, and the way there."""
        if self._made_from is not None and (quick := self._quick_change(self._made_from, detail)) is not None:
            return quick
        counts = Counter(element for source in _sources(detail).values() for element in _elements(source))
        wanted: dict[str, dict[str, str]] = {name: {} for name in MAPS}
        for name, key, value in counts:
            wanted[name].setdefault(key, value)  # the first in order of names wins
        change = _difference(self.elements, wanted)
        after = Contents(wanted)
        # Two claims to one key make single changes depend on each other; then every change compares everything.
        if sum(map(len, wanted.values())) == len(counts):
            after._made_from, after._counts = detail, counts
        return after, change

    def _quick_change(self, made_from: ProgramServices, detail: ProgramServices) -> "tuple[Contents, Change] | None":
        before, wanted = _apart(made_from, detail)
        touched = [key for key, new in wanted.items() if (old := before.get(key)) is not new and old != new]
        gone = before.keys() - wanted.keys()
        counts: Counter[Element] = Counter()
        for one in touched:
            counts.update(_elements(wanted[one]))
        for one in (*touched, *sorted(gone)):
            if one in before:
                counts.subtract(_elements(before[one]))
        change = Change()
        for element, difference in counts.items():
            name, key, value = element
            held = self._counts[element]
            if held > 0 and held + difference <= 0:
                change.removed.setdefault(name, {})[key] = value
            elif held <= 0 and held + difference > 0:
                if key in change.added.setdefault(name, {}):
                    return None
                change.added[name][key] = value
        for name, added in change.added.items():
            if any(key in self.elements[name] and key not in change.removed.get(name, {}) for key in added):
                return None
        return self._applied(change, counts, detail), change

    def _applied(self, change: Change, counts: Counter[Element], detail: ProgramServices) -> "Contents":
        """Return the contents after a change; takes this one's memory over, so that it costs what changed."""
        after = Contents.__new__(Contents)
        after.elements, after._counts, after._made_from = self.elements, self._counts, detail
        after.fingerprint = self.fingerprint
        for name, removed in change.removed.items():
            for key, value in removed.items():
                del after.elements[name][key]
                after.fingerprint -= _weight(name, key, value)
        for name, added in change.added.items():
            for key, value in added.items():
                after.elements[name][key] = value
                after.fingerprint += _weight(name, key, value)
        for element, difference in counts.items():
            after._counts[element] += difference
            if not after._counts[element]:
                del after._counts[element]
        return after


def _apart(before: ProgramServices, after: ProgramServices) -> tuple[dict[_Key, Source], dict[_Key, Source]]:
    """Return the sources of both, without most of those that are the very same values in both."""
    services, ways = _unlike(before.services, after.services), _unlike(before.ways, after.ways)
    old = ProgramServices(digest="", services=services[0], host_ports=before.host_ports, ways=ways[0])
    new = ProgramServices(digest="", services=services[1], host_ports=after.host_ports, ways=ways[1])
    return _sources(old), _sources(new)


def _unlike(before: tuple[_T, ...], after: tuple[_T, ...]) -> tuple[tuple[_T, ...], tuple[_T, ...]]:
    """Return what stands between the common beginning and the common end of both, by identity."""
    shorter = min(len(before), len(after))
    begin = next(compress(count(), map(operator.is_not, before, after)), shorter)
    ends = map(operator.is_not, reversed(before[begin:]), reversed(after[begin:]))
    end = next(compress(count(), ends), shorter - begin)
    return before[begin : len(before) - end], after[begin : len(after) - end]


def _sources(detail: ProgramServices) -> dict[_Key, Source]:
    found: dict[_Key, Source] = {(service.namespace, service.name): service for service in detail.services}
    for port in detail.host_ports:
        found.setdefault(("", f"{port.protocol}/{port.host_ip}/{port.port}"), port)
    for way in detail.ways:
        found[f"{way.protocol}/{way.port}", way.service] = way
    return found


def _elements(source: Source) -> tuple[Element, ...]:
    match source:
        case ServiceEntry():
            return service_elements(source)
        case Way():
            return way_elements(source)
        case HostPort():
            return host_port_elements(source)


def _difference(before: Elements, wanted: Elements) -> Change:
    change = Change()
    for name in MAPS:
        old, new = before.get(name, {}), wanted.get(name, {})
        if removed := {key: value for key, value in old.items() if new.get(key) != value}:
            change.removed[name] = removed
        if added := {key: value for key, value in new.items() if old.get(key) != value}:
            change.added[name] = added
    return change


def _weight(name: str, key: str, value: str) -> int:
    text = f"{name}|{key}|{value}".encode()
    return zlib.crc32(text) << 32 | zlib.adler32(text)
