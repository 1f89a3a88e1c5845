"""What may be said of a claim that grows, of a node's features, of a container's user, mounts and devices."""

from typing import Any

import pytest

from reconciler.model.kinds import KINDS
from reconciler.planner.updates.status import object_status_faults
from tests.parity.loosely import loosely
from tests.planner.reading import read


def faults(kind: str, after: dict[str, Any]) -> list[str]:
    """Return the fields that are refused in a status of a kind."""
    old, new = (loosely(KINDS[kind].type, {"status": one}) for one in ({}, after))
    return [fault.field for fault in object_status_faults(old, new)]


@pytest.mark.parametrize("name", ["storage", "example.com/bandwidth"])
def test_a_claim_grows_step_by_step(name: str) -> None:
    """The steps have names; storage and resources of others may take them."""
    assert faults("PersistentVolumeClaim", {"allocatedResourceStatuses": {name: "NodeResizePending"}}) == []
    refused = [f"status.allocatedResourceStatuses[{name}]"]
    assert faults("PersistentVolumeClaim", {"allocatedResourceStatuses": {name: "Growing"}}) == refused


@pytest.mark.parametrize("name", ["cpu", "kubernetes.io/foo", "a.kubernetes.io/foo", "example.com/a b"])
def test_a_claim_has_no_other_resources(name: str) -> None:
    """What is Kubernetes' own and not storage, and what is no name."""
    assert faults("PersistentVolumeClaim", {"allocatedResources": {name: "1Gi"}}) == [
        f"status.allocatedResources[{name}]"
    ]


def test_no_claim_has_less_than_nothing() -> None:
    """Neither now nor when it has grown."""
    status = {"capacity": {"storage": "-1"}, "allocatedResources": {"storage": "-1"}}
    assert faults("PersistentVolumeClaim", status) == ["status.capacity[storage]", "status.allocatedResources[storage]"]
    nothing = {"capacity": {"storage": "0"}, "allocatedResources": {"storage": "0"}}
    assert faults("PersistentVolumeClaim", nothing) == []


def test_features_of_a_node_have_names_of_their_own() -> None:
    """As Kubernetes names its own."""
    assert faults("Node", {"declaredFeatures": ["A", "A/B2", "A" * 253]}) == []
    wrong = ["A", "A", "a", "A-b", "A" * 254]
    assert faults("Node", {"declaredFeatures": wrong}) == [f"status.declaredFeatures[{n}]" for n in (1, 2, 3, 4)]


CONTAINERS = {
    "a user": ("user: {linux: {uid: 0, gid: 2147483647, supplementalGroups: [0]}}", []),
    "no user": (
        "user: {linux: {uid: -1, gid: 2147483648, supplementalGroups: [5, -1]}}",
        ["user.linux.uid", "user.linux.gid", "user.linux.supplementalGroups[1]"],
    ),
    "a mounted image": ("volumeMounts: [{name: v, mountPath: /v, volumeStatus: {image: {imageRef: x}}}]", []),
    "a mounted image of no name": (
        "volumeMounts: [{name: v, mountPath: /v, volumeStatus: {image: {}}}]",
        ["volumeMounts[0].volumeStatus.image.imageRef"],
    ),
    "a mounted image of a name as long as one can be": (
        f"volumeMounts: [{{name: v, mountPath: /v, volumeStatus: {{image: {{imageRef: {'x' * 256}}}}}}}]",
        [],
    ),
    "a mounted image of a name too long": (
        f"volumeMounts: [{{name: v, mountPath: /v, volumeStatus: {{image: {{imageRef: {'x' * 257}}}}}}}]",
        ["volumeMounts[0].volumeStatus.image.imageRef"],
    ),
    "a device": ("allocatedResourcesStatus: [{name: a.b/c, resources: [{resourceID: x, health: Healthy}]}]", []),
    "a device that was not asked for": ("allocatedResourcesStatus: [{name: d}]", ["allocatedResourcesStatus[0].name"]),
    "devices of a resource told twice": (
        "allocatedResourcesStatus: [{name: a.b/c}, {name: a.b/c}]",
        ["allocatedResourcesStatus[1].name"],
    ),
    "a device twice": (
        "allocatedResourcesStatus: [{name: a.b/c, resources: "
        "[{resourceID: x, health: Healthy}, {resourceID: x, health: Well}]}]",
        ["allocatedResourcesStatus[0].resources[1].resourceID", "allocatedResourcesStatus[0].resources[1].health"],
    ),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_said_of_a_container_is_possible(name: str) -> None:
    """Its user, its mounts, its devices."""
    text, wanted = CONTAINERS[name]
    spec = "containers: [{name: c, image: i, resources: {requests: {a.b/c: 1}, limits: {a.b/c: 1}}}]"
    old = read("Pod", spec=spec)
    new = read("Pod", spec=spec, status=f"containerStatuses: [{{name: c, {text}}}]")
    assert [one.field for one in object_status_faults(old, new)] == [f"status.containerStatuses[0].{w}" for w in wanted]
