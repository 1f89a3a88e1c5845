"""Which children belong to a workload: its own are let go when their labels no longer fit, and those that nobody
manages, neither an owner nor a repository, are taken in when they do. Pure.
"""

from collections.abc import Iterable
from typing import Any, cast

from reconciler.model.kinds import LabelSelector
from reconciler.model.labels import matches
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import SYSTEM, View, owner_of, replace


def release_strangers(view: View, owner: StoredObject, kind: str, selector: LabelSelector) -> None:
    """Let go the children whose labels the selector no longer finds."""
    for stored in strangers_of(view, owner, kind, selector):
        release(view, owner, stored)


def strangers_of(view: View, owner: StoredObject, kind: str, selector: LabelSelector) -> tuple[StoredObject, ...]:
    """Return the children whose labels the selector does not find."""
    owned = view.owned_by(owner.object.metadata.uid, kind)
    key = ("strangers", owner.ref, kind)
    return view.memo.get(
        key,
        (selector, *owned),
        lambda: tuple(one for one in owned if not matches(selector, one.object.metadata.labels)),
    )


def release(view: View, owner: StoredObject, stored: StoredObject) -> StoredObject:
    """Take the owner off an object, which then stands alone."""
    message = f"is no longer of {owner.ref}"
    freed = without_owner(stored, owner.object.metadata.uid)
    return view.update(stored, freed, reason=Reason.RELEASED, message=message, manager=SYSTEM)


def without_owner(stored: StoredObject, uid: str) -> Any:
    """Return an object without its references to one owner."""
    kept = tuple(one for one in stored.object.metadata.owner_references if one.uid != uid)
    return replace(cast(Any, stored.object), metadata=replace(stored.object.metadata, owner_references=kept))


def adopt_fitting(
    view: View, owner: StoredObject, kind: str, free: Iterable[StoredObject], selector: LabelSelector
) -> None:
    """Take in what stands alone in the owner's namespace and has the labels that the selector finds."""
    view.watch_unmanaged(kind, owner.ref.namespace)
    for stored in free:
        if stored.ref.namespace != owner.ref.namespace or view.get(stored.ref) is not stored:
            continue
        if matches(selector, stored.object.metadata.labels):
            metadata = stored.object.metadata
            references = (*metadata.owner_references, owner_of(owner))
            taken = replace(cast(Any, stored.object), metadata=replace(metadata, owner_references=references))
            message = f"is taken in by {owner.ref}"
            manager = owner.object.metadata.uid
            view.update(stored, taken, reason=Reason.ADOPTED, message=message, manager=manager)
