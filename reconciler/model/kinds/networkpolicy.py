"""Which traffic Pods accept and send: NetworkPolicy."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.container import Protocol
from reconciler.model.kinds.meta import LabelSelector, Object
from reconciler.model.kinds.scalars import NonEmpty, PortNumber, PortReference

PolicyType: TypeAlias = Literal["Ingress", "Egress"]


class IPBlock(Value):
    """A network, less the networks inside it that are excepted."""

    cidr: NonEmpty
    except_: tuple[NonEmpty, ...] = ()


class NetworkPolicyPeer(Value):
    """Who may be spoken with: Pods of this namespace, Pods of chosen namespaces, or addresses."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(Value):
    """Ports of one protocol: one by number or name, a range up to `endPort`, or all of them where none is given."""

    protocol: Protocol = "TCP"
    port: PortReference | None = None
    end_port: PortNumber | None = None


class NetworkPolicyIngressRule(Value):
    """Lets in what comes from one of the peers to one of the ports. No peers: from anywhere; no ports: to all."""

    from_: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicyEgressRule(Value):
    """Lets out what goes to one of the ports of one of the peers. No peers: to anywhere; no ports: to all."""

    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(Value):
    """Which Pods of the namespace it is about, in which directions, and what it lets through."""

    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[PolicyType, ...] = ()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()


class NetworkPolicy(Object):
    """Isolates the Pods that it selects, but for the traffic that its rules or those of other policies let through."""

    kind: ClassVar[str] = "NetworkPolicy"
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    spec: NetworkPolicySpec = NetworkPolicySpec()


def policy_types(spec: NetworkPolicySpec) -> tuple[PolicyType, ...]:
    """Return the directions that a policy isolates: those it names, else ingress, and egress when it has such rules."""
    return spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
