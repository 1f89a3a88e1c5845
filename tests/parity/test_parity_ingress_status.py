"""Where an Ingress is reached is told as upstream lets it be told."""

from typing import Any

from reconciler.model.kinds import Ingress
from reconciler.planner.updates.status import object_status_faults
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_validation import manifest

Case = dict[str, Any]


def is_told(case: Case) -> bool:
    """Judge a row with an Ingress before and after, or with the refused one alone."""
    old, new = (_ingress(case[name]) if name in case else None for name in ("oldValue", "newValue"))
    if old is None or new is None:
        before, refused = _ingress({**case, "Status": {}}), _ingress(case)
        return bool(list(object_status_faults(before, refused)))
    return not list(object_status_faults(old, new))


def _ingress(row: Case) -> Ingress:
    found: Ingress = loosely(Ingress, {"status": manifest(row["Status"])})
    return found


def _on_purpose(row: Case) -> str:
    return "addresses with leading zeros are ambiguous" if row["case"].get("legacyIPs") else ""


def test_addresses_of_ingresses_are_told_as_upstream_lets_them() -> None:
    """An address is one, in one way of writing."""
    compare("pkg_apis_networking_validation", {"TestValidateIngressStatusUpdate": is_told}, _on_purpose)
