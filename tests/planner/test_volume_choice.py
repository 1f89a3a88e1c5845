"""What claims that wait for their first Pod would get on a node."""

from fractions import Fraction
from typing import Any, cast

import pytest

from reconciler.model.kinds import LabelSelector, PersistentVolumeClaim
from reconciler.planner.scheduling.volumes import Capacities, VolumeChoice, choose_volumes
from reconciler.planner.storage.capacity import Capacity
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.volumes import SELECTED_NODE
from tests.planner.reading import read
from tests.planner.scheduled import Objects, node

GI = 2**30
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "disks"},
    "provisioner": "reconciler.dev/local",
    "volumeBindingMode": "WaitForFirstConsumer",
}
STATIC = {**CLASS, "provisioner": "kubernetes.io/no-provisioner"}


def volume(name: str, size: str) -> dict[str, Any]:
    """Return a free volume that every node has."""
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": "disks"}
    path = {"hostPath": {"path": "/a"}}
    document = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**spec, **path}}
    return {**document, "status": {"phase": "Available"}}


def claim(name: str, size: str = "1Gi", selected: str = "") -> PersistentVolumeClaim:
    """Return a claim, for which a node may be noted."""
    marks = f"annotations: {{{SELECTED_NODE}: {selected}}}" if selected else ""
    spec = f"storageClassName: disks, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}"
    return cast(PersistentVolumeClaim, read("PersistentVolumeClaim", name=name, metadata=marks, spec=spec))


def chosen(
    *claims: PersistentVolumeClaim,
    volumes: tuple[dict[str, Any], ...] = (),
    class_: dict[str, Any] = CLASS,
    capacities: Capacities = lambda class_, node: None,
) -> VolumeChoice:
    """Return what claims would get on the node a."""
    world = Objects(class_, *volumes)
    return choose_volumes(world, Catalogue(world), claims, node("a").node, capacities)


def outcome(found: VolumeChoice) -> tuple[dict[str, str], list[str], bool, bool]:
    """Return which claim gets which volume, for which one is made, and whether that is all, and there is room."""
    matched = {one.metadata.name: volume.metadata.name for one, volume in found.matched}
    return matched, [one.metadata.name for one in found.provisioned], found.is_complete, found.has_room


def test_a_volume_is_made_where_none_is_free() -> None:
    """Of those that are, the smallest that is large enough is taken, by the smallest claim first; none twice."""
    assert outcome(chosen(claim("c"))) == ({}, ["c"], True, True)
    free = (volume("large", "5Gi"), volume("small", "1Gi"))
    assert outcome(chosen(claim("c"), volumes=free)) == ({"c": "small"}, [], True, True)
    both = (claim("a", "5Gi"), claim("b", "1Gi"), claim("c", "1Gi"))
    assert outcome(chosen(*both, volumes=free)) == ({"b": "small", "c": "large"}, ["a"], True, True)


def test_a_claim_that_is_noted_for_a_node_gets_its_volume_made_there() -> None:
    """On no other node, and no free one instead: who makes volumes may be about it."""
    free = (volume("free", "1Gi"),)
    assert outcome(chosen(claim("c", selected="a"), volumes=free)) == ({}, ["c"], True, True)
    assert not chosen(claim("c", selected="b"), volumes=free).is_complete
    # Others are looked at all the same.
    found = chosen(claim("b", selected="b"), claim("c"), volumes=free)
    assert outcome(found) == ({"c": "free"}, [], False, True)


def test_where_none_can_be_made_only_free_ones_do() -> None:
    """All claims have to get one."""
    free = (volume("free", "1Gi"),)
    assert not chosen(claim("c"), class_=STATIC).is_complete
    assert chosen(claim("c"), class_=STATIC, volumes=free).is_complete
    assert not chosen(claim("c"), claim("d"), class_=STATIC, volumes=free).is_complete


@pytest.mark.parametrize(
    ("free", "sizes", "has_room", "share"),
    [
        (None, ("1Gi",), False, {}),
        (3 * GI, ("1Gi",), True, {"disks": (GI, 3 * GI)}),
        (3 * GI, ("1Gi", "2Gi"), True, {"disks": (3 * GI, 3 * GI)}),
        (3 * GI, ("4Gi",), False, {}),
        (3 * GI, ("1Gi", "4Gi"), False, {"disks": (GI, 3 * GI)}),
    ],
)
def test_what_is_made_needs_room(
    free: int | None, sizes: tuple[str, ...], has_room: bool, share: dict[str, tuple[int, int]]
) -> None:
    """Each has to fit; how much is asked for in all says how good the node is."""
    room = Capacity("disks", LabelSelector(), Fraction(free) if free is not None else None)
    claims = [claim(f"c{number}", size) for number, size in enumerate(sizes)]
    found = chosen(*claims, capacities=lambda class_, node: (room,))
    assert found.is_complete and found.has_room is has_room
    assert [one.metadata.name for one in found.provisioned] == [one.metadata.name for one in claims if has_room]
    assert {name: (one.asked, one.capacity) for name, one in found.shares.items()} == share


def test_where_nobody_tells_of_room_there_is_some() -> None:
    """Nothing is known then of how good a node is."""
    found = chosen(claim("c"), capacities=lambda class_, node: None)
    assert (found.has_room, found.shares) == (True, {})
    assert not chosen(claim("c"), capacities=lambda class_, node: ()).has_room
