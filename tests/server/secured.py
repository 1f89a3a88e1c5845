"""An API over TLS on a port of its own, that answers who asked; and clients of it."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from reconciler.access import Authority, ServerCertificate, make_request
from reconciler.model.access import Account, CredentialKind
from reconciler.server.authentication import Authenticate, Authenticator, fingerprint_of_token, user_of
from reconciler.server.limits import BoundRequests, Limits
from reconciler.server.listener import listen
from reconciler.server.serve import serve
from reconciler.server.tls import SecureListener
from reconciler.store import Store
from reconciler.store.credentials import Accounts

DAY_S = 86_400.0


class MovedClock:
    """The Clock port; begins at this machine's time and goes only where it is put."""

    def __init__(self) -> None:
        self.at = time.time()

    def now(self) -> float:
        return self.at


@dataclass
class Secured:
    """A served API with what is behind it."""

    folder: Path
    socket_path: Path
    clock: MovedClock
    authority: Authority
    certificate: ServerCertificate
    names: list[str]
    store: Store
    accounts: Accounts
    listener: SecureListener
    streams_ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return self.listener.address[1]

    def token(self, name: str = "ada", *groups: str, id: str = "t1", expires_in: float | None = None) -> str:
        """Give out a token."""
        text = f"rct_{id}_{name}"
        expires_at = None if expires_in is None else self.clock.at + expires_in
        self._add(id, CredentialKind.TOKEN, name, groups, fingerprint_of_token(text), expires_at)
        return text

    def signed(self, name: str = "ada", *groups: str, lifetime_s: float = DAY_S, by: Authority | None = None) -> Path:
        """Sign a certificate; return the file with it and its key."""
        made = make_request()
        path = self.folder / f"{name}-{time.monotonic_ns()}.pem"
        path.write_bytes(made.key + (by or self.authority).sign_request(made.request, name, groups, lifetime_s))
        return path

    def connect(self, certificate: Path | None = None) -> http.client.HTTPSConnection:
        """Return a client that trusts the authority and is strict about what it is shown."""
        context = self.trust(certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)

    def trust(self, certificate: Path | None = None) -> ssl.SSLContext:
        """Return a client's settings: the authority is trusted, and nothing else."""
        context = ssl.create_default_context(cadata=self.authority.certificate_pem.decode())
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context

    def raw(self) -> socket.socket:
        """Return a bare connection, without a handshake."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def _add(
        self, id: str, kind: CredentialKind, name: str, groups: tuple[str, ...], fingerprint: str, until: float | None
    ) -> None:
        now = self.clock.at
        account = Account(
            id=id, kind=kind, name=name, groups=groups, fingerprint=fingerprint, created_at=now, expires_at=until
        )
        self.accounts.add(account)

    def list_certificate(self, path: Path, id: str = "c1") -> None:
        """Keep a certificate as one that was given out."""
        from reconciler.access.certificates import fingerprint_of

        self._add(id, CredentialKind.CERTIFICATE, "ada", (), fingerprint_of(path.read_bytes()), None)


def ask(
    connection: http.client.HTTPConnection, path: str = "/whoami", token: str = "", **headers: str
) -> tuple[int, Any]:
    """Return the code and the JSON of an answer; the connection stays open."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@contextmanager
def secured(folder: Path, limits: Limits | None = None) -> Iterator[Secured]:
    """Serve who-asked on a Unix socket and over TLS, in a thread of its own."""
    limits, clock = limits or Limits(), MovedClock()
    store = Store.open(f"sqlite:///{folder}/state.db", key=bytes(32), clock=clock)
    accounts = Accounts(store)
    authority = Authority.open(folder / "pki", "c-1", clock)
    names = ["localhost", "127.0.0.1"]
    certificate = ServerCertificate(folder / "pki", authority, lambda: tuple(names), clock)
    certificate.ensure()
    listener = SecureListener(listen("127.0.0.1", 0), certificate, limits)
    path = folder / "api.sock"
    served = Secured(folder, path, clock, authority, certificate, names, store, accounts, listener)
    app = _app(served, limits)
    box: dict[str, Any] = {}
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(app, served, ready, box)), daemon=True)
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield served
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)
        store.close()
        assert not thread.is_alive(), "the server did not stop"


async def _serve(app: Starlette, served: Secured, ready: threading.Event, box: dict[str, Any]) -> None:
    started = asyncio.Event()
    box |= {"loop": asyncio.get_running_loop(), "stop": asyncio.Event()}
    serving = asyncio.create_task(serve(app, served.socket_path, box["stop"], started=started, secure=served.listener))
    await started.wait()
    ready.set()
    await serving


def _app(served: Secured, limits: Limits) -> Starlette:
    async def whoami(request: Request) -> JSONResponse:
        user = user_of(request)
        await request.body()
        return JSONResponse({"name": user.name, "groups": list(user.groups), "via": user.via, "id": user.account})

    async def stream(_: Request) -> StreamingResponse:
        async def endless() -> Any:
            try:
                while True:
                    yield b"tick\n"
                    await asyncio.sleep(0.05)
            finally:
                served.streams_ended.set()

        return StreamingResponse(endless())

    async def greet(socket: WebSocket) -> None:
        await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
        await socket.send_text(user_of(socket).name)
        await socket.receive()
        served.streams_ended.set()

    authenticator = Authenticator(served.accounts, served.clock.now)
    app = Starlette(
        routes=[
            Route("/whoami", whoami, methods=["GET", "POST"]),
            Route("/stream", stream),
            WebSocketRoute("/greet", greet),
        ],
        middleware=[
            Middleware(BoundRequests, limits=limits),
            Middleware(Authenticate, authenticator=authenticator),
        ],
    )
    app.state.limits = limits
    return app
