"""Reading regularly what a host uses."""

import queue

import msgspec

from reconciler.agent.sampling import Sampling
from reconciler.model.metrics import NodeSample
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld


class Flaky(SimulatedWorld):
    """A host whose second reading fails."""

    reads = 0

    def sample(self) -> NodeSample:
        """Read, or fail."""
        self.reads += 1
        if self.reads == 2:
            raise OSError("no such file")
        return super().sample()


def test_it_reads_at_once_and_goes_on_after_a_failure() -> None:
    """The first reading comes without waiting; a failed one is left out; stopping ends it."""
    told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    world = Flaky("node-1", VirtualClock())
    sampling = Sampling(world, told.put, every_s=0.01)
    sampling.start()
    readings = [msgspec.json.decode(told.get(timeout=10), type=NodeSample) for _ in range(3)]
    sampling.stop()
    assert {one.node for one in readings} == {"node-1"}
    assert world.reads >= 4
    reads = world.reads
    sampling.stop()
    assert world.reads == reads
