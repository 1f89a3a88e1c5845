"""Services, what is behind them and what leads to them, in tables. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.model.kinds import Endpoints, EndpointSlice, Service
from reconciler.server.tables.columns import (
    AGE,
    NAME,
    NONE,
    SELECTOR,
    UNSET,
    Cells,
    Form,
    age,
    first_few,
    labels_text,
    optional,
    selector_text,
    text,
)

_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


def _service(one: Service) -> Cells:
    spec = one.spec
    ports = ",".join(
        f"{p.port}:{p.node_port}/{p.protocol}" if p.node_port else f"{p.port}/{p.protocol}" for p in spec.ports
    )
    return (
        one.metadata.name,
        spec.type,
        spec.cluster_ips[0] if spec.cluster_ips else spec.cluster_ip or NONE,
        _external(one),
        ports or NONE,
        age(one.metadata),
        labels_text(spec.selector),
    )


def _external(service: Service) -> str:
    type_: str = service.spec.type
    addresses = list(optional(service.spec, "external_ips", ()))
    if type_ == "ExternalName":
        return service.spec.external_name or NONE
    if type_ == "LoadBalancer":
        return ",".join([*_balanced(service.status.load_balancer), *addresses]) or "<pending>"
    return ",".join(addresses) or NONE


def _balanced(status: Any) -> list[str]:
    """Return the addresses, else names, that a load balancer gave."""
    return sorted({_address(one) for one in status.ingress} - {""})


def _address(one: Any) -> str:
    if isinstance(one, Mapping):
        return one.get("ip") or one.get("hostname") or ""
    return str(optional(one, "ip", "") or optional(one, "hostname", ""))


def _endpoints(one: Endpoints) -> Cells:
    return one.metadata.name, first_few(_addresses(one), NONE), age(one.metadata)


def _addresses(endpoints: Endpoints) -> Iterator[str]:
    for subset in endpoints.subsets:
        for port in subset.ports:
            yield from (f"{address.ip}:{port.port}" for address in subset.addresses)
        if not subset.ports:
            yield from (address.ip for address in subset.addresses)


def _slice(one: EndpointSlice) -> Cells:
    return (
        one.metadata.name,
        one.address_type,
        first_few(("*" if port.port is None else str(port.port) for port in one.ports), UNSET),
        first_few((address for endpoint in one.endpoints for address in endpoint.addresses), UNSET),
        age(one.metadata),
    )


def _ingress(one: Any) -> Cells:
    return (
        one.metadata.name,
        one.spec.ingress_class_name or NONE,
        first_few(_unique(rule.host for rule in one.spec.rules if rule.host), "*"),
        ",".join(_balanced(one.status.load_balancer)),
        "80, 443" if one.spec.tls else "80",
        age(one.metadata),
    )


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _ingress_class(one: Any) -> Cells:
    parameters = one.spec.parameters
    shown = NONE
    if parameters is not None:
        group = f".{parameters.api_group}" if parameters.api_group else ""
        shown = f"{parameters.kind}{group}/{parameters.name}"
    is_default = one.metadata.annotations.get(_DEFAULT_CLASS) == "true"
    name = f"{one.metadata.name} (default)" if is_default else one.metadata.name
    return name, one.spec.controller, shown, age(one.metadata)


def _network_policy(one: Any) -> Cells:
    return one.metadata.name, selector_text(one.spec.pod_selector), age(one.metadata)


SERVICE = Form(
    (
        NAME,
        text("Type", "How the Service is reached."),
        text("Cluster-IP", "Its address inside the cluster."),
        text("External-IP", "Its addresses from outside."),
        text("Port(s)", "Its ports, with those on the nodes."),
        AGE,
        SELECTOR,
    ),
    _service,
)
ENDPOINTS = Form((NAME, text("Endpoints", "The addresses behind the Service."), AGE), _endpoints)
ENDPOINT_SLICE = Form(
    (
        NAME,
        text("AddressType", "The sort of its addresses."),
        text("Ports", "The ports behind the Service."),
        text("Endpoints", "The addresses behind the Service."),
        AGE,
    ),
    _slice,
)
INGRESS = Form(
    (
        NAME,
        text("Class", "Which sort of ingress serves it."),
        text("Hosts", "The names it answers to."),
        text("Address", "The addresses it is reached at."),
        text("Ports", "The ports it is reached at."),
        AGE,
    ),
    _ingress,
)
INGRESS_CLASS = Form(
    (
        NAME,
        text("Controller", "Who serves ingresses of this class."),
        text("Parameters", "The object with its settings."),
        AGE,
    ),
    _ingress_class,
)
NETWORK_POLICY = Form((NAME, text("Pod-Selector", "Which Pods it is about, by label."), AGE), _network_policy)
