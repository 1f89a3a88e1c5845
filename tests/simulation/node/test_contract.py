"""The simulated World keeps the contract of every World."""

from __future__ import annotations

import pytest

from reconciler.model.ports import World
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.executors.contract.world_contract import WorldContract


class TestSimulatedWorld(WorldContract):
    """The suite in virtual time."""

    @pytest.fixture
    def world(self) -> World:
        """A fresh host with the image."""
        world = SimulatedWorld("node-1", VirtualClock())
        world.engine.images.add(self.image)
        return world

    def wait(self, world: World, limit_s: float) -> None:
        """Let virtual time pass."""
        assert isinstance(world, SimulatedWorld)
        world.clock.advance(limit_s)
