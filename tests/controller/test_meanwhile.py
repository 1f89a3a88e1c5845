"""What others write while a tick runs is looked at by the next one, at once, and no document is older than it says."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from reconciler.controller.loop import Controller
from reconciler.controller.usage import UsageBoard
from reconciler.model.kinds import AnyObject
from reconciler.model.metrics import NodeUsage
from reconciler.model.node_report import Observation
from reconciler.model.observed import StoredObject
from reconciler.store import Commit
from tests.controller.test_loop import Clock, Link, controller, observation, pods, reading, wait
from tests.planner.reading import read
from tests.planner.test_deployment import web
from tests.store.samples import change, deployment

SERVICE = read("Service", name="late", spec="selector: {app: web}, ports: [{port: 80}]")


def _late() -> AnyObject:
    late = deployment("late")
    return replace(late, metadata=replace(late.metadata, namespace="default"))


def _write(one: Controller, object: AnyObject) -> None:
    """Write as a client of the API does."""
    one.store.commit(Commit(changes=(change("create", object, manager="api"),)), term=None)
    one.look("api")


def _settled(one: Controller, clock: Clock) -> None:
    one.receive(observation(clock))
    one.receive_reading(reading(web()))
    wait(one, lambda: pods(one) == 3 and one.last_plan.changes == ())


def _without_documents(clock: Clock) -> Observation:
    """A node that has none: the tick for it writes nothing, and sends everything."""
    return replace(observation(clock, 2), generation=0)


def test_what_is_written_while_documents_are_sent_is_looked_at(tmp_path: Path) -> None:
    """Nothing but its own wake-up has the daemon make Pods of it."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, link):
        _settled(one, clock)
        link.meanwhile = lambda: _write(one, _late())
        one.receive(_without_documents(clock))
        wait(one, lambda: pods(one) == 4)


class Interrupted(UsageBoard):
    """Has something done once, when the picture is taken that documents are made from."""

    def __init__(self, one: Controller, act: Callable[[], None]) -> None:
        super().__init__(one.clock)
        self._one, self._act, self._ticks = one, act, one.ticks

    def latest(self) -> dict[str, NodeUsage]:
        """Act after the next tick has planned."""
        if self._one.ticks > self._ticks:
            self._ticks = 1 << 30
            self._act()
        return super().latest()


def test_a_document_is_as_new_as_its_number_says(tmp_path: Path) -> None:
    """Whoever has told that number has not told of anything that was written later."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, link):
        _settled(one, clock)
        one.usage = Interrupted(one, lambda: _write(one, SERVICE))
        one.receive(_without_documents(clock))
        wait(one, lambda: bool(_leads_to(link, "late")))
        first = _leads_to(link, "late")[0]
        assert first >= int(_service(one).object.metadata.resource_version)


def _leads_to(link: Link, service: str) -> list[int]:
    views = [documents.view for documents in link.sent if documents.view is not None]
    return [view.generation for view in views if any(one.name == service for one in view.services)]


def _service(one: Controller) -> StoredObject:
    return next(found for found in one.index.by_kind("Service") if found.ref.name == "late")
