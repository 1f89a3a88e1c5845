"""What may be said of where a Service or an Ingress is reached."""

from typing import Any

import pytest

from reconciler.model.kinds import KINDS
from reconciler.planner.updates.status import object_status_faults
from tests.parity.loosely import loosely


def faults(kind: str, entry: dict[str, Any], before: dict[str, Any] | None = None) -> list[str]:
    """Return the fields that are refused."""
    type_ = KINDS[kind].type
    old, new = (loosely(type_, {"Status": {"loadBalancer": {"ingress": [one]}}}) for one in (before or {}, entry))
    return [fault.field.removeprefix("status.loadBalancer.ingress[0].") for fault in object_status_faults(old, new)]


@pytest.mark.parametrize("kind", ["Service", "Ingress"])
@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"ip": "192.0.2.1"}, []),
        ({"ip": "2001:db8::1"}, []),
        ({"hostname": "lb.example.com"}, []),
        ({"ip": "abcd"}, ["ip"]),
        ({"ip": "192.0.2.01"}, ["ip"]),
        ({"hostname": "192.0.2.1"}, ["hostname"]),
    ],
)
def test_addresses_are_addresses_and_names_are_names(kind: str, entry: dict[str, Any], refused: list[str]) -> None:
    """Whoever reads the status connects to what stands there."""
    assert faults(kind, entry) == refused


def test_an_address_that_was_there_stays() -> None:
    """Nobody can write another status beside an old address that may no longer be written."""
    assert faults("Ingress", {"ip": "192.0.2.01", "hostname": "b.org"}, {"ip": "192.0.2.01", "hostname": "a.org"}) == []


def test_how_an_address_is_reached_is_told_of_an_address() -> None:
    """`ipMode` alone says nothing."""
    assert faults("Service", {"hostname": "lb.example.com", "ipMode": "VIP"}) == ["ipMode"]
