"""NetworkPolicies as the nodes need them: each with groups of addresses in place of its selectors of peers. Pure.

Every selector of peers that policies use is one group, however many use it, so that a Pod that comes or goes changes a
few groups and no policy. Which Pods a policy isolates is decided where they run, see `planner.node.policies`.
"""

from collections.abc import Mapping
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.canonical import digest
from reconciler.model.kinds import LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from reconciler.model.networkpolicy import (
    NO_POLICIES,
    PORT_MAX,
    NamedPeers,
    NamedWithin,
    Policies,
    PolicyBlock,
    PolicyEntry,
    PolicyPort,
    PolicyRule,
)
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.policy_peers import Choice, Peers
from reconciler.planner.view import View

_KINDS = ("NetworkPolicy", "Pod", "Namespace")


def cluster_policies(view: View) -> Policies:
    """Return every policy with the addresses it speaks of: the very same value as before when none has changed."""
    if not view.memo.picture.by_kind["NetworkPolicy"]:
        return NO_POLICIES
    return view.memo.kept("network policies", _Compiler).compiled(view)


class _Compiler:
    """What is made of policies and peers, kept from pass to pass. It sees for itself what has changed."""

    def __init__(self) -> None:
        self._marks: tuple[object, ...] = ()
        self._known: dict[ObjectRef, tuple[StoredObject, PolicyEntry, Mapping[str, Choice]]] = {}
        self._peers = Peers()
        self._last = NO_POLICIES

    def compiled(self, view: View) -> Policies:
        """Return the policies as they are now."""
        picture, dns_address = view.memo.picture, view.observed.cluster.dns_address
        marks = (dns_address, *(picture.marks[kind] for kind in _KINDS))
        if marks == self._marks:
            return self._last
        self._marks = marks
        known, self._known = self._known, {one.ref: self._policy(one) for one in view.of_kind("NetworkPolicy")}
        is_same = known.keys() == self._known.keys() and all(known[ref] is one for ref, one in self._known.items())
        if not self._peers.take(picture, dns_address) and is_same:
            return self._last
        choices = {name: choice for _, _, used in self._known.values() for name, choice in used.items()}
        found = Policies(
            entries=tuple(entry for _, entry, _ in self._known.values()), groups=self._peers.groups(choices)
        )
        if found != self._last:
            self._last = found
        return self._last

    def _policy(self, stored: StoredObject) -> tuple[StoredObject, PolicyEntry, Mapping[str, Choice]]:
        known = self._known.get(stored.ref)
        if known is not None and known[0] is stored:
            return known
        return stored, *compiled_policy(cast(NetworkPolicy, stored.object))


def compiled_policy(policy: NetworkPolicy) -> tuple[PolicyEntry, Mapping[str, Choice]]:
    """Return a policy with names of groups in place of selectors, and what the groups of these names choose by."""
    namespace, spec = policy.metadata.namespace, policy.spec
    types = k.policy_types(spec)
    choices: dict[str, Choice] = {}
    ingress = tuple(_rule(namespace, one.from_, one.ports, choices, named=False) for one in spec.ingress)
    egress = tuple(_rule(namespace, one.to, one.ports, choices, named=True) for one in spec.egress)
    entry = PolicyEntry(
        namespace=namespace,
        name=policy.metadata.name,
        selector=spec.pod_selector,
        ingress=ingress if "Ingress" in types else None,
        egress=egress if "Egress" in types else None,
    )
    return entry, choices


def _rule(
    namespace: str,
    peers: tuple[NetworkPolicyPeer, ...],
    ports: tuple[NetworkPolicyPort, ...],
    choices: dict[str, Choice],
    *,
    named: bool,
) -> PolicyRule:
    """Compile one rule. `named`: ports with names are the peers' (egress), else the isolated Pod's own (ingress)."""
    theirs = [one for one in ports if named and isinstance(one.port, str)]
    ours = tuple(_port(one) for one in ports if not (named and isinstance(one.port, str)))
    pods = [Choice(namespace, one.namespace_selector, one.pod_selector) for one in peers if one.ip_block is None]
    at_names = tuple(
        NamedPeers(protocol=port.protocol, group=_noted(choices, _at(one, port)))
        for port in theirs
        for one in (pods if peers else [_everybody(namespace)])
    )
    blocks = tuple(_block(one.ip_block) for one in peers if one.ip_block is not None)
    within = tuple(
        NamedWithin(protocol=port.protocol, group=_noted(choices, _at(_everybody(namespace), port)), block=one)
        for port in theirs
        for one in blocks
    )
    if theirs and not ours:
        # Every port has a name that only peers can tell: nobody else is spoken with.
        return PolicyRule(named=at_names, within=within)
    return PolicyRule(
        anyone=not peers,
        groups=tuple(_noted(choices, one) for one in pods),
        blocks=blocks,
        every_port=not ports,
        ports=ours,
        named=at_names,
        within=within,
    )


def _everybody(namespace: str) -> Choice:
    return Choice(namespace, LabelSelector(), None)


def _at(choice: Choice, port: NetworkPolicyPort) -> Choice:
    return Choice(choice.namespace, choice.namespaces, choice.pods, str(port.port), port.protocol)


def _noted(choices: dict[str, Choice], choice: Choice) -> str:
    """Return the name of a choice's group, and note the choice."""
    name = digest(choice.namespace, choice.namespaces, choice.pods, choice.port, choice.protocol)[:16]
    choices[name] = choice
    return name


def _block(block: k.IPBlock) -> PolicyBlock:
    return PolicyBlock(cidr=block.cidr, without=block.except_)


def _port(port: NetworkPolicyPort) -> PolicyPort:
    if isinstance(port.port, str):
        return PolicyPort(protocol=port.protocol, name=port.port)
    if port.port is None:
        return PolicyPort(protocol=port.protocol, first=0, last=PORT_MAX)
    return PolicyPort(protocol=port.protocol, first=port.port, last=port.end_port or port.port)
