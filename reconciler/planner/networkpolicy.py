"""NetworkPolicies as the nodes need them: each with groups of addresses in place of its selectors of peers. Pure.

Every selector of peers that policies use is one group, however many use it, so that a Pod that comes or goes changes a
few groups and no policy. Which Pods a policy isolates is decided where they run, see `planner.node.policies`.

Peers are Pods with a network of their own that have not ended; a Pod in its node's network is its node, and is reached
by `ipBlock` alone. The DNS server of the nodes counts as the Pods in which Kubernetes runs one, so that rules that let
these be asked let it be asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.canonical import digest
from reconciler.model.kinds import LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod, Protocol
from reconciler.model.labels import matches
from reconciler.model.networkpolicy import (
    NO_POLICIES,
    PORT_MAX,
    NamedPeers,
    Policies,
    PolicyBlock,
    PolicyEntry,
    PolicyGroup,
    PolicyMember,
    PolicyPort,
    PolicyRule,
)
from reconciler.model.observed import StoredObject
from reconciler.planner.view import View

NAME_LABEL = "kubernetes.io/metadata.name"
DNS_NAMESPACE = "kube-system"
# How Kubernetes labels its DNS servers: those of the cluster, and those of each node.
_DNS_LABELS = ({"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"})
_DNS_PORTS: tuple[tuple[str, Protocol, int], ...] = (("dns", "UDP", 53), ("dns-tcp", "TCP", 53))
_KINDS = ("NetworkPolicy", "Pod", "Namespace")


@dataclass(frozen=True, slots=True)
class PeerPod:
    """A Pod as others speak with it. `ports` are those with names: name, protocol, number."""

    uid: str
    ip: str
    labels: Mapping[str, str]
    ports: tuple[tuple[str, Protocol, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What a group chooses by. `namespaces` None: only `namespace`. With a port's name: only Pods that have it."""

    namespace: str
    namespaces: LabelSelector | None
    pods: LabelSelector | None
    port: str = ""
    protocol: str = ""


def cluster_policies(view: View) -> Policies:
    """Return every policy with the addresses it speaks of: the very same value as before when none has changed."""
    picture, memo = view.memo.picture, view.memo
    if not picture.by_kind["NetworkPolicy"]:
        return NO_POLICIES
    marks = tuple(picture.marks[kind] for kind in _KINDS)
    return memo.get(("policies",), (view.observed.cluster, *marks), lambda: _policies(view))


def _policies(view: View) -> Policies:
    memo = view.memo
    compiled = [
        memo.get(("policy", one.ref), (one,), partial(compiled_policy, cast(NetworkPolicy, one.object)))
        for one in view.of_kind("NetworkPolicy")
    ]
    choices = {name: choice for _, used in compiled for name, choice in used.items()}
    peers = memo.kept("policy peers", _Peers)
    peers.take(view)
    groups = tuple(_group(view, peers, name, choices[name]) for name in sorted(choices))
    entries = tuple(entry for entry, _ in compiled)
    inputs = (*entries, None, *groups)
    return memo.get(("policies as a whole",), inputs, lambda: Policies(entries=entries, groups=groups))


def _group(view: View, peers: "_Peers", name: str, choice: Choice) -> PolicyGroup:
    namespaces = peers.chosen(choice)
    inputs = tuple(peers.of[one] for one in namespaces)
    return view.memo.get(
        ("policy group", name),
        inputs,
        lambda: PolicyGroup(name=name, members=tuple(_members(choice, (one for of in inputs for one in of)))),
    )


class _Peers:
    """The peers by namespace. What has not changed stays the very same value, so that groups need not be made anew."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[PeerPod, ...]] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._known: dict[str, tuple[StoredObject, PeerPod | None]] = {}

    def take(self, view: View) -> None:
        """Take in the Pods and namespaces as they are now."""
        found: dict[str, list[PeerPod]] = {DNS_NAMESPACE: list(dns_peers(view.observed.cluster.dns_address))}
        known: dict[str, tuple[StoredObject, PeerPod | None]] = {}
        for stored in view.of_kind("Pod"):
            peer = self._peer(stored)
            known[stored.object.metadata.uid] = (stored, peer)
            if peer is not None:
                found.setdefault(stored.ref.namespace, []).append(peer)
        self._known = known
        before = self.of
        self.of = {name: _as_before(before.get(name, ()), tuple(pods)) for name, pods in found.items()}
        declared = {one.ref.name: one.object.metadata.labels for one in view.of_kind("Namespace")}
        self._labels = {name: {NAME_LABEL: name, **declared.get(name, {})} for name in sorted(self.of)}

    def chosen(self, choice: Choice) -> tuple[str, ...]:
        """Return the namespaces that a group's peers may be in."""
        if choice.namespaces is None:
            return (choice.namespace,) if choice.namespace in self.of else ()
        return tuple(name for name, labels in self._labels.items() if matches(choice.namespaces, labels))

    def _peer(self, stored: StoredObject) -> PeerPod | None:
        before = self._known.get(stored.object.metadata.uid)
        if before is not None and before[0] is stored:
            return before[1]
        peer = peer_of(cast(Pod, stored.object))
        return before[1] if before is not None and before[1] == peer else peer


def _as_before(before: tuple[PeerPod, ...], now: tuple[PeerPod, ...]) -> tuple[PeerPod, ...]:
    return before if before == now else now


def peer_of(pod: Pod) -> PeerPod | None:
    """Return a Pod as others speak with it; None while it has no address of its own, or none any more."""
    if pod.spec.host_network or not pod.status.pod_ip or pod.status.phase in ("Succeeded", "Failed"):
        return None
    return PeerPod(pod.metadata.uid, pod.status.pod_ip, pod.metadata.labels, named_ports(pod.spec))


def named_ports(spec: k.PodSpec) -> tuple[tuple[str, Protocol, int], ...]:
    """Return the ports of a Pod that have names: name, protocol, number."""
    containers = (*spec.init_containers, *spec.containers)
    return tuple((p.name, p.protocol, p.container_port) for one in containers for p in one.ports if p.name)


def dns_peers(address: str) -> Iterator[PeerPod]:
    """Yield the DNS server of the nodes as the Pods that Kubernetes would run."""
    for labels in _DNS_LABELS:
        yield PeerPod("", address, labels, _DNS_PORTS)


def _members(choice: Choice, peers: Iterable[PeerPod]) -> Iterator[PolicyMember]:
    seen = set()
    for peer in peers:
        if choice.pods is not None and not matches(choice.pods, peer.labels):
            continue
        numbers = [0]
        if choice.port:
            numbers = [n for name, protocol, n in peer.ports if (name, protocol) == (choice.port, choice.protocol)]
        for number in numbers:
            member = PolicyMember(ip=peer.ip, pod_uid=peer.uid, port=number)
            if member not in seen:
                seen.add(member)
                yield member


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
        for one in (pods if peers else [Choice(namespace, LabelSelector(), None)])
    )
    if theirs and not ours:
        # Every port has a name that only peers can tell: nobody else is spoken with.
        return PolicyRule(named=at_names)
    return PolicyRule(
        anyone=not peers,
        groups=tuple(_noted(choices, one) for one in pods),
        blocks=tuple(_block(one.ip_block) for one in peers if one.ip_block is not None),
        every_port=not ports,
        ports=ours,
        named=at_names,
    )


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
