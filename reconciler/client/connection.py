"""HTTP over a Unix socket, with the standard library. Effect: socket."""

import http.client
import socket
from pathlib import Path

from reconciler.client.errors import DaemonUnreachable

CONNECT_S = 5.0


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket. `timeout` bounds each wait for an answer; None waits as long as it takes."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._answer_timeout = timeout

    def connect(self) -> None:
        """Connect within a deadline of its own."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_S)
        try:
            self.sock.connect(str(self._path))
        except OSError as error:
            self.sock.close()
            raise unreachable(self._path, error) from error
        self.sock.settimeout(self._answer_timeout)


def unreachable(path: Path, error: OSError) -> DaemonUnreachable:
    """Return the failure to reach the daemon, with what to do about it."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            what = "the daemon is not running"
            hint = "start it: systemctl start reconciler, or reconciler daemon"
        case PermissionError():
            what = "no permission to talk to the daemon"
            hint = "run as root, or join the group: usermod -aG reconciler USER"
        case TimeoutError():
            what = "the daemon does not answer"
            hint = "look at its log: journalctl -u reconciler"
        case _:
            what = f"the daemon cannot be reached ({error.strerror or type(error).__name__})"
            hint = "look at its log: journalctl -u reconciler"
    return DaemonUnreachable(f"{what}: {path}", hint=hint)
