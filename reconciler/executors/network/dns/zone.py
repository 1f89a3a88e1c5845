"""The names of the cluster as ready answers.

Pure. A name's answer is built by dnslib the first time it is asked for and kept as bytes; an ordinary query then costs
a lookup and a copy. Everything is keyed by the name as it stands in a query, in lower case.
"""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dnslib import CNAME, NS, PTR, RR, SOA, SRV, TXT, A, DNSBuffer, DNSLabel

A_TYPE, NS_TYPE, CNAME_TYPE, SOA_TYPE, PTR_TYPE = 1, 2, 5, 6, 12
TXT_TYPE, AAAA_TYPE, SRV_TYPE, ANY_TYPE = 16, 28, 33, 255
TYPES = {"A": A_TYPE, "CNAME": CNAME_TYPE, "PTR": PTR_TYPE, "SRV": SRV_TYPE}
NEGATIVE_TTL_S = 5
_SCHEMA_VERSION = "1.1.0"  # of the Kubernetes DNS specification, which clients can ask for
_DASHED = re.compile(r"\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Encoded resource records: those that answer, and those that help (addresses of SRV targets)."""

    records: tuple[bytes, ...] = ()
    additional: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that stands for another one."""

    record: bytes
    target: bytes


@dataclass(slots=True)
class Zone:
    """What is known of a domain. `digest` names the records it was made from."""

    domain: str
    digest: str = ""
    is_loaded: bool = True
    records: Mapping[bytes, Mapping[int, tuple[tuple[str, ...], int]]] = field(default_factory=dict)
    _existing: frozenset[bytes] = frozenset()
    _built: dict[tuple[bytes, int], Answer] = field(default_factory=dict)
    _apex: bytes = b""
    _pods: bytes = b""
    soa: bytes = b""

    @property
    def soa_name(self) -> bytes:
        """Return the name that the authority record belongs to."""
        return self._apex

    @classmethod
    def unknown(cls, domain: str) -> "Zone":
        """Make a zone of which nothing is known yet: nobody can tell whether a name exists."""
        zone = cls.of(domain, ())
        zone.is_loaded = False
        return zone

    @classmethod
    def load(cls, document: bytes) -> "Zone":
        """Read the records file."""
        content = json.loads(document)
        return cls.of(content["domain"], content.get("records", ()), content.get("digest", ""))

    @classmethod
    def of(cls, domain: str, records: Sequence[Mapping[str, Any]], digest: str = "") -> "Zone":
        """Make a zone of `{name, type, values, ttl}` records."""
        kept: dict[bytes, dict[int, tuple[tuple[str, ...], int]]] = {}
        existing: set[bytes] = set()
        for record in records:
            name = wire_name(record["name"])
            kept.setdefault(name, {})[TYPES[record["type"]]] = (tuple(record["values"]), record.get("ttl", 5))
            for ancestor in ancestors(name):
                if ancestor in existing:
                    break
                existing.add(ancestor)
        apex = wire_name(domain)
        existing |= {wire_name(f"{part}{domain}") for part in ("", "pod.", "svc.", "dns-version.")}
        zone = cls(domain=domain, digest=digest, records=kept, _existing=frozenset(existing), _apex=apex)
        zone._pods = wire_name(f"pod.{domain}")
        zone.soa = _encode(_authority(domain), apex)
        return zone

    def covers(self, name: bytes) -> bool:
        """Return whether a lower-case name is this zone's to answer: in the domain, or a known address."""
        return name == self._apex or _below(name, self._apex) or name in self.records

    def exists(self, name: bytes) -> bool:
        """Return whether there is anything at or below a name."""
        return name in self._existing or self._pod_address(name) is not None or self._is_pod_namespace(name)

    def alias(self, name: bytes) -> Alias | None:
        """Return what a name stands for, when it is only another name."""
        known = self.records.get(name, {}).get(CNAME_TYPE)
        if known is None:
            return None
        return Alias(self.answer(name, CNAME_TYPE).records[0], wire_name(known[0][0]))

    def answer(self, name: bytes, kind: int) -> Answer:
        """Return the records of a name; none when there are none of this type."""
        built = self._built.get((name, kind))
        if built is None:
            built = self._build(name, kind)
            if built.records:
                self._built[name, kind] = built
        return built

    def _build(self, name: bytes, kind: int) -> Answer:
        if kind == ANY_TYPE:  # a subset is enough (RFC 8482)
            kind = next(iter(self.records.get(name, {A_TYPE: None})))
        records = tuple(_encode(record, name) for record in self._resource_records(name, kind))
        additional: tuple[bytes, ...] = ()
        if kind == SRV_TYPE and len(records) <= 16:
            additional = tuple(self._addresses_of_targets(name))
        return Answer(records, additional)

    def _resource_records(self, name: bytes, kind: int) -> Iterator[RR]:
        if name == self._apex and kind == SOA_TYPE:
            yield _authority(self.domain)
        if name == self._apex and kind == NS_TYPE:
            yield RR(self.domain, NS_TYPE, ttl=NEGATIVE_TTL_S, rdata=NS(f"ns.dns.{self.domain}"))
        if name == wire_name(f"dns-version.{self.domain}") and kind == TXT_TYPE:
            yield RR(_text(name), TXT_TYPE, ttl=30, rdata=TXT(_SCHEMA_VERSION))
        if kind == A_TYPE and (address := self._pod_address(name)):
            yield RR(_text(name), A_TYPE, ttl=5, rdata=A(address))
        values, ttl = self.records.get(name, {}).get(kind, ((), 0))
        for value in values:
            yield RR(_text(name), kind, ttl=ttl, rdata=_data(kind, value))

    def _addresses_of_targets(self, name: bytes) -> Iterator[bytes]:
        values, _ = self.records.get(name, {}).get(SRV_TYPE, ((), 0))
        for target in dict.fromkeys(value.split(" ")[3] for value in values):
            addresses, ttl = self.records.get(wire_name(target), {}).get(A_TYPE, ((), 0))
            for address in addresses:
                yield _encode(RR(target, A_TYPE, ttl=ttl, rdata=A(address)), b"")

    def _is_pod_namespace(self, name: bytes) -> bool:
        return _below(name, self._pods) and len(labels(name)) == len(labels(self._pods)) + 1

    def _pod_address(self, name: bytes) -> str | None:
        """Return the address that a name of the form a-b-c-d.namespace.pod.domain spells."""
        if not _below(name, self._pods):
            return None
        own = labels(name)
        if len(own) != len(labels(self._pods)) + 2:
            return None
        dashed = own[0].decode("ascii", errors="replace")
        if not _DASHED.fullmatch(dashed):
            return None
        try:
            return str(ipaddress.IPv4Address(dashed.replace("-", ".")))
        except ValueError:
            return None


def wire_name(name: str) -> bytes:
    """Return a name as it stands in a query, in lower case."""
    parts = [part.encode("idna") if not part.isascii() else part.encode() for part in name.lower().split(".")]
    return b"".join(bytes([len(part)]) + part for part in parts if part) + b"\0"


def labels(name: bytes) -> list[bytes]:
    """Return the labels of a name in wire form."""
    found, offset = [], 0
    while name[offset]:
        end = offset + 1 + name[offset]
        found.append(name[offset + 1 : end])
        offset = end
    return found


def ancestors(name: bytes) -> Iterator[bytes]:
    """Yield a name and all that it is below, but the root."""
    while name[0]:
        yield name
        name = name[1 + name[0] :]


def _below(name: bytes, above: bytes) -> bool:
    return len(name) > len(above) and name.endswith(above) and above in ancestors(name)


def _text(name: bytes) -> DNSLabel:
    return DNSLabel(labels(name))


def _authority(domain: str) -> RR:
    times = (1, 7200, 1800, 86400, NEGATIVE_TTL_S)
    data = SOA(f"ns.dns.{domain}", f"hostmaster.{domain}", times)
    return RR(domain, SOA_TYPE, ttl=NEGATIVE_TTL_S, rdata=data)


def _data(kind: int, value: str) -> Any:
    if kind == A_TYPE:
        return A(value)
    if kind == CNAME_TYPE:
        return CNAME(value)
    if kind == PTR_TYPE:
        return PTR(value)
    priority, weight, port, target = value.split(" ")
    return SRV(int(priority), int(weight), int(port), target)


def encode_record(record: RR) -> bytes:
    """Encode a record with every name spelt out."""
    return _encode(record, b"")


def _encode(record: RR, question: bytes) -> bytes:
    """Encode a record so that it can stand anywhere in a reply: its owner points at the question or is spelt out."""
    buffer = _Uncompressed()
    record.pack(buffer)
    encoded = bytes(buffer.data)
    if question and encoded[: len(question)].lower() == question:
        return b"\xc0\x0c" + encoded[len(question) :]
    return encoded


class _Uncompressed(DNSBuffer):  # type: ignore[misc]
    """A buffer that never points into itself: where the record will stand is not known yet."""

    def encode_name(self, name: Any) -> None:
        """Spell a name out."""
        self.encode_name_nocompress(name)
