"""Which containers may be added to a Pod that runs is what upstream lets be added."""

from typing import Any

from reconciler.model.kinds import Pod
from reconciler.planner.updates.ephemeral import ephemeral_faults
from tests.parity.rows import compare
from tests.parity.test_parity_status import CORE, made
from tests.parity.test_parity_validation import with_own_fields

Case = dict[str, Any]


def pod(given: Case) -> Pod:
    """Return the Pod of a row; upstream keeps what such containers share with others in a part of its own."""
    added = given["Spec"].get("EphemeralContainers") or []
    flat = [
        {**{name: value for name, value in one.items() if name != "EphemeralContainerCommon"}, **common(one)}
        for one in added
    ]
    spec = with_own_fields(given["Spec"])
    found: Pod = made(Pod, {**given, "Spec": {**spec, "EphemeralContainers": flat}})
    return found


def common(container: Case) -> Case:
    """Return what a container has in common with those of Pods."""
    return dict(container.get("EphemeralContainerCommon") or {})


def update(case: Case) -> bool:
    """Judge a row."""
    return (not list(ephemeral_faults(pod(case["old"]), pod(case["new"])))) == ("err" not in case)


def test_ephemeral_containers_are_judged_as_upstream_judges_them() -> None:
    """More of them in any order; none is changed; static Pods have none."""
    compare(CORE, {"TestValidatePodEphemeralContainersUpdate": update})
