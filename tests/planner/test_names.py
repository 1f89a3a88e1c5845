"""The names that Services and endpoints have, case by case."""

import pytest

from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.planner.node.names import records


def _port(*endpoints: Endpoint, name: str = "http", port: int = 80, target: int = 8080) -> ServicePortEntry:
    return ServicePortEntry(name=name, port=port, targets=(EndpointPort(port=target, endpoints=endpoints),))


def _service(*ports: ServicePortEntry, **settings: object) -> ServiceEntry:
    return ServiceEntry(namespace="shop", name="web", ports=ports, **settings)  # type: ignore[arg-type]


CASES = {
    "a Service with an address": (
        _service(_port(Endpoint(ip="10.42.0.5")), cluster_ip="10.43.0.9"),
        {
            ("web.shop.svc.cluster.local.", "A"): ("10.43.0.9",),
            ("9.0.43.10.in-addr.arpa.", "PTR"): ("web.shop.svc.cluster.local.",),
            ("_http._tcp.web.shop.svc.cluster.local.", "SRV"): ("0 100 80 web.shop.svc.cluster.local.",),
        },
    ),
    "a port without a name has no SRV": (
        _service(_port(name=""), cluster_ip="10.43.0.9"),
        {
            ("web.shop.svc.cluster.local.", "A"): ("10.43.0.9",),
            ("9.0.43.10.in-addr.arpa.", "PTR"): ("web.shop.svc.cluster.local.",),
        },
    ),
    "a headless Service": (
        _service(_port(Endpoint(ip="10.42.0.6", hostname="db-1"), Endpoint(ip="10.42.0.5", hostname="db-0"))),
        {
            ("web.shop.svc.cluster.local.", "A"): ("10.42.0.5", "10.42.0.6"),
            ("db-0.web.shop.svc.cluster.local.", "A"): ("10.42.0.5",),
            ("db-1.web.shop.svc.cluster.local.", "A"): ("10.42.0.6",),
            ("5.0.42.10.in-addr.arpa.", "PTR"): ("db-0.web.shop.svc.cluster.local.",),
            ("6.0.42.10.in-addr.arpa.", "PTR"): ("db-1.web.shop.svc.cluster.local.",),
            ("_http._tcp.web.shop.svc.cluster.local.", "SRV"): (
                "0 100 8080 db-0.web.shop.svc.cluster.local.",
                "0 100 8080 db-1.web.shop.svc.cluster.local.",
            ),
        },
    ),
    "an endpoint without a hostname is named by its address": (
        _service(_port(Endpoint(ip="10.42.0.5"), name="")),
        {
            ("web.shop.svc.cluster.local.", "A"): ("10.42.0.5",),
            ("10-42-0-5.web.shop.svc.cluster.local.", "A"): ("10.42.0.5",),
            ("5.0.42.10.in-addr.arpa.", "PTR"): ("10-42-0-5.web.shop.svc.cluster.local.",),
        },
    ),
    "an endpoint that is not ready has no name": (_service(_port(Endpoint(ip="10.42.0.5", ready=False))), {}),
    "unless the Service publishes those": (
        _service(_port(Endpoint(ip="10.42.0.5", ready=False), name=""), publish_not_ready=True),
        {
            ("web.shop.svc.cluster.local.", "A"): ("10.42.0.5",),
            ("10-42-0-5.web.shop.svc.cluster.local.", "A"): ("10.42.0.5",),
            ("5.0.42.10.in-addr.arpa.", "PTR"): ("10-42-0-5.web.shop.svc.cluster.local.",),
        },
    ),
    "a name elsewhere": (
        _service(external_name="Db.Example.com"),
        {("web.shop.svc.cluster.local.", "CNAME"): ("db.example.com.",)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_service_has_the_names_of_the_specification(case: str) -> None:
    """Each kind of Service yields exactly the records that the Kubernetes specification lists."""
    service, expected = CASES[case]
    assert {(one.name, one.type): one.values for one in records((service,), "cluster.local")} == expected


def test_services_that_share_an_endpoint_share_its_reverse_name() -> None:
    """One address with two headless Services answers with both names."""
    port = _port(Endpoint(ip="10.42.0.5"), name="")
    other = ServiceEntry(namespace="shop", name="api", ports=(port,))
    found = {(one.name, one.type): one.values for one in records((_service(port), other), "cluster.local")}
    assert found["5.0.42.10.in-addr.arpa.", "PTR"] == (
        "10-42-0-5.api.shop.svc.cluster.local.",
        "10-42-0-5.web.shop.svc.cluster.local.",
    )


def test_the_order_of_services_and_endpoints_does_not_matter() -> None:
    """The same Services in another order give the same records."""
    one = _service(_port(Endpoint(ip="10.42.0.5"), Endpoint(ip="10.42.0.6")))
    same = _service(_port(Endpoint(ip="10.42.0.6"), Endpoint(ip="10.42.0.5")))
    other = ServiceEntry(namespace="a", name="b", cluster_ip="10.43.0.2")
    assert records((one, other), "cluster.local") == records((other, same), "cluster.local")
