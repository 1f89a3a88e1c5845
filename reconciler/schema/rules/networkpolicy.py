"""Rules on NetworkPolicies: those of Kubernetes' ValidateNetworkPolicySpec."""

import ipaddress
from collections.abc import Iterator

from reconciler.model.addresses import cidr_advice, cidr_fault
from reconciler.model.kinds import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from reconciler.schema.rules.finding import Finding, error, warning
from reconciler.schema.rules.selectors import selector_findings

_TYPES_MAX = 2


def network_policy_findings(policy: NetworkPolicy) -> Iterator[Finding]:
    """Yield what is wrong with a NetworkPolicy."""
    spec = policy.spec
    yield from selector_findings("/spec/podSelector", spec.pod_selector)
    for number, ingress in enumerate(spec.ingress):
        yield from _rule_findings(f"/spec/ingress/{number}", "from", ingress.from_, ingress.ports)
    for number, egress in enumerate(spec.egress):
        yield from _rule_findings(f"/spec/egress/{number}", "to", egress.to, egress.ports)
    if len(spec.policy_types) > _TYPES_MAX:
        yield error("/spec/policyTypes", f"policyTypes: must be at most {_TYPES_MAX}: Ingress, Egress or both")


def _rule_findings(
    at: str, field: str, peers: tuple[NetworkPolicyPeer, ...], ports: tuple[NetworkPolicyPort, ...]
) -> Iterator[Finding]:
    for number, port in enumerate(ports):
        yield from _port_findings(f"{at}/ports/{number}", port)
    for number, peer in enumerate(peers):
        yield from _peer_findings(f"{at}/{field}/{number}", peer)


def _port_findings(at: str, port: NetworkPolicyPort) -> Iterator[Finding]:
    if port.end_port is None:
        return
    if port.port is None:
        yield error(f"{at}/endPort", "endPort needs port: the range begins there")
    elif isinstance(port.port, str):
        yield error(f"{at}/endPort", f"a range cannot begin at the name {port.port}: give port a number")
    elif port.end_port < port.port:
        yield error(f"{at}/endPort", f"endPort: must not be less than port {port.port}")


def _peer_findings(at: str, peer: NetworkPolicyPeer) -> Iterator[Finding]:
    selectors = [one for one in (peer.pod_selector, peer.namespace_selector) if one is not None]
    if peer.ip_block is None and not selectors:
        yield error(at, "needs podSelector, namespaceSelector or ipBlock", code="missing-field")
    if peer.ip_block is not None:
        yield from _block_findings(f"{at}/ipBlock", peer.ip_block)
        if selectors:
            yield error(at, "ipBlock cannot stand with podSelector or namespaceSelector: make it a peer of its own")
    yield from selector_findings(f"{at}/podSelector", peer.pod_selector)
    yield from selector_findings(f"{at}/namespaceSelector", peer.namespace_selector)


def _block_findings(at: str, block: IPBlock) -> Iterator[Finding]:
    yield from _network_findings(f"{at}/cidr", block.cidr)
    whole = _network(block.cidr)
    for number, text in enumerate(block.except_):
        place = f"{at}/except/{number}"
        yield from _network_findings(place, text)
        inner = _network(text)
        if whole is None or inner is None:
            continue
        same_family = whole.version == inner.version
        if not same_family or whole.prefixlen >= inner.prefixlen or inner.network_address not in whole:
            yield error(place, f"{text} must be a part of {block.cidr}, and not all of it")
    if whole is not None and whole.version != 4:
        yield warning(f"{at}/cidr", f"{block.cidr} matches nothing: Pods have IPv4 addresses only")


def _network_findings(at: str, text: str) -> Iterator[Finding]:
    """A network with bits behind its prefix is taken for what it is part of, as Kubernetes does, and told of."""
    if _network(text) is None:
        yield error(at, cidr_fault(text), code="bad-address")
    elif cidr_fault(text):
        yield from (warning(at, advice) for advice in cidr_advice(text))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    is_mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None
    return None if is_mapped else network
