"""Wires everything that makes the daemon.

Effect. Stopping ends the loops and never the data plane: Pods, links, rules and the DNS server go on.
"""

import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from reconciler import service
from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.agent.sampling import Sampling
from reconciler.config import RECEIVED, Settings
from reconciler.controller.agents import ClusterAgents
from reconciler.controller.embedded import EmbeddedLink
from reconciler.controller.loading import Loader
from reconciler.controller.loop import LEASE_TTL_S, Controller
from reconciler.controller.operations import DaemonOperations
from reconciler.controller.provider import ProviderBoard
from reconciler.controller.remote import NodeLinks
from reconciler.controller.source import Source, open_repository
from reconciler.controller.streams import RemoteHost, RemoteStreams
from reconciler.executors.local import open_world
from reconciler.executors.provider.script import ScriptProvider
from reconciler.git.received import install_hooks
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.kinds import AnyObject
from reconciler.model.observed import ClusterInfo
from reconciler.model.policy import Policy, SourcePolicy
from reconciler.model.refs import ObjectRef
from reconciler.model.status import LoopStatus
from reconciler.server.app import make_app
from reconciler.server.audit import FILE_NAME as AUDIT_FILE
from reconciler.server.audit import AuditLog
from reconciler.server.https import RENEW_EVERY_S, Https
from reconciler.server.serve import serve
from reconciler.service import Schedule, SystemClock, give_back
from reconciler.simulation.forecast import forecast
from reconciler.store.credentials import Accounts
from reconciler.store.index import Index
from reconciler.store.store import Store

log = logging.getLogger(__name__)

_PRUNE_EVERY_S = 3600
_GIVE_BACK_EVERY_S = 60
_DAY_S = 86400.0
# A credential that another daemon revoked stops working here that much later.
_ACCOUNTS_EVERY_S = 2.0


def run(load: Callable[[], Settings]) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigurationError when it cannot start."""
    service.run(load, "daemon.lock", Daemon)


class Daemon:
    """The parts of one daemon with its embedded agent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        key = _read_key(settings)
        self._store = Store.open(settings.database_url, key=key, clock=self._clock)
        cluster = cluster_of(settings)
        self._store.set_cluster(cluster)
        self._index = Index(self._store)
        self._accounts = Accounts(self._store)
        self._https = Https(settings, self._clock)
        self._audit = AuditLog(Path(settings.data_dir) / AUDIT_FILE)
        self._scheduler = Schedule()
        link = EmbeddedLink()
        links = NodeLinks(link, self._clock)
        digest_key = hashlib.blake2b(key, person=b"rc-digests", digest_size=32).digest()
        policy = _policy(settings, digest_key)
        holder = f"{settings.node_name}:{settings.data_dir}"
        self._controller = Controller(self._store, self._index, cluster, policy, links, self._clock, holder)
        if settings.provider.script:
            runtime = Path(settings.runtime_dir)
            provider = ScriptProvider(settings.provider.script, settings.provider.deadline_s, runtime)
            self._controller.provider = ProviderBoard(provider, self._controller.picture, self._controller.look)
        streams = RemoteStreams(links)
        self._agents = ClusterAgents(self._controller, links, streams, self._https.authority, self._accounts)
        for one in settings.sources:
            self._add_source(one.name, digest_key)
        journal = Journal(Path(settings.data_dir) / "agent", Path(settings.runtime_dir) / "agent")
        self._world = open_world(settings, self._clock, journal.containers())
        self._agent = AgentLoop(
            settings.node_name,
            self._world,
            journal,
            self._clock,
            self._scheduler,
            link.report,
            self._controller.receive_outcomes,
            settings.resync_s,
            settings.host_limits,
        )
        self._sampling = Sampling(self._world, link.sample)
        link.attach(settings.node_name, self._agent.deliver)
        self._operations = DaemonOperations(
            settings,
            self._controller,
            self.loops,
            self._world,
            self._agent.running,
            forecast,
            self._https.warnings,
            lambda node: None if links.is_local(node) else RemoteHost(node, streams),
        )

    def start(self) -> None:
        """Start every loop and periodic job."""
        for one in self._settings.sources:
            if one.url == RECEIVED:
                install_hooks(
                    self._settings.received_path,
                    branch=one.branch,
                    socket=self._settings.socket_path,
                    python=sys.executable,
                    data_dir=Path(self._settings.data_dir),
                )
        self._scheduler.start()
        self._every(LEASE_TTL_S / 3, self._controller.renew, "lease")
        self._every(_PRUNE_EVERY_S, self._prune, "prune")
        self._every(_GIVE_BACK_EVERY_S, give_back, "give-back")
        self._every(RENEW_EVERY_S, self._https.renew, "certificate")
        if self._controller.provider is not None:
            # It sees to it itself that one question follows the other.
            self._every(self._settings.provider.interval_s, self._controller.provider.ask, "provider", at_once=2)
        if self._settings.database:
            self._every(_ACCOUNTS_EVERY_S, self._poll_accounts, "accounts")
        for one in self._settings.sources:
            self._every(_DAY_S, self._controller.declared.sources[one.name].maintain, f"maintain-{one.name}")
            self._every(one.interval_s, self._controller.declared.sources[one.name].poll, f"poll-{one.name}")
        self._controller.start()
        for source in self._controller.declared.sources.values():
            source.start()
        self._agent.start()
        self._sampling.start()

    async def serve(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Serve the API until a signal says stop."""
        access = self._https.access(self._accounts)
        app = make_app(
            self._operations,
            self._index,
            self._store,
            access=access,
            audit=self._audit,
            agents=self._agents,
            legacy_addresses=self._settings.legacy_addresses,
        )
        settings, secure = self._settings, self._https.listener
        await serve(app, settings.socket_path, stop, group=settings.socket_group, started=ready, secure=secure)

    def stop(self) -> None:
        """End the loops; what runs on the host goes on."""
        self._sampling.stop()
        self._agent.stop()
        self._controller.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._audit.close()
        self._store.close()

    def look(self) -> None:
        """Look at every repository and at the host."""
        for source in self._controller.declared.sources.values():
            source.poll()
        self._controller.look("reload")
        self._agent.look("reload")

    def loops(self) -> tuple[LoopStatus, ...]:
        """How the loops are."""
        return (self._controller.status(), self._agent.status())

    def about(self) -> dict[str, str]:
        """Where it is reached."""
        return {"socket": str(self._settings.socket_path), "https": self._https.place}

    def told(self) -> str:
        """What it does, in one line."""
        return f"serving on {self._settings.socket_path} {self._https.place}"

    # Helpers

    def _add_source(self, name: str, digest_key: bytes) -> None:
        one = next(source for source in self._settings.sources if source.name == name)
        loader = Loader(
            name,
            prune=one.prune,
            unknown_kinds=one.unknown_kinds,
            digest_key=digest_key,
            legacy_addresses=self._settings.legacy_addresses,
            applied=self._applied,
        )
        repository = open_repository(self._settings, one)
        controller = self._controller
        controller.declared.sources[name] = Source(
            one,
            repository,
            loader,
            self._clock,
            controller.receive_reading,
            lambda tip: _instead_of(self._index, name, tip),
        )

    def _applied(self, ref: ObjectRef) -> AnyObject | None:
        stored = self._index.get(ref)
        return stored.object if stored is not None else None

    def _every(self, seconds: float, job: object, name: str, at_once: int = 1) -> None:
        self._scheduler.add_job(job, "interval", seconds=seconds, id=name, max_instances=at_once)

    def _prune(self) -> None:
        self._store.prune_history(self._clock.now() - self._settings.history_days * _DAY_S)

    def _poll_accounts(self) -> None:
        """Learn what other daemons gave out and revoked; a database that is away keeps nobody from asking us."""
        try:
            self._accounts.poll()
        except ReconcilerError as error:
            log.debug("credentials could not be read", extra={"error": str(error)})


def _instead_of(index: Index, source: str, tip: str) -> str:
    """Return the commit to use instead of a tip that a rollback holds; empty when the tip counts (P15)."""
    state = index.side.sources.get(source)
    if state is None or state.applied is None:
        return ""
    # Without a tip: which commit is to be kept whatever happens.
    return state.applied.commit if not tip or state.held == tip else ""


def cluster_of(settings: Settings) -> ClusterInfo:
    """Return what the settings say of the cluster."""
    if not settings.cluster_id:
        raise ConfigurationError(f"{settings.data_dir} has no cluster", hint="run: reconciler init")
    if settings.server:
        raise ConfigurationError(
            f"{settings.data_dir} is of a node that has joined {settings.server}", hint="run: reconciler agent"
        )
    return ClusterInfo(
        id=settings.cluster_id,
        domain=settings.cluster_domain,
        pod_cidr=settings.pod_cidr,
        service_cidr=settings.service_cidr,
        node_prefix=settings.node_prefix,
        dns_address=settings.dns_address,
        network_backend=settings.network_backend,
        node_ports=settings.node_port_range,
        load_balancer=settings.load_balancer.addresses,
    )


def _policy(settings: Settings, digest_key: bytes) -> Policy:
    return Policy(
        volumes_dir=f"{settings.data_dir}/volumes",
        digest_key=digest_key.hex(),
        placing=settings.scheduler,
        rebalancing=settings.rebalancing,
        ingress=settings.ingress,
        toleration_s=settings.default_unreachable_toleration_s,
        not_ready_toleration_s=settings.default_not_ready_toleration_s,
        sources={
            one.name: SourcePolicy(
                prune=one.prune,
                restart_on_configuration_change=one.restart_on_configuration_change,
                on_failure=one.on_failure,
            )
            for one in settings.sources
        },
    )


def _read_key(settings: Settings) -> bytes:
    try:
        return settings.key_path.read_bytes()
    except OSError as error:
        hint = "run: reconciler init; a lost key cannot be replaced, secrets in the database need it"
        raise ConfigurationError(f"{settings.key_path}: {error.strerror}", hint=hint) from error
