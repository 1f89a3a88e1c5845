"""One networking instance per network namespace: whoever comes second is told who holds it.

Effect. The lock is an abstract Unix socket, which the kernel keeps per network namespace and frees with its holder,
however that ends.
"""

import contextlib
import os
import socket
import struct
import threading
from pathlib import Path

from reconciler.model.errors import ConfigurationError

_NAME = "\0reconciler/network"
_PATIENCE_S = 1.0


class NetworkLock:
    """Held from construction to `close`."""

    def __init__(self, data_dir: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind(_NAME)
        except OSError:
            self._socket.close()
            raise ConfigurationError(
                f"the network of this host is already served by {holder() or 'another process'}",
                reason="NetworkInUse",
                hint="stop that one first, or use it",
            ) from None
        self._socket.listen(4)
        self._answer = f"process {os.getpid()} with data directory {data_dir}".encode()
        self._teller = threading.Thread(target=self._tell, name="network-lock", daemon=True)
        self._teller.start()

    def close(self) -> None:
        """Let go."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # The name is free only when nobody waits on the socket any more.
        self._teller.join(timeout=_PATIENCE_S)
        self._socket.close()

    def _tell(self) -> None:
        while True:
            try:
                asking, _ = self._socket.accept()
            except OSError:
                return
            with asking, contextlib.suppress(OSError):
                asking.sendall(self._answer)


def holder() -> str:
    """Return who serves the network of this host, with process and data directory; empty: nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_PATIENCE_S)
        try:
            asking.connect(_NAME)
            if answer := asking.recv(4096).decode(errors="replace"):
                return answer
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return f"process {struct.unpack('3i', credentials)[0]}"
        except OSError:
            return ""
