"""Ways into the cluster for HTTP: Ingress, and the class that says who serves it."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Object
from reconciler.model.kinds.scalars import Label, NonEmpty, PortName, PortNumber, Subdomain
from reconciler.model.kinds.storage import TypedLocalObjectReference

PathType: TypeAlias = Literal["Exact", "Prefix", "ImplementationSpecific"]
IngressHost: TypeAlias = Annotated[str, Meta(max_length=253)]


class IngressServiceBackendPort(Value):
    """A port of the Service, by number or by name."""

    at_most_one: ClassVar[tuple[str, ...]] = ("name", "number")

    name: PortName | None = None
    number: PortNumber | None = None


class IngressServiceBackend(Value):
    """A Service of the same namespace."""

    name: NonEmpty
    port: IngressServiceBackendPort = IngressServiceBackendPort()


class IngressBackend(Value):
    """Where requests go."""

    at_most_one: ClassVar[tuple[str, ...]] = ("service", "resource")

    service: IngressServiceBackend | None = None
    resource: TypedLocalObjectReference | None = None


class HTTPIngressPath(Value):
    """Requests for a path, and where they go."""

    path_type: PathType
    backend: IngressBackend
    path: str = ""


class HTTPIngressRuleValue(Value):
    """Paths of a host."""

    paths: Annotated[tuple[HTTPIngressPath, ...], Meta(min_length=1)]


class IngressRule(Value):
    """What a host leads to; every host without one."""

    host: IngressHost = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(Value):
    """A certificate and the hosts that it is shown for."""

    hosts: tuple[IngressHost, ...] = ()
    secret_name: Subdomain | None = None


class IngressSpec(Value):
    """Which requests go to which Services."""

    ingress_class_name: Subdomain | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class IngressPortStatus(Value):
    """A port that serves, or why it does not."""

    port: int
    protocol: str = "TCP"
    error: str | None = None


class IngressLoadBalancerIngress(Value):
    """An address at which the Ingress is served."""

    ip: str = ""
    hostname: str = ""
    ports: tuple[IngressPortStatus, ...] = ()


class IngressLoadBalancerStatus(Value):
    """The addresses at which the Ingress is served."""

    ingress: tuple[IngressLoadBalancerIngress, ...] = ()


class IngressStatus(Value):
    """Where an Ingress is served. `noted` is what was told of it, `observed_generation` what of it is served."""

    load_balancer: IngressLoadBalancerStatus = IngressLoadBalancerStatus()
    noted: str | None = None
    observed_generation: int = 0


class Ingress(Object):
    """Leads HTTP requests from outside to Services, by host and path."""

    kind: ClassVar[str] = "Ingress"
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    spec: IngressSpec = IngressSpec()
    status: IngressStatus = IngressStatus()


class IngressClassParametersReference(Value):
    """An object with settings of the class's controller."""

    kind: NonEmpty
    name: NonEmpty
    api_group: str | None = None
    scope: Literal["Cluster", "Namespace"] = "Cluster"
    namespace: Label | None = None


class IngressClassSpec(Value):
    """Who serves Ingresses of a class."""

    controller: Annotated[str, Meta(max_length=250)] = ""
    parameters: IngressClassParametersReference | None = None


class IngressClass(Object):
    """A class of Ingresses: those that name it are served by its controller."""

    kind: ClassVar[str] = "IngressClass"
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    spec: IngressClassSpec = IngressClassSpec()
