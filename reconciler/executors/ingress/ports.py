"""Whether a port of this host is free, and who has it otherwise. Effect: looks only."""

import contextlib
import socket
from pathlib import Path

UNKNOWN = "another program"
_LISTENS = "0A"


def port_holder(port: int) -> str:
    """Return who has a TCP port of this host, in words; an empty text when nobody does."""
    with socket.socket(socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("0.0.0.0", port))
        except OSError:
            return _holder(port) or UNKNOWN
    return ""


def _holder(port: int) -> str:
    inodes = {inode for file in ("tcp", "tcp6") for inode in _listening(Path(f"/proc/net/{file}"), port)}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(file.readlink()) in wanted for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return ""


def _listening(table: Path, port: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                found.append(words[9])
    return found
