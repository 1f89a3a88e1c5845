"""How large the host is, and what its Engine may do.

Effect: reads the kernel's tables.
"""

import os
import socket
import struct
from functools import lru_cache
from pathlib import Path
from typing import TypedDict


class HostSize(TypedDict):
    """CPU in thousandths, memory in bytes."""

    cpu_millis: int
    memory_bytes: int


@lru_cache(maxsize=1)
def host_size() -> HostSize:
    """Return the host's CPU and memory; they do not change while we run."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    return {"cpu_millis": (os.cpu_count() or 1) * 1000, "memory_bytes": kibibytes * 1024}


_SYS_RESOURCE = 1 << 24
_OOM_SCORE_MIN = -1000


@lru_cache(maxsize=8)
def lowest_oom_score(engine_socket: str) -> int:
    """Return the lowest out-of-memory score that the Engine may give: without CAP_SYS_RESOURCE only its own.

    An Engine inside a container of a host often lacks it, and starting a container with a lower one then fails.
    """
    process = _peer(engine_socket) or os.getpid()
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        own = int(Path(f"/proc/{process}/oom_score_adj").read_text())
    except OSError:
        return 0
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return _OOM_SCORE_MIN if effective & _SYS_RESOURCE else own


def _peer(path: str) -> int:
    """Return the process that listens on a Unix socket, 0 when it cannot be told."""
    size = struct.calcsize("3i")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(2.0)
        try:
            sock.connect(path)
            process, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        except OSError:
            return 0
    return int(process)
