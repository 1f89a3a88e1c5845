"""HAProxy itself takes every configuration that Ingresses can come to."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.executors.ingress.files import ConfigFolders
from reconciler.executors.ingress.process import Proxy
from reconciler.executors.ingress.slots import assign
from reconciler.model.details import ProgramIngress
from reconciler.model.errors import TerminalError, TransientError
from reconciler.model.ingress import (
    IngressCanary,
    IngressCertificate,
    IngressRoute,
    IngressTarget,
    IngressView,
    SecretUse,
)
from reconciler.model.ingress_options import PREFIX, read_options
from reconciler.model.ingress_values import regex_fault
from reconciler.model.node import ConfigMaterial, Endpoint, EndpointPort, Materials, ServiceEntry, ServicePortEntry
from reconciler.planner.ingress.config import ProxyConfig, proxy_config
from tests.planner.ingress.objects import pair

pytestmark = pytest.mark.real

WEB = IngressTarget(namespace="default", service="web", port=80)
USERS = SecretUse(namespace="default", name="users", version="v1")
PAIR = SecretUse(namespace="default", name="pair", version="v1")
ENDPOINTS = (Endpoint(ip="10.42.0.2"), Endpoint(ip="10.42.0.3", ready=False, terminating=True))
SERVICE = ServiceEntry(
    namespace="default",
    name="web",
    ports=(ServicePortEntry(port=80, targets=(EndpointPort(port=8080, endpoints=ENDPOINTS),)),),
)
TEXT = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
FLAG = st.sampled_from(["true", "false"])
NUMBER = st.integers(1, 50).map(str)
ANNOTATIONS: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("ssl-redirect", "force-ssl-redirect", "enable-cors", "cors-allow-credentials"), FLAG),
    "enable-access-log": FLAG,
    **dict.fromkeys(("limit-rps", "limit-rpm", "limit-connections", "canary-weight", "proxy-read-timeout"), NUMBER),
    "proxy-body-size": NUMBER.map(lambda one: f"{one}m"),
    "permanent-redirect": TEXT.map(lambda one: f"https://x/{one}$request_uri"),
    "temporal-redirect": TEXT,
    "app-root": TEXT.map(lambda one: f"/{one}"),
    "rewrite-target": TEXT.map(lambda one: f"/{one}$1"),
    "auth-realm": TEXT,
    "auth-url": TEXT.map(lambda one: f"http://auth/{one}"),
    "auth-signin": TEXT.map(lambda one: f"https://$host/{one}"),
    "auth-response-headers": st.just("X-User,X-Mail"),
    "limit-whitelist": st.just("10.0.0.0/8, 192.0.2.1"),
    "whitelist-source-range": st.just("0.0.0.0/0,::/0"),
    "denylist-source-range": st.just("192.0.2.0/24"),
    "canary-by-header": st.just("X-Canary"),
    "canary-by-header-value": TEXT,
    "canary-by-header-pattern": TEXT,
    "canary-by-cookie": st.just("canary"),
    "cors-allow-origin": st.sampled_from(["*", "https://a.example, https://*.b.example:8443"]),
    "cors-allow-headers": TEXT,
    "cors-allow-methods": TEXT,
    "cors-expose-headers": TEXT,
    "backend-protocol": st.sampled_from(["HTTP", "HTTPS", "GRPC", "GRPCS"]),
    "affinity": st.just("cookie"),
    "session-cookie-name": st.just("bound"),
    "session-cookie-max-age": NUMBER,
    "session-cookie-samesite": st.sampled_from(["Lax", "None", "Strict"]),
    "upstream-vhost": st.just("inside.example:8080"),
    "x-forwarded-prefix": TEXT.map(lambda one: f"/{one}"),
}


def programmed(found: ProxyConfig) -> ProgramIngress:
    """The step that brings a configuration to a host."""
    fields = {name: getattr(found, name) for name in ProxyConfig.__struct_fields__}
    return ProgramIngress(view="v", **fields)


def materials() -> Materials:
    """The values of the Secrets."""
    certificate, key = pair("a.example")
    users = {"auth": b"ada:{SHA}x\nbob:$6$salt$hash\neve:$apr1$a$b\n"}
    data: dict[str, dict[str, bytes]] = {
        "users": users,
        "pair": {"tls.crt": certificate.encode(), "tls.key": key.encode()},
    }
    found = (
        ConfigMaterial(kind="Secret", namespace="default", name=name, version="v1", data=one)
        for name, one in data.items()
    )
    return Materials(configuration=tuple(found))


def check(folder: Path, view: IngressView, service: ServiceEntry = SERVICE) -> None:
    """Have HAProxy judge the configuration of a view; raise what it says."""
    found = proxy_config(view, {("default", "web"): service}, "169.254.20.10")
    folders = ConfigFolders(folder)
    folder.mkdir(exist_ok=True)
    slots = {one.name: assign(one, ()) for one in found.backends}
    written = folders.write(programmed(found), dict(slots), materials())
    Proxy(folder, folders.config).check(written / "haproxy.cfg")


@given(
    said=st.fixed_dictionaries({}, optional=ANNOTATIONS),
    path=TEXT.map(lambda one: f"/{one.replace(' ', '')}"),
    match=st.sampled_from(["Exact", "Prefix", "Regex"]),
    external=st.booleans(),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_haproxy_takes_whatever_users_write(
    tmp_path: Path, said: dict[str, str], path: str, match: Any, external: bool
) -> None:
    """All annotations in any mixture, with any path: one user's Ingress must not stop the changes of others."""
    options, _ = read_options({f"{PREFIX}{name}": text for name, text in said.items()})
    if match == "Regex" and regex_fault(path):
        match = "Prefix"
    canary = IngressCanary(id="canary", target=WEB, options=options)
    route = IngressRoute(
        id="main", host="a.example", path=path, match=match, target=WEB, options=options, users=USERS, canary=canary
    )
    wild = IngressRoute(id="wild", host="*.example", path="/", target=None, refused=True)
    certificates = (IngressCertificate(secret=PAIR, hosts=("a.example", "*.example")),)
    service = ServiceEntry(namespace="default", name="web", external_name="x.example") if external else SERVICE
    check(tmp_path / "run", IngressView(routes=(route, wild), certificates=certificates), service)


def test_a_configuration_with_a_fault_is_refused(tmp_path: Path) -> None:
    """What HAProxy says is in the words of the failure, which will not pass by itself."""
    route = IngressRoute(id="bad", host="a.example", path="/(?<x", match="Regex", target=WEB)
    with pytest.raises(TerminalError, match=r"the one before stays: .*regex"):
        check(tmp_path / "run", IngressView(routes=(route,)))


def test_a_secret_that_has_not_come_is_waited_for(tmp_path: Path) -> None:
    """Its values travel apart from the view."""
    late = SecretUse(namespace="default", name="pair", version="v2")
    with pytest.raises(TransientError, match="secret/default/pair have not come yet"):
        check(tmp_path / "run", IngressView(routes=(), certificates=(IngressCertificate(secret=late),)))


def test_keys_are_for_root_alone(tmp_path: Path) -> None:
    """Nobody else reads what is below the folder."""
    check(tmp_path / "run", IngressView(routes=(), certificates=(IngressCertificate(secret=PAIR),)))
    (folder,) = (tmp_path / "run").glob("c-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}
