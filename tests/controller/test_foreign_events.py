"""Events of other controllers through the daemon: kept once, changed only from the newest version, and left alone."""

from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.controller.foreign_events import write_event
from reconciler.model.kinds import Event, ObjectMeta, ObjectReference, ref_of
from tests.controller.test_overrides import running


def test_an_event_is_kept_and_outlives_the_next_ticks(tmp_path: Path) -> None:
    """It has an identity, is found at once, and nobody collects it."""
    event = Event(
        metadata=ObjectMeta(name="web.1", namespace="default"),
        involved_object=ObjectReference(kind="Deployment", namespace="default", name="web"),
        reason="Loaded",
        count=0,
    )
    with running(tmp_path) as one:
        made = write_event(one, event)
        assert made is not None
        assert made.object.metadata.uid
        assert write_event(one, event) is None
        found = one.index.get(ref_of(event))
        assert found is not None
        again = replace(cast(Event, found.object), count=2)
        changed = write_event(one, again)
        assert changed is not None
        assert cast(Event, changed.object).count == 2
        assert write_event(one, again) is None
        one.look("test")
        assert one.index.get(ref_of(event)) is not None
