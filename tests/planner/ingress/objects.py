"""Ingresses, Services and Secrets for tests, and what a small cluster makes of them."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reconciler.model.ingress import IngressFact, IngressRoute, IngressView
from reconciler.model.kinds import Ingress
from reconciler.planner.project import project_view
from tests.planner.world import Cluster, replace

NGINX = "nginx.ingress.kubernetes.io/"


def document(api_version: str, kind: str, name: str, namespace: str = "default", **rest: Any) -> str:
    """A manifest."""
    metadata = {"name": name, **rest.pop("metadata", {})}
    if namespace:
        metadata["namespace"] = namespace
    return json.dumps({"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest})


def service(name: str = "web", namespace: str = "default") -> str:
    """A Service of a named port 80."""
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return document("v1", "Service", name, namespace, spec=spec)


def path(text: str = "/", to: str = "web", kind: str = "Prefix", port: Any = 80) -> dict[str, Any]:
    """A path of a rule."""
    chosen = {"number": port} if isinstance(port, int) else {"name": port}
    return {"path": text, "pathType": kind, "backend": {"service": {"name": to, "port": chosen}}}


def rule(host: str, *paths: dict[str, Any]) -> dict[str, Any]:
    """A rule; without paths all of the host goes to web."""
    return {"host": host, "http": {"paths": list(paths or (path(),))}}


def ingress(
    name: str,
    *rules: dict[str, Any],
    namespace: str = "default",
    tls: list[dict[str, Any]] | None = None,
    spec: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    **options: str,
) -> str:
    """An Ingress; options are annotations of ingress-nginx."""
    whole = {"rules": list(rules), **({"tls": tls} if tls else {}), **(spec or {})}
    said = {f"{NGINX}{key.replace('_', '-')}": text for key, text in options.items()} | (annotations or {})
    version = "networking.k8s.io/v1"
    return document(version, "Ingress", name, namespace, metadata={"annotations": said}, spec=whole)


def ingress_class(name: str, controller: str, default: bool = False) -> str:
    """An IngressClass."""
    said = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    version = "networking.k8s.io/v1"
    return document(version, "IngressClass", name, "", metadata={"annotations": said}, spec={"controller": controller})


def secret(name: str, data: dict[str, str]) -> str:
    """A Secret."""
    return document("v1", "Secret", name, stringData=data)


@cache
def pair(name: str) -> tuple[str, str]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2030, 1, 1, tzinfo=UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return signed.public_bytes(Encoding.PEM).decode(), private


def cluster_of(*manifests: str, nodes: tuple[str, ...] = ("node-1",)) -> Cluster:
    """A cluster that has settled with these manifests."""
    cluster = Cluster(nodes=nodes)
    push(cluster, *manifests)
    return cluster


def push(cluster: Cluster, *manifests: str) -> None:
    """Make these the newest revision, and let the cluster come to rest."""
    cluster.push("\n---\n".join(manifests), commit=str(len(manifests)))
    cluster.settle()


def seen(cluster: Cluster) -> IngressView:
    """Return what nodes are told."""
    view = project_view(cluster.observed, cluster.policy, cluster.now).ingress
    return view if view is not None else IngressView()


def routes(cluster: Cluster) -> dict[tuple[str, str, str], IngressRoute]:
    """Return the routes by host, match and path."""
    return {(one.host, one.match, one.path): one for one in seen(cluster).routes}


def told(cluster: Cluster, name: str) -> str:
    """Return what was told of an Ingress."""
    found = cluster.of("Ingress")[name]
    assert isinstance(found, Ingress)
    return found.status.noted or ""


def serve(cluster: Cluster, *nodes: str, view: str | None = None, error: str = "", able: bool = False) -> None:
    """Have nodes report that they run with a view (the newest), and plan again until nothing changes.

    The others have the program and do not run it when they are `able`.
    """
    digest = seen(cluster).digest if view is None else view
    fact = IngressFact(program="2.6", structure="s" if digest else "", view=digest, error=error)
    report = cluster.report

    def with_fact() -> None:
        report()
        states = dict(cluster.observed.nodes)
        for number, node in enumerate(sorted(states), start=1):
            state = states[node]
            assert state.observation is not None
            host = replace(state.observation.facts.host, address=f"10.0.0.{number}")
            facts = replace(state.observation.facts, host=host)
            if node in nodes:
                facts = replace(facts, ingress=fact)
            elif len(nodes) < len(states) and able:
                facts = replace(facts, ingress=IngressFact(program="2.6"))
            states[node] = replace(state, observation=replace(state.observation, facts=facts))
        cluster.observed = replace(cluster.observed, nodes=states)

    cluster.report = with_fact  # type: ignore[method-assign]
    cluster.report()
    cluster.settle()
