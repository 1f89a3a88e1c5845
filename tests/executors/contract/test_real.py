"""The real World keeps the contract of every World: on a lab host, with its Engine and kernel."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.executors.volume import VolumeExecutor
from reconciler.executors.world import RealWorld
from reconciler.model.ports import World
from tests.executors.container.conftest import IMAGE, _busybox
from tests.executors.contract.world_contract import WorldContract

pytestmark = pytest.mark.real


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


class TestRealWorld(WorldContract):
    """The suite on a lab host."""

    image = IMAGE

    changed = threading.Event()

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
        """One world for all, as one process owns a host's network; what is left of it goes with the lab host."""
        tmp_path = tmp_path_factory.mktemp("world")
        (tmp_path / "data").mkdir()
        engine = Engine()
        if engine.inspect_image(IMAGE) is None:
            engine.import_image(_busybox(), "reconciler-test/box", "1", ['CMD ["/bin/sleep", "600"]'])
        cluster, runtime = uuid.uuid4().hex, Path("/run/reconciler-test") / uuid.uuid4().hex
        volume = VolumeExecutor(tmp_path / "data", runtime)
        container = ContainerExecutor(
            engine, cluster=cluster, node="node-1", volumes=volume, data_dir=tmp_path / "data"
        )

        def netns_of(name: str) -> int | None:
            facts = [fact for fact in container.facts() if name in (fact.name, fact.id) and fact.state == "running"]
            return facts[0].pid if facts else None

        network = NetworkExecutor(cluster, "node-1", tmp_path / "data", runtime, netns_of)
        cls.volumes_dir = str(tmp_path / "volumes")
        world = RealWorld("node-1", container, network, volume, SystemClock(), tmp_path / "data")
        world.observe(full=True)
        world.watch(lambda _: cls.changed.set())
        yield world
        world.close()
        for found in Engine().list_containers(f"reconciler.dev/cluster={cluster}"):
            Engine().remove_container(found["Id"], force=True, timeout_s=30)

    def wait(self, world: World, limit_s: float) -> None:
        """Wait for the host's next event."""
        self.changed.wait(limit_s)
        self.changed.clear()
