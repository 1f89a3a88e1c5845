"""Conditions are added, changed and taken away as upstream's controllers and scheduler do."""

import json
from typing import Any

from msgspec.structs import replace

from reconciler.model.kinds import Condition, Container, ObjectMeta, Pod, PodSpec, PodStatus
from reconciler.planner.view import View
from reconciler.planner.workloads.conditions import with_condition, without_condition
from reconciler.server.merge_keys import shape_of
from reconciler.server.strategic import merge
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import stored, view_of

Case = dict[str, Any]
_TOLD = (
    ("type", "type"),
    ("status", "status"),
    ("reason", "reason"),
    ("message", "message"),
    ("lastProbeTime", "last_probe_time"),
    ("lastTransitionTime", "last_transition_time"),
)
# What the rows say of a time that is that of the test.
_ANY_TIME = ".*"


def conditions_of(rows: Any) -> tuple[Condition, ...]:
    """Return a row's conditions."""
    return tuple(loosely(Condition, one) for one in rows or ())


def told(condition: Condition) -> Case:
    """Return what the rows tell of a condition."""
    return {name: getattr(condition, attribute) or "" for name, attribute in _TOLD}


def updated(case: Case) -> bool:
    """Judge a row with a Pod's conditions: whether the status is written, and what it is then."""
    status = PodStatus(
        conditions=conditions_of(case["currentPodConditions"]),
        nominated_node_name=case.get("currentNominatedNodeName", ""),
    )
    pod = Pod(metadata=ObjectMeta(name="a"), spec=PodSpec(containers=(Container(name="a", image="b"),)), status=status)
    view = view_of(stored(pod))
    wanted_name = (case.get("newNominatingInfo") or {}).get("NominatedNodeName", status.nominated_node_name)
    conditions = with_condition(view, status.conditions, loosely(Condition, case["newPodCondition"]))
    view.set_status(stored(pod), replace(status, conditions=conditions, nominated_node_name=wanted_name))
    found = view.objects[stored(pod).ref].object.status
    if bool(view.changes()) != case.get("expectPatchRequest", False):
        return False
    return _is_patched(view, status, case.get("expectedPatchDataPattern", "{}"), found)


def _is_patched(view: View, before: PodStatus, pattern: str, after: PodStatus) -> bool:
    patch = json.loads(pattern.replace("\\", ""))
    document = {
        "status": {
            "conditions": [told(one) for one in before.conditions],
            "nominatedNodeName": before.nominated_node_name,
        }
    }
    wanted = merge(document, patch, shape_of("Pod"))["status"]
    for one in wanted["conditions"]:
        if one["lastTransitionTime"] == _ANY_TIME:
            one["lastTransitionTime"] = view.timestamp
    found = [told(one) for one in after.conditions]
    return (found, after.nominated_node_name) == (wanted["conditions"], wanted["nominatedNodeName"])


def added(case: Case) -> bool:
    """Judge a row with a condition that is set."""
    before = conditions_of(case["status"].get("conditions"))
    found = with_condition(view_of(), before, loosely(Condition, case["cond"]))
    return _are_same(found, case["expectedStatus"])


def removed(case: Case) -> bool:
    """Judge a row with a type of condition that is taken away."""
    found = without_condition(conditions_of(case["status"].get("conditions")), case["condType"])
    return _are_same(found, case["expectedStatus"])


def _are_same(found: tuple[Condition, ...], wanted: Case) -> bool:
    names = [(one.type, one.status, one.reason) for one in found]
    return names == [(one.type, one.status, one.reason) for one in conditions_of(wanted.get("conditions"))]


def test_conditions_change_as_upstream_changes_them() -> None:
    """One of each type, in its place, with the time at which its status changed."""
    compare("pkg_scheduler", {"TestUpdatePodStatus": updated})
    compare("pkg_controller_deployment_util", {"TestSetCondition": added, "TestRemoveCondition": removed})
