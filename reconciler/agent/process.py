"""The agent as a process of its own: this host as a node of a daemon elsewhere. Effect.

Stopping ends the loop and never the data plane: Pods, links, rules and the DNS server go on.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from reconciler import service
from reconciler.agent.certificate import CHECK_EVERY_S, NodeCertificate
from reconciler.agent.journal import Journal
from reconciler.agent.link import DaemonLink
from reconciler.agent.loop import AgentLoop
from reconciler.agent.sampling import Sampling
from reconciler.agent.streams import AgentStreams
from reconciler.client.agents import AgentClient
from reconciler.config import Settings
from reconciler.executors.local import open_world
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.status import LoopStatus
from reconciler.service import Schedule, SystemClock, give_back

log = logging.getLogger(__name__)

_GIVE_BACK_EVERY_S = 60


def run(load: Callable[[], Settings]) -> None:
    """Run the agent until SIGTERM or SIGINT. Raises ConfigurationError when it cannot start."""
    service.run(load, "agent.lock", Agent)


class Agent:
    """The parts of one agent."""

    def __init__(self, settings: Settings) -> None:
        if not settings.server:
            raise ConfigurationError(
                f"{settings.data_dir} is not of a node that has joined a daemon",
                hint="run: reconciler join; on the daemon's own host the daemon is the agent as well",
            )
        self._settings = settings
        self._clock = SystemClock()
        self._certificate = NodeCertificate(settings.pki_path, self._clock)
        self._scheduler = Schedule()
        journal = Journal(Path(settings.data_dir) / "agent", Path(settings.runtime_dir) / "agent")
        self._world = open_world(settings, self._clock, journal.containers())
        node = settings.node_name
        streams = AgentStreams(node, settings.server, self._certificate.context, self._world)
        self._link = DaemonLink(node, settings.cluster_id, self._client, self._certificate.problem, streams)
        self._loop = AgentLoop(
            node,
            self._world,
            journal,
            self._clock,
            self._scheduler,
            self._link.outbox.report,
            self._link.outbox.tell,
            settings.resync_s,
            settings.host_limits,
        )
        self._sampling = Sampling(self._world, self._link.outbox.sample)

    def start(self) -> None:
        """Start the loop, the connection and the periodic jobs."""
        if problem := self._certificate.problem():
            log.error(problem)
        self._scheduler.start()
        self._every(_GIVE_BACK_EVERY_S, give_back, "give-back")
        self._every(CHECK_EVERY_S, self._renew, "certificate")
        self._loop.start()
        self._sampling.start()
        self._link.start(self._loop.deliver)

    async def serve(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Wait until a signal says stop: everything is done by threads."""
        ready.set()
        await stop.wait()

    def stop(self) -> None:
        """End the loop; what runs on the host goes on."""
        self._sampling.stop()
        self._loop.stop()
        self._link.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def look(self) -> None:
        """Look at the host."""
        self._loop.look("reload")

    def loops(self) -> tuple[LoopStatus, ...]:
        """How the loop is. That the daemon is away is no reason to be restarted."""
        return (self._loop.status(),)

    def about(self) -> dict[str, str]:
        """Which node of which daemon this is."""
        return {"node": self._settings.node_name, "server": self._settings.server}

    def told(self) -> str:
        """What it does, in one line; with why the daemon cannot be talked to."""
        state = self._link.state
        where = f"node {self._settings.node_name} of {self._settings.server}"
        return f"{where}: {state.error}" if state.error else where

    # Helpers

    def _client(self) -> AgentClient:
        return AgentClient(self._settings.server, self._certificate.context)

    def _renew(self) -> None:
        """Renew the certificate if that is due; a failure is tried again with the next look."""
        if not self._certificate.is_due():
            return
        client = self._client()
        try:
            self._certificate.renew(client, self._settings.node_name)
        except ReconcilerError as error:
            log.warning("this node's certificate cannot be renewed yet", extra={"error": str(error)})
        finally:
            client.close()

    def _every(self, seconds: float, job: object, name: str) -> None:
        self._scheduler.add_job(job, "interval", seconds=seconds, id=name, max_instances=1)
