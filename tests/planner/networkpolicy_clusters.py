"""Random small clusters with network policies."""

from typing import Any

from hypothesis import strategies as st

from tests.planner.networkpolicy_judge import Objects, namespace, pod, policy, stored

_LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["web", "db"]), max_size=2)
_EXPRESSION = st.one_of(
    st.builds(
        lambda key, operator, value: {"key": key, "operator": operator, "values": [value]},
        st.sampled_from(["app", "tier", "k8s-app", "kubernetes.io/metadata.name"]),
        st.sampled_from(["In", "NotIn"]),
        st.sampled_from(["web", "db", "kube-dns", "one", "kube-system"]),
    ),
    st.builds(lambda key: {"key": key, "operator": "Exists"}, st.sampled_from(["app", "tier"])),
)
_SELECTOR = st.one_of(
    st.just({}),
    st.builds(lambda labels: {"matchLabels": labels}, _LABELS),
    st.builds(lambda one: {"matchExpressions": [one]}, _EXPRESSION),
)
_BLOCK = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "0.0.0.0/0", "except": ["192.0.2.0/24", "10.42.0.0/16"]},
        {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25", "192.0.2.1/32"]},
        {"cidr": "10.42.0.2/32"},
        {"cidr": "10.42.0.0/30"},
        {"cidr": "169.254.0.0/16"},
    ]
)
_PEER = st.one_of(
    st.builds(lambda one: {"podSelector": one}, _SELECTOR),
    st.builds(lambda one: {"namespaceSelector": one}, _SELECTOR),
    st.builds(lambda one, two: {"podSelector": one, "namespaceSelector": two}, _SELECTOR, _SELECTOR),
    st.builds(lambda one: {"ipBlock": one}, _BLOCK),
)
_PORT = st.sampled_from(
    [
        {},
        {"port": 80},
        {"port": 80, "endPort": 443},
        {"port": 53, "protocol": "UDP"},
        {"port": "http"},
        {"port": "dns", "protocol": "UDP"},
        {"protocol": "SCTP"},
        {"port": 443, "endPort": 8080},
    ]
)


def _rules(peers: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    rule = st.builds(
        lambda who, ports: {**({peers: who} if who else {}), **({"ports": ports} if ports else {})},
        st.lists(_PEER, max_size=2),
        st.lists(_PORT, max_size=2),
    )
    return st.lists(rule, max_size=2)


_TYPES = st.sampled_from([[], ["Ingress"], ["Egress"], ["Ingress", "Egress"]])
_SPEC = st.builds(
    lambda selector, types, ingress, egress: {
        "podSelector": selector,
        "policyTypes": types,
        "ingress": ingress,
        "egress": egress,
    },
    _SELECTOR,
    _TYPES,
    _rules("from"),
    _rules("to"),
)
_PORTS = st.sampled_from([(), (("http", "TCP", 80),), (("http", "TCP", 8080), ("dns", "UDP", 53))])


@st.composite
def clusters(draw: st.DrawFn) -> Objects:
    """Return a small cluster of two nodes, with policies."""
    objects: list[Any] = [namespace("one", app="web"), namespace("two", tier="db"), namespace("kube-system")]
    for number in range(draw(st.integers(2, 5))):
        node = draw(st.sampled_from(["a", "b"]))
        ip = f"10.42.{'ab'.index(node)}.{number + 2}"
        where = draw(st.sampled_from(["one", "two", "kube-system"]))
        phase = draw(st.sampled_from(["Running", "Running", "Running", "Succeeded"]))
        more = {"labels": draw(_LABELS), "ports": draw(_PORTS)}
        objects.append(pod(where, f"p{number}", ip, node, phase, **more))
    for number in range(draw(st.integers(0, 4))):
        objects.append(policy(draw(st.sampled_from(["one", "two"])), f"n{number}", **draw(_SPEC)))
    return stored(*objects)
