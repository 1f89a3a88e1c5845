"""How the deletion of an object reaches what belongs to it: behind it, before it, or not at all. Pure.

A declared object says so itself, by an annotation that counts once it is no longer declared.
"""

from typing import Any, cast

from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.adoption import release

PROPAGATION = "reconciler.dev/deletion-propagation"
# The finalizer with which Kubernetes, too, has an object wait for what belongs to it.
FOREGROUND = "foregroundDeletion"


def delete_declared(view: View, stored: StoredObject, reason: Reason, message: str) -> None:
    """Delete an object as it asks for: `Background` unless its annotation says `Foreground` or `Orphan`."""
    word = stored.object.metadata.annotations.get(PROPAGATION, "Background")
    if word == "Foreground":
        terminate_in_foreground(view, stored, reason, message)
        return
    if word == "Orphan":
        for child in view.children(stored.object.metadata.uid):
            release(view, stored, child)
    view.remove(stored, reason, message)


def terminate_in_foreground(view: View, stored: StoredObject, reason: Reason, message: str) -> None:
    """Have an object wait until what belongs to it has ended."""
    metadata = stored.object.metadata
    if FOREGROUND not in metadata.finalizers:
        waiting = replace(metadata, finalizers=(*metadata.finalizers, FOREGROUND))
        held = replace(cast(Any, stored.object), metadata=waiting)
        stored = view.update(stored, held, reason=reason)
    view.terminate(stored, reason, message)
