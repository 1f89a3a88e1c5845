"""HAProxy's configuration for all Ingresses of a node. Pure: the same view gives the same text.

A request finds its route by host (exact, then by wildcard, then any) and path (exact, then the longest); the maps of
HAProxy do that in one step each, only regular expressions are gone through in turn.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from reconciler.model.base import Value
from reconciler.model.canonical import digest
from reconciler.model.ingress import (
    IngressRoute,
    IngressTarget,
    IngressView,
    ProxyBackend,
    ProxyCertificate,
    ProxyMap,
    ProxyUsers,
)
from reconciler.model.node import ServiceEntry
from reconciler.planner.ingress.access_log import UNLESS_LOGGED, log_lines
from reconciler.planner.ingress.backends import backend_of, tables_of, users_list
from reconciler.planner.ingress.words import path_regex, plain, word

ANY = "any"
NOWHERE = "nowhere"
Services = Mapping[tuple[str, str], ServiceEntry]

_GLOBAL = """\
global
    default-path config
    description {digest}
    stats socket "${{RECONCILER_INGRESS_SOCKET}}" mode 600 level admin expose-fd listeners
    user haproxy
    group haproxy
    fd-hard-limit 65536
    hard-stop-after 4m
    mworker-max-reloads 24
    tune.bufsize 32768
    tune.maxrewrite 4096
    tune.http.maxhdr 200
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    lua-load users.lua
    lua-load auth.lua
    httpclient.resolvers.id cluster

resolvers cluster
    nameserver cluster {dns}:53
    accepted_payload_size 1232
    resolve_retries 2
    timeout resolve 1s
    timeout retry 1s
    hold valid 5s

defaults
    mode http
    balance roundrobin
    option redispatch 1
    retries 5
    retry-on conn-failure empty-response
    timeout http-request 60s
    timeout http-keep-alive 75s
    timeout client 60s
    timeout client-fin 30s
    timeout connect 1s
    timeout server 60s
    timeout queue 60s
    timeout tunnel 1h
"""

_FRONTEND = """\
frontend ingress
    bind :{http}
    bind :{https} ssl crt-list certificates.list alpn h2,http/1.1
    option idle-close-on-response
    http-request disable-l7-retry unless METH_GET || METH_HEAD || METH_OPTIONS
    http-request set-var(txn.scheme) str(http)
    http-request set-var(txn.scheme) str(https) if { ssl_fc }
    http-request set-var(txn.host) req.hdr(host),lower,field(1,:)
    http-request set-var(txn.uri) pathq
    http-request set-var(txn.path) path,url_dec,regsub(//+,/,g)
    http-request deny deny_status 400 if { path -m sub -i %00 }
    http-request deny deny_status 400 if { var(txn.path) -m reg (^|/)[.][.]?(/|$) }
    http-request set-header X-Request-ID %[uuid()] unless { req.hdr(x-request-id) -m found }
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Forwarded-Proto %[var(txn.scheme)]
    http-request set-header X-Forwarded-Scheme %[var(txn.scheme)]
    http-request set-header X-Scheme %[var(txn.scheme)]
    http-request set-var(txn.group) var(txn.host),map_str(hosts.map)
    http-request set-var(txn.group) var(txn.host),regsub(^[^.]*,),map_str(wildcards.map) if !{ var(txn.group) -m found }
    http-request set-var(txn.group) str(any) if !{ var(txn.group) -m found }
    http-request set-var(txn.route) var(txn.group),concat(|,txn.path),map_str(exact.map)
"""

_UNFOUND = "if !{ var(txn.route) -m found }"
_PREFIXES = f"""\
    http-request set-var(txn.route) var(txn.group),concat(|,txn.path,/),map_beg(prefixes.map) {_UNFOUND}
"""

_LAST = """\
    use_backend %[var(txn.route)] if { var(txn.route) -m found }
    default_backend nowhere

backend nowhere
    http-request return status 404 content-type text/plain string "no ingress leads here"
"""


class ProxyConfig(Value):
    """The configuration, in parts. `structure` names all but the servers, `endpoints` those."""

    head: str
    backends: tuple[ProxyBackend, ...]
    maps: tuple[ProxyMap, ...]
    certificates: tuple[ProxyCertificate, ...]
    users: tuple[ProxyUsers, ...]
    structure: str
    endpoints: str


def proxy_config(
    view: IngressView, services: Services, dns_address: str, http_port: int = 80, https_port: int = 443
) -> ProxyConfig:
    """Return the configuration of a node that serves these Ingresses at these ports."""
    groups = _groups(view.routes)
    backends = tuple(_backends(view.routes, services, https_port))
    maps = tuple(_maps(view.routes, groups))
    certificates = tuple(
        ProxyCertificate(
            file=f"{one.secret.namespace}_{one.secret.name}.pem",
            secret=one.secret,
            hosts=tuple(host for host in one.hosts if _is_host(host)),
        )
        for one in view.certificates
    )
    users = _users(view.routes)
    frontend = "".join(_frontend(view.routes, groups, http_port, https_port))
    still = [_still(one) for one in backends]
    structure = digest(_GLOBAL, dns_address, frontend, still, maps, certificates, users)
    return ProxyConfig(
        head=f"{_GLOBAL.format(digest=structure, dns=dns_address)}\n{frontend}",
        backends=backends,
        maps=maps,
        certificates=certificates,
        users=users,
        structure=structure,
        endpoints=_endpoints(backends),
    )


def with_endpoints(
    config: ProxyConfig, view: IngressView, before: Services, services: Services, https_port: int = 443
) -> ProxyConfig | None:
    """Return the configuration of the same Ingresses with the endpoints of other Services than it was made from.

    None where more than endpoints differs. It costs what has changed, and a look at the rest.
    """
    changed = {key for key, one in services.items() if before.get(key) is not one} | (before.keys() - services.keys())
    touched = [one for one in view.routes if any((at.namespace, at.service) in changed for at in _targets(one))]
    fresh = {one.name: one for one in _backends(touched, services, https_port)}
    if any(_still(one) != _still(fresh[one.name]) for one in config.backends if one.name in fresh):
        return None
    backends = tuple(fresh.get(one.name, one) for one in config.backends)
    return replace(config, backends=backends, endpoints=_endpoints(backends))


def _targets(route: IngressRoute) -> Iterator[IngressTarget]:
    for target in (route.target, route.canary.target if route.canary is not None else None):
        if target is not None:
            yield target


def _still(backend: ProxyBackend) -> tuple[object, ...]:
    """Return what of a backend does not change while the proxy runs."""
    return backend.name, backend.lines, backend.options, backend.slots, backend.name_port


def _endpoints(backends: Iterable[ProxyBackend]) -> str:
    lines = (
        f"{one.name} {[(server.address, server.port, server.draining) for server in one.servers]}" for one in backends
    )
    return digest("\n".join(lines))


def _groups(routes: Iterable[IngressRoute]) -> dict[str, str]:
    """Give each host a short name, in their order."""
    hosts = sorted({route.host for route in routes if route.host and _is_host(route.host)})
    return {"": ANY, **{host: f"h{number}" for number, host in enumerate(hosts)}}


def _is_host(host: str) -> bool:
    return bool(host) and all(one.isascii() and (one.isalnum() or one in "-._*") for one in host)


def _backends(routes: Iterable[IngressRoute], services: Services, https_port: int) -> Iterator[ProxyBackend]:
    for route in routes:
        places = [(route.id, route.target)]
        if route.canary is not None:
            places.append((route.canary.id, route.canary.target))
        for name, target in places:
            service = services.get((target.namespace, target.service)) if target is not None else None
            yield backend_of(name, route, target, service, https_port)
        yield from tables_of(route)


def _maps(routes: Iterable[IngressRoute], groups: Mapping[str, str]) -> Iterator[ProxyMap]:
    hosts = [f"{host} {name}" for host, name in groups.items() if host and not host.startswith("*.")]
    wildcards = [f"{host[1:]} {name}" for host, name in groups.items() if host.startswith("*.")]
    exact, prefixes = [], []
    ordered = _ordered_hosts(routes)
    for route in routes:
        if route.host not in groups:
            continue
        key = f"{groups[route.host]}|{plain(route.path).replace(' ', '')}"
        if route.match == "Exact":
            exact.append(f"{key} {route.id}")
        elif route.match == "Prefix" and route.host not in ordered:
            prefixes.append(f"{key.rstrip('/')}/ {route.id}")
    for file, lines in (("hosts", hosts), ("wildcards", wildcards), ("exact", exact), ("prefixes", prefixes)):
        yield ProxyMap(file=f"{file}.map", lines=tuple(sorted(lines)))


def _ordered_hosts(routes: Iterable[IngressRoute]) -> frozenset[str]:
    """Return the hosts with regular expressions: there the longest path holds, whatever its type."""
    return frozenset(route.host for route in routes if route.match == "Regex")


def _users(routes: Iterable[IngressRoute]) -> tuple[ProxyUsers, ...]:
    found = {
        users_list(route): ProxyUsers(list=users_list(route), secret=route.users, by_key=route.options.auth_map)
        for route in routes
        if route.users is not None
    }
    return tuple(found[name] for name in sorted(found))


def _frontend(
    routes: tuple[IngressRoute, ...], groups: Mapping[str, str], http_port: int, https_port: int
) -> Iterator[str]:
    yield _FRONTEND.replace("{http}", str(http_port)).replace("{https}", str(https_port))
    logs = log_lines(routes)
    yield from (f"    {line}\n" for line in logs)
    yield from (f"    {line}\n" for line in _ordered(routes, groups))
    yield _PREFIXES
    everything = next((one for one in routes if (one.host, one.match, one.path) == ("", "Prefix", "/")), None)
    if everything is not None:
        yield f"    http-request set-var(txn.route) str({everything.id}) if !{{ var(txn.route) -m found }}\n"
    for number, route in enumerate(one for one in routes if one.canary is not None):
        yield from (f"    {line}\n" for line in _canary(number, route))
    if logs:
        yield f"    {UNLESS_LOGGED}\n"
    yield _LAST


def _ordered(routes: tuple[IngressRoute, ...], groups: Mapping[str, str]) -> Iterator[str]:
    hosts = _ordered_hosts(routes)
    found = [one for one in routes if one.host in hosts and one.host in groups and one.match != "Exact"]
    for number, route in enumerate(sorted(found, key=lambda one: (-len(one.path), one.host, one.path, one.match))):
        if route.match == "Regex":
            pattern, flags = path_regex(route.path), "-i "
        else:
            pattern, flags = f"^{_literal(route.path.rstrip('/'))}(/|$)", ""
        yield f"acl path_{number} var(txn.path) -m reg {flags}-- {word(pattern)}"
        place = f"{{ var(txn.group) -m str {groups[route.host]} }}"
        yield f"http-request set-var(txn.route) str({route.id}) if !{{ var(txn.route) -m found }} {place} path_{number}"


def _literal(path: str) -> str:
    return "".join(one if one.isalnum() or one in "/_-" or not one.isascii() else f"\\{one}" for one in path)


def _canary(number: int, route: IngressRoute) -> Iterator[str]:
    """Yield what sends a part of a route's requests to its canary: by header, then by cookie, then by weight."""
    canary = route.canary
    assert canary is not None
    options = canary.options
    here = f"{{ var(txn.route) -m str {route.id} }}"
    there = f"http-request set-var(txn.route) str({canary.id}) if {here}"
    open_ = "!{ var(txn.stays) -m found }"
    stays = f"http-request set-var(txn.stays) bool(true) if {here}"
    header = f"req.hdr({options.canary_header})"
    if options.canary_header and options.canary_header_value:
        yield f"acl canary_{number} {header} -m str -- {word(options.canary_header_value)}"
        yield f"{there} canary_{number}"
    elif options.canary_header and options.canary_header_pattern:
        yield f"acl canary_{number} {header} -m reg -- {word(options.canary_header_pattern)}"
        yield f"{there} canary_{number}"
    elif options.canary_header:
        yield f"{stays} {{ {header} -m str never }}"
        yield f"{there} {{ {header} -m str always }}"
    if options.canary_cookie:
        cookie = f"req.cook({options.canary_cookie})"
        yield f"{stays} {{ {cookie} -m str never }}"
        yield f"{there} {open_} {{ {cookie} -m str always }}"
    if options.canary_weight:
        yield f"{there} {open_} {{ rand({options.canary_weight_total}) lt {options.canary_weight} }}"
