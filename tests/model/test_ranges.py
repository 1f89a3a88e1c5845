"""Ranges of Pods and Services that no host could use."""

import pytest

from reconciler.model.ranges import range_faults


@pytest.mark.parametrize(
    ("pods", "services", "prefix", "dns", "told"),
    [
        ("10.42.0.0/16", "10.43.0.0/16", 24, "169.254.20.10", ()),
        # One host alone needs no more; the smallest that kube-apiserver takes.
        ("10.42.0.0/25", "10.43.0.0/29", 24, "169.254.20.10", ()),
        ("10.42.0.0/16", "10.42.8.0/24", 24, "169.254.20.10", ("the pod range 10.42.0.0/16 overlaps the service",)),
        ("224.0.0.0/8", "127.1.0.0/16", 24, "169.254.20.10", ("overlaps 224.0.0.0/3,", "overlaps 127.0.0.0/8,")),
        ("169.254.0.0/17", "10.43.0.0/16", 24, "169.254.20.10", ("overlaps 169.254.0.0/16,",)),
        ("10.42.0.0/16", "10.43.0.0/16", 24, "10.43.0.10", ("dnsAddress 10.43.0.10 is in the service range",)),
        ("10.42.0.0/16", "10.43.0.0/30", 31, "169.254.20.10", ("fewer than 8", "nodePrefix 31")),
        ("10.42.0.1/16", "10.43.0.0/16", 24, "169.254.20.10", ("10.42.0.1/16 has host bits set",)),
        ("fd00::/64", "10.43.0.0/16", 24, "169.254.20.10", ("fd00::",)),
    ],
)
def test_what_is_wrong_with_ranges(pods: str, services: str, prefix: int, dns: str, told: tuple[str, ...]) -> None:
    """Everything at once, with the range that it is about."""
    found = range_faults(pods, services, prefix, dns)
    assert len(found) == len(told)
    assert all(part in one for part, one in zip(told, found, strict=True))
