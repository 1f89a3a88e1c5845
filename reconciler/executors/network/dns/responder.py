"""From the bytes of a query to the bytes of a reply, for the names of the zone.

Pure, but for remembering replies. The quick path knows one shape: one question of class IN and nothing else, which is
what resolvers send. Everything else goes through dnslib.
"""

import struct
from dataclasses import dataclass

from dnslib import DNSError, DNSRecord

from reconciler.executors.network.dns.zone import CNAME_TYPE, Answer, Zone

PLAIN_LIMIT = 512
TCP_LIMIT = 65535
UDP_SIZE = 1232  # what we accept and never exceed over UDP: fits every path without fragments
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED = range(6)
BAD_VERSION = 16
_ONE_PLAIN_QUESTION = b"\0\1\0\0\0\0\0\0"
_REMEMBERED_MAX = 8192
_ALIASES_MAX = 8


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood. `limit` is the longest reply the client takes."""

    id: bytes
    question: bytes
    name: bytes
    kind: int
    recursion: int
    limit: int
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A query to be asked upstream; for `target`, when `aliases` (encoded, so many) lead from the name to it."""

    query: Query
    aliases: bytes = b""
    target: bytes = b""
    alias_count: int = 0


class Responder:
    """Answers from one zone."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._remembered: dict[bytes, tuple[tuple[bytes, bytes], bytes]] = {}
        self._turn = 0

    def quick(self, data: bytes) -> bytes | None:
        """Return the reply to an ordinary query about the zone; None when it takes more than a lookup."""
        if data[4:12] != _ONE_PLAIN_QUESTION or data[2] & 0xFE:
            return None
        end = data.find(b"\0", 12) + 1
        if end + 4 != len(data) or data[-2:] != b"\0\1":
            return None
        key = data[12:end].lower() + data[end:]
        known = self._remembered.get(key)
        if known is not None:
            return data[:2] + known[0][data[2] & 1] + data[12:] + known[1]
        return self._first(data, key, key[:-4], data[-4] << 8 | data[-3])

    def _first(self, data: bytes, key: bytes, name: bytes, kind: int) -> bytes | None:
        try:
            covered = self.zone.is_loaded and self.zone.covers(name)
            if not covered or self.zone.alias(name) is not None:
                return None
        except IndexError:  # labels that do not add up
            return None
        query = Query(data[:2], data[12:], name, kind, data[2] & 1, PLAIN_LIMIT)
        reply = self.reply(query)
        rotates = len(self.zone.answer(name, kind).records) > 1
        if not rotates:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            head = reply[3:12]
            both = (bytes([reply[2] & 0xFE]) + head, bytes([reply[2] | 1]) + head)
            self._remembered[key] = (both, reply[len(data) :])
        return reply

    def full(self, data: bytes, *, tcp: bool) -> bytes | Elsewhere | None:
        """Return the reply to any query, or where it is to be asked; None when there is nobody to answer."""
        if len(data) < 12 or data[2] & 0x80:
            return None
        query = parse(data, tcp=tcp)
        if isinstance(query, int):
            return _refusal(data, query)
        if not self.zone.covers(query.name):
            return Elsewhere(query)
        if not self.zone.is_loaded:
            return failure(query)
        if query.kind != CNAME_TYPE and self.zone.alias(query.name) is not None:
            return self._through_aliases(query)
        return self.reply(query)

    def reply(self, query: Query) -> bytes:
        """Return the reply to a query about a name of the zone."""
        answer = self.zone.answer(query.name, query.kind)
        if answer.records:
            return encode(query, NO_ERROR, self._rotated(answer), additional=answer.additional)
        rcode = NO_ERROR if self.zone.exists(query.name) else NO_SUCH_NAME
        return encode(query, rcode, authority=(self._soa(query),))

    def _through_aliases(self, query: Query) -> bytes | Elsewhere:
        """Follow the aliases of a name to the records of the last one, or to where these are to be asked."""
        found: list[bytes] = []
        name = query.name
        while (alias := self.zone.alias(name)) is not None:
            if len(found) == _ALIASES_MAX:
                return failure(query)
            found.append(_spelt(alias.record, name if name != query.name else b""))
            name = alias.target
        if not self.zone.covers(name):
            return Elsewhere(query, b"".join(found), name, len(found))
        found += (_spelt(record, name) for record in self.zone.answer(name, query.kind).records)
        return encode(query, NO_ERROR, tuple(found))

    def _rotated(self, answer: Answer) -> tuple[bytes, ...]:
        records = answer.records
        if len(records) < 2:
            return records
        self._turn += 1
        first = self._turn % len(records)
        return records[first:] + records[:first]

    def _soa(self, query: Query) -> bytes:
        apex = self.zone.soa_name
        return self.zone.soa if query.name == apex else _spelt(self.zone.soa, apex)


def _spelt(record: bytes, name: bytes) -> bytes:
    """Return a record whose owner points at the question with its owner spelt out as `name`."""
    return name + record[2:] if name and record[:2] == b"\xc0\x0c" else record


def parse(data: bytes, *, tcp: bool) -> Query | int:
    """Understand a query with dnslib; return a response code when it cannot be answered."""
    try:
        record = DNSRecord.parse(data)
    except (DNSError, IndexError, struct.error, ValueError):
        return FORMAT_ERROR
    if record.header.opcode != 0:
        return NOT_IMPLEMENTED
    if len(record.questions) != 1:
        return FORMAT_ERROR
    try:
        end = _end_of_name(data)
    except IndexError:
        return FORMAT_ERROR
    if record.questions[0].qclass != 1:
        return REFUSED
    options = [item for item in record.ar if item.rtype == 41]
    if len(options) > 1:
        return FORMAT_ERROR
    if options and options[0].edns_ver != 0:
        return BAD_VERSION
    limit = min(max(options[0].edns_len, PLAIN_LIMIT), UDP_SIZE) if options else PLAIN_LIMIT
    return Query(
        id=data[:2],
        question=data[12 : end + 4],
        name=data[12:end].lower(),
        kind=record.questions[0].qtype,
        recursion=data[2] & 1,
        limit=TCP_LIMIT if tcp else limit,
        extended=bool(options),
    )


def encode(
    query: Query,
    rcode: int,
    answers: tuple[bytes, ...] = (),
    *,
    authority: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    is_authority: bool = True,
    answer_count: int | None = None,
) -> bytes:
    """Write a reply; leave out what helps, then everything, when it does not fit."""
    option = _option() if query.extended else b""
    answered = len(answers) if answer_count is None else answer_count
    flags = 0x8080 | (0x0400 if is_authority else 0) | query.recursion << 8 | rcode & 0xF
    for extra in (additional, ()):
        body = b"".join((*answers, *authority, *extra)) + option
        if 12 + len(query.question) + len(body) <= query.limit:
            counts = (1, answered, len(authority), len(extra) + bool(option))
            return query.id + struct.pack("!5H", flags, *counts) + query.question + body
    counts = (1, 0, 0, int(bool(option)))
    return query.id + struct.pack("!5H", flags | 0x0200, *counts) + query.question + option


def failure(query: Query) -> bytes:
    """Write the reply that says that nobody could tell."""
    return encode(query, SERVER_FAILURE, is_authority=False)


def _option(extended_rcode: int = 0) -> bytes:
    return b"\0" + struct.pack("!HHBBHH", 41, UDP_SIZE, extended_rcode, 0, 0, 0)


def _refusal(data: bytes, rcode: int) -> bytes:
    option = _option(rcode >> 4) if rcode > 15 else b""
    flags = 0x8000 | (data[2] & 0x79) << 8 | rcode & 0xF
    return data[:2] + struct.pack("!5H", flags, 0, 0, 0, int(bool(option))) + option


def _end_of_name(data: bytes) -> int:
    offset = 12
    while data[offset]:
        if data[offset] > 63:  # the first name has nothing to point at
            raise IndexError(offset)
        offset += 1 + data[offset]
    if offset + 5 > len(data):
        raise IndexError(offset)
    return offset + 1
