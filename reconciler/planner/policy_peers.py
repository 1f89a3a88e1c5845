"""Whom network policies let Pods speak with: peers by namespace, and the groups that selectors choose. Pure.

Kept from pass to pass: what has not changed stays the very same value, and a Pod that comes or goes costs the groups of
its namespace. Peers are Pods with a network of their own that have not ended; a Pod in its node's network is its node,
and is reached by `ipBlock` alone. The DNS server of the nodes counts as the Pods in which Kubernetes runs one, so that
rules that let these be asked let it be asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from reconciler.model.kinds import LabelSelector, Pod, PodSpec, Protocol
from reconciler.model.labels import matches
from reconciler.model.networkpolicy import PolicyGroup, PolicyMember
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.picture import Picture

NAME_LABEL = "kubernetes.io/metadata.name"
DNS_NAMESPACE = "kube-system"
# How Kubernetes labels its DNS servers: those of the cluster, and those of each node.
_DNS_LABELS = ({"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"})
_DNS_PORTS: tuple[tuple[str, Protocol, int], ...] = (("dns", "UDP", 53), ("dns-tcp", "TCP", 53))


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


class Peers:
    """The peers of each namespace, as one tuple in the order of names that changes only with its content."""

    def __init__(self) -> None:
        self._pods: dict[ObjectRef, tuple[StoredObject, PeerPod | None]] = {}
        self._by_namespace: dict[str, dict[ObjectRef, PeerPod]] = {}
        self._tuples: dict[str, tuple[PeerPod, ...]] = {}
        self._namespaces: object = None
        self._dns_address = ""
        self._labels: Mapping[str, Mapping[str, str]] = {}
        self._groups: dict[str, tuple[tuple[object, ...], PolicyGroup]] = {}

    def take(self, picture: Picture, dns_address: str) -> bool:
        """Take in the Pods and namespaces as they are now; return whether any peer or namespace is another one."""
        changed = self._take_pods(picture.by_kind["Pod"])
        if dns_address != self._dns_address:
            self._dns_address = dns_address
            changed.add(DNS_NAMESPACE)
        for namespace in changed:
            self._set(namespace)
        mark = picture.marks["Namespace"]
        if mark is self._namespaces and self._labels.keys() == self._tuples.keys():
            return bool(changed)
        self._namespaces = mark
        declared = {ref.name: one.object.metadata.labels for ref, one in picture.by_kind["Namespace"].items()}
        self._labels = {name: {NAME_LABEL: name, **declared.get(name, {})} for name in sorted(self._tuples)}
        return True

    def groups(self, choices: Mapping[str, Choice]) -> tuple[PolicyGroup, ...]:
        """Return the groups of these names, in the order of names; those of other names are forgotten."""
        self._groups = {name: self._group(name, choices[name]) for name in sorted(choices)}
        return tuple(group for _, group in self._groups.values())

    def _take_pods(self, pods: Mapping[ObjectRef, StoredObject]) -> set[str]:
        """Take in the Pods; return the namespaces whose peers are others now."""
        changed = set()
        for ref, stored in pods.items():
            known = self._pods.get(ref)
            if known is not None and known[0] is stored:
                continue
            peer = peer_of(cast(Pod, stored.object))
            self._pods[ref] = (stored, peer)
            if peer != (known[1] if known is not None else None):
                self._put(ref, peer)
                changed.add(ref.namespace)
        if len(self._pods) > len(pods):
            for ref in [ref for ref in self._pods if ref not in pods]:
                if self._pods.pop(ref)[1] is not None:
                    self._put(ref, None)
                    changed.add(ref.namespace)
        return changed

    def _put(self, ref: ObjectRef, peer: PeerPod | None) -> None:
        of = self._by_namespace.setdefault(ref.namespace, {})
        if peer is None:
            of.pop(ref, None)
        else:
            of[ref] = peer

    def _set(self, namespace: str) -> None:
        of = self._by_namespace.get(namespace, {})
        dns = dns_peers(self._dns_address) if namespace == DNS_NAMESPACE else ()
        found = (*dns, *(of[ref] for ref in sorted(of)))
        if found:
            self._tuples[namespace] = found
        else:
            self._tuples.pop(namespace, None)

    def _group(self, name: str, choice: Choice) -> tuple[tuple[object, ...], PolicyGroup]:
        inputs = tuple(self._tuples[one] for one in self._chosen(choice))
        known = self._groups.get(name)
        if known is not None and len(known[0]) == len(inputs) and all(map(_is, known[0], inputs)):
            return known
        group = PolicyGroup(name=name, members=tuple(_members(choice, (one for of in inputs for one in of))))
        return inputs, known[1] if known is not None and known[1] == group else group

    def _chosen(self, choice: Choice) -> Iterable[str]:
        """Return the namespaces that a group's peers may be in."""
        if choice.namespaces is None:
            return (choice.namespace,) if choice.namespace in self._tuples else ()
        return (name for name, labels in self._labels.items() if matches(choice.namespaces, labels))


def _is(one: object, other: object) -> bool:
    return one is other


def peer_of(pod: Pod) -> PeerPod | None:
    """Return a Pod as others speak with it; None while it has no address of its own, or none any more."""
    if pod.spec.host_network or not pod.status.pod_ip or pod.status.phase in ("Succeeded", "Failed"):
        return None
    return PeerPod(pod.metadata.uid, pod.status.pod_ip, pod.metadata.labels, named_ports(pod.spec))


def named_ports(spec: PodSpec) -> tuple[tuple[str, Protocol, int], ...]:
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
