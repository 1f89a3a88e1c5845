"""Addresses and networks that are better written otherwise are those of which upstream warns."""

from typing import Any

from reconciler.model.addresses import address_advice, cidr_advice
from tests.parity.rows import compare

Case = dict[str, Any]


def address(case: Case) -> bool:
    """Judge a row with an address: as many warnings, each naming what upstream proposes."""
    return _is_alike(address_advice(case["address"]), case.get("want") or ())


def network(case: Case) -> bool:
    """Judge a row with a network."""
    return _is_alike(cidr_advice(case["cidr"]), case.get("want") or ())


def _is_alike(ours: tuple[str, ...], theirs: list[str] | tuple[()]) -> bool:
    proposed = [one.split('"')[3::2] for one in theirs]
    return len(ours) == len(theirs) and all(
        all(text in said for text in texts) for said, texts in zip(ours, proposed, strict=True)
    )


def test_addresses_are_warned_of_as_upstream_warns() -> None:
    """Zeros in front, IPv4 in the form of IPv6, other spellings, bits behind the prefix."""
    judges = {"TestGetWarningsForIP": address, "TestGetWarningsForCIDR": network}
    compare("apimachinery_pkg_util_validation", judges)
