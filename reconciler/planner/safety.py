"""The circuit breaker: deletions that are many, or hold data, wait for a person. Pure.

Only what a source no longer declares counts here; what follows from it (Pods of a Deployment) is not counted twice.
"""

import hashlib
import math
from collections.abc import Iterable

from reconciler.model.observed import StoredObject
from reconciler.model.plan import Hold
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View


def held_deletions(view: View, source: str, pending: list[StoredObject], ending: int = 0) -> Hold | None:
    """Return the hold on `pending` deletions of `source`, or None when they may happen.

    `ending` is how many have begun to end, or ended in this pass, and are observed still. They are held as a set; an
    acknowledgement that names them all releases it, in later revisions too, and nothing else does: neither time nor
    what the same revision creates. Only when some of a set are declared again, the rest is judged anew.
    """
    if not pending:
        return None
    refs = tuple(sorted(stored.ref for stored in pending))
    message = _why_held(view, source, pending, ending) or _why_still_held(view, source, refs)
    if message is None or set(refs) <= _acknowledged(view, source):
        return None
    return Hold(id=_set_id(source, refs), source=source, objects=refs, message=message)


def prune_limit(view: View, owned: int) -> int:
    """Return how many of `owned` objects may go within the window without a person's word."""
    policy = view.policy
    return max(policy.prune_min, min(math.floor(policy.prune_share * owned), policy.prune_max))


def _why_held(view: View, source: str, pending: list[StoredObject], ending: int) -> str | None:
    manager = f"source/{source}"
    owned = sum(1 for stored in view.observed.objects.values() if stored.manager == manager)
    # What is still ending is owned still, and was deleted as much as what is gone.
    recent = _recent_deletions(view, source) + ending
    limit = prune_limit(view, owned + recent - ending)
    if len(pending) + ending == owned:
        return f"this would delete everything that {source} owns ({owned})"
    if len(pending) + recent > limit:
        within = f", {recent} more within the last hour" if recent else ""
        return f"{len(pending)} deletions{within}: more than the limit of {limit} for {owned + recent - ending} objects"
    precious = [stored.ref for stored in pending if _holds_something(view, stored)]
    return f"{precious[0]} holds data or objects" if precious else None


def _why_still_held(view: View, source: str, refs: Iterable[ObjectRef]) -> str | None:
    state = view.observed.sources.get(source)
    return state.awaiting_because if state and state.awaiting and {*state.awaiting} <= {*refs} else None


def _recent_deletions(view: View, source: str) -> int:
    state = view.observed.sources.get(source)
    since = view.now - view.policy.prune_window_s
    return sum(1 for at in state.deleted_at if at > since) if state else 0


def _holds_something(view: View, stored: StoredObject) -> bool:
    ref = stored.ref
    if ref.kind == "Namespace":
        return any(other.namespace == ref.name for other in view.observed.objects)
    if ref.kind == "PersistentVolumeClaim":
        return _is_bound(stored)
    if ref.kind == "StatefulSet":
        # Claims that go with their set are written as its own.
        return any(map(_is_bound, view.owned_by(stored.object.metadata.uid, "PersistentVolumeClaim")))
    if ref.kind == "PersistentVolume":
        return stored.object.status.phase in ("Bound", "Released")  # type: ignore[union-attr]
    return False


def _is_bound(claim: StoredObject) -> bool:
    return claim.object.status.phase == "Bound"  # type: ignore[union-attr]


def _acknowledged(view: View, source: str) -> set[ObjectRef]:
    since = view.now - view.policy.prune_window_s
    words = [word for word in view.observed.acknowledgements if word.source == source and word.at > since]
    return {ref for word in words for ref in word.objects}


def _set_id(source: str, refs: tuple[ObjectRef, ...]) -> str:
    text = "\n".join([source, *map(str, refs)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
