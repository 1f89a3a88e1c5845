"""What a host needs to carry Pods, besides the table of Services: forwarding, our link, accept rules for Docker.

Effect. The link `reconciler-dns` holds the DNS server's address and the route of the Service addresses; without that
route the host itself would not even produce a packet to a Service, for the table to redirect.
"""

import ipaddress
import subprocess
from collections.abc import Sequence

from reconciler.executors.network import netlink
from reconciler.executors.network.foreign import foreign_link
from reconciler.executors.network.mirror import Link, Mirror
from reconciler.executors.network.netlink import Netlink, read_setting, write_setting
from reconciler.model.details import PrepareHost
from reconciler.model.errors import ConfigurationError, DeadlineError, TransientError

LINK = "reconciler-dns"
CHAIN = "DOCKER-USER"
# A Pod that reaches itself through a Service leaves where it came in, which must not earn it a redirect (and use up the
# few ICMP messages that a peer gets). This setting only adds to that of each link, so the links of others keep theirs.
_SETTINGS = (("ipv4/ip_forward", "1"), ("ipv4/conf/all/send_redirects", "0"))


class Host:
    """The host's own link and settings. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, mirror: Mirror) -> None:
        self._cluster_id = cluster_id
        self._mirror = mirror
        self._alias = f"reconciler host {cluster_id}"

    def prepare(self, wanted: PrepareHost) -> bool:
        """Switch forwarding on and make the link; return whether anything was changed."""
        if self.is_whole(wanted):
            return False
        for name, value in _SETTINGS:
            write_setting(name, value)
        link = self._mirror.named(LINK)
        self._refuse_foreign(link)
        with Netlink() as door:
            if link is None:
                door.add_holder(LINK)
                self._mirror.sync()
                link = self._mirror.named(LINK)
                assert link is not None
            door.set_link(link.index, alias=self._alias)
            # Of scope host: never chosen as the source of anything but answers.
            door.replace_address(link.index, wanted.dns_address, netlink.SCOPE_HOST)
            network = ipaddress.IPv4Network(wanted.service_cidr)
            door.replace_route(str(network.network_address), network.prefixlen, link.index)
        self._mirror.sync()
        return True

    def is_whole(self, wanted: PrepareHost) -> bool:
        """Return whether forwarding, link, address and route are as they should be."""
        link = self._mirror.named(LINK)
        network = ipaddress.IPv4Network(wanted.service_cidr)
        return (
            all(read_setting(name) == value for name, value in _SETTINGS)
            and link is not None
            and link.alias == self._alias
            and bool(link.flags & netlink.UP)
            and (link.index, wanted.dns_address) in self._mirror.addresses
            and self._mirror.leads(str(network.network_address), network.prefixlen, link.index)
        )

    def remove(self) -> bool:
        """Remove our link, its address and route; return whether it was there."""
        link = self._mirror.named(LINK)
        if link is None or link.alias not in ("", self._alias):
            return False
        with Netlink() as door:
            return door.delete_link(link.index)

    def _refuse_foreign(self, link: Link | None) -> None:
        if link is not None and link.alias not in ("", self._alias):
            raise foreign_link(LINK, link.alias)


class AcceptRules:
    """The rules that let Pod traffic through Docker's forwarding policy, in the chain Docker leaves to us."""

    def __init__(self, cluster_id: str) -> None:
        self._comment = f"reconciler {cluster_id}"

    def ensure(self, cidr: str) -> bool:
        """Put the rules where they are missing, at the top; return whether any was."""
        missing = self._missing(cidr)
        if missing and _iptables("-n", "-L", CHAIN).returncode != 0:
            _must(_iptables("-N", CHAIN), "cannot make the chain for accept rules")
        for rule in missing:
            _must(_iptables("-I", CHAIN, *rule), "cannot add an accept rule")
        return bool(missing)

    def are_whole(self, cidr: str) -> bool:
        """Return whether all rules are there."""
        return not self._missing(cidr)

    def remove(self) -> bool:
        """Remove every rule of this cluster, whatever its range; return whether there were any."""
        listing = _iptables("-S", CHAIN)
        lines = listing.stdout.splitlines() if listing.returncode == 0 else []
        ours = [line for line in lines if f'"{self._comment}"' in line]
        for line in ours:
            words = line.replace(f'"{self._comment}"', "\0").split()
            rule = [self._comment if word == "\0" else word for word in words[2:]]
            _must(_iptables("-D", CHAIN, *rule), "cannot remove an accept rule")
        return bool(ours)

    def _missing(self, cidr: str) -> list[Sequence[str]]:
        return [rule for rule in self._rules(cidr) if _iptables("-C", CHAIN, *rule).returncode != 0]

    def _rules(self, cidr: str) -> list[Sequence[str]]:
        mark = ("-m", "comment", "--comment", self._comment, "-j", "ACCEPT")
        return [("-s", cidr, *mark), ("-d", cidr, *mark)]


def _iptables(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["iptables", "-w", "5", *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env={"PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise ConfigurationError("iptables is not installed", hint="install the package iptables") from error
    except subprocess.TimeoutExpired as error:
        raise DeadlineError("iptables did not end within 10 s") from error


def _must(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode != 0:
        raise TransientError(f"{what}: {done.stderr.strip()}", reason="Iptables")
