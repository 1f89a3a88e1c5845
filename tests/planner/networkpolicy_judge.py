"""What a packet meets: by the rules that are programmed, and by a slow and obvious reading of the manifests."""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from reconciler.executors.network.policies_layout import EGRESS, INGRESS, MAPS, SELVES, elements_of
from reconciler.model.kinds import Namespace, NetworkPolicy, ObjectMeta, Pod, policy_types
from reconciler.model.labels import matches
from reconciler.model.networkpolicy import Policies, PolicyRules
from reconciler.model.node import PodAssignment
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.memo import Memo
from reconciler.planner.networkpolicy import cluster_policies
from reconciler.planner.node.policies import Local, policy_rules
from reconciler.planner.view import View

DNS = "169.254.20.10"
CIDRS = {"a": "10.42.0.0/24", "b": "10.42.1.0/24"}
NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1}
Objects = dict[ObjectRef, StoredObject]
Box = tuple[tuple[int, int], ...]


def namespace(name: str, **labels: str) -> Namespace:
    """Return a namespace."""
    return Namespace(metadata=ObjectMeta(name=name, labels=labels))


def pod(namespace: str, name: str, ip: str, node: str = "a", phase: str = "Running", **more: Any) -> Pod:
    """Return a Pod; `labels`, and `ports` as name, protocol, number."""
    ports = [{"name": n, "protocol": p, "containerPort": i} for n, p, i in more.get("ports", ())]
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "labels": more.get("labels", {})}
    spec = {"nodeName": node, "hostNetwork": more.get("host_network", False)}
    spec["containers"] = [{"name": "main", "image": "x", "ports": ports}]
    return msgspec.convert(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": spec,
            "status": {"podIP": ip, "phase": phase},
        },
        Pod,
    )


def policy(namespace: str, name: str, **spec: Any) -> NetworkPolicy:
    """Return a policy from its spec as in a manifest."""
    document = {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return msgspec.convert(document, NetworkPolicy)


def stored(*objects: Any) -> Objects:
    """Return objects as observed."""
    found = {}
    for one in objects:
        ref = ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name)
        found[ref] = StoredObject(ref=ref, object=one, manager="api")
    return found


def view_of(objects: Objects, memo: Memo | None = None) -> View:
    """Return a view of a cluster with these objects."""
    observed = ObservedState(cluster=ClusterInfo(id="t", dns_address=DNS), objects=objects)
    return View(observed, Policy(digest_key="00" * 16), 1.8e9, memo)


class Kernel:
    """What the nodes' tables do to a packet: by the elements that are programmed, as the table's chains use them."""

    def __init__(self, objects: Objects, policies: Policies | None = None) -> None:
        policies = policies or cluster_policies(view_of(objects))
        self.pods = [one.object for one in objects.values() if isinstance(one.object, Pod)]
        self.rules = {node: self._rules(node, policies) for node in CIDRS}

    def _rules(self, node: str, policies: Policies) -> PolicyRules:
        here = [
            Local(one.metadata.uid, one.status.pod_ip, assigned(one))
            for one in self.pods
            if one.spec.node_name == node and one.status.phase == "Running" and not one.spec.host_network
        ]
        return policy_rules(policies, here, CIDRS[node])

    def lets_through(self, source: str, destination: str, protocol: str, port: int) -> bool:
        """Whether a first packet arrives."""
        leaves = self._passes(source, EGRESS, source, destination, protocol, port)
        return leaves and self._passes(destination, INGRESS, destination, source, protocol, port)

    def _passes(self, ip: str, direction: str, own: str, peer: str, protocol: str, port: int) -> bool:
        node = next((name for name, cidr in CIDRS.items() if _is_in(ip, cidr)), "")
        return passes(self.rules.get(node), direction, own, peer, protocol, port)


def passes(rules: PolicyRules | None, direction: str, own: str, peer: str, protocol: str, port: int) -> bool:
    """Whether a node's table lets a first packet through, looked up as its chains do it."""
    if rules is None:
        return True
    elements, boxes = _elements(rules)
    verdict = elements[direction].get(own)
    if verdict is None or (own == peer and f"{own} . {own}" in elements[SELVES]):
        return True
    packet = (_number(peer), NUMBERS[protocol], port)
    return any(
        all(low <= value <= high for value, (low, high) in zip(packet, box, strict=True))
        for box in boxes[verdict.removeprefix("jump ")]
    )


@lru_cache(maxsize=64)
def _elements(rules: PolicyRules) -> tuple[dict[str, dict[str, str]], dict[str, list[Box]]]:
    elements = elements_of(rules)
    return elements, {name: [_box(one) for one in of] for name, of in elements.items() if name not in MAPS}


def _box(element: str) -> Box:
    addresses, *others = [field.split("-") for field in element.split(" . ")]
    low, high = map(_number, addresses)
    return ((low, high), *((int(first), int(last)) for first, last in others))


@lru_cache(maxsize=1024)
def _number(ip: str) -> int:
    return int(ipaddress.ip_address(ip))


def assigned(one: Pod) -> PodAssignment:
    """Return a Pod as its node is given it."""
    metadata = one.metadata
    return PodAssignment(
        uid=metadata.uid, namespace=metadata.namespace, name=metadata.name, spec=one.spec, labels=metadata.labels
    )


@lru_cache(maxsize=1024)
def _is_in(ip: str, cidr: str) -> bool:
    return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr)


class Judge:
    """Decides by the manifests alone, in the words of Kubernetes' reference."""

    def __init__(self, objects: Objects) -> None:
        self.pods = [one.object for one in objects.values() if isinstance(one.object, Pod)]
        self.policies = [one.object for one in objects.values() if isinstance(one.object, NetworkPolicy)]
        names = {one.metadata.namespace for one in self.pods} | {"kube-system"}
        self.namespaces = {name: {"kubernetes.io/metadata.name": name} for name in names}
        for one in objects.values():
            if isinstance(one.object, Namespace):
                self.namespaces.setdefault(one.ref.name, {"kubernetes.io/metadata.name": one.ref.name})
                self.namespaces[one.ref.name] |= one.object.metadata.labels

    def lets_through(self, source: str, destination: str, protocol: str, port: int) -> bool:
        """Whether traffic is let out of its source and into its destination."""
        if source == destination:
            return True
        return self._direction("Egress", source, destination, protocol, port) and self._direction(
            "Ingress", destination, source, protocol, port
        )

    def _at(self, ip: str) -> Iterator[tuple[str, dict[str, str], list[tuple[str, str, int]]]]:
        """Yield whoever is at an address: namespace, labels, named ports."""
        for one in self.pods:
            if one.status.pod_ip == ip and one.status.phase == "Running" and not one.spec.host_network:
                ports = [(p.name or "", p.protocol, p.container_port) for c in one.spec.containers for p in c.ports]
                yield one.metadata.namespace, dict(one.metadata.labels), ports
        if ip == DNS:
            for label in ("kube-dns", "node-local-dns"):
                yield "kube-system", {"k8s-app": label}, [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)]

    def _direction(self, type_: str, own: str, peer: str, protocol: str, port: int) -> bool:
        mine = [] if own == DNS else list(self._at(own))
        if not mine:
            return True
        namespace, labels, ports = mine[0]
        isolating = [
            one
            for one in self.policies
            if one.metadata.namespace == namespace
            and matches(one.spec.pod_selector, labels)
            and type_ in policy_types(one.spec)
        ]
        if not isolating:
            return True
        for one in isolating:
            rules = one.spec.ingress if type_ == "Ingress" else one.spec.egress
            for rule in rules:
                peers = rule.from_ if type_ == "Ingress" else rule.to
                # A port's name is one of whoever is reached.
                for named in [ports] if type_ == "Ingress" else [p for _, _, p in self._at(peer)] or [[]]:
                    if self._port(rule.ports, named, protocol, port) and self._peer(
                        namespace, peers, peer, named, type_
                    ):
                        return True
        return False

    def _port(self, rules: Any, named: list[tuple[str, str, int]], protocol: str, port: int) -> bool:
        if not rules:
            return True
        for rule in rules:
            if rule.protocol != protocol:
                continue
            if rule.port is None or (isinstance(rule.port, str) and (rule.port, protocol, port) in named):
                return True
            if isinstance(rule.port, int) and rule.port <= port <= (rule.end_port or rule.port):
                return True
        return False

    def _peer(self, namespace: str, peers: Any, ip: str, named: Any, type_: str) -> bool:
        if not peers:
            return True
        for peer in peers:
            if peer.ip_block is not None:
                inside = _is_in(ip, peer.ip_block.cidr)
                if inside and not any(_is_in(ip, one) for one in peer.ip_block.except_):
                    return True
                continue
            for of, labels, ports in self._at(ip):
                if type_ == "Egress" and ports != named:
                    continue
                if peer.namespace_selector is None:
                    is_there = of == namespace
                else:
                    is_there = matches(peer.namespace_selector, self.namespaces[of])
                if is_there and (peer.pod_selector is None or matches(peer.pod_selector, labels)):
                    return True
        return False
