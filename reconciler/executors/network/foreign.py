"""What bears a name of ours on this host and is not this cluster's: it is left alone (P05), and said what to do. Pure.

Only one cluster's daemon or agent runs in a network at a time (see `lock`), so that what bears the mark of another
cluster is mostly what one has left whose state was lost.
"""

from reconciler.model.errors import ConfigurationError

REASON = "NetworkConflict"
_MARK_MAX = 80


def foreign_link(name: str, alias: str) -> ConfigurationError:
    """Return the error about a link that has our name and another mark."""
    return _foreign(f"link {name}", alias, f"ip -details link show {name}", f"ip link delete {name}")


def foreign_table(name: str, listing: str) -> ConfigurationError:
    """Return the error about a table of nftables that has our name and another comment."""
    lines = (line.strip() for line in listing.splitlines())
    comment = next((line.partition('"')[2].rstrip('"') for line in lines if line.startswith('comment "')), "")
    return _foreign(f"nftables table ip {name}", comment, f"nft list table ip {name}", f"nft delete table ip {name}")


def foreign_route(destination: str, link: str) -> str:
    """Say that a route of somebody else leads to the Pods of a node."""
    return (
        f"the host's route {destination} on {link} is in the way (see it with: ip route show {destination}): "
        f"if nothing uses it, remove it: ip route delete {destination} dev {link}"
    )


def _foreign(what: str, mark: str, show: str, remove: str) -> ConfigurationError:
    marked = f" (it is marked {mark[:_MARK_MAX]!r})" if mark else ""
    return ConfigurationError(
        f"{what} exists and is not this cluster's{marked}",
        reason=REASON,
        hint=f"see it with: {show}; if a former cluster left it and nothing uses it, remove it: {remove}",
    )
