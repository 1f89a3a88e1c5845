"""The configuration of HAProxy: what it says, and that no text of a user is ever more than a word of it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.model.ingress import IngressCanary, IngressRoute, IngressTarget, IngressView, SecretUse
from reconciler.model.ingress_options import Cors, IngressOptions
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.planner.ingress.config import ProxyConfig, proxy_config, with_endpoints
from reconciler.planner.ingress.words import filled, replacement, word

WEB = IngressTarget(namespace="default", service="web", port=80)
READY, ENDING = Endpoint(ip="10.42.0.2"), Endpoint(ip="10.42.0.3", ready=False, serving=True, terminating=True)
GONE = Endpoint(ip="10.42.0.4", ready=False, serving=False)


def entry(*endpoints: Endpoint, **fields: Any) -> ServiceEntry:
    """The Service web with these endpoints."""
    port = ServicePortEntry(name="http", port=80, targets=(EndpointPort(port=8080, endpoints=endpoints),))
    return ServiceEntry(namespace="default", name="web", ports=(port,), **fields)


def config(*routes: IngressRoute, service: ServiceEntry | None = None) -> ProxyConfig:
    """The configuration for these routes."""
    found = service or entry(READY)
    return proxy_config(IngressView(routes=routes), {("default", "web"): found}, "169.254.20.10")


def route(id: str = "r", **fields: Any) -> IngressRoute:
    """A route to web."""
    options = IngressOptions(**fields.pop("options", {}))
    return IngressRoute(id=id, **{"host": "a.example", "target": WEB, **fields}, options=options)


def lines(found: ProxyConfig, name: str = "r") -> list[str]:
    """The lines of a backend."""
    return list(next(one for one in found.backends if one.name == name).lines)


def servers(found: ProxyConfig) -> list[tuple[str, int, bool]]:
    """The servers of the route: address, port, whether it is drained."""
    return [(one.address, one.port, one.draining) for one in found.backends[0].servers]


def test_a_host_that_is_none_hides_no_other() -> None:
    """It is in no map; the one after it is."""
    found = config(route("bad", host="a b"), route("good"))
    (prefixes,) = (one.lines for one in found.maps if one.file == "prefixes.map")
    assert prefixes == ("h0|/ good",)


def test_endpoints_are_ready_pods_and_ending_ones_are_drained() -> None:
    """Those that do not serve are left out; where only ending ones serve, they do as before."""
    assert servers(config(route(), service=entry(ENDING, GONE, READY))) == [
        ("10.42.0.2", 8080, False),
        ("10.42.0.3", 8080, True),
    ]
    assert servers(config(route(), service=entry(ENDING))) == [("10.42.0.3", 8080, False)]
    assert servers(config(route(), service=entry(GONE))) == []
    assert len(servers(config(route(), service=entry(GONE, publish_not_ready=True)))) == 1
    assert servers(config(route(target=None))) == []


@pytest.mark.parametrize(("count", "slots"), [(0, 4), (4, 4), (5, 8), (8, 8), (9, 16)])
def test_there_is_room_for_more_endpoints(count: int, slots: int) -> None:
    """Endpoints that come within it change nothing but the endpoints."""
    found = config(route(), service=entry(*(Endpoint(ip=f"10.42.1.{n}") for n in range(count))))
    assert found.backends[0].slots == slots


def test_digests_tell_structure_from_endpoints() -> None:
    """An endpoint more is none of the structure; an annotation is none of the endpoints."""
    first = config(route())
    more = config(route(), service=entry(READY, Endpoint(ip="10.42.0.9")))
    other = config(route(options={"body_size": 1}))
    assert (first.structure == more.structure, first.endpoints == more.endpoints) == (True, False)
    assert (first.structure == other.structure, first.endpoints == other.endpoints) == (False, True)
    assert first.structure in first.head


def test_other_endpoints_give_what_making_all_anew_would() -> None:
    """Also of a canary, of a Service that came, and of one that has gone; more than endpoints is made anew."""
    shop, api = entry(READY), replace(entry(ENDING), name="api")
    beside = IngressTarget(namespace="default", service="api", port=80)
    canary = IngressCanary(id="r_canary", target=beside, options=IngressOptions(canary=True))
    view = IngressView(routes=(route(canary=canary), route("other", host="b.example", target=beside)))
    before = {("default", "web"): shop, ("default", "api"): api}
    made = proxy_config(view, before, "169.254.20.10")
    more = replace(entry(READY, GONE, *(Endpoint(ip=f"10.42.1.{n}") for n in range(3))), name="api")
    for after in ({**before, ("default", "api"): more}, {("default", "web"): shop}, {("default", "api"): api}, before):
        found = with_endpoints(made, view, before, after)
        assert found == proxy_config(view, after, "169.254.20.10")
    many = replace(entry(*(Endpoint(ip=f"10.42.1.{n}") for n in range(5))), name="api")
    for after in (many, replace(api, external_name="api.example.com", ports=())):
        assert with_endpoints(made, view, before, {**before, ("default", "api"): after}) is None


def test_a_server_that_no_connection_can_be_made_with_is_passed_over() -> None:
    """After a second, at each try; what was sent is sent again only where that changes nothing."""
    found = config(route())
    defaults = found.head.partition("\ndefaults\n")[2].partition("\nfrontend ")[0].splitlines()
    for line in ("option redispatch 1", "retries 5", "retry-on conn-failure empty-response"):
        assert f"    {line}" in defaults
    assert "timeout connect 1s" in lines(found)
    assert "timeout connect 7s" in lines(config(route(options={"connect_timeout_s": 7})))
    assert "    http-request disable-l7-retry unless METH_GET || METH_HEAD || METH_OPTIONS" in found.head.splitlines()


def test_hosts_and_paths_are_looked_up() -> None:
    """Each in the map of its sort; on a host with regular expressions prefixes are, too, in the order of length."""
    found = config(
        route("any", host="", path="/"),
        route("exact", path="/x", match="Exact"),
        route("prefix", path="/x"),
        route("root", path="/"),
        route("wild", host="*.example"),
        route("regex", host="b.example", path="/a(b|c)", match="Regex"),
        route("short", host="b.example", path="/a.b"),
    )
    maps = {one.file: one.lines for one in found.maps}
    assert maps == {
        "hosts.map": ("a.example h1", "b.example h2"),
        "wildcards.map": (".example h0",),
        "exact.map": ("h1|/x exact",),
        "prefixes.map": ("any|/ any", "h0|/ wild", "h1|/ root", "h1|/x/ prefix"),
    }
    ordered = re.findall(r"acl path_\d var\(txn\.path\) -m reg (.*)", found.head)
    assert ordered == ["-i -- '^/a(b|c)'", r"-- '^/a\.b(/|$)'"]
    assert "str(any) if !{ var(txn.route) -m found }" in found.head


def test_bodies_are_counted_only_where_an_ingress_sets_the_limit() -> None:
    """By default only a length that is told is looked at: counting costs every request."""
    counted, told = (lines(config(route(options={"body_size": 10, "told_lengths_only": one}))) for one in (False, True))
    assert "filter lua.body_limit 10" in counted
    assert [one for one in counted if "413" in one][:1] == [one for one in told if "413" in one]
    assert not any("filter" in one for one in told)


def test_requests_are_logged_where_any_ingress_wants_it() -> None:
    """Those of others are not; where none wants it nothing is said of a log at all."""
    found = config(route(options={"access_log": True}), route("quiet", host="b.example"))
    assert "log /dev/log" in found.head
    assert "http-request set-log-level silent if { var(txn.route) -m found }" in found.head
    assert "http-request set-log-level info" in lines(found)
    assert "http-request set-log-level info" not in lines(found, "quiet")
    assert not any(word in config(route()).head for word in ("log-format", "set-log-level"))


def test_redirects_come_first_and_changes_last() -> None:
    """As in ingress-nginx: who is sent elsewhere is asked for no password."""
    users = SecretUse(namespace="default", name="users", version="v")
    found = lines(
        config(
            route(
                secure=True,
                users=users,
                options={
                    "app_root": "/start",
                    "allowed": ("10.0.0.0/8",),
                    "limit_rps": 2,
                    "body_size": 10,
                    "auth_url": "http://auth/",
                    "rewrite_target": "/new",
                },
            )
        )
    )
    order = [
        "code 308",
        "/start",
        "deny_status 403 unless { src 10.0.0.0/8 }",
        "deny_status 503 if { sc0_http_req_rate(r_rps) gt 10 }",
        "deny_status 413 if { req.body_size gt 10 }",
        "http-request auth realm",
        "lua.auth_request",
        "set-path '/new'",
        "timeout server",
    ]
    places = [next(n for n, line in enumerate(found) if words in line) for words in order]
    assert places == sorted(places)


def test_limits_have_tables_of_their_own() -> None:
    """A rate is over as many periods as may come at once; those who are spared are not counted."""
    found = config(
        route(options={"limit_rpm": 6, "limit_connections": 3, "limit_burst": 2, "limit_whitelist": ("10.0.0.0/8",)})
    )
    tables = {one.name: one.lines for one in found.backends[1:]}
    assert tables == {
        "r_rpm": ("stick-table type ip size 100k expire 120s store http_req_rate(120s)",),
        "r_conn": ("stick-table type ip size 100k expire 10m store conn_cur",),
    }
    assert "http-request track-sc0 src table r_rpm unless { src 10.0.0.0/8 }" in lines(found)
    assert "http-request deny deny_status 503 if { sc0_http_req_rate(r_rpm) gt 12 }" in lines(found)
    seconds = config(route(options={"limit_rps": 2, "limit_burst": 5}))
    assert lines(seconds, "r_rps") == ["stick-table type ip size 100k expire 5s store http_req_rate(5s)"]


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"canary_weight": 20}, ["rand(100) lt 20"]),
        ({"canary_header": "X"}, ["-m str never", "-m str always"]),
        ({"canary_header": "X", "canary_header_value": "beta", "canary_weight": 5}, ["-- 'beta'", "rand(100) lt 5"]),
        ({"canary_header": "X", "canary_header_pattern": "^b"}, ["-m reg -- '^b'"]),
        ({"canary_cookie": "c"}, ["req.cook(c) -m str never", "req.cook(c) -m str always"]),
        ({}, []),
    ],
)
def test_a_canary_gets_its_part(options: dict[str, Any], rules: list[str]) -> None:
    """By header, then cookie, then weight; without any of them nothing."""
    canary = IngressCanary(id="c", target=WEB, options=IngressOptions(canary=True, **options))
    found = config(route(canary=canary))
    assert [one.name for one in found.backends] == ["r", "c"]
    assert lines(found, "c") == lines(found)
    places = [found.head.find(one) for one in rules]
    assert -1 not in places
    assert places == sorted(places)
    assert ("str(c)" in found.head) == bool(rules)


def test_origins_are_answered_as_they_are() -> None:
    """With credentials a browser takes no `*`; signs of an origin stand for themselves."""
    plain = lines(config(route(options={"cors": Cors(credentials=False)})))
    assert "http-after-response set-header Access-Control-Allow-Origin '*'" in plain
    some = lines(config(route(options={"cors": Cors(origins=("https://a.b", "https://*.c"))})))
    assert r"acl cors_known req.hdr(origin) -m reg -- '^(https://a\.b|https://[^/]*\.c)$'" in some


def test_names_of_elsewhere_are_resolved() -> None:
    """A Service of type ExternalName has one server, by its name."""
    found = config(route(), service=entry(external_name="shop.example"))
    assert found.backends[0].name_port == "shop.example:80"
    assert found.backends[0].servers == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://new.example$request_uri", "https://new.example%[var(txn.uri)]"),
        ("https://${host}/100%", "https://%[var(txn.host)]/100%%"),
        ("/plain", "/plain"),
    ],
)
def test_variables_are_filled_in(text: str, expected: str) -> None:
    """And what is a sign of HAProxy's formats is not one."""
    assert filled(text) == expected


def test_references_to_groups_are_kept() -> None:
    """And nothing else of a rewriting is one."""
    assert replacement(r"/x/$2\1%[path]$") == r"/x/\2\\1%%[path]$"


# Injection

ANYTHING = st.text(max_size=30) | st.text(alphabet="'\"\\\n\r\t {}#$%[]()|,\0;a\x85\u2028", max_size=20)


def words_of(line: str) -> list[str]:
    """Split a line into words as HAProxy does: quotes, backslashes, comments."""
    words, current, at, quote = [], "", 0, ""
    begun = False
    while at < len(line):
        one = line[at]
        if quote:
            quote, current = ("", current) if one == quote else (quote, current + one)
        elif one in "'\"":
            quote, begun = one, True
        elif one == "\\":
            at += 1
            current, begun = current + line[at], True
        elif one == "#":
            break
        elif one in " \t":
            words += [current] if begun or current else []
            current, begun = "", False
        else:
            current += one
        at += 1
    assert not quote, f"a quote does not end: {line}"
    return [*words, current] if begun or current else words


@given(ANYTHING)
@settings(max_examples=300)
def test_a_word_is_one_word(text: str) -> None:
    """Whatever is in it: no line, no second word, no comment, nothing of the environment."""
    quoted = word(text)
    assert quoted.splitlines() in ([quoted], [])
    assert words_of(f"acl a {quoted} end") == [
        "acl",
        "a",
        "".join(one for one in text if one.isprintable()),
        "end",
    ]


def shape(host: str, path: str, values: list[str], match: Any) -> list[str]:
    """Return the first two words of every line of a configuration with these texts of a user."""
    options = {
        "permanent_redirect": values[0],
        "app_root": values[1],
        "rewrite_target": values[2],
        "auth_realm": values[3],
        "auth_url": f"http://x/{values[4].replace('$', '')}",
        "upstream_vhost": values[5],
        "forwarded_prefix": values[6],
    }
    canary = IngressCanary(
        id="c", target=WEB, options=IngressOptions(canary_header="X", canary_header_value=values[7] or "x")
    )
    users = SecretUse(namespace="d", name="u", version="v")
    found = config(route(host=host, path=f"/{path}", match=match, options=options, users=users, canary=canary))
    assert all(len(line.split()) == 2 for one in found.maps for line in one.lines), found.maps
    text = found.head + "".join(f"{line}\n" for backend in found.backends for line in backend.lines)
    assert text.splitlines() == text.rstrip("\n").split("\n")
    return [" ".join(words_of(line)[:2]) for line in text.splitlines() if "description" not in line]


@given(
    path=ANYTHING,
    values=st.lists(ANYTHING, min_size=8, max_size=8),
    match=st.sampled_from(["Exact", "Prefix", "Regex"]),
)
@settings(max_examples=150, deadline=None)
def test_no_text_of_a_user_adds_a_line(path: str, values: list[str], match: Any) -> None:
    """Even had it got past everything before: the same lines as with plain texts, of the same beginnings."""
    plain = shape("a.example", "x", [one and "x" for one in values], match)
    assert shape("a.example", path, values, match) == plain


@given(host=ANYTHING, match=st.sampled_from(["Exact", "Prefix", "Regex"]))
@settings(max_examples=100, deadline=None)
def test_a_host_that_is_no_name_leads_nowhere(host: str, match: Any) -> None:
    """It is in no map, and no line is for it."""
    found = shape(host, "x", [""] * 8, match)
    assert len(found) <= len(shape("a.example", "x", [""] * 8, match))
