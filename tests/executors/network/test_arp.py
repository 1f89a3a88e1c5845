"""Who has an address already, as hosts on a link tell each other: what is asked, and whose answers count."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping

import pytest

from reconciler.executors.network.arp import announcements, holders

OWN, OTHER, PEER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
WANTED, FREE, NODE = "10.0.0.240", "10.0.0.241", "10.0.0.7"


class Link:
    """A link with hosts that answer; `asked` are the frames that were sent there."""

    def __init__(self, door: socket.socket) -> None:
        self.hosts: Mapping[str, tuple[str, ...]] = {}
        self.noise: tuple[bytes, ...] = ()
        self.asked: list[bytes] = []
        self._door = door
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while frame := self._door.recv(2048):
            self.asked.append(frame)
            for noise in self.noise:
                self._door.send(noise)
            address = socket.inet_ntoa(frame[38:42])
            for host in self.hosts.get(address, ()):
                self._door.send(announcements(host, address)[1])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Link]]:
    """Our end of a link, and what is at the other one."""
    door, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield door, Link(far)
    door.close()


def test_what_nobody_has_is_free(pair: tuple[socket.socket, Link]) -> None:
    """Asked for three times, without an address of our own, so that no neighbour learns anything."""
    door, link = pair
    link.noise = (b"short", announcements(OTHER, "10.0.0.9")[0], announcements(OWN, WANTED)[0])
    assert holders(door, OWN, [WANTED, FREE], [NODE]) == {}
    targets = [socket.inet_ntoa(one[38:42]) for one in link.asked]
    assert targets == [WANTED, FREE] * 3
    for frame in link.asked:
        assert struct.unpack("!H", frame[20:22]) == (1,)
        assert (frame[:6], frame[6:12], frame[22:28]) == (b"\xff" * 6, bytes.fromhex("020000000001"), frame[6:12])
        assert frame[28:32] == bytes(4)


def test_whoever_answers_has_it(pair: tuple[socket.socket, Link]) -> None:
    """Also when it is only said in passing, as by whoever takes it at the same time."""
    door, link = pair
    link.hosts = {WANTED: (OTHER,), NODE: (PEER,)}
    assert holders(door, OWN, [WANTED, FREE], [NODE]) == {WANTED: OTHER}
    link.hosts, link.noise = {}, (announcements(OTHER, FREE)[0],)
    assert holders(door, OWN, [WANTED, FREE], [NODE]) == {FREE: OTHER}


@pytest.mark.parametrize(("hosts", "told"), [((PEER,), {}), ((OTHER, PEER), {WANTED: OTHER})])
def test_nodes_of_the_cluster_do_not_count(
    pair: tuple[socket.socket, Link], hosts: tuple[str, ...], told: dict[str, str]
) -> None:
    """They give an address away when they hear of it; a stranger beside them counts."""
    door, link = pair
    link.hosts = {WANTED: hosts, NODE: (PEER,)}
    assert holders(door, OWN, [WANTED], [NODE]) == told
    assert holders(door, OWN, [WANTED], []).keys() == {WANTED}
