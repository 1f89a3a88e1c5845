"""A server and a client that only move bytes or connections, to be started in any network namespace.

    python pump.py serve PORT                     until its standard input ends
    python pump.py connect ADDRESS PORT SECONDS   prints seconds per new connection
    python pump.py carry ADDRESS PORT SECONDS     prints seconds per GiB, sent over one connection

`carry` uses the port after PORT. The same program stands at both ends of what is measured and of what it is compared
with, so that what it costs itself is in both.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time

_PIECE = 1 << 20
_GIB = 1 << 30
_PATIENCE_S = 10
# An end by reset leaves nothing behind on either side, so that neither runs out of ports.
_BY_RESET = struct.pack("ii", 1, 0)


def main() -> None:
    """Do what is said on the command line."""
    match sys.argv[1:]:
        case ["serve", port]:
            serve(int(port))
        case ["connect", address, port, seconds]:
            print(connect(address, int(port), float(seconds)))
        case ["carry", address, port, seconds]:
            print(carry(address, int(port) + 1, float(seconds)))
        case _:
            sys.exit(__doc__)


def serve(port: int) -> None:
    """Greet and leave on the port, take everything on the next one."""
    for door, work in ((port, _greet), (port + 1, _take)):
        listening = socket.create_server(("0.0.0.0", door), backlog=1024)
        threading.Thread(target=work, args=(listening,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def connect(address: str, port: int, seconds: float) -> float:
    """Connect again and again, one after the other; return how long one takes."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        with socket.create_connection((address, port), _PATIENCE_S) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _BY_RESET)
            assert one.recv(1) == b"!"
        count += 1
    return (time.perf_counter() - began) / count


def carry(address: str, port: int, seconds: float) -> float:
    """Send as much as goes; return how long a GiB takes until the other end has it."""
    piece, sent = bytes(_PIECE), 0
    with socket.create_connection((address, port), _PATIENCE_S) as one:
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            one.sendall(piece)
            sent += _PIECE
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b"!"
        return (time.perf_counter() - began) / sent * _GIB


def _greet(listening: socket.socket) -> None:
    while True:
        one, _ = listening.accept()
        with one:
            one.sendall(b"!")


def _take(listening: socket.socket) -> None:
    room = bytearray(_PIECE)
    while True:
        one, _ = listening.accept()
        with one:
            while one.recv_into(room):
                pass
            one.sendall(b"!")


if __name__ == "__main__":
    main()
