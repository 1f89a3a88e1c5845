"""Boxes share nothing, cover what was permitted and nothing else, and are the same in whatever order it came."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.networkpolicy import ADDRESS_MAX, ANY_PROTOCOL, Box, PolicyBlock
from reconciler.planner.node.policy_boxes import (
    EVERY_PORT,
    EVERYWHERE,
    Permission,
    address_number,
    block_spans,
    boxes_of,
    united,
)

TCP = 6
_SPAN = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: (min(pair), max(pair)))
_PORTS = st.one_of(
    st.just(EVERY_PORT),
    st.lists(st.tuples(st.sampled_from([6, 17]), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=3).map(
        lambda found: tuple((protocol, min(a, b), max(a, b)) for protocol, a, b in found)
    ),
)
_PERMISSIONS = st.lists(st.tuples(_SPAN, _PORTS), max_size=6)


def _covers(box: Box, address: int, protocol: int, port: int) -> bool:
    inside = box.low <= address <= box.high
    return inside and (box.protocol == ANY_PROTOCOL or (box.protocol == protocol and box.first <= port <= box.last))


@settings(max_examples=300, deadline=None)
@given(_PERMISSIONS, st.randoms())
def test_boxes_are_what_was_permitted(permissions: list[Permission], random: "st.Random") -> None:
    """Each packet that is permitted is in exactly one box, and no other packet is in any."""
    boxes = boxes_of(permissions)
    for address in range(14):
        for protocol in (6, 17, 1):
            for port in range(8):
                permitted = any(
                    low <= address <= high
                    and any(p == ANY_PROTOCOL or (p == protocol and a <= port <= b) for p, a, b in ports)
                    for (low, high), ports in permissions
                )
                assert sum(_covers(box, address, protocol, port) for box in boxes) == permitted
    shuffled = list(permissions)
    random.shuffle(shuffled)
    assert boxes_of(shuffled) == boxes


def test_neighbours_with_the_same_ports_are_one_box() -> None:
    """A range of Pods is one element."""
    ports = ((TCP, 80, 80),)
    assert boxes_of([((5, 5), ports), ((7, 7), ports), ((6, 6), ports)]) == (Box(5, 7, TCP, 80, 80),)
    assert boxes_of([((5, 5), ports), ((7, 7), ports)]) == (Box(5, 5, TCP, 80, 80), Box(7, 7, TCP, 80, 80))


def test_the_whole_of_the_addresses_is_a_box() -> None:
    """To the last of them."""
    assert boxes_of([(EVERYWHERE, EVERY_PORT)]) == (Box(0, ADDRESS_MAX),)
    assert boxes_of([((ADDRESS_MAX, ADDRESS_MAX), EVERY_PORT)]) == (Box(ADDRESS_MAX, ADDRESS_MAX),)


def test_ports_that_touch_are_one_range() -> None:
    """Within a protocol; everything takes the rest in."""
    assert united([((6, 80, 80), (6, 81, 90)), ((17, 91, 91),)]) == ((6, 80, 90), (17, 91, 91))
    assert united([((6, 80, 80),), ((6, 82, 82),)]) == ((6, 80, 80), (6, 82, 82))
    assert united([((6, 80, 90), (6, 82, 85))]) == ((6, 80, 90),)
    assert united([((6, 80, 80),), EVERY_PORT]) == EVERY_PORT


@pytest.mark.parametrize(
    ("cidr", "without", "expected"),
    [
        ("192.0.2.0/30", (), [("192.0.2.0", "192.0.2.3")]),
        ("192.0.2.0/30", ("192.0.2.0/32",), [("192.0.2.1", "192.0.2.3")]),
        ("192.0.2.0/30", ("192.0.2.3/32",), [("192.0.2.0", "192.0.2.2")]),
        ("192.0.2.0/30", ("192.0.2.2/32", "192.0.2.1/32"), [("192.0.2.0", "192.0.2.0"), ("192.0.2.3", "192.0.2.3")]),
        ("192.0.2.0/29", ("192.0.2.0/30", "192.0.2.1/32"), [("192.0.2.4", "192.0.2.7")]),
        ("192.0.2.0/31", ("192.0.2.0/32", "192.0.2.1/32"), []),
        ("192.0.2.5/30", (), [("192.0.2.4", "192.0.2.7")]),
        ("192.0.2.0/29", ("192.0.2.5/30",), [("192.0.2.0", "192.0.2.3")]),
        ("fd00::/8", (), []),
        ("0.0.0.0/0", ("128.0.0.0/1",), [("0.0.0.0", "127.255.255.255")]),
    ],
)
def test_blocks_are_spans_less_what_is_excepted(
    cidr: str, without: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    """At both ends, in the middle, one within another, all of it."""
    found = block_spans(PolicyBlock(cidr=cidr, without=without))
    assert list(found) == [(address_number(low), address_number(high)) for low, high in expected]
