"""A process that serves the API over a store of its own, and commits when it is told to: for bench_api."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn
from msgspec.structs import replace

from reconciler.access import Authority, ServerCertificate
from reconciler.model.kinds import (
    Condition,
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    EnvVar,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ref_of,
)
from reconciler.model.plan import Change, Reason
from reconciler.model.refs import ObjectRef
from reconciler.server.app import make_app
from reconciler.server.limits import Limits
from reconciler.server.listener import listen
from reconciler.server.peer import Peer
from reconciler.server.protocol import PeerProtocol
from reconciler.server.tls import SecureListener
from reconciler.store import LEADER, Commit, Index, Store

PODS, NAMESPACES = 10_000, 20
_ENVIRONMENT = tuple(EnvVar(name=f"SETTING_{number}", value="value") for number in range(4))
_RUNNING = ContainerState(running=ContainerStateRunning(started_at="2026-01-15T07:00:00Z"))
_AT = "2026-01-15T07:00:00Z"


class _Clock:
    def now(self) -> float:
        return time.time()


class _AsRoot:
    """Lets everybody on loopback be root: there is nothing here but made-up Pods."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.state = app.state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scope.setdefault("state", {})["peer"] = Peer(pid=1, uid=0, gid=0)
        await self._app(scope, receive, send)


def pod(number: int) -> Pod:
    """Return a running Pod of ordinary size, about 1.6 KB of JSON."""
    conditions = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    container = Container(
        name="web", image="registry/web:1", ports=(ContainerPort(container_port=80),), env=_ENVIRONMENT
    )
    status = ContainerStatus(
        name="web",
        image="registry/web:1",
        image_id=f"sha256:{number:064}",
        container_id=f"docker://{number:064}",
        ready=True,
        started=True,
        state=_RUNNING,
    )
    return Pod(
        metadata=ObjectMeta(
            name=f"web-{number:05}",
            namespace=f"shop-{number % NAMESPACES:02}",
            labels={"app": "web", "pod-template-hash": "6d4cf"},
            creation_timestamp=_AT,
        ),
        spec=PodSpec(containers=(container,), node_name=f"node-{number % 50}"),
        status=PodStatus(
            phase="Running",
            pod_ip="10.42.0.1",
            host_ip="10.0.0.1",
            conditions=tuple(Condition(type=one, status="True", last_transition_time=_AT) for one in conditions),
            container_statuses=(status,),
        ),
    )


def serve(directory: Path, pipe: Connection) -> None:
    """Serve until told to stop. Every number that is sent here is that of a Pod to change."""
    store = Store.open(f"sqlite:///{directory / 'api.db'}", key=bytes(32), clock=_Clock())
    lease = store.acquire(LEADER, "bench", 3_600.0)
    assert lease is not None
    index = Index(store)
    store.commit(Commit(changes=tuple(_change("create", pod(number)) for number in range(PODS))), term=lease.term)
    app = _AsRoot(make_app(None, index, None, Limits(watches_max=1000)))  # type: ignore[arg-type]
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, proxy_headers=False)
    server = _Server(config, directory)
    threading.Thread(target=_obey, args=(pipe, store, index, lease.term, server), daemon=True).start()
    asyncio.run(server.serve())


class _Server(uvicorn.Server):
    """Serves plain HTTP, and the same over TLS as the daemon does."""

    def __init__(self, config: uvicorn.Config, directory: Path) -> None:
        super().__init__(config)
        authority = Authority.open(directory / "pki", "bench", _Clock())
        certificate = ServerCertificate(directory / "pki", authority, lambda: ("127.0.0.1",), _Clock())
        certificate.ensure()
        self._secure = SecureListener(listen("127.0.0.1", 0), certificate)
        self.tls_port = self._secure.address[1]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer on both ports."""
        await super().startup(sockets)
        self._secure.start(lambda: PeerProtocol(self.config, self.server_state, {}))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections."""
        self._secure.close()
        await super().shutdown(sockets)


def _change(verb: str, object: Pod) -> Change:
    return Change(verb=verb, ref=ref_of(object), object=object, manager="bench", reason=Reason.DECLARED)


def _obey(pipe: Connection, store: Store, index: Index, term: int, server: _Server) -> None:
    while not server.started:
        time.sleep(0.01)
    pipe.send((server.servers[0].sockets[0].getsockname()[1], server.tls_port))
    while (number := pipe.recv()) is not None:
        name = f"web-{number % PODS:05}"
        stored = index.get(ObjectRef.of("Pod", f"shop-{number % NAMESPACES:02}", name))
        assert stored is not None
        assert isinstance(stored.object, Pod)
        changed = replace(stored.object, status=replace(stored.object.status, message=f"change {number}"))
        store.commit(Commit(changes=(_change("status", changed),)), term=term)
        pipe.send(time.monotonic())
    server.should_exit = True
