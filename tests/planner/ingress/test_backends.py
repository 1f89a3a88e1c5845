"""What HAProxy is told of one route, line by line, for each annotation and its opposite."""

from typing import Any

import pytest

from reconciler.model.ingress import IngressTarget, IngressView
from reconciler.model.ingress_options import Cors
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.planner.ingress.config import proxy_config
from tests.planner.ingress.test_config import READY, config, entry, lines, route, servers

TIMES = ["timeout connect 1s", "timeout server 60s"]
KEY = "dynamic-cookie-key ece8083d12fe8eaa"
COOKIE = "cookie INGRESSCOOKIE insert indirect nocache dynamic httponly"
ASKED = [
    "http-request set-var-fmt(txn.auth_url) 'http://auth/'",
    "http-request deny deny_status 401 hdr WWW-Authenticate %[var(txn.auth_challenge)] if "
    "{ var(txn.auth_status) -m int 401 } { var(txn.auth_challenge) -m found }",
    "http-request deny deny_status 401 if { var(txn.auth_status) -m int 401 }",
    "http-request deny deny_status 403 if { var(txn.auth_status) -m int 403 }",
    "http-request deny deny_status 500 unless { var(txn.auth_status) -m int 200 }",
    "http-after-response add-header Set-Cookie %[var(txn.auth_cookie)] if { var(txn.auth_cookie) -m found }",
]


def said(**options: Any) -> list[str]:
    """Return the lines of a route with these options, without its times."""
    found = lines(config(route(options=options)))
    assert found[-len(TIMES) :] == TIMES or "affinity" in options
    return [one for one in found if one not in TIMES]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"temporal_redirect": "https://b"}, ["http-request redirect location 'https://b' code 302"]),
        (
            {"permanent_redirect": "https://b", "permanent_redirect_code": 308},
            ["http-request redirect location 'https://b' code 308"],
        ),
        ({"app_root": "/in"}, ["http-request redirect location '/in' code 302 if { path / }"]),
        ({"denied": ("10.0.0.0/8", "::1")}, ["http-request deny deny_status 403 if { src 10.0.0.0/8 ::1 }"]),
        ({"allowed": ("10.0.0.0/8",)}, ["http-request deny deny_status 403 unless { src 10.0.0.0/8 }"]),
        (
            {"limit_rps": 1, "limit_rpm": 2},
            [
                "http-request track-sc0 src table r_rps",
                "http-request deny deny_status 503 if { sc0_http_req_rate(r_rps) gt 5 }",
                "http-request track-sc1 src table r_rpm",
                "http-request deny deny_status 503 if { sc1_http_req_rate(r_rpm) gt 10 }",
            ],
        ),
        (
            {"limit_connections": 3, "limit_whitelist": ("10.0.0.0/8",)},
            [
                "http-request track-sc2 src table r_conn unless { src 10.0.0.0/8 }",
                "http-request deny deny_status 503 if { sc2_conn_cur(r_conn) gt 3 }",
            ],
        ),
        (
            {"body_size": 1},
            [
                "http-request deny deny_status 413 if { req.body_size gt 1 }",
                "filter lua.body_limit 1",
                "http-after-response set-status 413 if { var(txn.body_too_large) -m bool }",
            ],
        ),
        ({"upstream_vhost": "b.example"}, ["http-request set-header Host 'b.example'"]),
        ({"forwarded_prefix": "/p"}, ["http-request set-header X-Forwarded-Prefix '/p'"]),
        ({"affinity": True}, [COOKIE, KEY]),
        ({"affinity": True, "cookie_max_age_s": 9}, [f"{COOKIE} attr Max-Age=9", KEY]),
        ({"affinity": True, "cookie_secure": True}, [f"{COOKIE} secure", KEY]),
        ({"affinity": True, "cookie_same_site": "Lax"}, [f"{COOKIE} attr SameSite=Lax", KEY]),
        ({"affinity": True, "cookie_same_site": "None"}, [f"{COOKIE} secure attr SameSite=None", KEY]),
    ],
)
def test_an_annotation_is_a_line(options: dict[str, Any], expected: list[str]) -> None:
    """And no other says anything."""
    assert said(**options) == expected


@pytest.mark.parametrize(("read", "send", "waits"), [(10, 20, 20), (20, 10, 20), (7, 7, 7)])
def test_the_longer_of_two_times_holds(read: int, send: int, waits: int) -> None:
    """HAProxy has one for both."""
    found = lines(config(route(options={"read_timeout_s": read, "send_timeout_s": send, "connect_timeout_s": 3})))
    assert found == ["timeout connect 3s", f"timeout server {waits}s"]


def allowed(cors: Cors) -> dict[str, str]:
    """Return what is answered to pages of other sites, by header."""
    after = [one.split(" ", 3) for one in said(cors=cors) if one.startswith("http-after-response")]
    return {name: value for _, _, name, value in after}


def test_what_pages_of_other_sites_are_told() -> None:
    """With credentials, and of certain origins, only those that are known are told anything."""
    known = " if { var(txn.cors) -m found }"
    assert allowed(Cors(credentials=False)) == {"Access-Control-Allow-Origin": "'*'"}
    assert allowed(Cors()) == {
        "Access-Control-Allow-Origin": f"%[var(txn.cors)]{known}",
        "Access-Control-Allow-Credentials": f"true{known}",
        "Vary": "Origin",
    }
    assert allowed(Cors(origins=("https://a.b",), credentials=False, expose="X-A")) == {
        "Access-Control-Allow-Origin": f"%[var(txn.cors)]{known}",
        "Access-Control-Expose-Headers": f"'X-A'{known}",
        "Vary": "Origin",
    }
    (preflight,) = (one for one in said(cors=Cors(methods="GET", headers="X-B", max_age_s=7)) if "204" in one)
    assert preflight == (
        "http-request return status 204 hdr Access-Control-Allow-Methods 'GET' "
        "hdr Access-Control-Allow-Headers 'X-B' hdr Access-Control-Max-Age 7 if METH_OPTIONS"
    )


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ({}, "'GET' '-'"),
        ({"auth_method": "HEAD"}, "'HEAD' '-'"),
        ({"auth_response_headers": ("X-User", "X-Group")}, "'GET' 'x-user,x-group'"),
    ],
)
def test_another_is_asked_who_may_pass(options: dict[str, Any], asks: str) -> None:
    """What it says, and says to add, is passed on; anything unclear lets nobody in."""
    assert said(auth_url="http://auth/", **options) == [ASKED[0], f"http-request lua.auth_request {asks}", *ASKED[1:]]


HERE = "rd=%[var(txn.scheme)]://%[var(txn.host)]%[var(txn.uri),url_enc]"


@pytest.mark.parametrize(
    ("signin", "location"),
    [
        ("http://in/", f"http://in/?{HERE}"),
        ("http://in/?a=b", f"http://in/?a=b&{HERE}"),
        ("http://in/?rd=/x", "http://in/?rd=/x"),
        ("http://in/?a=b&rd=/x", "http://in/?a=b&rd=/x"),
        ("http://in/?bird=/x", f"http://in/?bird=/x&{HERE}"),
    ],
)
def test_who_may_not_pass_is_sent_to_sign_in(signin: str, location: str) -> None:
    """With where to return to, unless it says that already."""
    found = said(auth_url="http://auth/", auth_signin=signin)
    assert f"http-request redirect location '{location}' code 302 if {{ var(txn.auth_status) -m int 401 }}" in found


@pytest.mark.parametrize(("https_port", "port"), [(443, ""), (8443, ":8443")])
def test_who_is_sent_to_tls_is_sent_to_its_port(https_port: int, port: str) -> None:
    """Where that is another one than usual, it is named."""
    services = {("default", "web"): entry(READY)}
    view = IngressView(routes=(route(secure=True),))
    found = proxy_config(view, services, "169.254.20.10", 8080, https_port)
    to = f"https://%[var(txn.host)]{port}%[var(txn.uri)]"
    assert lines(found)[0] == f"http-request redirect location {to} code 308 if !{{ ssl_fc }}"
    assert f"bind :{https_port} ssl" in found.head and "bind :8080\n" in found.head


def test_usual_ports_and_a_route_that_refuses() -> None:
    """80 and 443; who may ask is not known, so nobody may."""
    found = config(route(refused=True))
    assert "bind :80\n" in found.head and "bind :443 ssl" in found.head
    assert lines(found)[0] == "http-request deny deny_status 503"


@pytest.mark.parametrize(
    ("target", "name_port"),
    [
        (IngressTarget(namespace="default", service="web", port=8080), "b.example:8080"),
        (IngressTarget(namespace="default", service="web", port_name="other"), "b.example:81"),
        (IngressTarget(namespace="default", service="web", port_name="unknown"), "b.example:80"),
    ],
)
def test_a_name_of_elsewhere_has_the_port_that_is_asked_for(target: IngressTarget, name_port: str) -> None:
    """By number, by name, or the usual one; there is one server."""
    ports = (ServicePortEntry(name="http", port=80), ServicePortEntry(name="other", port=81))
    service = ServiceEntry(namespace="default", name="web", external_name="b.example", ports=ports)
    (found,) = config(route(target=target), service=service).backends
    assert (found.name_port, found.slots) == (name_port, 1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"port": 80}, [("10.42.0.2", 1, False)]),
        ({"port": 81}, [("10.42.0.2", 2, False)]),
        ({"port_name": "b"}, [("10.42.0.2", 2, False)]),
        ({"port_name": "u"}, []),
        ({"port": 82}, []),
    ],
)
def test_a_port_of_a_service_is_found_by_number_or_name(
    asked: dict[str, Any], expected: list[tuple[str, int, bool]]
) -> None:
    """TCP only."""
    ready = (Endpoint(ip="10.42.0.2"),)
    ports = tuple(
        ServicePortEntry(name=name, protocol=protocol, port=port, targets=(EndpointPort(port=to, endpoints=ready),))
        for name, protocol, port, to in (("a", "TCP", 80, 1), ("b", "TCP", 81, 2), ("u", "UDP", 82, 3))
    )
    service = ServiceEntry(namespace="default", name="web", ports=ports)
    target = IngressTarget(namespace="default", service="web", **asked)
    assert servers(config(route(target=target), service=service)) == expected
