"""Addresses and networks: which are none, and which are better written otherwise."""

import pytest

from reconciler.model.addresses import address_advice, cidr_advice


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("10.0.0.1", ""),
        ("fd00::1", ""),
        ("nonsense", ""),
        ("010.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fd00:0:0::1", "fd00::1"),
        ("FD00::1", "fd00::1"),
    ],
)
def test_an_address_is_proposed_in_its_one_form(text: str, proposed: str) -> None:
    """What has it already, or is none, gets no advice."""
    advice = address_advice(text)
    assert len(advice) == bool(proposed)
    assert all(proposed in said for said in advice)


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("10.0.0.0/8", ()),
        ("fd00::/64", ()),
        ("10.0.0.0", ()),
        ("10.0.0.0/08", ("10.0.0.0/8",)),
        ("10.0.0.7/8", ("10.0.0.7/32",)),
        ("010.0.0.7/8", ("10.0.0.7/32", "write 10.0.0.0/8")),
        ("::ffff:10.0.0.0/104", ("write 10.0.0.0/8",)),
        ("fd00:0::/64", ("fd00::/64",)),
        ("fd00::/064", ("write fd00::/64",)),
    ],
)
def test_a_network_is_proposed_in_its_one_form(text: str, proposed: tuple[str, ...]) -> None:
    """One sentence for each thing that another program may read otherwise."""
    advice = cidr_advice(text)
    assert len(advice) == len(proposed)
    assert all(one in said for said, one in zip(advice, proposed, strict=True))
