"""Whom the claims of a StatefulSet's Pod name as their owner."""

from reconciler.model.kinds import ObjectMeta, OwnerReference, Pod, PodSpec, ref_of
from reconciler.model.observed import StoredObject
from reconciler.planner.workloads.claim_owners import (
    Named,
    are_same_owners,
    is_controlled_elsewhere,
    owners_with,
    refers_to,
)

POD = Pod(metadata=ObjectMeta(name="db-0", namespace="shop", uid="now"), spec=PodSpec(containers=()))
KEEPER = StoredObject(ref=ref_of(POD), object=POD, manager="api")
OURS = (Named("apps/v1", "StatefulSet", "db"), Named("v1", "Pod", "db-0"))


def owner(kind: str, name: str, uid: str = "u", *, controls: bool = False, version: str = "v1") -> OwnerReference:
    """Return a reference."""
    return OwnerReference(api_version=version, kind=kind, name=name, uid=uid, controller=controls)


def test_the_keeper_takes_the_place_of_all_that_is_ours() -> None:
    """A former Pod of the name and the set give way; others stay, and the claim does not hold its owner up."""
    backup = owner("Backup", "nightly")
    before = (owner("Pod", "db-0", "before", controls=True), backup, owner("StatefulSet", "db", version="apps/v1"))
    found = owners_with(before, OURS, KEEPER)
    assert [(one.kind, one.uid, one.controller, one.block_owner_deletion) for one in found] == [
        ("Backup", "u", False, False),
        ("Pod", "now", True, False),
    ]
    assert owners_with(found, OURS, None) == (backup,)


def test_what_something_else_controls_is_not_ours() -> None:
    """Not even beside it; a set of the same name in another group is something else."""
    other = owner("StatefulSet", "db", version="example.com/v1", controls=True)
    assert not refers_to(other, OURS[0])
    assert is_controlled_elsewhere((other,), OURS)
    assert owners_with((other, owner("Pod", "db-0", "now", controls=True)), OURS, KEEPER) == (other,)


def test_the_order_of_owners_means_nothing() -> None:
    """So that nothing is written for it."""
    one, two = owner("Pod", "a"), owner("Pod", "b")
    assert are_same_owners((one, two), (two, one))
    assert not are_same_owners((one, two), (one, two, two))
