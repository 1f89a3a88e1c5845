"""Network policies on their way to the nodes' kernels: as the network view carries them, and as rules of one node.

All are frozen values; the view's part is tolerant when decoded and travels as differences.
"""

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds import LabelSelector, Protocol

ADDRESS_MAX = 2**32 - 1
PORT_MAX = 2**16 - 1
ANY_PROTOCOL = -1


class PolicyMember(Value):
    """One address of a group. `pod_uid` is whose it is; `port` the number that a named port has there, else 0."""

    ip: str
    pod_uid: str = ""
    port: int = 0


class PolicyGroup(Value):
    """The addresses that one selector of peers chooses now. `name` is the digest of what it chooses by."""

    name: str
    members: tuple[PolicyMember, ...] = ()


class PolicyBlock(Value):
    """A network in CIDR notation, less what is excepted."""

    cidr: str
    without: tuple[str, ...] = ()


class PolicyPort(Value):
    """Ports `first` to `last` of a protocol; or, where it has a `name`, whatever the isolated Pod itself calls so."""

    protocol: Protocol
    first: int = 0
    last: int = PORT_MAX
    name: str = ""


class NamedPeers(Value):
    """Peers at a port that they call by a name: each member of the group tells its number."""

    protocol: Protocol
    group: str


class NamedWithin(Value):
    """Those Pods within a network that call a port by a name: each member of the group tells its number."""

    protocol: Protocol
    group: str
    block: PolicyBlock


class PolicyRule(Value):
    """Traffic that is let through: with any of the peers, at any of the ports.

    `anyone`: the peers are everybody. `every_port`: every port of every protocol, `ports` are none then. `named` and
    `within` stand beside the peers: these have their ports with them.
    """

    anyone: bool = False
    groups: tuple[str, ...] = ()
    blocks: tuple[PolicyBlock, ...] = ()
    every_port: bool = False
    ports: tuple[PolicyPort, ...] = ()
    named: tuple[NamedPeers, ...] = ()
    within: tuple[NamedWithin, ...] = ()


class PolicyEntry(Value):
    """One NetworkPolicy: which Pods of its namespace it isolates, and what it lets through. None: not isolating."""

    namespace: str
    name: str
    selector: LabelSelector
    ingress: tuple[PolicyRule, ...] | None = None
    egress: tuple[PolicyRule, ...] | None = None


class Policies(Value):
    """Every NetworkPolicy of the cluster, in the order of names, with the addresses that they speak of."""

    entries: tuple[PolicyEntry, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()


NO_POLICIES = Policies()


class PoliciesDelta(Value):
    """What changed in the policies; `removed` are `namespace/name` of policies, `removed_groups` names of groups."""

    entries: tuple[PolicyEntry, ...] = ()
    removed: tuple[str, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    removed_groups: tuple[str, ...] = ()


NO_CHANGE = PoliciesDelta()


def policies_delta(old: Policies, new: Policies) -> PoliciesDelta:
    """Return what has changed from one set of policies to the next."""
    if old is new:
        return NO_CHANGE
    before, after = _by_name(old), _by_name(new)
    groups_before, groups_after = _groups(old), _groups(new)
    return PoliciesDelta(
        entries=tuple(one for name, one in after.items() if before.get(name) != one),
        removed=tuple(name for name in before if name not in after),
        groups=tuple(one for name, one in groups_after.items() if groups_before.get(name) != one),
        removed_groups=tuple(name for name in groups_before if name not in groups_after),
    )


def policies_merged(old: Policies, delta: PoliciesDelta) -> Policies:
    """Return the policies with what has changed in them."""
    if delta == NO_CHANGE:
        return old
    entries = {name: one for name, one in _by_name(old).items() if name not in delta.removed}
    entries |= {entry_name(one): one for one in delta.entries}
    groups = {name: one for name, one in _groups(old).items() if name not in delta.removed_groups}
    groups |= {one.name: one for one in delta.groups}
    return Policies(
        entries=tuple(sorted(entries.values(), key=lambda one: (one.namespace, one.name))),
        groups=tuple(groups[name] for name in sorted(groups)),
    )


def entry_name(entry: PolicyEntry) -> str:
    """Return the name of a policy with its namespace."""
    return f"{entry.namespace}/{entry.name}"


def _by_name(policies: Policies) -> dict[str, PolicyEntry]:
    return {entry_name(one): one for one in policies.entries}


def _groups(policies: Policies) -> dict[str, PolicyGroup]:
    return {one.name: one for one in policies.groups}


class Box(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Traffic that is let through: peers from address `low` to `high`, a protocol's number, ports `first` to `last`.

    With `ANY_PROTOCOL` it is all traffic with these peers. Written as an array: a node has thousands.
    """

    low: int
    high: int
    protocol: int = ANY_PROTOCOL
    first: int = 0
    last: int = PORT_MAX


class PolicyProfile(Value):
    """What is let through in one direction for all Pods that the same policies select: boxes that share nothing."""

    name: str
    boxes: tuple[Box, ...] = ()


class IsolatedPod(Value):
    """An address of a Pod and the names of its profiles; an empty one means not isolated in that direction."""

    ip: str
    ingress: str = ""
    egress: str = ""


class PolicyRules(Value):
    """The rules of one node: whom they isolate, and what is let through. No Pods: no rules at all."""

    pods: tuple[IsolatedPod, ...] = ()
    profiles: tuple[PolicyProfile, ...] = ()


NO_RULES = PolicyRules()
