"""A route as a part of HAProxy's configuration: what is done with its requests, and where they go. Pure.

The order is that of ingress-nginx: redirects, who may ask at all, how often, how much, who they are, what is changed.
"""

import re
from collections.abc import Iterator

from reconciler.model.canonical import digest
from reconciler.model.ingress import IngressRoute, IngressTarget, ProxyBackend, ProxyServer
from reconciler.model.ingress_options import Cors, IngressOptions
from reconciler.model.node import Endpoint, ServiceEntry
from reconciler.planner.ingress.access_log import LOGGED
from reconciler.planner.ingress.words import filled, form, path_regex, realm, replacement, word

_SLOTS_MIN = 4
_LIMITED = 503
_SERVER_OPTIONS = {
    "HTTP": "",
    "HTTPS": "ssl verify none",
    "GRPC": "proto h2",
    "GRPCS": "ssl verify none alpn h2",
}


def backend_of(
    name: str, route: IngressRoute, target: IngressTarget | None, service: ServiceEntry | None, https_port: int
) -> ProxyBackend:
    """Return the backend of a route, or of the canary beside it: that is the same route with another end."""
    options = route.options
    lines = (
        *([LOGGED] if options.access_log else []),
        *_redirects(route, options, https_port),
        *_gates(route, options),
        *_authentication(route, options),
        *_changes(route, options),
        *_persistence(route.id, options),
    )
    if service is not None and service.external_name and target is not None:
        port = target.port or next((one.port for one in service.ports if one.name == target.port_name), 80)
        return ProxyBackend(
            name=name,
            lines=lines,
            options=_SERVER_OPTIONS[options.backend_protocol],
            slots=1,
            name_port=f"{service.external_name}:{port}",
        )
    servers = _servers(service, target)
    return ProxyBackend(
        name=name,
        lines=lines,
        options=_SERVER_OPTIONS[options.backend_protocol],
        slots=_slots(len(servers)),
        servers=servers,
    )


def tables_of(route: IngressRoute) -> Iterator[ProxyBackend]:
    """Yield the tables that count what each client asks of a route."""
    name, options = route.id, route.options
    for kind, seconds, _ in _rates(options):
        period = f"{seconds}s"
        line = f"stick-table type ip size 100k expire {period} store http_req_rate({period})"
        yield ProxyBackend(name=f"{name}_{kind}", lines=(line,))
    if options.limit_connections:
        line = "stick-table type ip size 100k expire 10m store conn_cur"
        yield ProxyBackend(name=f"{name}_conn", lines=(line,))


def _redirects(route: IngressRoute, options: IngressOptions, https_port: int) -> Iterator[str]:
    if route.secure:
        port = "" if https_port == 443 else f":{https_port}"
        yield f"http-request redirect location https://%[var(txn.host)]{port}%[var(txn.uri)] code 308 if !{{ ssl_fc }}"
    for target, code in (
        (options.temporal_redirect, options.temporal_redirect_code),
        (options.permanent_redirect, options.permanent_redirect_code),
    ):
        if target:
            yield f"http-request redirect location {word(filled(target))} code {code}"
    if options.app_root:
        yield f"http-request redirect location {word(form(options.app_root))} code 302 if {{ path / }}"


def _gates(route: IngressRoute, options: IngressOptions) -> Iterator[str]:
    name = route.id
    if route.refused:
        yield "http-request deny deny_status 503"
    if options.denied:
        yield f"http-request deny deny_status 403 if {{ src {' '.join(options.denied)} }}"
    if options.allowed:
        yield f"http-request deny deny_status 403 unless {{ src {' '.join(options.allowed)} }}"
    spared = f" unless {{ src {' '.join(options.limit_whitelist)} }}" if options.limit_whitelist else ""
    for number, (kind, _, most) in enumerate(_rates(options)):
        table = f"{name}_{kind}"
        yield f"http-request track-sc{number} src table {table}{spared}"
        yield f"http-request deny deny_status {_LIMITED} if {{ sc{number}_http_req_rate({table}) gt {most} }}"
    if options.limit_connections:
        table = f"{name}_conn"
        yield f"http-request track-sc2 src table {table}{spared}"
        most = options.limit_connections
        yield f"http-request deny deny_status {_LIMITED} if {{ sc2_conn_cur({table}) gt {most} }}"
    if options.body_size:
        yield f"http-request deny deny_status 413 if {{ req.body_size gt {options.body_size} }}"
    if options.body_size and not options.told_lengths_only:
        # Where the length is not told beforehand it is counted as it comes.
        yield f"filter lua.body_limit {options.body_size}"
        yield "http-after-response set-status 413 if { var(txn.body_too_large) -m bool }"
    if options.cors is not None:
        yield from _cors(options.cors)


def _rates(options: IngressOptions) -> Iterator[tuple[str, int, int]]:
    """Yield (name, seconds, most requests): the rate over as many periods as may come at once."""
    for kind, most, seconds in (("rps", options.limit_rps, 1), ("rpm", options.limit_rpm, 60)):
        if most:
            yield kind, seconds * options.limit_burst, most * options.limit_burst


def _cors(cors: Cors) -> Iterator[str]:
    if "*" in cors.origins and not cors.credentials:
        allowed = "'*'"
    else:
        patterns = "|".join(re.escape(one).replace(r"\*", "[^/]*") for one in cors.origins)
        # With credentials a browser does not take `*`: it is told its own origin.
        yield f"acl cors_known req.hdr(origin) -m reg -- {word('^(' + patterns + ')$')}"
        yield "http-request set-var(txn.cors) req.hdr(origin) if cors_known"
        allowed = "%[var(txn.cors)]"
    found = " if { var(txn.cors) -m found }" if allowed != "'*'" else ""
    headers = [("Access-Control-Allow-Origin", allowed)]
    if cors.credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if cors.expose:
        headers.append(("Access-Control-Expose-Headers", word(form(cors.expose))))
    for name, value in headers:
        yield f"http-after-response set-header {name} {value}{found}"
    if found:
        yield "http-after-response add-header Vary Origin"
    preflight = [
        ("Access-Control-Allow-Methods", word(form(cors.methods))),
        ("Access-Control-Allow-Headers", word(form(cors.headers))),
        ("Access-Control-Max-Age", str(cors.max_age_s)),
    ]
    spelled = " ".join(f"hdr {name} {value}" for name, value in preflight)
    yield f"http-request return status 204 {spelled} if METH_OPTIONS"


def _authentication(route: IngressRoute, options: IngressOptions) -> Iterator[str]:
    if route.users is not None:
        users = users_list(route)
        known = f"{{ http_auth({users}) }} || {{ lua.htpasswd({users}) -m bool }}"
        yield f"http-request auth realm {word(realm(options.auth_realm))} unless {known}"
    if not options.auth_url:
        return
    yield f"http-request set-var-fmt(txn.auth_url) {word(filled(options.auth_url))}"
    names = ",".join(one.lower() for one in options.auth_response_headers)
    yield f"http-request lua.auth_request {word(options.auth_method or 'GET')} {word(names or '-')}"
    if options.auth_signin:
        signin = filled(options.auth_signin)
        if not re.search(rf"[?&]{re.escape(options.auth_signin_param)}=", options.auth_signin):
            sign = "&" if "?" in options.auth_signin else "?"
            here = "%[var(txn.scheme)]://%[var(txn.host)]%[var(txn.uri),url_enc]"
            signin = f"{signin}{sign}{options.auth_signin_param}={here}"
        yield f"http-request redirect location {word(signin)} code 302 if {{ var(txn.auth_status) -m int 401 }}"
    asks = "hdr WWW-Authenticate %[var(txn.auth_challenge)]"
    refused = "{ var(txn.auth_status) -m int 401 }"
    told = "{ var(txn.auth_challenge) -m found }"
    yield f"http-request deny deny_status 401 {asks} if {refused} {told}"
    yield f"http-request deny deny_status 401 if {refused}"
    yield "http-request deny deny_status 403 if { var(txn.auth_status) -m int 403 }"
    yield "http-request deny deny_status 500 unless { var(txn.auth_status) -m int 200 }"
    cookie = "%[var(txn.auth_cookie)]"
    yield f"http-after-response add-header Set-Cookie {cookie} if {{ var(txn.auth_cookie) -m found }}"


def users_list(route: IngressRoute) -> str:
    """Return the name of the list of those who may ask."""
    use = route.users
    assert use is not None
    return f"users_{digest(use.namespace, use.name, route.options.auth_map)[:12]}"


def _changes(route: IngressRoute, options: IngressOptions) -> Iterator[str]:
    if options.rewrite_target:
        if route.match == "Regex":
            pattern = word(f"(?i){path_regex(route.path)}")
            yield f"http-request replace-path {pattern} {word(replacement(options.rewrite_target))}"
        else:
            yield f"http-request set-path {word(form(options.rewrite_target))}"
    if options.forwarded_prefix:
        yield f"http-request set-header X-Forwarded-Prefix {word(form(options.forwarded_prefix))}"
    if options.upstream_vhost:
        yield f"http-request set-header Host {word(form(options.upstream_vhost))}"
    waits = max(options.read_timeout_s, options.send_timeout_s)
    yield f"timeout connect {options.connect_timeout_s}s"
    yield f"timeout server {waits}s"


def _persistence(name: str, options: IngressOptions) -> Iterator[str]:
    if not options.affinity:
        return
    attributes = [f"attr Max-Age={options.cookie_max_age_s}"] if options.cookie_max_age_s else []
    if options.cookie_same_site:
        attributes.append(f"attr SameSite={options.cookie_same_site}")
    secure = ["secure"] if options.cookie_secure or options.cookie_same_site == "None" else []
    words = " ".join([options.cookie_name, "insert indirect nocache dynamic httponly", *secure, *attributes])
    yield f"cookie {words}"
    # Every node has the same key, so that a client stays with its Pod whichever node it comes through.
    yield f"dynamic-cookie-key {digest('ingress cookie', name)[:16]}"


def _servers(service: ServiceEntry | None, target: IngressTarget | None) -> tuple[ProxyServer, ...]:
    """Return the ready endpoints, with those that end drained; those alone, where no other is left."""
    if service is None or target is None:
        return ()
    found: dict[tuple[str, int], tuple[bool, bool]] = {}
    for port in service.ports:
        if port.protocol == "TCP" and (port.name == target.port_name if target.port_name else port.port == target.port):
            for number, one in ((group.port, one) for group in port.targets for one in group.endpoints):
                found[one.ip, number] = (_is_ready(service, one), one.terminating and one.serving)
    ready = [where for where, (is_ready, _) in sorted(found.items()) if is_ready]
    ending = [where for where, (_, is_ending) in sorted(found.items()) if is_ending]
    drained = [ProxyServer(address=ip, port=port, draining=bool(ready)) for ip, port in ending]
    return (*(ProxyServer(address=ip, port=port) for ip, port in ready), *drained)


def _is_ready(service: ServiceEntry, endpoint: Endpoint) -> bool:
    return endpoint.ready or (service.publish_not_ready and not endpoint.terminating)


def _slots(count: int) -> int:
    """Return room for more: endpoints that come within it need no reload."""
    slots = _SLOTS_MIN
    while slots < count:
        slots *= 2
    return slots
