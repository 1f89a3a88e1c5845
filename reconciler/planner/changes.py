"""The writes that lead from what was observed to what a pass decided. Pure."""

from collections.abc import Container, Mapping
from typing import Any, cast

import msgspec

from reconciler.model.kinds import KINDS
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Change, Reason
from reconciler.model.refs import ObjectRef

replace = msgspec.structs.replace
Objects = Mapping[ObjectRef, StoredObject]


def changes_between(
    observed: Objects, decided: Objects, touched: Mapping[ObjectRef, Reason], placed: Container[ObjectRef]
) -> tuple[Change, ...]:
    """Return the writes of what was touched: deletes last, kinds in apply order. A binding is not a write."""
    found: list[tuple[tuple[bool, int, str, str], tuple[Change, ...]]] = []
    for ref, reason in touched.items():
        after = decided.get(ref)
        if after is not None and ref in placed:
            after = _unplaced(after)
        found.append((_write_order(ref, decided), _changes(observed.get(ref), after, reason)))
    return tuple(change for _, changes in sorted(found, key=lambda pair: pair[0]) for change in changes)


def _changes(before: StoredObject | None, after: StoredObject | None, reason: Reason) -> tuple[Change, ...]:
    if before is after or before == after:
        return ()
    if before is None:
        return (_change_of("create", after, reason),) if after is not None else ()
    if after is None:
        return (_change_of("delete", before, reason),)
    if before.incarnation != after.incarnation:
        return (_change_of("delete", before, reason), _change_of("create", after, reason))
    status = _change_of("status", after, reason)
    if _without_status(before) == _without_status(after):
        return (status,)
    # An update leaves the status as it is stored: what this pass concluded is a write of its own.
    update = _change_of("update", after, reason)
    return (update,) if _status_of(before) == _status_of(after) else (update, status)


def _unplaced(stored: StoredObject) -> StoredObject:
    pod = cast(Any, stored.object)
    return replace(stored, object=replace(pod, spec=replace(pod.spec, node_name="")))


def _status_of(stored: StoredObject) -> Any:
    return getattr(stored.object, "status", None)


def _without_status(stored: StoredObject) -> StoredObject:
    if not hasattr(stored.object, "status"):
        return stored
    return replace(stored, object=replace(cast(Any, stored.object), status=None))


def _change_of(verb: str, stored: StoredObject, reason: Reason) -> Change:
    return Change(
        verb=verb,
        ref=stored.ref,
        object=stored.object,
        manager=stored.manager,
        reason=reason,
        provenance=stored.provenance,
        digest=stored.digest,
        incarnation=stored.incarnation,
    )


def _write_order(ref: ObjectRef, objects: Objects) -> tuple[bool, int, str, str]:
    order = KINDS[ref.kind].order
    is_delete = ref not in objects
    return (is_delete, -order if is_delete else order, ref.namespace, ref.name)
