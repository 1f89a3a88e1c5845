"""The network executor: carries out network actions on this host, and tells what stands.

Effect. Start here. One lock guards everything, because everything takes milliseconds; a thread of its own waits for the
kernel's events. What we write ourselves is part of the told facts before the lock is let go, so that only changes by
others make anybody look.
"""

import contextlib
import logging
import os
import selectors
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from reconciler.executors.network.external import ExternalAddresses
from reconciler.executors.network.frame import LAYOUT, Ranges
from reconciler.executors.network.host import CHAIN, AcceptRules, Host
from reconciler.executors.network.links import NetnsOf, PodLinks
from reconciler.executors.network.lock import NetworkLock
from reconciler.executors.network.mirror import Mirror
from reconciler.executors.network.names import Names
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.peers import PeerRoutes
from reconciler.executors.network.policies import PolicyTable
from reconciler.executors.network.rights import missing_rights
from reconciler.executors.network.services import ServiceTable
from reconciler.executors.network.state import Kernel, SandboxBook, StateFile
from reconciler.executors.network.table_events import TableEvents
from reconciler.executors.outcome import outcome_of
from reconciler.executors.wakeup import Wakeup
from reconciler.model.details import (
    AttachPod,
    DetachPod,
    PrepareHost,
    ProgramExternal,
    ProgramPeers,
    ProgramPolicies,
    ProgramServices,
    PublishNames,
)
from reconciler.model.errors import ConfigurationError, ReconcilerError, TerminalError
from reconciler.model.node import Materials
from reconciler.model.node_report import NetworkFact
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import Look

logger = logging.getLogger(__name__)

_SETTLE_S = 1.0
NetworkDetail = (
    PrepareHost
    | AttachPod
    | DetachPod
    | ProgramServices
    | ProgramPeers
    | ProgramPolicies
    | ProgramExternal
    | PublishNames
)


class NetworkExecutor:
    """This host's network for one cluster. Thread-safe; only one may exist per network namespace."""

    def __init__(
        self,
        cluster_id: str,
        node: str,
        data_dir: Path,
        runtime_dir: Path,
        netns_of: NetnsOf,
        python: str = sys.executable,
    ) -> None:
        """Take the host's network; raise ConfigurationError when another process holds it.

        `netns_of` returns the process id of a sandbox's container (by its name or id), or None when it does not run.
        """
        _require_rights()
        self.node = node
        runtime = runtime_dir / "network"
        self._exclusive = NetworkLock(data_dir)
        self._lock = threading.RLock()
        self._closed = threading.Event()
        kernel = Kernel.current()
        with contextlib.ExitStack() as undo:
            undo.callback(self._exclusive.close)
            runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._mirror = Mirror()
            undo.callback(self._mirror.close)
            self._table_events = TableEvents()
            undo.callback(self._table_events.close)
            self._nftables = Nftables()
            self._links = PodLinks(
                cluster_id, self._mirror, netns_of, SandboxBook(StateFile(runtime / "sandboxes.json", kernel))
            )
            self._host = Host(cluster_id, self._mirror)
            self._accept = AcceptRules(cluster_id)
            self._external = ExternalAddresses(cluster_id, self._mirror)
            self._peers = PeerRoutes(
                cluster_id, node, self._mirror, StateFile(runtime / "peers.json", kernel), self._nftables
            )
            self._table = ServiceTable(
                cluster_id,
                self._nftables,
                self._table_events,
                StateFile(runtime / "services.json", kernel),
                lambda: [ip for _, ip in self._mirror.addresses],
            )
            self._policies = PolicyTable(
                cluster_id, self._nftables, self._table_events, StateFile(runtime / "policies.json", kernel)
            )
            self._names = Names(cluster_id, runtime, kernel, python)
            self._wanted_file = StateFile(runtime / "host.json", kernel)
            self._wanted = self._wanted_file.load(PrepareHost)
            self._cluster_id = cluster_id
            self._accepts = self._wanted is not None and self._accept.are_whole(self._wanted.cluster_pod_cidr)
            undo.pop_all()
        self._open_pods: frozenset[str] = frozenset()
        self._watcher: threading.Thread | None = None
        self._look: Look = lambda _: None
        self._wakeup = Wakeup()
        self._dns_pidfd: int | None = None
        self._told = self.facts()

    # Actions

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry a network action out; failures are outcomes."""
        return outcome_of(action, lambda: self._effect(action))

    def _effect(self, action: Action) -> tuple[bool, str]:
        if not isinstance(action.detail, NetworkDetail):
            raise TerminalError("not an action of the network", reason="NotNetwork")
        taken = self._taken(action.detail)
        with self._lock:
            # What others did before is told of; what we do is not.
            reasons = self._news()
            try:
                changed = self._carry_out(action.detail, taken)
            finally:
                self._told = self._facts()
        for reason in reasons:
            self._look(reason)
        self._wakeup.wake()
        return changed, ""

    def _taken(self, detail: NetworkDetail) -> Mapping[str, str]:
        """Return who else has addresses that are to be held; nothing waits while the link is asked."""
        if not isinstance(detail, ProgramExternal):
            return {}
        with self._lock:
            self._mirror.sync()
            question = self._external.question(detail)
        return question.ask() if question is not None else {}

    def _carry_out(self, detail: NetworkDetail, taken: Mapping[str, str]) -> bool:
        match detail:
            case PrepareHost():
                return self._prepare(detail)
            case AttachPod():
                self._policies.require(detail)
                return self._links.attach(detail) and self._open_to_loopback()
            case DetachPod():
                return self._links.detach(detail)
            case ProgramServices():
                return self._table.program(detail) and self._open_to_loopback()
            case ProgramPeers():
                return self._peers.program(detail)
            case ProgramPolicies():
                return self._policies.program(detail)
            case ProgramExternal():
                return self._external.program(detail, taken)
            case PublishNames():
                return self._names.publish(detail)
            case _:
                assert_never(detail)

    def _prepare(self, wanted: PrepareHost) -> bool:
        changes = [
            self._host.prepare(wanted),
            self._accept.ensure(wanted.cluster_pod_cidr),
            self._table.prepare(self._ranges(wanted)),
        ]
        if self._wanted != wanted:
            self._wanted_file.save(wanted)
            self._wanted = wanted
            changes.append(True)
        self._accepts = True
        changes.append(self._names.ensure_running(wanted))
        return any(changes)

    def _open_to_loopback(self) -> bool:
        pods = self._table.host_port_pods()
        if pods != self._open_pods or pods:
            self._links.open_to_loopback(pods)
            self._open_pods = pods
        return True

    def _ranges(self, wanted: PrepareHost) -> Ranges:
        return Ranges(
            cluster_id=self._cluster_id,
            cluster_pod_cidr=wanted.cluster_pod_cidr,
            service_cidr=wanted.service_cidr,
            layout=LAYOUT,
        )

    # Facts

    def facts(self) -> NetworkFact:
        """Return what stands, current to the last event of the kernel."""
        with self._lock:
            return self._facts()

    def refresh(self, full: bool = False) -> NetworkFact:
        """Return what stands; `full` compares everything with the kernel anew, inside the Pods too."""
        with self._lock:
            if full:
                self._mirror.reload()
                self._table.compare()
                self._policies.compare()
                self._links.compare_inside()
                self._open_to_loopback()
                self._peers.compare()
                self._external.announce_again()
                if self._wanted is not None:
                    self._accepts = self._accept.are_whole(self._wanted.cluster_pod_cidr)
            return self._facts()

    def _facts(self) -> NetworkFact:
        self._mirror.sync()
        self._take_table_events()
        wanted = self._wanted
        peers_digest, peers_damaged = self._peers.standing()
        policies_digest, policies_damaged = self._policies.standing()
        return NetworkFact(
            prepared=(
                wanted is not None
                and self._accepts
                and self._host.is_whole(wanted)
                and self._table.is_for(self._ranges(wanted))
            ),
            services_digest=self._table.digest,
            names_digest=self._names.digest,
            dns_running=wanted is not None and self._names.is_running(wanted),
            peers_digest=peers_digest,
            peers_damaged=peers_damaged,
            policies_digest=policies_digest,
            policies_damaged=policies_damaged,
            tunnel_error=self._peers.tunnel_error,
            external_digest=self._external.digest,
            links=self._links.facts(),
        )

    def _take_table_events(self) -> None:
        touched = self._table.look()
        self._policies.look(touched)
        if self._wanted is not None and (
            touched is None or any(one.table == "filter" and one.chain in ("", CHAIN) for one in touched)
        ):
            self._accepts = self._accept.are_whole(self._wanted.cluster_pod_cidr)

    # Watching

    def watch(self, look: Look) -> None:
        """Have `look(reason)` called, from a thread of its own, whenever somebody else changed the network."""
        self._look = look
        self._watcher = threading.Thread(target=self._watch, name="network-events", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stop watching and let the network go; what stands stays."""
        self._closed.set()
        self._wakeup.wake()
        if self._watcher is not None:
            self._watcher.join(timeout=5)
        with self._lock:
            self._table.settle()
            self._external.close()
            self._mirror.close()
            self._table_events.close()
            self._nftables.close()
        self._wakeup.close()
        if self._dns_pidfd is not None:
            os.close(self._dns_pidfd)
        self._exclusive.close()

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._mirror.fileno(), selectors.EVENT_READ, "link")
            selector.register(self._table_events.fileno(), selectors.EVENT_READ, "nftables")
            selector.register(self._wakeup, selectors.EVENT_READ, "")
            while not self._closed.is_set():
                self._follow_dns(selector)
                ready = {key.data for key, _ in selector.select(None if self._table.is_settled else _SETTLE_S)}
                if "" in ready:
                    self._wakeup.clear()
                if self._closed.is_set():
                    return
                if ready == {""}:
                    continue  # we did something, which is told already; how long to wait may be another now
                if "dns" in ready:
                    self._unfollow_dns(selector)
                for reason in self._look_for_changes(settle=not ready):
                    self._look(reason)

    def _look_for_changes(self, *, settle: bool) -> list[str]:
        """Return what has changed; what goes wrong is told, and must not end the watching (P08)."""
        try:
            with self._lock:
                reasons = self._news()
                if settle:
                    self._table.settle()
        except ReconcilerError as error:
            logger.warning("the network cannot be looked at: %s", error)
        except Exception:
            logger.exception("looking at the network crashed")
        else:
            return reasons
        # What is read from the kernel's sockets is gone from them, but it could be called for again at once.
        self._closed.wait(_SETTLE_S)
        return ["network"]

    def _news(self) -> list[str]:
        """Return which parts of the facts have changed since they were told last."""
        before, now = self._told, self._facts()
        self._told = now
        changed = {
            "link": before.links != now.links,
            "nftables": before.services_digest != now.services_digest,
            "policies": (before.policies_digest, before.policies_damaged)
            != (now.policies_digest, now.policies_damaged),
            "host": before.prepared != now.prepared,
            "peers": (before.peers_digest, before.tunnel_error) != (now.peers_digest, now.tunnel_error),
            "external": before.external_digest != now.external_digest,
            "dns": (before.dns_running, before.names_digest) != (now.dns_running, now.names_digest),
        }
        return [reason for reason, is_new in changed.items() if is_new]

    def _follow_dns(self, selector: selectors.BaseSelector) -> None:
        """Have the end of the DNS server wake us."""
        if self._dns_pidfd is not None or (server := self._names.server) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._dns_pidfd = os.pidfd_open(server.pid)
            selector.register(self._dns_pidfd, selectors.EVENT_READ, "dns")

    def _unfollow_dns(self, selector: selectors.BaseSelector) -> None:
        if self._dns_pidfd is not None:
            selector.unregister(self._dns_pidfd)
            os.close(self._dns_pidfd)
            self._dns_pidfd = None


def _require_rights() -> None:
    """Refuse to start without what every action needs."""
    if missing := missing_rights():
        raise ConfigurationError(
            f"the network of this host cannot be changed without the capabilities {' and '.join(missing)}",
            hint="run as root, or as the service that comes with reconciler",
        )
