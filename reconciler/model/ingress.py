"""What the nodes that serve Ingresses are told: routes, where they lead, certificates. Values only.

Secrets are named here with the digest of what they hold; what they hold travels apart from this.
"""

from typing import Literal, TypeAlias

from reconciler.model.base import Value
from reconciler.model.ingress_options import IngressOptions

CONTROLLER = "reconciler.dev/ingress"
NODE_LABEL = "reconciler.dev/ingress"
Match: TypeAlias = Literal["Exact", "Prefix", "Regex"]


class SecretUse(Value):
    """A Secret that a node needs to serve an Ingress. `version` is the keyed digest of what it holds."""

    namespace: str
    name: str
    version: str


class IngressCertificate(Value):
    """A certificate and the hosts that it is shown for; those that it names itself when there are none here."""

    secret: SecretUse
    hosts: tuple[str, ...] = ()


class IngressTarget(Value):
    """A port of a Service, by number or by name."""

    namespace: str
    service: str
    port: int = 0
    port_name: str = ""


class IngressCanary(Value):
    """Where a part of the requests of a route goes, and which part its options say."""

    id: str
    target: IngressTarget | None
    options: IngressOptions


class IngressRoute(Value):
    """Requests for a host and a path. `host` is a name, `*.name`, or empty for any; without a target they get 503.

    `secure`: requests without TLS are sent to where there is. `users` are those who may ask (basic authentication);
    `refused`: nobody may, because what says who may is missing.
    """

    id: str
    host: str = ""
    path: str = "/"
    match: Match = "Prefix"
    target: IngressTarget | None = None
    options: IngressOptions = IngressOptions()
    secure: bool = False
    users: SecretUse | None = None
    refused: bool = False
    canary: IngressCanary | None = None


class IngressView(Value):
    """All Ingresses that this program serves, and the nodes that do. `digest` names the whole but the nodes."""

    nodes: tuple[str, ...] = ()
    routes: tuple[IngressRoute, ...] = ()
    certificates: tuple[IngressCertificate, ...] = ()
    digest: str = ""


class IngressFact(Value):
    """How the proxy of a host stands. `program` is its version, empty where it is not installed.

    `structure` and `endpoints` are digests of the configuration and of the addresses that it runs with, `view` the
    digest of the view that these were made from; all are empty while it does not run. `error` says what kept it from
    taking the last configuration.
    """

    program: str = ""
    http_port: int = 80
    https_port: int = 443
    structure: str = ""
    endpoints: str = ""
    view: str = ""
    error: str = ""


class ProxyServer(Value):
    """One endpoint. `draining`: it is ending, and only those who are bound to it by a cookie still get there."""

    address: str
    port: int
    draining: bool = False


class ProxyBackend(Value):
    """A part of the proxy's configuration with servers that change while it runs.

    `lines` stand before the servers, `options` after each of them. `name_port` is host and port of a Service that is
    only a name elsewhere.
    """

    name: str
    lines: tuple[str, ...] = ()
    options: str = ""
    slots: int = 0
    servers: tuple[ProxyServer, ...] = ()
    name_port: str = ""


class ProxyCertificate(Value):
    """A certificate from a Secret, and the hosts that it is shown for."""

    file: str
    secret: SecretUse
    hosts: tuple[str, ...] = ()


class ProxyUsers(Value):
    """The users of a list, from a Secret. `by_key`: each key is a user, else the key `auth` has htpasswd lines."""

    list: str
    secret: SecretUse
    by_key: bool = False


class ProxyMap(Value):
    """A file of keys and values that the configuration looks up in."""

    file: str
    lines: tuple[str, ...]
