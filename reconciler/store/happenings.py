"""Happenings become Event objects; one that repeats is counted, not written again and again."""

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from reconciler.model.kinds import KINDS, Event, EventSource, ObjectMeta, ObjectReference
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Happening
from reconciler.model.refs import ObjectRef
from reconciler.store.codec import key_of
from reconciler.store.draft import Draft
from reconciler.store.times import rfc3339
from reconciler.store.uids import make_uid

COMPONENT = "reconciler"
MANAGER = "events"
_MESSAGE_MAX = 1024
_NAME_MAX = 236


def event_ref(happening: Happening) -> ObjectRef:
    """Return the name of the Event of a happening: the same for the same object, reason and message."""
    about = happening.object
    parts = (str(about), happening.uid, happening.type, happening.reason, happening.message, happening.field_path)
    text = "\0".join(parts)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return ObjectRef(kind=Event.kind, namespace=about.namespace or "default", name=f"{about.name[:_NAME_MAX]}.{digest}")


def record(draft: Draft, happenings: Sequence[Happening], cluster_id: str, now: float) -> None:
    """Put an Event for each happening into the draft, whose rows were read, or count it up."""
    for happening in happenings:
        ref = event_ref(happening)
        at = min(happening.at or now, now)
        key = key_of(ref)
        stored = draft.get(key)
        if stored is None:
            event = _new_event(ref, happening, cluster_id, at, now)
            draft.put(key, StoredObject(ref=ref, object=event, manager=MANAGER))
        else:
            assert isinstance(stored.object, Event)
            before = stored.object
            last = max(before.last_timestamp or "", rfc3339(at))
            again = replace(before, count=before.count + 1, last_timestamp=last)
            draft.put(key, replace(stored, object=again))


def _new_event(ref: ObjectRef, happening: Happening, cluster_id: str, at: float, now: float) -> Event:
    about, happened = happening.object, rfc3339(at)
    return Event(
        metadata=ObjectMeta(
            name=ref.name,
            namespace=ref.namespace,
            uid=make_uid(cluster_id, ref, int(now * 1000)),
            creation_timestamp=rfc3339(now),
        ),
        involved_object=ObjectReference(
            api_version=KINDS[about.kind].api_version if about.kind in KINDS else "",
            kind=about.kind,
            namespace=about.namespace,
            name=about.name,
            uid=happening.uid,
            field_path=happening.field_path,
        ),
        type="Warning" if happening.type == "Warning" else "Normal",
        reason=happening.reason,
        message=happening.message[:_MESSAGE_MAX],
        first_timestamp=happened,
        last_timestamp=happened,
        source=EventSource(component=COMPONENT, host=happening.host),
        reporting_component=COMPONENT,
        reporting_instance=happening.host,
    )
