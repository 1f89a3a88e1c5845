"""Whether something has a name of ours and is not this cluster's, as a former one left it. Effect: asks the kernel."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok
from reconciler.executors.network import external, frame, host, peers, policies_layout, tunnel_door
from reconciler.executors.network.foreign import foreign_link, foreign_table
from reconciler.executors.network.mirror import Mirror
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.rights import missing_rights
from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.config import Settings

_LINKS = (host.LINK, peers.LINK, external.LINK)
_TABLES = (frame.TABLE, policies_layout.TABLE, tunnel_door.TABLE)


def check_conflicts(settings: "Settings") -> Sequence[Finding]:
    """Whether links and tables of our names are absent, or this cluster's."""
    if missing_rights():
        return []
    try:
        return judged(settings.cluster_id, _links(), _tables())
    except ReconcilerError:
        # The checks of kernel and library say why.
        return []


def judged(cluster_id: str, links: Mapping[str, str], tables: Mapping[str, str]) -> Sequence[Finding]:
    """Return a finding for each by the aliases of links and the listings of tables; a link without one is ours."""
    errors = [foreign_link(name, alias) for name, alias in links.items() if alias and not _is_of(cluster_id, alias)]
    errors += [foreign_table(name, text) for name, text in tables.items() if not _is_of(cluster_id, text)]
    found = [fail("conflict", str(error), error.hint) for error in errors]
    return found or [ok("conflict", "no link or table of another cluster is in the way")]


def _is_of(cluster_id: str, mark: str) -> bool:
    return bool(cluster_id) and cluster_id in mark


def _links() -> dict[str, str]:
    mirror = Mirror()
    try:
        return {link.name: link.alias for link in mirror.links.values() if link.name in _LINKS}
    finally:
        mirror.close()


def _tables() -> dict[str, str]:
    door = Nftables()
    try:
        listed = {name: door.list_table(name, elements=False) for name in _TABLES}
    finally:
        door.close()
    return {name: text for name, text in listed.items() if text is not None}
