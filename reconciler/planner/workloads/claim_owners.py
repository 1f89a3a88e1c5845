"""Whom the claims of a StatefulSet's Pod name as their owner. Pure; Kubernetes' rules, but by name instead of by uid.

What takes the place of a set or Pod under its name takes over the data (P29), so that a reference to the one before it
is neither foreign nor a reason to wait. Claims never hold up the deletion of their owner: the owner is what uses them.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from reconciler.model.kinds import OwnerReference
from reconciler.model.observed import StoredObject
from reconciler.planner.view import owner_of, replace

References = tuple[OwnerReference, ...]


class Named(NamedTuple):
    """An owner as references name it, whatever its uid."""

    api_version: str
    kind: str
    name: str


def refers_to(reference: OwnerReference, owner: Named) -> bool:
    """Whether a reference names this owner."""
    return (reference.api_version, reference.kind, reference.name) == owner


def is_controlled_elsewhere(references: References, ours: Iterable[Named]) -> bool:
    """Whether something besides the set and the Pod controls a claim; being an owner among others is no control."""
    ours = tuple(ours)
    return any(one.controller and not any(refers_to(one, mine) for mine in ours) for one in references)


def owners_with(references: References, ours: Iterable[Named], keeper: StoredObject | None) -> References:
    """Return a claim's owners when it goes with `keeper`; of what something else controls we are none."""
    ours = tuple(ours)
    others = tuple(one for one in references if not any(refers_to(one, mine) for mine in ours))
    if keeper is None or is_controlled_elsewhere(references, ours):
        return others
    return (*others, replace(owner_of(keeper), block_owner_deletion=False))


def are_same_owners(some: References, others: References) -> bool:
    """Whether these are the same owners, in any order."""
    return some == others or Counter(some) == Counter(others)
