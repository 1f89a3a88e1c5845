"""The subscription to changes of rules, on kernels that have none."""

import errno
import os
import socket
import struct
from typing import Any

import pytest

from reconciler.executors.network import netfilter_door
from reconciler.executors.network.table_events import TableEvents
from reconciler.model.errors import ConfigurationError

_ERROR = 2
_NETFILTER = 12


class _WithoutTables(socket.socket):
    """A door to a kernel that speaks netlink of the netfilter family, and has no nf_tables."""

    def send(self, data: Any, *_: Any) -> int:  # type: ignore[override]
        """Take a request."""
        return len(data)

    def recv(self, *_: Any) -> bytes:  # type: ignore[override]
        """Answer as the kernel does to a part of netfilter that it has not."""
        return struct.pack("=IHHIIi", 36, _ERROR, 0, 1, 0, -errno.EINVAL) + bytes(16)


class _WithoutNetfilter(socket.socket):
    """A kernel without netlink of the netfilter family."""

    def __init__(self, family: int = -1, kind: int = -1, protocol: int = -1) -> None:
        if (family, protocol) == (socket.AF_NETLINK, _NETFILTER):
            raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
        super().__init__(family, kind, protocol)


@pytest.mark.parametrize("door", [_WithoutTables, _WithoutNetfilter])
def test_a_kernel_without_nf_tables_is_said_with_the_fix(
    door: type[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daemon and agent end with it: an error of the system alone would tell nobody what to do."""
    monkeypatch.setattr(netfilter_door, "socket", _Module(door))
    with pytest.raises(ConfigurationError, match="nf_tables") as caught:
        TableEvents()
    assert "modprobe nf_tables" in caught.value.hint


class _Module:
    """The module `socket` with another class for sockets."""

    def __init__(self, door: type[socket.socket]) -> None:
        self.socket = door

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)
