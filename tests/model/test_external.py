"""Pools of addresses as an operator writes them, and what is wrong with settings."""

import pytest

from reconciler.model.external import AddressPool, settings_faults


@pytest.mark.parametrize(
    ("texts", "size", "first", "last"),
    [
        (("10.0.0.240-10.0.0.242",), 3, "10.0.0.240", "10.0.0.242"),
        (("10.0.1.0/30", "10.0.0.9"), 5, "10.0.0.9", "10.0.1.3"),
        (("10.0.0.1 - 10.0.0.1",), 1, "10.0.0.1", "10.0.0.1"),
    ],
)
def test_a_pool_is_read(texts: tuple[str, ...], size: int, first: str, last: str) -> None:
    """Ranges, networks and single addresses, in ascending order."""
    pool = AddressPool.parse(texts)
    assert (len(pool), pool[0], pool[size - 1]) == (size, first, last)
    assert first in pool and last in pool and "10.0.0.8" not in pool
    with pytest.raises(IndexError):
        _ = pool[size]


def test_every_fault_of_the_settings_is_told_at_once() -> None:
    """Forms, overlaps, and what the cluster uses itself."""
    bad = ("10.0.0.9-10.0.0.1", "10.0.1.1/30", "x", "127.0.0.1", "10.0.2.0/24", "10.0.2.255")
    found = settings_faults("30000", bad, {"podCidr": "10.42.0.0/16"}, "")
    assert len(found) == 1
    for part in (
        "'10.0.0.9-10.0.0.1': the last address is before the first",
        "'10.0.1.1/30'",
        "'x'",
        "'127.0.0.1': no host can hold such an address",
        "10.0.2.255 is in two of the ranges",
    ):
        assert part in found[0]
    ranges = {"podCidr": "10.42.0.0/16", "serviceCidr": "10.43.0.0/16"}
    found = settings_faults("0-1", ("10.42.255.255-10.43.0.0",), ranges, "10.43.0.0")
    assert [one.partition(":")[0] for one in found] == ["nodePortRange", *["loadBalancer.addresses"] * 3]
    assert settings_faults("30000-32767", ("10.41.255.255", "10.44.0.0"), ranges, "10.0.0.1") == ()
