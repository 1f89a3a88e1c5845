"""The kernel's table of Services: programmed by difference, watched, and recognised after a restart of ours.

Effect. A restart finds the table by the generation of the rules or by a fingerprint of its elements, and then neither
programs nor interrupts anything (P10). Whatever does not fit is replaced as a whole in one transaction.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable

import msgspec

from reconciler.executors.network import conntrack, layout
from reconciler.executors.network.conntrack import Direction
from reconciler.executors.network.contents import Change, Contents, UdpTarget
from reconciler.executors.network.foreign import foreign_table
from reconciler.executors.network.frame import TABLE, Ranges
from reconciler.executors.network.nftables import Nftables, NftablesError
from reconciler.executors.network.state import StateFile
from reconciler.executors.network.table_events import TableEvents, Touched
from reconciler.model.base import Value
from reconciler.model.details import ProgramServices
from reconciler.model.errors import ConfigurationError, ReconcilerError

logger = logging.getLogger(__name__)


class _Programmed(Value):
    """What stood in the kernel after our last write. Written after it, so that being killed between shows.

    `structure` digests the rules as the kernel lists them; it is empty until they have been read back.
    """

    ranges: Ranges
    digest: str
    structure: str
    fingerprint: str
    generation: int


class ServiceTable:
    """The table of one cluster in this network namespace. Not thread-safe: its owner holds a lock."""

    def __init__(
        self,
        cluster_id: str,
        nftables: Nftables,
        events: TableEvents,
        file: StateFile,
        local_addresses: Callable[[], Iterable[str]],
    ) -> None:
        self._cluster_id = cluster_id
        self._nftables = nftables
        self._events = events
        self._file = file
        self._local_addresses = local_addresses
        # What was programmed last (then `_contents_digest` names it), else what was found in the kernel.
        self._contents: Contents | None = None
        self._contents_digest = ""
        self._chains: set[str] = set()
        self._touched: set[Touched] = set()
        self._lost = False
        self._stands = False
        self._programmed = file.load(_Programmed)
        if self._programmed is not None:
            self._stands = self._generation() == self._programmed.generation or self._compare()

    @property
    def digest(self) -> str:
        """Return the digest of what was programmed and still stands; empty when it is damaged."""
        return self._programmed.digest if self._programmed and self._stands else ""

    def is_for(self, ranges: Ranges) -> bool:
        """Return whether a table was made for these ranges; whether it is whole still, `digest` tells."""
        return self._programmed is not None and self._programmed.ranges == ranges

    def host_port_pods(self) -> frozenset[str]:
        """Return the addresses that ports of the host lead to."""
        if not self._stands:
            return frozenset()
        elements = self._known_contents().elements
        targets = (*elements["host-ports"].values(), *elements["host-ports-on"].values())
        return frozenset(target.split(" . ")[0] for target in targets)

    def prepare(self, ranges: Ranges) -> bool:
        """Make the table, with the Services that it last had, unless a whole one stands; return whether it was made."""
        if self._stands and self.is_for(ranges):
            return False
        self._refuse_foreign()
        contents = self._known_contents()
        try:
            self._replace(ranges, contents, self._contents_digest)
        except NftablesError:
            if self._contents_digest:
                raise
            logger.warning("what was found in the table of Services cannot be kept; it starts empty")
            self._replace(ranges, Contents(), digest="")
        return True

    def program(self, detail: ProgramServices) -> bool:
        """Bring the table to Services and host ports; return whether anything was changed."""
        if self._programmed is None:
            raise ConfigurationError("the host is not prepared for Services", reason="HostNotPrepared")
        if self.digest == detail.digest:
            return False
        if not self._stands:
            self._refuse_foreign()
            after, change = self._known_contents().change_to(detail)
            self._replace(self._programmed.ranges, after, detail.digest)
        else:
            after, change = self._known_contents().change_to(detail)
            self._write(after, change, detail.digest)
        self._forget_connections(change)
        return True

    def look(self) -> frozenset[Touched] | None:
        """Take in what others did to any rules; return what they touched, None when that is not known."""
        self._take_events()
        touched = None if self._lost else frozenset(self._touched)
        self._touched, self._lost = set(), False
        return touched

    def compare(self) -> None:
        """Compare with the kernel, unless its generation shows that nobody wrote."""
        if self._programmed is None or not self._stands:
            return
        if not self.is_settled:
            self.settle()
        elif self._generation() != self._programmed.generation:
            self._stands = self._compare()

    @property
    def is_settled(self) -> bool:
        """Whether the rules have been read back since they were written; a restart then finds the table by them."""
        return self._programmed is None or not self._stands or bool(self._programmed.structure)

    def settle(self) -> None:
        """Read the rules back. It takes as long as writing them, and can wait: events tell if others touch them."""
        if self.is_settled:
            return
        generation = self._generation()
        self._take_events()
        if self.is_settled or self._programmed is None:
            return
        structure = _structure(self._nftables.list_table(TABLE) or "")
        # What was read is what we wrote when no event told otherwise before, and nobody wrote meanwhile.
        if self._generation() == generation:
            self._remember(msgspec.structs.replace(self._programmed, generation=generation, structure=structure))

    def _take_events(self) -> None:
        touched = self._events.drain()
        if touched is None:
            self._lost = True
        else:
            self._touched |= touched
        if self._programmed is not None and (touched is None or any(one.table == TABLE for one in touched)):
            self._stands = self.is_settled and self._compare()

    def _write(self, after: Contents, change: Change, digest: str) -> None:
        assert self._programmed is not None
        ranges = self._programmed.ranges
        chains = layout.chains_of(layout.verdicts_in(change.added)) - self._chains
        script = layout.change_script(chains, change.removed, change.added)
        self._stands = False
        if not script.strip():
            self._save(ranges, after, digest, self._programmed.structure, self._generation())
            return
        try:
            generation, alone = self._commit(script)
        except NftablesError as error:
            logger.warning("the table of Services was not as expected and is replaced: %s", error)
            self._replace(ranges, after, digest)
            return
        self._chains |= chains
        self._contents, self._contents_digest = after, digest
        if not alone:
            self._replace(ranges, after, digest)
            return
        self._save(ranges, after, digest, "" if chains else self._programmed.structure, generation)

    def _replace(self, ranges: Ranges, after: Contents, digest: str) -> None:
        self._stands = False
        generation, _ = self._commit(layout.table_script(ranges, after.elements))
        self._chains = layout.chains_of(layout.verdicts_in(after.elements))
        self._save(ranges, after, digest, "", generation)

    def _commit(self, script: str) -> tuple[int, bool]:
        """Carry a transaction out without hearing our own events; return the generation that it came to.

        The second value is whether nobody else wrote meanwhile.
        """
        before = self._generation()
        self._events.leave()
        try:
            self._nftables.run(script)
        finally:
            self._events.join()
        generation = self._generation()
        return generation, generation in (before + 1, before)

    def _save(self, ranges: Ranges, after: Contents, digest: str, structure: str, generation: int) -> None:
        self._contents, self._contents_digest = after, digest
        self._stands = True
        self._remember(
            _Programmed(
                ranges=ranges,
                digest=digest,
                structure=structure,
                fingerprint=str(after.fingerprint),
                generation=generation,
            )
        )

    def _remember(self, programmed: _Programmed) -> None:
        if programmed != self._programmed:
            self._programmed = programmed
            self._file.save(programmed)

    def _known_contents(self) -> Contents:
        if self._contents is None:
            self._read()
        return self._contents if self._contents is not None else Contents()

    def _compare(self) -> bool:
        """Return whether the kernel's table is what was programmed last."""
        assert self._programmed is not None
        generation = self._generation()
        text = self._nftables.list_table(TABLE)
        found = Contents(layout.parse_listing(text or ""))
        structure = _structure(text or "")
        # Rules that were not read back yet are believed as long as no event told of a touch.
        expected = self._programmed.structure or (structure if self._stands else "")
        equal = text is not None and structure == expected and str(found.fingerprint) == self._programmed.fingerprint
        if self._contents is None:
            self._take(found, self._programmed.digest if equal else "")
        if not equal:
            return False
        # Others wrote elsewhere: the next comparison need not look again.
        self._remember(msgspec.structs.replace(self._programmed, generation=generation))
        return True

    def _read(self) -> None:
        text = self._nftables.list_table(TABLE)
        standing = self._programmed.digest if self._programmed and self._stands else ""
        self._take(Contents(layout.parse_listing(text or "")), standing)

    def _take(self, found: Contents, digest: str) -> None:
        self._contents, self._contents_digest = found, digest
        self._chains = layout.chains_of(layout.verdicts_in(found.elements))

    def _generation(self) -> int:
        return self._events.generation()

    def _refuse_foreign(self) -> None:
        text = self._nftables.list_table(TABLE)
        if text is not None and not _is_owned(text, self._cluster_id):
            raise foreign_table(TABLE, text)

    def _forget_connections(self, change: Change) -> None:
        """Unbind UDP clients from endpoints that have gone; a failure here must not undo what was programmed."""
        gone, opened = change.gone_udp(), change.new_udp_ports()
        if not gone and not opened:
            return
        local = frozenset(self._local_addresses())

        def is_stale(original: Direction, reply: Direction) -> bool:
            # A client that sent before a port of the host led anywhere is tracked as the host's own.
            return any(
                UdpTarget(address, original.destination_port, reply.source) in gone
                or UdpTarget(address, original.destination_port) in gone
                or (original.destination in local and UdpTarget(address, original.destination_port) in opened)
                for address in (original.destination, "")
            )

        try:
            conntrack.forget_udp(is_stale)
        except ReconcilerError as error:
            logger.warning("tracked UDP connections could not be forgotten: %s", error)


def _structure(text: str) -> str:
    return hashlib.sha256(layout.strip_elements(text).encode()).hexdigest()


def _is_owned(text: str, cluster_id: str) -> bool:
    return f'\tcomment "reconciler cluster {cluster_id}"' in text.splitlines()


def remove_table(nftables: Nftables, cluster_id: str) -> bool:
    """Delete the table when it is this cluster's; return whether it was."""
    text = nftables.list_table(TABLE)
    if text is None or not _is_owned(text, cluster_id):
        return False
    nftables.run(f"delete table ip {TABLE}\n")
    return True
