"""The load balancers of a lab: one process that has their addresses, and passes connections on to the nodes.

    python balancer.py BALANCERS LOCK

Effect: addresses on the link towards the other nodes, sockets. BALANCERS is a file of the lab's provider, read again
when it is replaced; with nothing in it the process ends. LOCK is held as long as it runs, so that there is only one.
"""

import asyncio
import contextlib
import fcntl
import ipaddress
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LINK = "eth0"
_LOOK_S = 0.3
_CONNECT_S = 3.0
_CHUNK_BYTES = 1 << 16
Door = tuple[str, int]


class Balancer:
    """What is carried now."""

    def __init__(self, file: Path, link: str = _LINK) -> None:
        self._file = file
        self._link = link
        self._rules: dict[Door, dict[str, Any]] = {}
        self._servers: dict[Door, asyncio.Server] = {}
        self._addresses: set[str] = set()
        self._turns: dict[Door, Iterator[int]] = {}

    async def run(self) -> None:
        """Carry what the file says, until it says nothing any more."""
        seen = 0
        try:
            while True:
                if (now := self._file.stat().st_mtime_ns) != seen:
                    await self.follow(json.loads(self._file.read_text(encoding="utf-8")))
                    seen = now
                if not self._rules:
                    return
                await asyncio.sleep(_LOOK_S)
        finally:
            await self.follow([])

    async def follow(self, wanted: list[dict[str, Any]]) -> None:
        """Have the addresses and doors that are wanted, and no others; connections that stand go on."""
        self._rules = {(one["address"], one["port"]): one for one in wanted}
        self._have({address for address, _ in self._rules})
        for door in [one for one in self._servers if one not in self._rules]:
            self._servers.pop(door).close()
        for door in [one for one in self._rules if one not in self._servers]:
            self._servers[door] = await asyncio.start_server(self._carrier(door), *door)

    def _have(self, wanted: set[str]) -> None:
        if not self._link:
            return
        for verb, addresses in (("add", wanted - self._addresses), ("delete", self._addresses - wanted)):
            for address in sorted(addresses):
                # One that a process before has left is there already.
                words = ["ip", "address", verb, f"{address}/32", "dev", self._link]
                subprocess.run(words, check=False, capture_output=True)
        self._addresses = wanted

    def _carrier(self, door: Door) -> Any:
        turns = self._turns.setdefault(door, itertools.count())

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                rule = self._rules.get(door, {})
                client = ipaddress.ip_address(writer.get_extra_info("peername")[0])
                ranges = [ipaddress.ip_network(one) for one in rule.get("sourceRanges", [])]
                if not ranges or any(client in one for one in ranges):
                    await _pass_on(rule.get("targets", []), next(turns), reader, writer)
            writer.close()

        return carry


async def _pass_on(
    targets: list[list[Any]], turn: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Connect with one target after the other until one answers, beginning with the one whose turn it is."""
    for index in range(len(targets)):
        address, port = targets[(turn + index) % len(targets)]
        try:
            there = await asyncio.wait_for(asyncio.open_connection(address, port), _CONNECT_S)
        except (OSError, TimeoutError):
            continue
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer), return_exceptions=True)
        there[1].close()
        return


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


def main(file: Path, lock: Path) -> None:
    """Run unless somebody else does."""
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        asyncio.run(Balancer(file).run())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
