"""Whether somebody's firewall stands in the way of Pods. Effect: lists the chains of this host."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, ok, warn
from reconciler.executors.network.nftables import BaseChain, Nftables
from reconciler.executors.network.rights import missing_rights
from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.config import Settings

_FAMILIES = ("ip", "inet")
# Docker's policy: what is of Pods is accepted in it before, by rules of ours.
_DOCKER = ("ip", "filter", "FORWARD")


def check_firewalls(settings: "Settings") -> Sequence[Finding]:
    """Whether a chain drops what it does not know of what is forwarded, as what other hosts send to Pods is."""
    if missing_rights():
        return []
    try:
        door = Nftables()
        try:
            chains = door.base_chains()
        finally:
            door.close()
    except ReconcilerError:
        # The checks of kernel and library say why.
        return []
    return judged(chains, settings.pod_cidr)


def judged(chains: Iterable[BaseChain], pods: str) -> Sequence[Finding]:
    """Return a finding for each chain whose rules have to accept what is of Pods."""
    found = [
        warn(
            "firewall",
            f"chain {one.name} of table {one.family} {one.table} drops all that is forwarded but what it accepts",
            f"where Pods here are not reached from other hosts: let it accept what is from and to {pods}",
        )
        for one in chains
        if (one.hook, one.policy) == ("forward", "drop")
        and one.family in _FAMILIES
        and (one.family, one.table, one.name) != _DOCKER
    ]
    return found or [ok("firewall", "no chain drops what is forwarded")]
