"""What may be said of claims that grow, of a node's features and of a container's devices, as upstream judges it."""

from typing import Any

import msgspec

from reconciler.model.kinds import (
    Container,
    ContainerStatus,
    Node,
    NodeStatus,
    ObjectMeta,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    StorageRequirements,
)
from reconciler.planner.updates.container_status import device_faults
from reconciler.planner.updates.status import object_status_faults
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.rows import NotTranslated, compare

Case = dict[str, Any]
_CLAIM = PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",), resources=StorageRequirements())


def read(type_: Any, given: Any) -> Any:
    """Return a value of ours; a row that says what we do not have is not translated."""
    try:
        return loosely(type_, given)
    except (NoSuchField, TypeError, ValueError, msgspec.ValidationError) as error:
        raise NotTranslated from error


def claim(case: Case) -> bool:
    """Judge a row with the status of a claim before and after."""
    metadata = ObjectMeta(name="foo")
    old, new = (
        PersistentVolumeClaim(
            metadata=metadata, spec=_CLAIM, status=read(PersistentVolumeClaimStatus, one.get("Status") or {})
        )
        for one in (case["oldClaim"], case["newClaim"])
    )
    return (not list(object_status_faults(old, new))) == (not case.get("isExpectedFailure"))


def features(case: Case) -> bool:
    """Judge a row with the features that a node declares."""
    old = Node(metadata=ObjectMeta(name="n"))
    new = Node(metadata=old.metadata, status=NodeStatus(declared_features=tuple(case["declaredFeatures"])))
    return (not list(object_status_faults(old, new))) == (not case.get("expectErr"))


def devices(case: Case) -> bool:
    """Judge a row with the devices of containers."""
    containers = {one.name: one for one in read(tuple[Container, ...], case["containers"])}
    statuses = read(tuple[ContainerStatus, ...], case["containerStatuses"])
    return (not list(device_faults("status", containers, statuses))) == (not case["wantFieldErrors"])


def test_statuses_are_judged_as_upstream_judges_them() -> None:
    """Claims, nodes, containers."""
    tables = {
        "TestValidatePersistentVolumeClaimStatusUpdate": claim,
        "TestValidateNodeDeclaredFeatures": features,
        "TestValidateContainerStatusAllocatedResourcesStatus": devices,
    }
    compare("pkg_apis_core_validation", tables)
