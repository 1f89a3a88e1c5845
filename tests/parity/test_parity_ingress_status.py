"""Where an Ingress is reached is told as upstream lets it be told."""

from typing import Any

from reconciler.model.kinds import Ingress
from reconciler.model.legacy_addresses import with_plain_addresses
from reconciler.planner.updates.status import object_status_faults
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_validation import manifest

Case = dict[str, Any]


def is_told(case: Case) -> bool:
    """Judge a row with an Ingress before and after, or with the refused one alone."""
    is_legacy = bool(case.get("legacyIPs"))
    old, new = (_ingress(case[name], is_legacy) if name in case else None for name in ("oldValue", "newValue"))
    if old is None or new is None:
        before, refused = _ingress({**case, "Status": {}}), _ingress(case)
        return bool(list(object_status_faults(before, refused)))
    return not list(object_status_faults(old, new))


def _ingress(row: Case, is_legacy: bool = False) -> Ingress:
    """Return the Ingress of a row, as it is read with or without the setting for addresses of old."""
    document = {"status": manifest(row["Status"])}
    found: Ingress = loosely(Ingress, with_plain_addresses("Ingress", document)[0] if is_legacy else document)
    return found


def test_addresses_of_ingresses_are_told_as_upstream_lets_them() -> None:
    """An address is one, in one way of writing."""
    compare("pkg_apis_networking_validation", {"TestValidateIngressStatusUpdate": is_told})
