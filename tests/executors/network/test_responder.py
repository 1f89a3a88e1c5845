"""Replies of the DNS server, as bytes in and bytes out."""

import struct

import pytest
from dnslib import EDNS0, QTYPE, DNSQuestion, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.executors.network.dns.responder import Elsewhere, Responder
from reconciler.executors.network.dns.zone import Zone

WEB = "web.shop.svc.cluster.local."
RECORDS = [
    {"name": WEB, "type": "A", "values": ["10.43.0.5"]},
    {"name": "all.shop.svc.cluster.local.", "type": "A", "values": ["10.42.0.5", "10.42.0.6", "10.42.0.7"]},
    {
        "name": "many.shop.svc.cluster.local.",
        "type": "A",
        "values": [f"10.42.{high}.{low}" for high in range(2) for low in range(40)],
    },
    {"name": f"_http._tcp.{WEB}", "type": "SRV", "values": [f"0 100 80 {WEB}"]},
    {"name": "5.0.43.10.in-addr.arpa.", "type": "PTR", "values": [WEB]},
    {"name": "outside.shop.svc.cluster.local.", "type": "CNAME", "values": ["db.example.com."]},
    {"name": "inside.shop.svc.cluster.local.", "type": "CNAME", "values": [WEB]},
    {"name": "loop-a.shop.svc.cluster.local.", "type": "CNAME", "values": ["loop-b.shop.svc.cluster.local."]},
    {"name": "loop-b.shop.svc.cluster.local.", "type": "CNAME", "values": ["loop-a.shop.svc.cluster.local."]},
]


@pytest.fixture
def responder() -> Responder:
    """A server's knowledge of a small cluster."""
    return Responder(Zone.of("cluster.local", RECORDS))


def _query(name: str, kind: str = "A", **header: int) -> bytes:
    record = DNSRecord.question(name, kind)
    for field, value in header.items():
        setattr(record.header, field, value)
    return bytes(record.pack())


def _ask(responder: Responder, query: bytes) -> DNSRecord:
    """Ask as the server does: quickly if possible; both ways must agree on all but the order."""
    full = responder.full(query, tcp=False)
    assert isinstance(full, bytes)
    quick = responder.quick(query)
    if quick is not None:
        assert sorted(quick) == sorted(full)
    return DNSRecord.parse(quick or full)


def _values(reply: DNSRecord) -> list[str]:
    return [str(record.rdata) for record in reply.rr]


ANSWERS = [
    (WEB, "A", ["10.43.0.5"]),
    (f"_http._tcp.{WEB}", "SRV", [f"0 100 80 {WEB}"]),
    ("5.0.43.10.in-addr.arpa.", "PTR", [WEB]),
    ("10-42-0-9.shop.pod.cluster.local.", "A", ["10.42.0.9"]),
    ("inside.shop.svc.cluster.local.", "A", [WEB, "10.43.0.5"]),
    ("inside.shop.svc.cluster.local.", "CNAME", [WEB]),
    ("dns-version.cluster.local.", "TXT", ['"1.1.0"']),
]


@pytest.mark.parametrize(("name", "kind", "values"), ANSWERS)
def test_known_names_are_answered_with_authority(responder: Responder, name: str, kind: str, values: list[str]) -> None:
    """Every record type answers, once and again from memory."""
    for _ in range(2):
        reply = _ask(responder, _query(name, kind))
        assert (reply.header.rcode, reply.header.aa, _values(reply)) == (0, 1, values)


def test_the_question_keeps_its_case(responder: Responder) -> None:
    """Resolvers that mix the case of a question find it in the reply as they wrote it."""
    query = _query("WeB.sHoP.svc.cluster.LOCAL.")
    for _ in range(2):
        reply = responder.quick(query)
        assert reply is not None and b"\x03WeB\x04sHoP" in reply
        assert _values(DNSRecord.parse(reply)) == ["10.43.0.5"]


def test_recursion_desired_is_copied(responder: Responder) -> None:
    """Whatever was asked first, each reply repeats what its own query said."""
    for desired in (0, 1, 0, 1):
        reply = _ask(responder, _query(WEB, rd=desired))
        assert (reply.header.rd, reply.header.ra) == (desired, 1)


def test_a_name_without_the_type_is_no_data(responder: Responder) -> None:
    """AAAA of a Service, and names that only have something below them, exist: an empty answer with the SOA."""
    for name, kind in ((WEB, "AAAA"), ("shop.svc.cluster.local.", "A"), (f"_tcp.{WEB}", "SRV"), (WEB, "TYPE65")):
        query = bytes(DNSRecord(q=DNSQuestion(name, 65 if kind == "TYPE65" else getattr(QTYPE, kind))).pack())
        reply = _ask(responder, query)
        assert (reply.header.rcode, _values(reply)) == (0, [])
        assert [str(record.rname) for record in reply.auth] == ["cluster.local."]


def test_a_name_that_does_not_exist_is_said_so(responder: Responder) -> None:
    """NXDOMAIN with the SOA, whose time to live says how long it may be remembered."""
    for name in ("nobody.shop.svc.cluster.local.", "a.b.c.d.e.cluster.local.", "1-2-3-400.shop.pod.cluster.local."):
        reply = _ask(responder, _query(name))
        assert (reply.header.rcode, reply.auth[0].ttl) == (3, 5)


def test_addresses_take_turns(responder: Responder) -> None:
    """Clients that take the first address are spread."""
    replies = [responder.quick(_query("all.shop.svc.cluster.local.")) for _ in range(6)]
    firsts = {_values(DNSRecord.parse(reply))[0] for reply in replies if reply}
    assert firsts == {"10.42.0.5", "10.42.0.6", "10.42.0.7"}


def test_an_answer_that_does_not_fit_is_cut(responder: Responder) -> None:
    """Plain UDP carries 512 bytes: the client is told to come again, over TCP or with room."""
    query = _query("many.shop.svc.cluster.local.")
    reply = _ask(responder, query)
    assert (reply.header.tc, _values(reply)) == (1, [])
    whole = responder.full(query, tcp=True)
    assert isinstance(whole, bytes) and len(DNSRecord.parse(whole).rr) == 80


def test_a_client_with_extensions_gets_room_and_an_option(responder: Responder) -> None:
    """EDNS: a larger answer, and an option in the reply."""
    record = DNSRecord.question("all.shop.svc.cluster.local.")
    record.add_ar(EDNS0(udp_len=4096))
    reply = _ask(responder, bytes(record.pack()))
    assert (len(reply.rr), reply.ar[0].rtype, reply.ar[0].edns_len) == (3, 41, 1232)


def test_a_later_version_of_extensions_is_refused(responder: Responder) -> None:
    """BADVERS, as RFC 6891 asks."""
    record = DNSRecord.question(WEB)
    record.add_ar(EDNS0(version=1))
    reply = _ask(responder, bytes(record.pack()))
    assert (reply.header.rcode, reply.ar[0].edns_rcode) == (0, 1)


@pytest.mark.parametrize(
    ("query", "rcode"),
    [
        (_query(WEB)[:-2] + b"\0\x03", 5),
        (_query(WEB, opcode=4), 4),
        (_query(WEB)[:4] + b"\0\2" + _query(WEB)[6:] + _query(WEB)[12:], 1),
        (_query(WEB)[:-3], 1),
        (_query(WEB)[:12] + b"\xc0\x0c\0\x01\0\x01", 1),
    ],
    ids=["class", "opcode", "two questions", "cut", "pointer"],
)
def test_odd_queries_are_refused(responder: Responder, query: bytes, rcode: int) -> None:
    """What is not a question about the internet has an answer that says so."""
    assert _ask(responder, query).header.rcode == rcode


def test_a_reply_is_not_answered(responder: Responder) -> None:
    """Two servers never start to talk to each other."""
    assert responder.quick(_query(WEB, qr=1)) is None
    assert responder.full(_query(WEB, qr=1), tcp=False) is None


def test_other_names_are_asked_elsewhere(responder: Responder) -> None:
    """Names outside the domain go upstream, and the target of an external name too."""
    assert responder.quick(_query("example.com.")) is None
    assert isinstance(responder.full(_query("example.com."), tcp=False), Elsewhere)
    alias = responder.full(_query("outside.shop.svc.cluster.local."), tcp=False)
    assert isinstance(alias, Elsewhere) and alias.target == b"\x02db\x07example\x03com\0"


def test_aliases_in_a_circle_end(responder: Responder) -> None:
    """Two external names that point at each other are a failure, not a hang."""
    assert _ask(responder, _query("loop-a.shop.svc.cluster.local.")).header.rcode == 2


def test_nothing_is_denied_before_the_names_are_known() -> None:
    """A server without records cannot tell that a name does not exist."""
    responder = Responder(Zone.unknown("cluster.local"))
    assert _ask(responder, _query(WEB)).header.rcode == 2


@given(st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_server(data: bytes) -> None:
    """Whatever arrives, the server answers or keeps silent."""
    responder = Responder(Zone.of("cluster.local", RECORDS))
    responder.quick(data)
    responder.full(data, tcp=False)


@given(st.lists(st.binary(min_size=1, max_size=8), max_size=6), st.integers(0, 260), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_any_question_gets_a_reply_to_itself(labels: list[bytes], kind: int, first_length: int) -> None:
    """A reply repeats id and question, also when a label's length is a lie."""
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\x05local\0"
    if first_length % 3 == 0:
        name = bytes([first_length]) + name[1:]
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + name + struct.pack("!HH", kind, 1)
    responder = Responder(Zone.of("cluster.local", RECORDS))
    for reply in (responder.quick(query), responder.full(query, tcp=False)):
        if isinstance(reply, bytes):
            assert reply[:2] == query[:2] and reply[2] & 0x80
