"""A listening TCP socket, and who has a port that cannot be had. Effect: sockets, /proc."""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.errors import ConfigurationError

_BACKLOG = 256
_LISTENING = "0A"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigurationError, with the process that has the port where that is known."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    listener.setblocking(False)
    return listener


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port. `pid` is 0 where it cannot be told, as for the processes of other users."""

    pid: int = 0
    command: str = ""

    def __str__(self) -> str:
        named = f" ({self.command})" if self.command else ""
        return f"process {self.pid}{named}" if self.pid else "another process"


def holder_of_port(port: int) -> Holder | None:
    """Return the process that listens on a TCP port, on any address; None when nobody does."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and not inodes.isdisjoint(_files(process)):
            return Holder(int(process.name), _command(process))
    return Holder()


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno != errno.EADDRINUSE:
        return ConfigurationError(
            f"{place}: cannot listen: {error.strerror}", hint="set apiAddress to one of this host"
        )
    holder = holder_of_port(port) or Holder()
    return ConfigurationError(
        f"{place}: {holder} listens there already",
        reason="PortInUse",
        hint='stop it, or set apiAddress to another port (or to "": no HTTPS at all)',
    )


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on a port, on any address."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
            fields = (row.split() for row in rows)
            yield from (one[9] for one in fields if one[3] == _LISTENING and int(one[1].rpartition(":")[2], 16) == port)


def _files(process: Path) -> set[str]:
    found = set()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _command(process: Path) -> str:
    with suppress(OSError):
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""
