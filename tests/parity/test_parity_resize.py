"""Which resizes of a Pod are refused is what upstream refuses."""

from typing import Any

import msgspec

from reconciler.model.kinds import KINDS, Pod, decode_object
from reconciler.planner.updates.resize import resize_faults
from reconciler.schema.decode import decode
from tests.parity.rows import NotTranslated, compare
from tests.parity.updating import Case, spelled


def pod(given: Case) -> Pod:
    """Return the Pod of a row as it is stored."""
    document = spelled("Pod", given)
    status: Any = decode_object(document)
    declared: Any = decode(KINDS["Pod"], document)
    stored: Pod = msgspec.structs.replace(declared, status=status.status)
    return stored


def resized(case: Case) -> bool:
    """Judge a row."""
    try:
        old, new = pod(case["old"]), pod(case["new"])
    except (KeyError, TypeError, ValueError) as error:
        raise NotTranslated from error
    return (not tuple(resize_faults(old, new))) == (not case.get("err"))


def reason(row: dict[str, Any]) -> str:
    """A feature that a row closes is open in every release that we follow."""
    return "a cluster without a feature that is always on" if row["case"].get("disableInitCtrResize") else ""


def test_resizes_are_judged_as_upstream_judges_them() -> None:
    """CPU and memory of containers and sidecars, never the class of service."""
    compare("pkg_apis_core_validation", {"TestValidatePodResize": resized}, reason)
