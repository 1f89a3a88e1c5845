"""Which references to its owners a claim of a StatefulSet has, as upstream has it."""

from typing import Any

import msgspec

from reconciler.model.kinds import ObjectMeta, OwnerReference, Pod, PodSpec, ref_of
from reconciler.model.observed import StoredObject
from reconciler.planner.workloads.claim_owners import Named, are_same_owners, owners_with, refers_to
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_statefulset import stored_set

Case = dict[str, Any]


def references(given: list[Case]) -> tuple[OwnerReference, ...]:
    """Return a row's owners."""
    return tuple(msgspec.convert(one, OwnerReference) for one in given)


def is_owned(case: Case) -> bool:
    """Judge a row with the name of an owner; upstream's object has three: its controller, one that is none, and one
    that does not say.
    """
    owners = references(
        [
            {"apiVersion": "v1", "kind": "Set", "name": "123", "uid": "123", "controller": True},
            {"apiVersion": "v1", "kind": "Set", "name": "456", "uid": "456", "controller": False},
            {"apiVersion": "v1", "kind": "Set", "name": "789", "uid": "789"},
        ]
    )
    found = any(refers_to(one, Named("v1", "Set", case["uid"])) for one in owners)
    return found == case.get("hasRef", False)


def is_only_an_owner(case: Case) -> bool:
    """Judge a row with owners: where the set or the Pod owns without control, no policy leaves it so."""
    kinds = {"Set": "StatefulSet", "pod": "Pod"}
    given = [{**one, "kind": kinds.get(one["kind"], one["kind"])} for one in case["refs"]]
    if sum(bool(one.get("controller")) for one in given) > 1:
        raise NotTranslated  # an object has one controller: the API refuses two
    before = references(given)
    ours = (Named("apps/v1", "StatefulSet", "set"), Named("v1", "Pod", "pod"))
    pod = Pod(metadata=ObjectMeta(name="pod", namespace="ns", uid=case["podUID"]), spec=PodSpec(containers=()))
    stored = StoredObject(ref=ref_of(pod), object=pod, manager="api")
    keepers = (None, stored_set("set", case["setUID"]), stored)
    stays = any(are_same_owners(without_blocking(before), owners_with(before, ours, keeper)) for keeper in keepers)
    return stays != case.get("nonController", False)


def without_blocking(given: tuple[OwnerReference, ...]) -> tuple[OwnerReference, ...]:
    """Return owners as claims name them: none is held up by its claims."""
    return tuple(msgspec.structs.replace(one, block_owner_deletion=False) for one in given)


def test_owners_of_claims_are_told_as_upstream_tells_them() -> None:
    """By reference, and by who controls."""
    tables = {"TestHasOwnerRef": is_owned, "TestNonController": is_only_an_owner}
    compare("pkg_controller_statefulset", tables)
