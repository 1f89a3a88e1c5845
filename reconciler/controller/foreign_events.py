"""Events of other controllers, as they are kept: beside ours, and forgotten like ours. Effect: one transaction."""

from reconciler.controller.loop import Controller
from reconciler.model.errors import StaleError
from reconciler.model.kinds import Event, ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Change, Reason
from reconciler.store.commit import Commit
from reconciler.store.happenings import MANAGER


def write_event(controller: Controller, event: Event) -> StoredObject | None:
    """Make an Event, or change it where it names the version it was made from; None: another was first."""
    expected = event.metadata.resource_version
    verb = "update" if expected else "create"
    change = Change(
        verb=verb,
        ref=ref_of(event),
        object=event,
        manager=MANAGER,
        reason=Reason.DECLARED,
        expected_resource_version=expected,
    )
    try:
        committed = controller.store.commit(Commit(changes=(change,)), term=None)
    except StaleError:
        return None
    written = (one.stored for one in committed.logged if one.stored.ref == change.ref)
    return next(written, controller.index.get(change.ref))
