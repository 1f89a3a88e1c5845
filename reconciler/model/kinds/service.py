"""Services and the addresses behind them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.container import Protocol
from reconciler.model.kinds.meta import Condition, Object, ObjectReference
from reconciler.model.kinds.scalars import (
    AddressText,
    Label,
    LabelKey,
    LabelValue,
    PortName,
    PortNumber,
    Subdomain,
)

ServiceType: TypeAlias = Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]
SessionAffinity: TypeAlias = Literal["None", "ClientIP"]
TrafficPolicy: TypeAlias = Literal["Cluster", "Local"]
TrafficDistribution: TypeAlias = Literal["PreferClose", "PreferSameZone", "PreferSameNode"]
ClusterAddress: TypeAlias = Annotated[str, Meta(pattern="^(None|[0-9a-fA-F:.]+)$(?!\\n)", max_length=45)]


class ServicePort(Value):
    """One port of a Service and where it leads. Without `targetPort` it leads to the same number."""

    port: PortNumber
    name: Label | None = None
    protocol: Protocol = "TCP"
    target_port: PortNumber | PortName | None = None
    app_protocol: LabelKey | None = None
    node_port: PortNumber | None = None


class ClientIPConfig(Value):
    """How long a client stays with one endpoint."""

    timeout_seconds: Annotated[int, Meta(ge=1, le=86400)] = 10800


class SessionAffinityConfig(Value):
    """Details of session affinity."""

    client_ip: ClientIPConfig = ClientIPConfig()


class ServiceSpec(Value):
    """Which Pods, at which addresses and ports. `clusterIP: None` makes a headless Service.

    What is absent and given by the cluster (addresses, node ports, the policy that holds) is filled in.
    """

    type: ServiceType = "ClusterIP"
    selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: ClusterAddress = ""
    cluster_ips: tuple[ClusterAddress, ...] = ()
    external_name: Subdomain | None = None
    session_affinity: SessionAffinity = "None"
    session_affinity_config: SessionAffinityConfig = SessionAffinityConfig()
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: TrafficPolicy = "Cluster"
    external_traffic_policy: TrafficPolicy | None = None
    external_ips: tuple[AddressText, ...] = ()
    health_check_node_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    allocate_load_balancer_node_ports: bool | None = None
    load_balancer_class: LabelKey | None = None
    load_balancer_ip: AddressText | None = None
    load_balancer_source_ranges: tuple[str, ...] = ()
    traffic_distribution: TrafficDistribution | None = None
    ip_families: tuple[Literal["IPv4"], ...] = ()
    ip_family_policy: Literal["SingleStack", "PreferDualStack"] = "SingleStack"


class PortStatus(Value):
    """How one port of a load balancer stands."""

    port: PortNumber
    protocol: Protocol = "TCP"
    error: str | None = None


class LoadBalancerIngress(Value):
    """One address, or name, at which a load balancer is reached."""

    ip: AddressText | None = None
    hostname: Subdomain | None = None
    ip_mode: Literal["VIP", "Proxy"] | None = None
    ports: tuple[PortStatus, ...] = ()


class LoadBalancerStatus(Value):
    """Addresses that a load balancer gave."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Value):
    """What was given to a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()
    conditions: tuple[Condition, ...] = ()


class Service(Object):
    """A stable name and address for a changing set of Pods."""

    kind: ClassVar[str] = "Service"
    api_version: str = field(default_factory=lambda: "v1")
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class EndpointAddress(Value):
    """One address behind a Service."""

    ip: AddressText
    hostname: Label | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Value):
    """One port of the addresses."""

    port: PortNumber
    name: str = ""
    protocol: Protocol = "TCP"
    app_protocol: LabelKey | None = None


class EndpointSubset(Value):
    """Addresses that serve the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Object):
    """The addresses behind the Service of the same name."""

    kind: ClassVar[str] = "Endpoints"
    api_version: str = field(default_factory=lambda: "v1")
    subsets: tuple[EndpointSubset, ...] = ()


class EndpointConditions(Value):
    """Whether an endpoint is ready, serves, or is ending."""

    ready: bool = True
    serving: bool = True
    terminating: bool = False


class ForZone(Value):
    """A zone whose clients are to use an endpoint."""

    name: str


class ForNode(Value):
    """A node whose clients are to use an endpoint."""

    name: str


class EndpointHints(Value):
    """Whose clients are to use an endpoint."""

    for_zones: tuple[ForZone, ...] = ()
    for_nodes: tuple[ForNode, ...] = ()


class Endpoint(Value):
    """One endpoint of a slice."""

    addresses: Annotated[tuple[AddressText, ...], Meta(min_length=1, max_length=100)]
    conditions: EndpointConditions = EndpointConditions()
    hostname: Label | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    zone: str | None = None
    hints: EndpointHints | None = None


class EndpointSlicePort(Value):
    """One port of a slice's endpoints."""

    port: PortNumber
    name: str = ""
    protocol: Protocol = "TCP"
    app_protocol: LabelKey | None = None


class EndpointSlice(Object):
    """A part of the addresses behind a Service, found by the label `kubernetes.io/service-name`."""

    kind: ClassVar[str] = "EndpointSlice"
    api_version: str = field(default_factory=lambda: "discovery.k8s.io/v1")
    address_type: Literal["IPv4"]
    endpoints: Annotated[tuple[Endpoint, ...], Meta(max_length=1000)] = ()
    ports: Annotated[tuple[EndpointSlicePort, ...], Meta(max_length=100)] = ()
