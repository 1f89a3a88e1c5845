"""Which objects were made for another one, told by their names: also of those that are gone. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping

from reconciler.model.kinds import Event
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef

_HASH = "[a-z0-9]+"
_SUFFIX = "[a-z0-9]{5}"
_FORMS: Mapping[str, Mapping[str, str]] = {
    "Deployment": {"ReplicaSet": f"-{_HASH}", "Pod": f"-{_HASH}-{_SUFFIX}"},
    "StatefulSet": {"ControllerRevision": f"-{_HASH}", "Pod": "-[0-9]+"},
    "ReplicaSet": {"Pod": f"-{_SUFFIX}"},
    "ReplicationController": {"Pod": f"-{_SUFFIX}"},
    "DaemonSet": {"ControllerRevision": f"-{_HASH}", "Pod": f"-{_SUFFIX}"},
    # Pods of an indexed Job have their index in the name; Jobs of a CronJob the minute of their run.
    "Job": {"Pod": f"(-[0-9]+)?-{_SUFFIX}"},
    "CronJob": {"Job": "-[0-9]+", "Pod": f"-[0-9]+(-[0-9]+)?-{_SUFFIX}"},
}


def has_descendants(ref: ObjectRef) -> bool:
    """Whether objects of this kind have others made for them."""
    return ref.kind in _FORMS


def descent_of(ref: ObjectRef) -> Callable[[ObjectRef], bool]:
    """Return a judge that says whether an object is this one or was made for it."""
    forms = {kind: re.compile(re.escape(ref.name) + form) for kind, form in _FORMS.get(ref.kind, {}).items()}

    def belongs(other: ObjectRef) -> bool:
        if other == ref:
            return True
        form = forms.get(other.kind)
        return form is not None and other.namespace == ref.namespace and bool(form.fullmatch(other.name))

    return belongs


def events_of(events: Iterable[StoredObject], ref: ObjectRef | None) -> list[StoredObject]:
    """Return the events about an object and what was made for it (None: all), oldest first."""
    belongs = descent_of(ref) if ref is not None else lambda _: True
    found = [stored for stored in events if belongs(_about(stored))]
    return sorted(found, key=lambda stored: (_last_seen(stored), stored.ref))


def _about(stored: StoredObject) -> ObjectRef:
    assert isinstance(stored.object, Event)
    about = stored.object.involved_object
    return ObjectRef.of(about.kind, about.namespace, about.name)


def _last_seen(stored: StoredObject) -> str:
    event = stored.object
    assert isinstance(event, Event)
    return event.last_timestamp or event.event_time or event.metadata.creation_timestamp or ""
