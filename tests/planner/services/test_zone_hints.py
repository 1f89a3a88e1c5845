"""Which endpoints are for which zone, slice by slice: what is written stays as long as it does."""

from collections.abc import Mapping

import pytest

from reconciler.model.kinds import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointSlice,
    EndpointSlicePort,
    ForZone,
    ObjectMeta,
)
from reconciler.planner.services.hints import Hinted, shared_by_zones
from tests.planner.world import replace

HALVES = {"a": 0.5, "b": 0.5}
ENABLED = ""
NO_ZONE = "One or more endpoints do not have a zone specified"


def end(number: int, zone: str, said: str = "", *, ready: bool = True) -> Endpoint:
    """Return an endpoint in a zone, and the one that it is for."""
    hints = EndpointHints(for_zones=(ForZone(name=said),)) if said else None
    conditions = EndpointConditions(ready=ready)
    return Endpoint(addresses=(f"10.42.0.{number}",), zone=zone or None, hints=hints, conditions=conditions)


def slice_(*places: str, name: str = "s", port: int = 80) -> EndpointSlice:
    """Return a slice; a place is the zone of an endpoint, and behind a colon the one that it is for."""
    ends = tuple(end(number, *place.split(":")) for number, place in enumerate(places))
    ports = (EndpointSlicePort(port=port),)
    return EndpointSlice(metadata=ObjectMeta(name=name), address_type="IPv4", ports=ports, endpoints=ends)


def bare(one: EndpointSlice) -> EndpointSlice:
    """Return a slice as it is made anew: without hints."""
    return replace(one, endpoints=tuple(replace(end, hints=None) for end in one.endpoints))


def shared(*written: EndpointSlice, shares: Mapping[str, float] | None = None, fresh: tuple[str, ...] = ()) -> Hinted:
    """Share these slices anew, of which those are written that are not said to be fresh."""
    before = {one.metadata.name: one for one in written if one.metadata.name not in fresh}
    return shared_by_zones(tuple(map(bare, written)), before, shares or HALVES)


def said(found: Hinted) -> list[list[str]]:
    """Return for each slice the zones that its endpoints are for."""
    return [[one.hints.for_zones[0].name if one.hints else "" for one in each.endpoints] for each in found.slices]


def test_what_is_written_stays_while_no_zone_has_too_few() -> None:
    """Although others would be chosen if it were shared anew."""
    written = slice_("a:a", "a:b", "a:a", "a:a", "b:b", "b:b")
    assert said(shared(written)) == [["a", "b", "a", "a", "b", "b"]]
    assert said(shared(written, fresh=("s",))) == [["b", "a", "a", "a", "b", "b"]]


def test_a_slice_that_is_another_by_now_is_shared_anew() -> None:
    """By its ports, or its endpoints."""
    written = slice_("a:a", "a:b", "a:a", "a:a", "b:b", "b:b")
    anew = [["b", "a", "a", "a", "b", "b"]]
    assert said(shared_by_zones((bare(replace(written, ports=())),), {"s": written}, HALVES)) == anew
    moved = bare(written)
    moved = replace(moved, endpoints=(replace(moved.endpoints[0], node_name="other"), *moved.endpoints[1:]))
    assert said(shared_by_zones((moved,), {"s": written}, HALVES)) == anew


def test_a_slice_that_comes_has_hints_beside_one_that_has() -> None:
    """The one that has them keeps its own."""
    known, comes = slice_("a:b", "b:a"), slice_("a", "b", name="t", port=81)
    assert said(shared(known, comes, fresh=("t",))) == [["b", "a"], ["a", "b"]]


def test_a_slice_stays_that_gives_a_zone_all_that_it_may_have() -> None:
    """Another that comes beside it is for the others."""
    known, comes = slice_("a:a", "a:a", "b:a"), slice_(*"bbb", name="t", port=81)
    assert said(shared(known, comes, fresh=("t",))) == [["a", "a", "a"], ["b", "b", "b"]]
    known, comes = slice_("a:b", "b:a", "b:a", "a:a"), slice_(*"bb", name="t", port=81)
    assert said(shared(known, comes, fresh=("t",))) == [["b", "a", "a", "a"], ["b", "b"]]


def test_zones_give_as_many_endpoints_as_others_lack() -> None:
    """The first ones that they have, and no more."""
    assert said(shared(slice_("a", "a", "a", "a", "a", "b"))) == [["b", "b", "a", "a", "a", "b"]]
    thirds = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    many = slice_(*"aaaaaaa", "b", "c")
    assert said(shared(many, shares=thirds)) == [["b", "b", "c", "c", "a", "a", "a", "b", "c"]]
    few = slice_(*"aaaa", *"bbbb", "c")
    assert said(shared(few, shares=thirds)) == [["c", "a", "a", "a", "c", "b", "b", "b", "c"]]


def test_a_slice_that_names_a_zone_that_is_gone_is_for_its_own_zones() -> None:
    """Also where it names others besides."""
    assert said(shared(slice_("a:a", "a:a", "b:gone", "b:b"))) == [["a", "a", "b", "b"]]
    assert said(shared(slice_("a:gone", "a:gone", "b:gone", "b:gone"))) == [["a", "a", "b", "b"]]


def test_a_slice_that_gives_a_zone_more_than_it_may_have_is_shared_anew() -> None:
    """Counted together with those before it; those stay."""
    first, second = slice_("a:a", "a:a"), slice_("a:a", "a:a", "b:a", "b:b", name="t", port=81)
    assert said(shared(first, second)) == [["a", "a"], ["b", "a", "b", "b"]]


@pytest.mark.parametrize("places", [("a", "b", ""), ("", "", "")])
def test_an_endpoint_without_a_zone_takes_away_all_hints(places: tuple[str, ...]) -> None:
    """Who waits would be asked by nobody else."""
    found = shared(slice_(*places, *"ab"), slice_(*"ab", name="t", port=81))
    assert found.fault == NO_ZONE
    assert not any(zone for zones in said(found) for zone in zones)


def test_what_is_not_ready_needs_no_zone() -> None:
    """It is for nobody, and is not counted."""
    waits = end(9, "", ready=False)
    one = slice_(*"ab")
    found = shared(replace(one, endpoints=(waits, *one.endpoints)))
    assert (found.fault, said(found)) == (ENABLED, [["", "a", "b"]])
