"""What the fields of NetworkPolicies mean, in our own words."""

from collections.abc import Mapping

OF_NETWORK_POLICIES: Mapping[str, str] = {
    "NetworkPolicySpec.podSelector": "Which Pods of the namespace it isolates; all of them when empty.",
    "NetworkPolicySpec.policyTypes": (
        "Directions that it isolates; left out: Ingress, and Egress where there are egress rules."
    ),
    "NetworkPolicySpec.ingress": "What the Pods accept; nothing without a rule, everything by an empty one.",
    "NetworkPolicySpec.egress": "What the Pods may send; nothing without a rule, everything by an empty one.",
    "NetworkPolicyIngressRule.from": "Who may send; anybody where it is left out.",
    "NetworkPolicyIngressRule.ports": "Ports of the Pods that may be reached; all where it is left out.",
    "NetworkPolicyEgressRule.to": "Who may be reached; anybody where it is left out.",
    "NetworkPolicyEgressRule.ports": "Ports of theirs that may be reached; all where it is left out.",
    "NetworkPolicyPeer.podSelector": "Pods, of this namespace unless namespaceSelector says of which.",
    "NetworkPolicyPeer.namespaceSelector": "Namespaces by label: all their Pods, or those of podSelector.",
    "NetworkPolicyPeer.ipBlock": "Addresses; stands alone.",
    "NetworkPolicyPort.protocol": "TCP, UDP or SCTP.",
    "NetworkPolicyPort.port": "Number of the port, or its name in the Pod that is reached; all when left out.",
    "NetworkPolicyPort.endPort": "Last port of a range that begins at port.",
    "IPBlock.cidr": "Network, such as 192.0.2.0/24.",
    "IPBlock.except": "Networks inside it that are left out.",
}
