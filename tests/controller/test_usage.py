"""What the nodes use is kept in memory, for a minute."""

import msgspec

from reconciler.controller.embedded import EmbeddedLink
from reconciler.controller.usage import UsageBoard
from reconciler.model.base import to_builtins
from reconciler.model.metrics import NodeSample
from reconciler.simulation.clock import VirtualClock


def sample(clock: VirtualClock, cpu_seconds: float, boot_id: str = "b") -> NodeSample:
    """A reading of now."""
    return NodeSample(node="node-1", at=clock.now(), boot_id=boot_id, cpu_seconds=cpu_seconds, memory_bytes=1024)


def test_two_readings_make_a_figure_that_is_forgotten() -> None:
    """One says nothing yet; a node that has been silent for a minute is not believed any more."""
    clock = VirtualClock()
    board = UsageBoard(clock)
    board.receive(sample(clock, 10))
    assert board.latest() == {}
    clock.advance(15)
    board.receive(sample(clock, 25))
    assert board.latest()["node-1"].cpu_nanos == 1_000_000_000
    clock.advance(59)
    assert "node-1" in board.latest()
    clock.advance(1)
    assert board.latest() == {}


def test_after_a_reboot_counting_begins_anew() -> None:
    """Counters of another boot are no difference."""
    clock = VirtualClock()
    board = UsageBoard(clock)
    for cpu_seconds, boot_id in ((1000.0, "a"), (3.0, "b")):
        board.receive(sample(clock, cpu_seconds, boot_id))
        clock.advance(15)
    assert board.latest() == {}
    board.receive(sample(clock, 6, "b"))
    assert board.latest()["node-1"].cpu_nanos == 200_000_000


def test_a_reading_passes_the_link_as_a_document() -> None:
    """As the connection to another host would carry it."""
    link, taken = EmbeddedLink(), []
    reading = sample(VirtualClock(), 1)
    link.sample(msgspec.json.encode(reading))
    link.on_sample(taken.append)
    link.sample(msgspec.json.encode(reading))
    assert [to_builtins(one) for one in taken] == [to_builtins(reading)]
