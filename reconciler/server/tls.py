"""HTTPS: accepts connections, bounds them, and hands those whose handshake has succeeded to the protocol.

Effect: sockets. Each handshake is a task of its own with a deadline, so that none delays another connection. One
address may begin only so many a second; the others of it wait. Every connection takes the TLS context of its moment,
so that a renewed certificate needs no restart.
"""

import asyncio
import logging
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from reconciler.access import ServerCertificate
from reconciler.server.limits import Limits
from reconciler.server.restraint import Pace, origin_of

log = logging.getLogger(__name__)

MakeProtocol = Callable[[], asyncio.BaseProtocol]
_SHUTDOWN_S = 5.0
# Without free file descriptors accepting fails at once, again and again.
_PAUSE_S = 0.5
_RESET = struct.pack("ii", 1, 0)
_STRANGERS_MAX = 1024
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class SecureListener:
    """Serves TLS on a listening socket, until it is closed."""

    def __init__(self, listener: socket.socket, certificate: ServerCertificate, limits: Limits | None = None) -> None:
        self._listener = listener
        self._certificate = certificate
        self._limits = limits or Limits()
        self._context = tls_context(certificate)
        self._pace = Pace(self._limits.handshake_rate, self._limits.handshake_burst, time.monotonic)
        self._open: dict[str, set[socket.socket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._strangers: Counter[tuple[str, str]] = Counter()

    @property
    def address(self) -> tuple[str, int]:
        """The address and port that are listened on."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def reload(self) -> None:
        """Show the present certificate from the next connection on. May be called from any thread."""
        self._context = tls_context(self._certificate)

    def start(self, make_protocol: MakeProtocol) -> None:
        """Accept connections, in the running loop."""
        self._run(self._accept(make_protocol))

    def close(self) -> None:
        """Accept no more, and give up handshakes that are under way."""
        for task in tuple(self._tasks):
            task.cancel()
        self._listener.close()

    async def _accept(self, make_protocol: MakeProtocol) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("cannot accept a connection", extra={"error": str(error)})
                await asyncio.sleep(_PAUSE_S)
                continue
            origin = origin_of(address[0])
            if self._admit(origin, connection):
                self._run(self._shake_hands(connection, address[0], make_protocol))
            else:
                _reset(connection)
            # Under a flood of connections everybody else has their turn as well.
            await asyncio.sleep(0)

    async def _shake_hands(self, connection: socket.socket, address: str, make_protocol: MakeProtocol) -> None:
        try:
            _set_up(connection)
            await asyncio.sleep(self._pace.delay_s(origin_of(address)))
            await asyncio.get_running_loop().connect_accepted_socket(
                make_protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake_deadline_s,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
        except ssl.SSLCertVerificationError as error:
            self._note_stranger(address, error.verify_message)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.debug("a TLS handshake failed", extra={"client": address, "error": str(error)})
        except BaseException:
            connection.close()
            raise

    def _admit(self, origin: str, connection: socket.socket) -> bool:
        """Count a connection, unless there are too many; those that were closed no longer count."""
        same = self._open.setdefault(origin, set())
        if len(same) >= self._limits.connections_per_address_max:
            self._forget_closed(origin)
        if sum(map(len, self._open.values())) >= self._limits.connections_max:
            for one in tuple(self._open):
                self._forget_closed(one)
        same = self._open.setdefault(origin, set())
        is_full = sum(map(len, self._open.values())) >= self._limits.connections_max
        if is_full or len(same) >= self._limits.connections_per_address_max:
            self._note_refusal(origin)
            return False
        same.add(connection)
        return True

    def _forget_closed(self, origin: str) -> None:
        open_ = {connection for connection in self._open[origin] if connection.fileno() != -1}
        if open_:
            self._open[origin] = open_
        else:
            del self._open[origin]

    def _note_refusal(self, origin: str) -> None:
        """Say in the log that there are too many connections: once in a while, not for each."""
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:
            log.warning("too many connections", extra={"client": origin, "refused": self._refused})

    def _note_stranger(self, address: str, why: str) -> None:
        """Say in the log whose certificate was refused: who tries again and again is told of less and less often."""
        if len(self._strangers) > _STRANGERS_MAX:
            self._strangers.clear()
        self._strangers[address, why] += 1
        times = self._strangers[address, why]
        if times & (times - 1) == 0:
            log.info("a client certificate was refused", extra={"client": address, "why": why, "times": times})

    def _run(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def tls_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """Return the settings of a connection: TLS 1.2 or newer, a client certificate of ours or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate.path)
    context.load_verify_locations(cadata=certificate.authority_pem.decode("ascii"))
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _set_up(connection: socket.socket) -> None:
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _reset(connection: socket.socket) -> None:
    """Close at once, leaving nothing behind in the kernel."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
