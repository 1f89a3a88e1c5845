"""What may be said of a claim that grows: how large it is to be, and how far it has come. Pure.

The rules are those of Kubernetes' ValidatePersistentVolumeClaimStatusUpdate.
"""

import re
from collections.abc import Iterator

from reconciler.model.kinds import PersistentVolumeClaimStatus
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN
from reconciler.model.quantity import parse_quantity
from reconciler.planner.updates.fault import NOT_SUPPORTED, Fault

RESIZE_STATES = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizePending",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
)
_QUALIFIED = re.compile(LABEL_KEY_PATTERN)


def claim_status_faults(status: PersistentVolumeClaimStatus) -> Iterator[Fault]:
    """Yield what is wrong with the status of a claim."""
    for name in sorted(status.capacity):
        if parse_quantity(status.capacity[name]) < 0:
            yield Fault(f"status.capacity[{name}]", "must not be less than 0")
    for name in sorted(status.allocated_resource_statuses):
        at = f"status.allocatedResourceStatuses[{name}]"
        yield from _name_faults(at, name)
        if status.allocated_resource_statuses[name] not in RESIZE_STATES:
            yield Fault(at, f"must be one of {', '.join(RESIZE_STATES)}", NOT_SUPPORTED)
    for name in sorted(status.allocated_resources):
        at = f"status.allocatedResources[{name}]"
        yield from _name_faults(at, name)
        if parse_quantity(status.allocated_resources[name]) < 0:
            yield Fault(at, "must not be less than 0")


def _name_faults(at: str, name: str) -> Iterator[Fault]:
    """A resource is `storage`, or one of somebody's own: its name has a prefix that is not Kubernetes'."""
    prefix = name.rpartition("/")[0]
    is_theirs = prefix and prefix != "kubernetes.io" and not prefix.endswith(".kubernetes.io")
    if name != "storage" and not (is_theirs and _QUALIFIED.search(name)):
        yield Fault(at, "must be storage, or a name such as example.com/bandwidth")
