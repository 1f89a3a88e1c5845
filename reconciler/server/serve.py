"""Serves the application on a Unix socket, and over TLS where that is wanted, until told to stop. Effect: sockets.

await serve(app, settings.socket_path, stop, group=settings.socket_group, secure=listener)
"""

import asyncio
import errno
import grp
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from reconciler.model.errors import ConfigurationError
from reconciler.server.limits import HEADER_BYTES_MAX, Limits
from reconciler.server.peer import credentials_of
from reconciler.server.protocol import PeerProtocol
from reconciler.server.tls import SecureListener
from reconciler.server.websocket import WebSocketProtocol

_CONNECT_S = 1.0
_GRACE_S = 3
_BACKLOG = 256


async def serve(
    app: ASGIApp,
    socket_path: Path,
    stop: asyncio.Event,
    *,
    group: str = "",
    started: asyncio.Event | None = None,
    secure: SecureListener | None = None,
) -> None:
    """Serve until `stop` is set; streams are then ended and the socket removed.

    `secure` is where the same is served over TLS. The socket belongs to `group` where there is one, with mode 0660.
    `started` is set once requests are answered. Raises ConfigurationError when a living process already serves there.
    """
    listener = bind(socket_path, group)
    inode = socket_path.stat().st_ino
    server = _Server(_config(app), secure)
    stopping = asyncio.create_task(_stop_when(stop, server, app))
    announcing = asyncio.create_task(_announce(server, started))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()
        announcing.cancel()
        listener.close()
        _remove(socket_path, inode)


def bind(path: Path, group: str) -> socket.socket:
    """Return a listening socket at `path`, taking the place of one that a dead process left."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    pid = living_process(path)
    if pid is not None:
        raise ConfigurationError(
            f"{path}: process {pid} already serves there",
            reason="AlreadyRunning",
            hint="stop it first, or use another --data-dir",
        )
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"{path}: cannot listen: {error}", hint="is the path shorter than 108 bytes?"
        ) from error
    finally:
        os.umask(previous)
    _open_to_group(path, group)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def living_process(path: Path) -> int | None:
    """Return the process that answers at a socket, 0 when it cannot be told which, None when there is none."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(_CONNECT_S)
    try:
        probe.connect(str(path))
        return credentials_of(probe).pid
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    except TimeoutError:
        return 0
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return 0
        raise ConfigurationError(f"{path}: cannot tell whether a process serves there: {error}") from error
    finally:
        probe.close()


def _open_to_group(path: Path, group: str) -> None:
    path.chmod(0o660)
    with suppress(KeyError, PermissionError):
        if group:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)


def _remove(path: Path, inode: int) -> None:
    """Remove the socket unless another process has put its own there meanwhile."""
    with suppress(FileNotFoundError):
        if path.stat().st_ino == inode:
            path.unlink()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PeerProtocol,
        ws=WebSocketProtocol,
        ws_max_size=_limits_of(app).body_bytes_max,
        # A command that does not read its input keeps us from reading answers to pings; TCP looks after dead peers.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        loop="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_limits_of(app).keep_alive_s,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        reset_contextvars=True,
    )


def _limits_of(app: ASGIApp) -> Limits:
    limits = getattr(getattr(app, "state", None), "limits", None)
    assert isinstance(limits, Limits), "the application is one of make_app"
    return limits


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server, app: ASGIApp) -> None:
    await stop.wait()
    context = getattr(getattr(app, "state", None), "context", None)
    if context is not None:
        context.hub.close()
    polls = getattr(getattr(app, "state", None), "polls", None)
    if polls is not None:
        polls.close()
    server.should_exit = True


async def _announce(server: uvicorn.Server, started: asyncio.Event | None) -> None:
    while started is not None and not server.started:
        await asyncio.sleep(0.005)
    if started is not None:
        started.set()


class _Server(uvicorn.Server):
    """A server that leaves signals to the daemon, and serves TLS beside the sockets it is given."""

    def __init__(self, config: uvicorn.Config, secure: SecureListener | None) -> None:
        super().__init__(config)
        self._secure = secure

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, everywhere."""
        await super().startup(sockets)
        if self._secure is not None:
            self._secure.start(self._make_protocol)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, then end those that there are."""
        if self._secure is not None:
            self._secure.close()
        await super().shutdown(sockets)

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return PeerProtocol(self.config, self.server_state, self.lifespan.state, asyncio.get_running_loop())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not touch signal handlers."""
        yield
