"""Opens this host as a World, from the settings. Effect."""

from collections.abc import Iterable
from pathlib import Path

from reconciler.config import Settings
from reconciler.executors.container.executor import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.executors.volume.executor import VolumeExecutor
from reconciler.executors.world import RealWorld
from reconciler.model.ports import Clock


def open_world(settings: Settings, clock: Clock, remembered: Iterable[str] = ()) -> RealWorld:
    """Return this host. Raises ConfigurationError when another process manages its network.

    `remembered` are the containers that were there last: each is asked for by its id before it counts as gone.
    """
    data, runtime = Path(settings.data_dir), Path(settings.runtime_dir)
    volume = VolumeExecutor(data, runtime)
    container = ContainerExecutor(
        Engine(settings.engine),
        cluster=settings.cluster_id,
        node=settings.node_name,
        volumes=volume,
        data_dir=data,
        remembered=remembered,
    )

    def netns_of(sandbox: str) -> int | None:
        """The process whose network namespace a running sandbox owns."""
        found = (one for one in container.facts() if sandbox in (one.id, one.name))
        return next((one.pid for one in found if one.state == "running" and one.pid), None)

    network = NetworkExecutor(settings.cluster_id, settings.node_name, data, runtime, netns_of)
    ingress = IngressExecutor(runtime, settings.ingress_http_port, settings.ingress_https_port)
    return RealWorld(settings.node_name, container, network, volume, clock, data, settings.node_address, ingress)
