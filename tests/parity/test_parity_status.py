"""What may be said of Pods: their addresses, their containers' ends, and who may say it, as upstream judges it."""

import re
from collections.abc import Mapping
from typing import Any

from reconciler.model.kinds import ContainerStatus, Pod, PodSpec
from reconciler.model.legacy_addresses import with_plain_addresses
from reconciler.planner.updates.pod_status import ended_faults, status_faults
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.rows import Judge, NotTranslated, compare, parity_rows
from tests.parity.test_parity_validation import manifest

Case = dict[str, Any]
CORE = "pkg_apis_core_validation"


def made(type_: Any, given: Any) -> Any:
    """Return a value of ours; a row that says what we do not have is not translated."""
    try:
        return loosely(type_, given)
    except (NoSuchField, TypeError, ValueError) as error:
        raise NotTranslated from error


def update(case: Case) -> bool:
    """Judge a row with a Pod's status before and after."""
    old, new = made(Pod, case["old"]), made(Pod, case["new"])
    return (not list(status_faults(old, new))) == ("err" not in case)


def transitions(field: str) -> Judge:
    """Return a judge of rows with the states of containers before and after."""

    def judged(case: Case) -> bool:
        spec = made(PodSpec, case["podSpec"])
        before, after = (made(tuple[ContainerStatus, ...], case[name]) for name in ("oldStatuses", "newStatuses"))
        containers = spec.containers if field == "containers" else spec.init_containers
        sidecars = {one.name for one in spec.init_containers if one.restart_policy == "Always"}
        judged = tuple(one for one in containers if one.name not in sidecars)
        return (not list(ended_faults(spec, field, judged, before, after))) == (not case.get("expectErr"))

    return judged


def conditions(case: Case) -> bool:
    """Judge a row with conditions of a Pod; those that are refused are called invalid."""
    new = made(Pod, {"Status": {"Conditions": case["podConditions"]}})
    return (not list(status_faults(made(Pod, {}), new))) == ("invalid" not in case["desc"])


def test_the_status_of_pods_is_judged_as_upstream_judges_it() -> None:
    """Generations, nominations, states, classes of service."""
    tables: dict[str, Judge] = {
        "TestValidatePodStatusUpdate": update,
        "TestValidatePodConditions": conditions,
        "TestValidateContainerStateTransition": transitions("containers"),
        "TestValidateInitContainerStateTransition": transitions("initContainers"),
    }

    def reason(row: Case) -> str:
        is_open = "valid nominated" in row["case"].get("test", "") or "Update nominated" in row["case"].get("test", "")
        return "upstream's tests run with other settings than its defaults" if is_open else ""

    compare(CORE, tables, reason)


_ADDRESSES = re.compile(r"Test(Pod|Host)IPsValidation(/.*)?$")


def test_addresses_of_pods_are_judged_as_upstream_judges_them() -> None:
    """Each table has a new Pod, named after the table, and in every row the Pod as it was; others begin with none."""
    rows = [row for row in parity_rows(CORE) if "case" in row and _ADDRESSES.match(row["test"])]
    by_name: dict[tuple[str, str], Case] = {}
    for row in rows:
        kind = row["test"].partition("/")[0]
        by_name[kind, row["case"]["pod"]["ObjectMeta"]["name"]] = row["case"]
    judges = {row["test"]: _addresses(row["test"], by_name) for row in rows}
    compare(CORE, judges)


def _addresses(table: str, by_name: Mapping[tuple[str, str], Case]) -> Judge:
    kind, _, name = table.partition("/")

    def judged(case: Case) -> bool:
        # A table of one new Pod has what it was in its rows; the table above them has the new ones.
        wanted = by_name[kind, name] if name else case
        before = case["pod"].get("Status") if name else None
        old = made(Pod, {"status": manifest(before or {})})
        written = {"status": manifest(wanted["pod"].get("Status") or {})}
        # A body is read so where the setting for addresses of old is on.
        new = made(Pod, with_plain_addresses("Pod", written)[0] if wanted.get("legacyIPs") else written)
        is_same = wanted.get("allowNoOpUpdate") and old.status == new.status
        return (not list(status_faults(old, new))) == bool(is_same or not wanted.get("expectError"))

    return judged
