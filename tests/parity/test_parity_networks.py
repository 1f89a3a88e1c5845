"""Networks are read as upstream reads them."""

from typing import Any

from reconciler.model.addresses import cidr_fault
from tests.parity.rows import compare


def network(case: dict[str, Any]) -> bool:
    """Judge a row with a network, by upstream's rule for what is new."""
    return bool(cidr_fault(case.get("in", ""))) == ("err" in case)


def test_networks_are_read_as_upstream_reads_them() -> None:
    """Such as the networks of a Node's Pods."""
    compare("apimachinery_pkg_util_validation", {"TestIsValidCIDR": network})
