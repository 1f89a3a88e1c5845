"""Which Pods are behind a Service, at which ports, and what is said of each."""

from typing import Any

import pytest

from reconciler.model.kinds import EndpointHints, ForZone
from reconciler.model.node import HINTED, Endpoint, EndpointPort, ServiceEntry
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.memo import Memo
from reconciler.planner.services.endpoints import (
    MANAGED_BY,
    SERVICE_NAME,
    service_entries,
    service_entry,
    sync_endpoints,
)
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

READY = "conditions: [{type: Ready, status: 'True'}]"
CONTAINER = "containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]"
ENDING = "deletionTimestamp: '2027-01-01T00:00:00Z'"


def service(spec: str = "selector: {app: web}, ports: [{port: 80}]", metadata: str = "") -> StoredObject:
    """Return a Service called web."""
    return stored(read("Service", name="web", metadata=f"uid: s, {metadata}", spec=spec))


def pod(
    name: str = "a",
    ip: str = "10.42.0.1",
    status: str = READY,
    spec: str = CONTAINER,
    metadata: str = "",
    node: str = "n",
) -> StoredObject:
    """Return a Pod of the application web."""
    marks = f"uid: u-{name}, labels: {{app: web}}, {metadata}"
    return stored(
        read("Pod", name=name, metadata=marks, spec=f"nodeName: '{node}', {spec}", status=f"podIP: '{ip}', {status}")
    )


def view_of(*objects: StoredObject, memo: Memo | None = None) -> View:
    """Return a view of these objects."""
    cluster = Cluster()
    observed = replace(cluster.observed, objects={one.ref: one for one in objects})
    return View(observed, cluster.policy, cluster.now, memo)


def entry(one: StoredObject, *others: StoredObject) -> ServiceEntry:
    """Return a Service as nodes need it."""
    return service_entry(view_of(one, *others), one)


def numbers(found: ServiceEntry) -> list[list[tuple[int, list[str]]]]:
    """Return of each port the numbers behind it, each with its addresses."""
    return [[(target.port, [one.ip for one in target.endpoints]) for target in port.targets] for port in found.ports]


@pytest.mark.parametrize(
    ("port", "number"),
    [
        ("{port: 80}", 80),
        ("{port: 80, targetPort: 9000}", 9000),
        ("{port: 80, targetPort: http}", 8080),
        ("{port: 80, targetPort: other}", None),
        ("{port: 80, targetPort: http, protocol: UDP}", None),
    ],
)
def test_the_number_of_a_port_is_its_target_in_the_pod(port: str, number: int | None) -> None:
    """A name is looked for among the ports of that protocol; a Pod without it is not behind the port."""
    found = entry(service(f"selector: {{app: web}}, ports: [{port}]"), pod())
    assert numbers(found) == [[] if number is None else [(number, ["10.42.0.1"])]]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (pod(), {}),
        (pod(status=""), {"ready": False, "serving": False}),
        (pod(metadata=ENDING), {"ready": False, "terminating": True}),
        (pod(status="", metadata=ENDING), {"ready": False, "serving": False, "terminating": True}),
        (pod(spec=f"hostname: h, subdomain: web, {CONTAINER}"), {"hostname": "h"}),
        (pod(spec=f"hostname: h, subdomain: other, {CONTAINER}"), {}),
        (pod(spec=f"subdomain: web, {CONTAINER}"), {}),
        (pod(ip=""), None),
        (pod(status=f"phase: Succeeded, {READY}"), None),
        (pod(status=f"phase: Failed, {READY}"), None),
    ],
)
def test_a_pod_is_behind_its_service_as_far_as_it_serves(one: StoredObject, expected: dict[str, Any] | None) -> None:
    """Ready, still serving while it ends, under its own name; not without an address, nor when it has ended."""
    (port,) = entry(service(), one).ports
    plain = {"ip": "10.42.0.1", "node": "n", "pod": "default/a", "pod_uid": "u-a"}
    if expected is None:
        assert port.targets == ()
    else:
        assert port.targets == (EndpointPort(port=80, endpoints=(Endpoint(**{**plain, **expected}),)),)


def test_a_pod_of_another_label_or_namespace_is_not_behind_it() -> None:
    """Only those that the selector chooses."""
    other = pod("b").object
    far = stored(replace(other, metadata=replace(other.metadata, namespace="far")))
    plain = stored(replace(other, metadata=replace(other.metadata, name="c", labels={})))
    assert numbers(entry(service(), pod(), far, plain)) == [[(80, ["10.42.0.1"])]]


def test_what_a_node_needs_to_know_of_a_service() -> None:
    """Its address, its name elsewhere, whom it publishes, whom it keeps together."""
    plain = entry(service("clusterIP: 10.43.0.9, selector: {app: web}, ports: [{name: p, port: 80, protocol: UDP}]"))
    assert (plain.cluster_ip, plain.external_name, plain.publish_not_ready, plain.affinity_timeout_s) == (
        "10.43.0.9",
        "",
        False,
        0,
    )
    assert [(one.name, one.protocol, one.port) for one in plain.ports] == [("p", "UDP", 80)]
    kept = entry(
        service("sessionAffinity: ClientIP, publishNotReadyAddresses: true, clusterIP: None, ports: [{port: 80}]")
    )
    assert (kept.cluster_ip, kept.publish_not_ready, kept.affinity_timeout_s) == ("", True, 10800)
    short = "sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}, ports: [{port: 80}]"
    assert entry(service(f"sessionAffinity: ClientIP, {short}")).affinity_timeout_s == 5
    assert entry(service(short)).affinity_timeout_s == 0
    assert entry(service("internalTrafficPolicy: Local, ports: [{port: 80}]")).internal_local
    assert not kept.internal_local
    assert entry(service("type: ExternalName, externalName: a.example")).external_name == "a.example"
    assert entry(service("externalName: a.example, ports: [{port: 80}]")).external_name == ""


def test_a_headless_service_without_ports_still_has_names() -> None:
    """Its Pods are known at no port; without Pods there is nothing."""
    headless = service("clusterIP: None, selector: {app: web}")
    assert numbers(entry(headless, pod())) == [[(0, ["10.42.0.1"])]]
    assert numbers(entry(headless)) == []
    assert [one.port for one in entry(headless, pod()).ports] == [0]
    view = view_of(headless, pod())
    sync_endpoints(view)
    (slice_,) = (one.object for one in view.of_kind("EndpointSlice"))
    (endpoints,) = (one.object for one in view.of_kind("Endpoints"))
    assert (slice_.ports, endpoints.subsets[0].ports) == ((), ())  # type: ignore[union-attr]
    assert [one.addresses for one in slice_.endpoints] == [("10.42.0.1",)]  # type: ignore[union-attr]


ENDPOINTS = """subsets:
- addresses: [{ip: 192.0.2.1, hostname: h}]
  notReadyAddresses: [{ip: 192.0.2.2}]
  ports: [{name: p, port: 1}, {name: q, port: 2}, {name: p, port: 3, protocol: UDP}]
"""
SLICE = """addressType: IPv4
endpoints:
- {addresses: [192.0.2.3, 192.0.2.4], hostname: h, conditions: {ready: false, serving: true, terminating: true}}
ports: [{name: p, port: 4}, {name: q, port: 5}, {name: p, port: 6, protocol: UDP}]
"""
BY_HAND = service("ports: [{name: p, port: 80}]")


def slice_of(name: str, namespace: str = "default") -> StoredObject:
    """Return an EndpointSlice that a person wrote for a Service."""
    document = read("EndpointSlice", name="any", metadata=f"labels: {{{SERVICE_NAME}: {name}}}", rest=SLICE)
    return stored(replace(document, metadata=replace(document.metadata, namespace=namespace)))


def test_what_a_person_wrote_is_behind_a_service_without_a_selector() -> None:
    """Endpoints of its name and slices that name it, at the port of that name and protocol."""
    (port,) = entry(BY_HAND, stored(read("Endpoints", name="web", rest=ENDPOINTS))).ports
    ready, unready = Endpoint(ip="192.0.2.1", hostname="h"), Endpoint(ip="192.0.2.2", ready=False, serving=False)
    assert port.targets == (EndpointPort(port=1, endpoints=(ready, unready)),)
    (port,) = entry(BY_HAND, slice_of("web")).ports
    both = [
        Endpoint(ip=ip, hostname="h", ready=False, serving=True, terminating=True) for ip in ("192.0.2.3", "192.0.2.4")
    ]
    assert port.targets == (EndpointPort(port=4, endpoints=tuple(both)),)
    unnamed = stored(
        read("Endpoints", name="web", rest="subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 1}]}]")
    )
    (port,) = entry(service("ports: [{port: 80}]"), unnamed).ports
    assert port.targets == (EndpointPort(port=1, endpoints=(Endpoint(ip="192.0.2.1"),)),)


def test_hints_that_a_person_wrote_are_told_to_nodes() -> None:
    """Also where only some endpoints have any; without any nodes need not look for them."""
    document: Any = slice_of("web").object
    one = replace(document.endpoints[0], addresses=("192.0.2.5",), hints=EndpointHints(for_zones=(ForZone(name="a"),)))
    some = stored(replace(document, endpoints=(*document.endpoints, one)))
    (told,) = service_entries(view_of(BY_HAND, some))
    assert told.distribution == HINTED
    assert [end.for_zones for end in told.ports[0].targets[0].endpoints] == [(), (), ("a",)]
    (told,) = service_entries(view_of(BY_HAND, slice_of("web")))
    assert told.distribution == ""


def test_nodes_are_not_told_zones_where_each_endpoint_is_for_its_own() -> None:
    """They know where endpoints are; the hints of `spec.trafficDistribution` are for others."""
    view = view_of(service("trafficDistribution: PreferClose, selector: {app: web}, ports: [{port: 80}]"), pod())
    node = read("Node", name="n", metadata="labels: {topology.kubernetes.io/zone: a}")
    view.create(node, manager="", reason=Reason.STATUS)
    sync_endpoints(view)
    (slice_,) = (one.object for one in view.of_kind("EndpointSlice"))
    assert slice_.endpoints[0].hints.for_zones == (ForZone(name="a"),)  # type: ignore[union-attr]
    (told,) = service_entries(view)
    assert told.distribution == "PreferClose"
    assert [end.for_zones for end in told.ports[0].targets[0].endpoints] == [()]


def test_addresses_from_outside_are_those_of_services_with_an_address() -> None:
    """Not of headless ones, nor of names elsewhere."""
    outer = "externalIPs: [192.0.2.9], selector: {app: web}, ports: [{port: 80}]"
    assert entry(service(outer)).external_ips == ("192.0.2.9",)
    assert entry(service(f"clusterIP: None, {outer}")).external_ips == ()
    assert entry(service(f"type: ExternalName, externalName: a.example, {outer}")).external_ips == ()


def test_what_a_person_writes_otherwise_is_seen_at_the_next_look() -> None:
    """What is remembered of a Service makes no difference."""
    memo = Memo()
    for number in (1, 2, 3):
        text = ENDPOINTS.replace("name: p, port: 1", f"name: p, port: {number}")
        found = service_entry(view_of(BY_HAND, stored(read("Endpoints", name="web", rest=text)), memo=memo), BY_HAND)
        assert [target.port for target in found.ports[0].targets] == [number]


def test_what_a_person_wrote_for_others_is_not() -> None:
    """Another name, another namespace; nor anything beside a selector."""
    others = [stored(read("Endpoints", name="other", rest=ENDPOINTS)), slice_of("other"), slice_of("web", "far")]
    assert all(entry(BY_HAND, one).ports[0].targets == () for one in others)
    assert entry(service(), stored(read("Endpoints", name="web", rest=ENDPOINTS))).ports[0].targets == ()


def written(*objects: StoredObject) -> tuple[Any, list[Any]]:
    """Return the Endpoints and EndpointSlices that are written for a Service."""
    view = view_of(*objects)
    sync_endpoints(view)
    endpoints = [one.object for one in view.of_kind("Endpoints")]
    return endpoints[0] if endpoints else None, [one.object for one in view.of_kind("EndpointSlice")]


PODS = (pod(), pod("b", "10.42.0.2", ""), pod("c", "10.42.0.3", metadata=ENDING))


@pytest.mark.parametrize(
    ("publish", "ready", "rest", "conditions"),
    [
        (
            *("false", ["10.42.0.1"], ["10.42.0.2", "10.42.0.3"]),
            [(True, True, False), (False, False, False), (False, True, True)],
        ),
        (
            *("true", ["10.42.0.1", "10.42.0.2"], ["10.42.0.3"]),
            [(True, True, False), (True, False, False), (True, True, True)],
        ),
    ],
)
def test_who_may_be_asked_is_listed_apart(
    publish: str, ready: list[str], rest: list[str], conditions: list[Any]
) -> None:
    """As upstream: to publish those that are not ready makes them so in the list, but for those that end."""
    spec = f"publishNotReadyAddresses: {publish}, selector: {{app: web}}, ports: [{{port: 80}}]"
    endpoints, (slice_,) = written(service(spec, "labels: {l: m}"), *PODS)
    (subset,) = endpoints.subsets
    assert [one.ip for one in subset.addresses] == ready
    assert [one.ip for one in subset.not_ready_addresses] == rest
    assert [(one.name, one.protocol, one.port) for one in subset.ports] == [("", "TCP", 80)]
    found = [(one.conditions.ready, one.conditions.serving, one.conditions.terminating) for one in slice_.endpoints]
    assert found == conditions
    first = subset.addresses[0]
    assert (first.node_name, first.hostname, first.target_ref.name, first.target_ref.uid) == ("n", None, "a", "u-a")
    assert endpoints.metadata.labels == {"l": "m"}
    assert slice_.metadata.labels == {"l": "m", SERVICE_NAME: "web", MANAGED_BY: "reconciler.dev"}
    assert [owner.uid for owner in slice_.metadata.owner_references] == ["s"]
    assert slice_.address_type == "IPv4"
    assert [(one.node_name, one.hostname, one.target_ref.name) for one in slice_.endpoints[:1]] == [("n", None, "a")]
    named = pod(spec=f"hostname: h, subdomain: web, {CONTAINER}", node="")
    endpoints, (slice_,) = written(service(spec), named)
    assert (slice_.endpoints[0].node_name, slice_.endpoints[0].hostname) == (None, "h")
    assert (endpoints.subsets[0].addresses[0].node_name, endpoints.subsets[0].addresses[0].hostname) == (None, "h")


def test_a_service_without_pods_has_an_empty_slice_and_empty_endpoints() -> None:
    """So that who watches sees that there are none."""
    endpoints, (slice_,) = written(service())
    assert endpoints.subsets == ()
    assert (slice_.endpoints, slice_.ports) == ((), ())


def test_nothing_is_written_for_other_services() -> None:
    """Without a selector, or a name elsewhere."""
    for spec in ("ports: [{port: 80}]", "type: ExternalName, externalName: a.example, selector: {app: web}"):
        assert written(service(spec), pod()) == (None, [])


def test_all_services_are_kept_up_to_date_in_order() -> None:
    """Those that nothing happened to are not looked at again, and are there all the same."""
    memo = Memo()
    other = stored(read("Service", name="api", metadata="uid: t", spec="selector: {app: api}, ports: [{port: 81}]"))
    objects = {one.ref: one for one in (service(), other, pod())}

    def found() -> list[tuple[str, int]]:
        view = view_of(*objects.values(), memo=memo)
        entries = service_entries(view)
        view.settle()
        return [
            (one.name, sum(len(target.endpoints) for port in one.ports for target in port.targets)) for one in entries
        ]

    assert found() == [("api", 0), ("web", 1)]
    objects[PODS[1].ref] = PODS[1]
    assert found() == [("api", 0), ("web", 2)]
    del objects[other.ref]
    assert found() == [("web", 2)]
