"""The table of Services as text, and the difference between two sets of Services."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.executors.network import layout
from reconciler.executors.network.contents import Contents, UdpTarget
from reconciler.model.details import HostPort, ProgramServices
from reconciler.model.external import Backend, Way
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.serving import serving_backends


def _service(
    *endpoints: Endpoint, name: str = "web", protocol: str = "TCP", affinity: int = 0, **settings: object
) -> ServiceEntry:
    port = ServicePortEntry(protocol=protocol, port=80, targets=(EndpointPort(port=8080, endpoints=endpoints),))
    return ServiceEntry(
        namespace="shop",
        name=name,
        cluster_ip="10.43.0.9",
        ports=(port,),
        affinity_timeout_s=affinity,
        **settings,  # type: ignore[arg-type]
    )


A, B, C = (Endpoint(ip=f"10.42.0.{number}") for number in (5, 6, 7))


def test_a_service_without_endpoints_is_not_in_the_maps() -> None:
    """Nothing leads to it, so that the filter chains refuse at once."""
    assert layout.service_elements(_service()) == ()
    assert layout.service_elements(_service(Endpoint(ip="10.42.0.5", ready=False))) == ()


def test_endpoints_are_numbered_in_order_of_address() -> None:
    """The indexes that are drawn at random have no gap."""
    assert layout.service_elements(_service(B, A)) == (
        ("services", "10.43.0.9 . 6 . 80", "goto balance-2"),
        ("ports", "10.43.0.9 . 6 . 80", "8080"),
        ("endpoints", "10.43.0.9 . 6 . 80 . 0", "10.42.0.5"),
        ("endpoints", "10.43.0.9 . 6 . 80 . 1", "10.42.0.6"),
        ("hairpin", "10.42.0.5 . 10.42.0.5", ""),
        ("hairpin", "10.42.0.6 . 10.42.0.6", ""),
    )


def test_terminating_endpoints_serve_only_when_no_other_does() -> None:
    """As kube-proxy does: ready ones, else those that still serve while they end."""
    ending = Endpoint(ip="10.42.0.8", ready=False, serving=True, terminating=True)
    port = _service(A, ending).ports[0]
    assert serving_backends(_service(A, ending), port) == (("10.42.0.5", 8080),)
    alone = _service(ending, Endpoint(ip="10.42.0.9", ready=False))
    assert serving_backends(alone, alone.ports[0]) == (("10.42.0.8", 8080),)


def test_publish_not_ready_leads_to_everyone() -> None:
    """A Service that publishes addresses that are not ready leads to them too."""
    service = _service(Endpoint(ip="10.42.0.5", ready=False), publish_not_ready=True)
    assert serving_backends(service, service.ports[0]) == (("10.42.0.5", 8080),)


def test_affinity_names_an_endpoint_the_same_whoever_else_serves() -> None:
    """A client keeps its endpoint when another one comes or goes."""
    tokens = [
        {value: key for name, key, value in layout.service_elements(service) if name == "members"}
        for service in (_service(A, B, affinity=600), _service(B, C, affinity=600))
    ]
    assert tokens[0]["10.42.0.6 . 8080"] == tokens[1]["10.42.0.6 . 8080"]


def test_chains_follow_from_verdicts() -> None:
    """Each number of endpoints and each timeout in use has its chain."""
    found = layout.chains_of(["goto balance-3", "goto affinity-2-600", "goto balance-3"])
    assert found == {"balance-3", "affinity-2-600", "stick-600"}


def test_a_udp_endpoint_that_goes_is_named() -> None:
    """Connections bound to it are to be forgotten, those to the others are not."""
    before, _ = Contents().change_to(_program(_service(A, B, C, protocol="UDP")))
    _, change = before.change_to(_program(_service(A, C, protocol="UDP")))
    assert change.gone_udp() == {UdpTarget("10.43.0.9", 80, "10.42.0.6")}


def test_host_ports_lead_to_their_pod() -> None:
    """A port of every address and one of a single address go to different maps."""
    every = HostPort(port=8080, pod_ip="10.42.0.5", pod_port=80)
    one = HostPort(host_ip="10.88.0.2", protocol="UDP", port=53, pod_ip="10.42.0.5", pod_port=53)
    after, change = Contents().change_to(ProgramServices(digest="", services=(), host_ports=(every, one)))
    assert after.elements["host-ports"] == {"6 . 8080": "10.42.0.5 . 80"}
    assert after.elements["host-ports-on"] == {"10.88.0.2 . 17 . 53": "10.42.0.5 . 53"}
    assert change.new_udp_ports() == {UdpTarget("10.88.0.2", 53)}


def _program(*services: ServiceEntry, host_ports: tuple[HostPort, ...] = ()) -> ProgramServices:
    return ProgramServices(digest="", services=services, host_ports=host_ports)


HERE, THERE = Backend(ip="10.42.0.5", port=8080), Backend(ip="10.42.1.5", port=8080, elsewhere=True)


def _way(*backends: Backend, **settings: object) -> Way:
    return Way(service="shop/web", protocol="TCP", port=80, backends=backends, **settings)  # type: ignore[arg-type]


def test_a_way_leads_by_address_and_by_port_of_the_node() -> None:
    """The same endpoints under both; those elsewhere are noted, for their clients to be masked."""
    found = set(layout.way_elements(_way(HERE, THERE, addresses=("192.0.2.1",), node_port=30080)))
    assert found == {
        ("services", "192.0.2.1 . 6 . 80", "goto balance-2"),
        ("ports", "192.0.2.1 . 6 . 80", "8080"),
        ("endpoints", "192.0.2.1 . 6 . 80 . 0", "10.42.0.5"),
        ("endpoints", "192.0.2.1 . 6 . 80 . 1", "10.42.1.5"),
        ("node-services", "6 . 30080", "goto node-balance-2"),
        ("node-ports", "6 . 30080", "8080"),
        ("node-endpoints", "6 . 30080 . 0", "10.42.0.5"),
        ("node-endpoints", "6 . 30080 . 1", "10.42.1.5"),
        ("elsewhere", "10.42.1.5 . 6 . 8080", ""),
        ("hairpin", "10.42.0.5 . 10.42.0.5", ""),
        ("hairpin", "10.42.1.5 . 10.42.1.5", ""),
    }


def test_the_local_policy_has_planes_of_its_own() -> None:
    """For clients outside: endpoints here, or nothing at all."""
    local = _way(HERE, THERE, node_port=30080, local=True)
    found = {(name, key): value for name, key, value in layout.way_elements(local)}
    assert found["node-local-services", "6 . 30080"] == "drop"
    assert found["node-services", "6 . 30080"] == "goto node-balance-2"
    found = {(n, k): v for n, k, v in layout.way_elements(_way(HERE, THERE, node_port=30080, local=True, own=(HERE,)))}
    assert found["node-local-services", "6 . 30080"] == "goto node-local-balance-1"
    assert found["node-local-endpoints", "6 . 30080 . 0"] == "10.42.0.5"


def test_a_way_without_endpoints_is_refused() -> None:
    """By port and by address, whatever the policy."""
    for local in (False, True):
        found = layout.way_elements(_way(addresses=("192.0.2.1",), node_port=30080, local=local))
        assert set(found) == {("unserved-on", "192.0.2.1 . 6 . 80", ""), ("unserved-ports", "6 . 30080", "")}


def test_chains_of_each_plane_look_into_its_own_maps() -> None:
    """With the timeouts of affinity."""
    names = layout.chains_of(["goto node-local-affinity-2-60", "goto node-balance-3", "drop", "goto local-mixed-1"])
    assert names == {"node-local-affinity-2-60", "node-local-stick-60", "node-balance-3", "local-mixed-1"}
    script = layout.chains_script(names)
    assert script.index("chain node-local-stick-60") < script.index("chain node-local-affinity-2-60")
    assert "meta l4proto . th dport . numgen random mod 3 map @node-endpoints" in script
    assert "ip daddr . meta l4proto . th dport . numgen random mod 1 map @local-choices" in script


def test_udp_clients_of_node_ports_are_named() -> None:
    """When an endpoint goes, and when a port begins to lead somewhere."""
    there = _way(HERE, THERE, node_port=30080, affinity_timeout_s=60)
    udp = Way(**{name: getattr(there, name) for name in there.__struct_fields__} | {"protocol": "UDP"})
    before, change = Contents().change_to(ProgramServices(digest="", services=(), ways=(udp,)))
    assert change.new_udp_ports() == {UdpTarget("", 30080)}
    less = Way(**{name: getattr(udp, name) for name in udp.__struct_fields__} | {"backends": (HERE,)})
    _, change = before.change_to(ProgramServices(digest="", services=(), ways=(less,)))
    assert change.gone_udp() == {UdpTarget("", 30080, "10.42.1.5")}


_ips = st.integers(2, 6).map(lambda number: f"10.42.0.{number}")
_endpoints = st.lists(st.builds(Endpoint, ip=_ips, ready=st.booleans(), terminating=st.booleans()), max_size=4)
_ports = st.builds(
    ServicePortEntry,
    protocol=st.sampled_from(["TCP", "UDP"]),
    port=st.integers(80, 82),
    targets=st.builds(
        lambda number, ends: (EndpointPort(port=number, endpoints=tuple(ends)),), st.integers(8080, 8081), _endpoints
    ),
)
_services = st.lists(
    st.builds(
        ServiceEntry,
        namespace=st.just("shop"),
        name=st.sampled_from("abcd"),
        # Few addresses on purpose: two Services may claim the same one.
        cluster_ip=st.integers(1, 3).map(lambda number: f"10.43.0.{number}"),
        affinity_timeout_s=st.sampled_from([0, 600]),
        ports=st.lists(_ports, max_size=2).map(tuple),
    ),
    max_size=4,
    unique_by=lambda service: service.name,
)
_host_ports = st.lists(
    st.builds(HostPort, port=st.integers(8080, 8082), pod_ip=_ips, pod_port=st.integers(80, 81)), max_size=2
)
_backends = st.lists(st.builds(Backend, ip=_ips, port=st.integers(8080, 8081)), max_size=3).map(tuple)
_ways = st.lists(
    st.builds(
        Way,
        service=st.sampled_from(["shop/a", "shop/b"]),
        protocol=st.sampled_from(["TCP", "UDP"]),
        port=st.integers(80, 81),
        # Few on purpose, and some those of Services.
        addresses=st.sampled_from([(), ("10.43.0.1",), ("192.0.2.1", "192.0.2.2")]),
        node_port=st.sampled_from([0, 30001, 30002]),
        affinity_timeout_s=st.sampled_from([0, 600]),
        backends=_backends,
        local=st.booleans(),
        own=_backends,
        fenced=st.sampled_from([(), ("192.0.2.1",)]),
        source_ranges=st.just(("10.0.0.0/8",)),
    ),
    max_size=3,
    unique_by=lambda way: (way.service, way.protocol, way.port),
)
_details = st.builds(
    ProgramServices,
    digest=st.just(""),
    services=_services.map(tuple),
    host_ports=_host_ports.map(tuple),
    ways=_ways.map(tuple),
)


@given(st.lists(_details, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_changes_add_up_to_the_whole(details: list[ProgramServices]) -> None:
    """However the Services came about, the maps hold what programming the last ones alone would give."""
    contents = Contents()
    kernel: dict[tuple[str, str], str] = {}
    for detail in details:
        contents, change = contents.change_to(detail)
        for name, removed in change.removed.items():
            for key, value in removed.items():
                assert kernel.pop((name, key)) == value
        for name, added in change.added.items():
            for key, value in added.items():
                assert (name, key) not in kernel
                kernel[name, key] = value
    whole, _ = Contents().change_to(details[-1])
    assert contents.elements == whole.elements
    assert contents.fingerprint == whole.fingerprint
    assert kernel == {(name, key): value for name, of in whole.elements.items() for key, value in of.items()}


@given(_details, st.lists(st.tuples(_services, st.lists(st.booleans(), min_size=9, max_size=9)), max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_stays_the_very_same_value_keeps_its_elements(
    first: ProgramServices, turns: list[tuple[list[ServiceEntry], list[bool]]]
) -> None:
    """Wherever Services and ways come, change and go among those that stay, the maps hold what was asked for last."""
    detail = first
    contents, _ = Contents().change_to(first)
    for others, stays in turns:
        other = {(one.namespace, one.name): one for one in others}
        mixed = [
            one if keep else other.get((one.namespace, one.name))
            for one, keep in zip(first.services, stays, strict=False)
        ]
        services = tuple(one for one in mixed if one is not None)
        ways = tuple(one for one, keep in zip(first.ways, reversed(stays), strict=False) if keep)
        detail = ProgramServices(digest="", services=services, host_ports=first.host_ports, ways=ways)
        contents, _ = contents.change_to(detail)
    whole, _ = Contents().change_to(detail)
    assert contents.elements == whole.elements
    assert contents.fingerprint == whole.fingerprint


@given(_details)
@settings(max_examples=60, deadline=None)
def test_a_listing_is_read_back(detail: ProgramServices) -> None:
    """What the kernel prints, and how it breaks lines, reads as what was programmed."""
    contents, _ = Contents().change_to(detail)
    text = "table ip reconciler {\n"
    for name, elements in contents.elements.items():
        body = ",\n\t\t\t     ".join(f"{key} : {value}" if value else key for key, value in elements.items())
        text += f"\tmap {name} {{\n\t\ttype x\n" + (f"\t\telements = {{ {body} }}\n" if body else "") + "\t}\n\n"
    assert layout.parse_listing(text + "}\n") == contents.elements
