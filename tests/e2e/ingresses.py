"""The Ingresses that the end-to-end tests push, and what is behind them."""

import base64
import hashlib
from typing import Any

from tests.e2e.echo import certificate
from tests.e2e.manifests import web
from tests.e2e.stage import manifest

NGINX = "nginx.ingress.kubernetes.io/"
# The passwords `open` and `sesame`, as `openssl passwd` writes them with -6 and -apr1.
OPEN = "$6$abcdefgh$M/SXtNftV98x2.EyjBiyjWo6.orwqG24oTGdY0vZFp75Eu4/jnwCUJDGaEgE8S6H346weBqUfIt.bef7LRd5u."
SESAME = "$apr1$abcdefgh$GQVaHFsauSKl0cgw4bVFJ/"
PORTS = {"main": 18101, "canary": 18102, "auth": 18103}


def service(name: str, address: str) -> str:
    """A Service with one endpoint by hand: a server of this test."""
    port = {"name": "http", "port": 80}
    subset = {"addresses": [{"ip": address}], "ports": [{"name": "http", "port": PORTS[name]}]}
    return "\n---\n".join(
        (manifest("Service", name, spec={"ports": [port]}), manifest("Endpoints", name, subsets=[subset]))
    )


def backend(name: str) -> dict[str, Any]:
    """Where a path leads."""
    return {"service": {"name": name, "port": {"number": 80}}}


def ingress(name: str, *rules: dict[str, Any], tls: list[dict[str, Any]] | None = None, **options: str) -> str:
    """An Ingress with annotations of ingress-nginx."""
    annotations = {f"{NGINX}{key.replace('_', '-')}": text for key, text in options.items()}
    spec: dict[str, Any] = {"rules": list(rules)}
    if tls is not None:
        spec["tls"] = tls
    version = "networking.k8s.io/v1"
    return manifest("Ingress", name, version, metadata={"annotations": annotations}, spec=spec)


def rule(host: str, path: str = "/", to: str = "main", kind: str = "Prefix") -> dict[str, Any]:
    """A rule with one path."""
    return {"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend(to)}]}}


def secret(name: str, values: dict[str, str], kind: str = "Opaque") -> str:
    """A Secret."""
    return manifest("Secret", name, type=kind, stringData=values)


def files(address: str) -> dict[str, str]:
    """Everything that the scenarios ask for, pushed at once."""
    pairs = {name: certificate(name) for name in ("one.example", "two.example")}
    sha = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    users = f"ada:{{SHA}}{sha}\nbob:{OPEN}\neve:{SESAME}\n"
    hosts = [{"hosts": [name], "secretName": name.split(".")[0]} for name in pairs]
    table = [
        rule("table.example"),
        rule("table.example", "/api", "canary"),
        rule("table.example", "/api/exact", "auth", "Exact"),
        rule("*.wild.example", "/", "canary"),
    ]
    auth_url = f"http://{address}:{PORTS['auth']}/judge"
    return {
        **{name: service(name, address) for name in PORTS},
        **{
            name.split(".")[0]: secret(name.split(".")[0], {"tls.crt": crt, "tls.key": key}, "kubernetes.io/tls")
            for name, (crt, key) in pairs.items()
        },
        "users": secret("users", {"auth": users}),
        "i_table": ingress("table", *table),
        "i_tls": ingress("tls", rule("one.example"), rule("two.example"), tls=hosts),
        "i_broken": ingress("broken", rule("broken.example"), tls=[{"hosts": ["broken.example"], "secretName": "no"}]),
        "i_rewrite": ingress(
            "rewrite",
            rule("rewrite.example", "/app(/|$)(.*)", kind="ImplementationSpecific"),
            use_regex="true",
            rewrite_target="/$2",
        ),
        "i_redirect": ingress("redirect", rule("old.example"), permanent_redirect="https://new.example$request_uri"),
        "i_basic": ingress("basic", rule("basic.example"), auth_type="basic", auth_secret="users", auth_realm="Shop"),
        "i_asked": ingress(
            "asked",
            rule("asked.example"),
            auth_url=auth_url,
            auth_response_headers="X-User",
        ),
        "i_signin": ingress(
            "signin",
            rule("signin.example"),
            auth_url="http://auth.default.svc.cluster.local/judge",
            auth_signin="https://in.example/start",
        ),
        "i_limited": ingress("limited", rule("limited.example"), limit_rps="1"),
        "i_small": ingress("small", rule("small.example"), proxy_body_size="1k"),
        "i_inside": ingress("inside", rule("inside.example"), whitelist_source_range="10.99.0.0/16"),
        "i_split": ingress("split", rule("split.example")),
        "i_canary": ingress(
            "split-canary",
            rule("split.example", to="canary"),
            canary="true",
            canary_by_header="X-Canary",
            canary_by_cookie="canary",
            canary_weight="30",
        ),
        "i_sticky": ingress("sticky", rule("sticky.example", to="web"), affinity="cookie", session_cookie_name="bound"),
        "web": web("1", replicas=2),
        "i_web": manifest("Ingress", "everything", "networking.k8s.io/v1", spec={"defaultBackend": backend("web")}),
        "i_odd": ingress("odd", rule("odd.example"), configuration_snippet="return 204;"),
        "i_class": manifest(
            "IngressClass", "outside", "networking.k8s.io/v1", spec={"controller": "reconciler.dev/ingress"}
        ),
        "i_foreign": manifest(
            "Ingress",
            "foreign",
            "networking.k8s.io/v1",
            spec={"ingressClassName": "nginx", "rules": [rule("foreign.example")]},
        ),
    }
