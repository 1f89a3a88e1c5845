"""The DNS server of a node: `python -m reconciler.executors.network.dns.server --records FILE ...`.

Effect. The main thread answers ordinary queries from memory and does nothing else; a second thread with an event loop
serves TCP, odd queries, what is to be asked upstream, and the nudge that new records are there. The records stay in a
file, so that the server starts and goes on without the daemon.
"""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

from reconciler.executors.network.dns.background import Background
from reconciler.executors.network.dns.pidfile import Held, PidFile, is_free, running
from reconciler.executors.network.dns.upstream import Upstream

READY, FAILED, IN_USE = 0, 1, 3
_IP_FREEBIND = 15


def main(arguments: list[str] | None = None) -> int:
    """Bind, load, and serve until told to stop."""
    options = _options(arguments)
    claim = f"{options.address}:{options.port}"
    if running(options.runtime) is None and not is_free(claim):
        print(f"another cluster's DNS server listens on {claim}", file=sys.stderr)
        return IN_USE
    try:
        doors = [_bind(options.address, options.port, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    except OSError as error:
        print(f"cannot listen on {options.address} port {options.port}: {error.strerror}", file=sys.stderr)
        return FAILED
    if options.detach:
        return _detach(options, doors)
    return _run(options, doors, ready=None)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reconciler-dns", description="Answer the names of a cluster.")
    parser.add_argument("--records", type=Path, required=True, help="the file with the names to answer")
    parser.add_argument("--runtime", type=Path, help="directory of lock and control socket (default: that of FILE)")
    parser.add_argument("--address", required=True, help="the IPv4 address to listen on")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--domain", default="cluster.local")
    parser.add_argument("--upstream-from", type=Path, default=Path("/etc/resolv.conf"), metavar="FILE")
    parser.add_argument("--identity", default="", help="what this server was started from, for its starter")
    parser.add_argument("--detach", action="store_true", help="return when the server is ready")
    parser.add_argument("--take-over", action="store_true", help="replace a server that runs")
    options = parser.parse_args(arguments)
    options.runtime = options.runtime or options.records.parent
    return options


def _bind(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    door = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC)
    # The address may come, go and come back under a running server; a successor listens before this one stops.
    door.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if kind == socket.SOCK_STREAM:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    door.bind((address, port))
    if kind == socket.SOCK_STREAM:
        door.listen(64)
        door.setblocking(False)
    return door


def _detach(options: argparse.Namespace, doors: list[socket.socket]) -> int:
    """Serve in a process of its own session; tell how its start went."""
    readable, writable = os.pipe()
    if os.fork():
        os.close(writable)
        with os.fdopen(readable, "rb") as told:
            return (told.read(1) or bytes([FAILED]))[0]
    os.close(readable)
    os.setsid()
    os.chdir("/")
    # _exit: what the parent prepared to do at its end is not ours.
    os._exit(_run(options, doors, ready=writable))


def _run(options: argparse.Namespace, doors: list[socket.socket], ready: int | None) -> int:
    with PidFile(options.runtime) as pidfile:
        try:
            pidfile.take(options.identity, take_over=options.take_over)
            pidfile.claim(f"{options.address}:{options.port}")
        except Held as error:
            print(error, file=sys.stderr)
            _tell(ready, IN_USE)
            return IN_USE
        own = frozenset({options.address, "0.0.0.0"})
        upstream = Upstream(options.upstream_from, own)
        udp, tcp = doors
        background = Background(options.records, options.domain, options.runtime, upstream, udp, tcp)
        signal.signal(signal.SIGHUP, lambda *_: background.reload_soon())
        end_at_signals(udp)
        background.start()
        _tell(ready, READY)
        serve(udp, background)
        return 0


def end_at_signals(udp: socket.socket) -> None:
    """Have `serve` end once a signal says stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # Nothing is raised: the query that is in hand would be lost.
        signal.signal(number, lambda *_: udp.setblocking(False))


def serve(udp: socket.socket, background: Background) -> None:
    """Answer until the socket no longer waits, and what has come by then: a successor listens for the rest."""
    receive, send = udp.recvfrom, udp.sendto
    while True:
        try:
            data, client = receive(4096)
        except BlockingIOError:
            return
        reply = background.responder.quick(data)
        if reply is None:
            background.take(data, client)
            continue
        try:
            send(reply, client)
        except OSError:  # the client has gone, or a firewall refuses: nobody to tell
            continue


def _tell(ready: int | None, code: int) -> None:
    if ready is not None:
        os.write(ready, bytes([code]))
        os.close(ready)


if __name__ == "__main__":
    sys.exit(main())
