"""A daemon's part for agents on other hosts, served over TLS, and agents of simulated hosts that have joined it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.access import Authority, ServerCertificate
from reconciler.agent import joining
from reconciler.agent.certificate import NodeCertificate
from reconciler.agent.journal import Journal
from reconciler.agent.link import DaemonLink
from reconciler.agent.loop import AgentLoop
from reconciler.client import ApiClient
from reconciler.client.agents import AgentClient
from reconciler.controller.agents import ClusterAgents
from reconciler.controller.embedded import EmbeddedLink
from reconciler.controller.loop import Controller
from reconciler.controller.remote import NodeLinks
from reconciler.controller.streams import RemoteStreams
from reconciler.model.observed import ClusterInfo
from reconciler.model.policy import Policy
from reconciler.server.app import make_app
from reconciler.server.audit import AuditLog
from reconciler.server.listener import listen
from reconciler.server.serve import serve
from reconciler.server.tls import SecureListener
from reconciler.server.users import Access
from reconciler.simulation.world import SimulatedWorld
from reconciler.store import Index, Store
from reconciler.store.credentials import Accounts
from tests.server.api_double import MemoryOperations

OWN = "/apis/reconciler.dev/v1"
CLUSTER = ClusterInfo(id="c-1")
SOON_S = 15.0


class MovedClock:
    """This machine's time, with seconds added by a test."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s


class Daemon:
    """What of a daemon its agents see. It can be stopped and started again on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovedClock()
        self.port = 0
        self._stack: list[Callable[[], Any]] = []

    def start(self) -> None:
        """Serve."""
        self.store = Store.open(f"sqlite:///{self.folder}/state.db", key=b"k" * 32, clock=self.clock)
        self.store.set_cluster(CLUSTER)
        self.index = Index(self.store)
        self.accounts = Accounts(self.store)
        self.authority = Authority.open(self.folder / "pki", CLUSTER.id, self.clock)
        certificate = ServerCertificate(self.folder / "pki", self.authority, lambda: ("127.0.0.1",), self.clock)
        certificate.ensure()
        listener = SecureListener(listen("127.0.0.1", self.port), certificate)
        self.port = listener.address[1]
        embedded = EmbeddedLink()
        embedded.attach("node-1", lambda _: None)
        self.links = NodeLinks(embedded, self.clock)
        policy = Policy(digest_key="00" * 16)
        self.controller = Controller(self.store, self.index, CLUSTER, policy, self.links, self.clock, "test")
        self.streams = RemoteStreams(self.links)
        self.agents = ClusterAgents(self.controller, self.links, self.streams, self.authority, self.accounts)
        self.audit = AuditLog(self.folder / "audit.log")
        access = Access(self.accounts, self.authority, self.port, self.clock.now, lambda: "192.0.2.7")
        app = make_app(MemoryOperations(), self.index, self.store, access=access, audit=self.audit, agents=self.agents)
        box: dict[str, Any] = {}
        ready = threading.Event()

        async def run() -> None:
            box["loop"], box["stop"], started = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(serve(app, self.socket, box["stop"], started=started, secure=listener))
            await started.wait()
            ready.set()
            await serving

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert ready.wait(SOON_S), "the server did not start"
        self.controller.start()
        self._stack = [
            self.store.close,
            self.audit.close,
            self.controller.stop,
            lambda: thread.join(SOON_S),
            lambda: box["loop"].call_soon_threadsafe(box["stop"].set),
        ]

    def stop(self) -> None:
        """End."""
        while self._stack:
            self._stack.pop()()

    @property
    def socket(self) -> Path:
        return self.folder / "api.sock"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def api(self) -> ApiClient:
        """A client with all rights."""
        return ApiClient(self.socket)

    def token(self, node: str = "", ttl_s: float = 3600.0) -> str:
        """Give out a join token."""
        return str(self.api().post(f"{OWN}/tokens", {"node": node, "ttlSeconds": ttl_s})["token"])

    def join(
        self, node: str, folder: Path, token: str | None = None, now: Callable[[], float] = time.time
    ) -> joining.Admission:
        """Join as a host does; its files are in `folder`."""
        authority = joining.trusted_authority(self.server, self.authority.ca_hash())
        admission = joining.ask_to_join(self.server, authority, token or self.token(), node, folder, now)
        joining.keep(admission, folder)
        joining.forget_key(folder)
        return admission


class Agent:
    """An agent of a simulated host that has joined; `folder` is its data directory."""

    def __init__(self, daemon: Daemon, node: str, folder: Path) -> None:
        self.node = node
        self.clock = MovedClock()
        self.certificate = NodeCertificate(folder / "pki", self.clock)
        self.world = SimulatedWorld(node, self.clock)
        self.scheduler = BackgroundScheduler(timezone="UTC")
        self.link = DaemonLink(
            node,
            CLUSTER.id,
            lambda: AgentClient(daemon.server, self.certificate.context, self.clock.now),
            self.certificate.problem,
        )
        self.loop = AgentLoop(
            node,
            self.world,
            Journal(folder / "agent", folder / "run"),
            self.clock,
            self.scheduler,
            self.link.outbox.report,
            self.link.outbox.tell,
        )

    def start(self) -> None:
        """Run."""
        self.scheduler.start()
        self.loop.start()
        self.link.start(self.loop.deliver)

    def stop(self) -> None:
        """End."""
        self.loop.stop()
        self.link.stop()
        self.scheduler.shutdown(wait=False)


@contextmanager
def running(agent: Agent) -> Iterator[Agent]:
    """Run an agent for a while."""
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def eventually(what: str, holds: Callable[[], Any], timeout_s: float = SOON_S) -> None:
    """Wait until something of other threads holds."""
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.01)
