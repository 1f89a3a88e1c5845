"""The kernel's table of NetworkPolicies: programmed by difference, watched, and recognised after a restart of ours.

Effect. A restart of ours compares what stands with what was programmed last, and changes nothing that is as it was
(P10). What does not fit is replaced as a whole in one transaction, so that no packet ever meets half of the rules.
While no policy isolates a Pod of this host, there is no table.
"""

import hashlib
import logging

from reconciler.executors.network import policies_layout as layout
from reconciler.executors.network.foreign import foreign_table
from reconciler.executors.network.nftables import Nftables, NftablesError
from reconciler.executors.network.policies_layout import TABLE
from reconciler.executors.network.state import StateFile
from reconciler.executors.network.table_events import TableEvents, Touched
from reconciler.model.base import Value
from reconciler.model.details import AttachPod, ProgramPolicies
from reconciler.model.errors import StaleError, TransientError

logger = logging.getLogger(__name__)

_TRIES = 3


class _Programmed(Value):
    """What stood in the kernel after our last write; `structure` digests the rules as the kernel lists them."""

    detail: ProgramPolicies
    structure: str


class PolicyTable:
    """The table of one cluster in this network namespace. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, nftables: Nftables, events: TableEvents, file: StateFile) -> None:
        self._cluster_id = cluster_id
        self._nftables = nftables
        self._events = events
        self._file = file
        self._programmed = file.load(_Programmed)
        self._elements = layout.elements_of(self._programmed.detail.rules) if self._programmed else {}
        self._stands = self._programmed is None
        # Whether a table is there that should not be; one that was left behind is seen by the first comparison.
        self._leftover = False
        self._generation = -1
        self.compare()

    def standing(self) -> tuple[str, bool]:
        """Return the digest of what was programmed and still stands, and whether somebody changed it."""
        if self._programmed is None:
            return "", self._leftover
        return (self._programmed.detail.digest, False) if self._stands else ("", True)

    def program(self, detail: ProgramPolicies) -> bool:
        """Bring the table to these rules; return whether anything was changed."""
        if not detail.rules.pods:
            return self._remove()
        if self._programmed is not None and self._stands and self._programmed.detail == detail:
            return False
        after = layout.elements_of(detail.rules)
        if self._is_near(detail):
            self._change(detail, after)
        else:
            self._refuse_foreign()
            self._replace(detail, after)
        return True

    def require(self, detail: AttachPod) -> None:
        """Raise StaleError unless the rules stand that a Pod must have before it is wired."""
        known = self._elements if self._programmed is not None and self._stands else {}
        lacking = [one for one in detail.isolated if detail.pod_ip not in known.get(one, {})]
        if lacking:
            raise StaleError(
                f"the rules of network policies for {detail.pod_ip} ({' and '.join(lacking)}) are not in place",
                reason="RulesMissing",
            )

    def look(self, touched: frozenset[Touched] | None) -> None:
        """Take in which tables others touched; None: that is not known."""
        if touched is None or any(one.table == TABLE for one in touched):
            self._generation = -1
            self.compare()

    def compare(self) -> None:
        """Compare with the kernel, unless its generation shows that nobody wrote."""
        generation = self._events.generation()
        if generation == self._generation:
            return
        text = self._nftables.list_table(TABLE)
        if self._programmed is None:
            self._leftover = text is not None and _is_owned(text, self._cluster_id)
        else:
            self._stands = (
                text is not None
                and _structure(text) == self._programmed.structure
                and layout.parse_listing(text) == self._elements
            )
        self._generation = generation

    def _is_near(self, detail: ProgramPolicies) -> bool:
        """Whether the difference leads to these rules: what stands is known, and made for the same address."""
        programmed = self._programmed
        return programmed is not None and self._stands and programmed.detail.dns_address == detail.dns_address

    def _change(self, detail: ProgramPolicies, after: layout.Elements) -> None:
        assert self._programmed is not None
        script = layout.change_script(self._elements, after)
        structure = self._programmed.structure if after.keys() == self._elements.keys() else ""
        try:
            if not script or self._commit(script):
                structure = structure or self._read_back()
                if structure:
                    self._save(detail, after, structure)
                    return
        except NftablesError as error:
            logger.warning("the rules of network policies were not as expected and are replaced: %s", error)
        self._refuse_foreign()
        self._replace(detail, after)

    def _replace(self, detail: ProgramPolicies, after: layout.Elements) -> None:
        script = layout.table_script(self._cluster_id, detail.dns_address, after)
        for _ in range(_TRIES):
            if self._commit(script) and (structure := self._read_back()):
                self._save(detail, after, structure)
                return
        raise TransientError("others change nftables rules all the time", reason="NftablesBusy")

    def _commit(self, script: str) -> bool:
        """Carry a transaction out without hearing our own events; return whether nobody else wrote meanwhile."""
        self._stands = False
        before = self._events.generation()
        self._events.leave()
        try:
            self._nftables.run(script)
        finally:
            self._events.join()
        self._generation = self._events.generation()
        return self._generation in (before + 1, before)

    def _read_back(self) -> str:
        """Return the digest of the rules as listed, quickly: without elements. Empty when somebody wrote since."""
        structure = _structure(self._nftables.list_table(TABLE, elements=False) or "")
        return structure if self._events.generation() == self._generation else ""

    def _save(self, detail: ProgramPolicies, after: layout.Elements, structure: str) -> None:
        self._elements = {name: dict(of) for name, of in after.items()}
        self._stands, self._leftover = True, False
        self._programmed = _Programmed(detail=detail, structure=structure)
        self._file.save(self._programmed)

    def _remove(self) -> bool:
        removed = remove_table(self._nftables, self._cluster_id)
        known, self._programmed = self._programmed is not None, None
        self._elements, self._stands, self._leftover = {}, True, False
        self._generation = -1
        self._file.remove()
        return removed or known

    def _refuse_foreign(self) -> None:
        text = self._nftables.list_table(TABLE, elements=False)
        if text is not None and not _is_owned(text, self._cluster_id):
            raise foreign_table(TABLE, text)


def _structure(text: str) -> str:
    return hashlib.sha256(layout.strip_elements(text).encode()).hexdigest()


def _is_owned(text: str, cluster_id: str) -> bool:
    return f'\tcomment "{layout.comment(cluster_id)}"' in text.splitlines()


def remove_table(nftables: Nftables, cluster_id: str) -> bool:
    """Delete the table when it is this cluster's; return whether it was."""
    text = nftables.list_table(TABLE, elements=False)
    if text is None or not _is_owned(text, cluster_id):
        return False
    nftables.run(layout.remove_script())
    return True
