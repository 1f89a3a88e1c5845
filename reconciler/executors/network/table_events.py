"""What others do to the kernel's nftables rules, as the kernel tells it.

Effect. A raw socket of the netfilter family; of each message only the table and chain are read. Every committed
transaction also raises the generation of the rules by one, which shows whether anybody else wrote.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.executors.network.netfilter import attributes, message, messages
from reconciler.executors.network.netfilter_door import open_netfilter, without_tables
from reconciler.executors.network.netlink import REQUEST, NetlinkError
from reconciler.model.errors import DeadlineError

_SOL_NETLINK, _JOIN, _LEAVE, _GROUP = 270, 1, 2, 7
_SUBSYSTEM = 10
_NEW_TABLE, _DEL_TABLE, _NEW_CHAIN, _DEL_CHAIN, _NEW_RULE, _DEL_RULE, _NEW_GENERATION = 0, 2, 3, 5, 6, 8, 15
_GET_GENERATION = 16
_ERROR = 2
# What the kernel answers to a request of a part of netfilter that it has not.
_ABSENT = (errno.EINVAL, errno.EOPNOTSUPP)
_NAME_OF_CHAIN = {_NEW_CHAIN: 3, _DEL_CHAIN: 3, _NEW_RULE: 2, _DEL_RULE: 2}


@dataclass(frozen=True, slots=True)
class Touched:
    """A table of the `ip` family that somebody wrote to, with the chain where it was a chain or rule."""

    table: str
    chain: str = ""


class TableEvents:
    """A subscription to changes of rules. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._events = open_netfilter()
        self._events.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        self._events.setblocking(False)
        self._door = open_netfilter()
        self._door.settimeout(5.0)
        self.join()
        self._require_tables()

    def fileno(self) -> int:
        """Return the socket that becomes readable when rules changed."""
        return self._events.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._events.close()
        self._door.close()

    def join(self) -> None:
        """Listen from now on."""
        self._events.setsockopt(_SOL_NETLINK, _JOIN, _GROUP)

    def leave(self) -> None:
        """Do not listen for a moment, while we write ourselves: each element would come back as a message."""
        self._events.setsockopt(_SOL_NETLINK, _LEAVE, _GROUP)

    def drain(self) -> frozenset[Touched] | None:
        """Return what was touched since the last time; None when events were lost."""
        touched: set[Touched] = set()
        while True:
            try:
                data = self._events.recv(1 << 18)
            except BlockingIOError:
                return frozenset(touched)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._discard()
                return None
            touched.update(_touched(data))

    def generation(self) -> int:
        """Return the kernel's count of transactions."""
        self._door.send(message(_SUBSYSTEM << 8 | _GET_GENERATION, REQUEST, 0))
        try:
            data = self._door.recv(1 << 16)
        except TimeoutError as error:
            raise DeadlineError("the kernel did not tell the generation of its rules") from error
        for kind, body in messages(data):
            if kind == _SUBSYSTEM << 8 | _NEW_GENERATION:
                return int(struct.unpack("!I", dict(attributes(body[4:]))[1])[0])
            if kind == _ERROR:
                raise NetlinkError("cannot read the generation of the rules", -struct.unpack_from("=i", body)[0])
        raise NetlinkError("cannot read the generation of the rules", errno.EIO)

    def _require_tables(self) -> None:
        """Raise ConfigurationError where the kernel has this family of netlink and no nf_tables."""
        try:
            self.generation()
        except NetlinkError as error:
            self.close()
            if error.errno in _ABSENT:
                raise without_tables() from error
            raise

    def _discard(self) -> None:
        while True:
            try:
                self._events.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise


def _touched(data: bytes) -> Iterator[Touched]:
    for kind, body in messages(data):
        verb = kind & 0xFF
        if kind >> 8 != _SUBSYSTEM or verb == _NEW_GENERATION or body[:1] != bytes([socket.AF_INET]):
            continue
        named = dict(attributes(body[4:], limit=3))
        yield Touched(_text(named.get(1, b"")), _text(named.get(_NAME_OF_CHAIN.get(verb, 0), b"")))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
