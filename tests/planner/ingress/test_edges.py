"""Ingresses at the edges of what they ask for: several of a thing, none of it, and what is told of both."""

import pytest

from reconciler.planner.ingress.secrets import users_fault
from reconciler.planner.ingress.view import secrets_of
from tests.planner.ingress.objects import (
    cluster_of,
    document,
    ingress,
    ingress_class,
    pair,
    path,
    push,
    routes,
    rule,
    secret,
    seen,
    serve,
    service,
    told,
)
from tests.planner.ingress.test_status import addresses
from tests.planner.reading import read, stored

GOOD = {"tls.crt": pair("good")[0], "tls.key": pair("good")[1]}


def test_one_that_others_serve_keeps_nobody_from_being_served() -> None:
    """Whichever is older."""
    theirs = ingress("a", rule("a"), spec={"ingressClassName": "nginx"})
    assert [key[0] for key in routes(cluster_of(service(), theirs, ingress("b", rule("b"))))] == ["b"]


def test_of_several_default_classes_the_oldest_holds() -> None:
    """Of one age the first by name."""
    ours, theirs = "reconciler.dev/ingress", "k8s.io/ingress-nginx"
    both = ingress_class("a", ours, True), ingress_class("b", theirs, True)
    assert routes(cluster_of(service(), *both, ingress("web", rule("a"))))
    late = cluster_of(service(), ingress_class("b", theirs, True), ingress("web", rule("a")))
    late.now += 60
    push(late, service(), *both, ingress("web", rule("a")))
    assert not routes(late) and "ingressclass/b is served by" in told(late, "web")


def test_only_one_canary_is_beside_a_route() -> None:
    """The oldest; the other is told so."""
    main = ingress("main", rule("a"))
    old, young = (ingress(name, rule("a", path("/", to="new")), canary="true") for name in ("old", "young"))
    cluster = cluster_of(service(), service("new"), main, old)
    cluster.now += 60
    push(cluster, service(), service("new"), main, old, young)
    (found,) = routes(cluster).values()
    assert found.canary is not None and "old" in found.canary.id
    assert told(cluster, "young") == "Conflict: a/ has another canary already, an older one"
    assert told(cluster, "old") == ""


@pytest.mark.parametrize("signs", ["(", ")", "[a]", "a*", "^/a", "a$", "a|b", "a?", "a+"])
def test_signs_of_a_regular_expression_with_a_rewriting_make_one(signs: str) -> None:
    """Without it they stand for themselves; a fault of one is told."""
    one = path(f"/x{signs}", kind="ImplementationSpecific")
    plain = cluster_of(service(), ingress("web", rule("a", one)))
    assert [key[1] for key in routes(plain)] == ["Prefix"]
    rewritten = cluster_of(service(), ingress("web", rule("a", one), rewrite_target="/"))
    assert [key[1] for key in routes(rewritten)] == ["Regex"] or "BadPath" in told(rewritten, "web")


def test_an_id_is_not_longer_than_haproxy_likes() -> None:
    """And two of the same host have two, as two names of the same beginning have."""
    names = ["n" * 120 + end for end in "ab"]
    cluster = cluster_of(service(), *(ingress(name, rule(name[-1], path("/x"), path("/y"))) for name in names))
    ids = [one.id for one in routes(cluster).values()]
    assert len(set(ids)) == 4 and {len(one) for one in ids} == {91}


@pytest.mark.parametrize(
    ("hosts", "secure"), [(["b", "a.example"], True), (["b", "c"], False), (["*.example", "b"], True), (["*.b"], False)]
)
def test_one_of_the_hosts_of_a_certificate_is_enough(hosts: list[str], secure: bool) -> None:
    """By name or by wildcard."""
    cluster = cluster_of(service(), ingress("web", rule("a.example"), tls=[{"hosts": hosts}]))
    assert [one.secure for one in routes(cluster).values()] == [secure]


def test_a_port_is_found_among_several() -> None:
    """By its number or its name; an ExternalName needs a number only."""
    ports = [{"name": "http", "port": 80}, {"name": "other", "port": 81}]
    web = document("v1", "Service", "web", spec={"selector": {"a": "b"}, "ports": ports})
    away = document("v1", "Service", "away", spec={"type": "ExternalName", "externalName": "b.example"})
    wanted = [path("/1", port=81), path("/2", port="other"), path("/3", port="none"), path("/4", port=82)]
    outside = [path("/5", to="away", port=8080), path("/6", to="away", port="http")]
    cluster = cluster_of(web, away, ingress("web", rule("a", *wanted, *outside)))
    assert {key[2]: one.target is not None for key, one in routes(cluster).items()} == {
        "/1": True,
        "/2": True,
        "/3": False,
        "/4": False,
        "/5": True,
        "/6": False,
    }


def test_a_password_list_of_elsewhere_is_told() -> None:
    """A map of users is as good as a list; an empty one is not."""
    users = ("elsewhere/users", "map", "none")
    cluster = cluster_of(
        service(),
        secret("map", {"ada": "$apr1$x$y"}),
        secret("none", {}),
        *(
            ingress(f"i{number}", rule(f"h{number}"), auth_type="basic", auth_secret=name, auth_secret_type="auth-map")
            for number, name in enumerate(users)
        ),
        ingress("open", rule("open")),
    )
    assert told(cluster, "i0") == "BadSecret: auth-secret elsewhere/users stands in another namespace: nobody may pass"
    assert told(cluster, "i2") == "BadSecret: secret/default/none names no user: nobody may pass"
    assert {key[0]: one.refused for key, one in routes(cluster).items()} == {
        "h0": True,
        "h1": False,
        "h2": True,
        "open": False,
    }
    assert [one.name for one in secrets_of(seen(cluster), "node-1")] == ["map"]
    assert list(secrets_of(seen(cluster), "node-9")) == list(secrets_of(None, "node-1")) == []


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("ada:x", ""),
        ("# one\n\nada:x\n", ""),
        ("# ada:x\n  \n", "auth has no line USER:HASH"),
        ("ada", "auth has no line USER:HASH"),
        ("", "auth has no line USER:HASH"),
    ],
)
def test_a_password_list_names_at_least_one(lines: str, fault: str) -> None:
    """Comments and empty lines are none."""
    one = stored(read("Secret", rest=f"stringData: {{auth: {lines!r}}}".replace("'", '"')))
    assert users_fault(one, False) == fault
    assert users_fault(stored(read("Secret", rest="stringData: {other: x}")), False) == "has no auth"


def test_hosts_of_a_certificate_add_up() -> None:
    """Until one asks for it on every host; a host without a secret gets the default one, and the next its own."""
    tls = [
        {"hosts": ["none"]},
        {"hosts": ["b"], "secretName": "good"},
        {"hosts": ["missing"], "secretName": "missing"},
        {"hosts": ["A", "b"], "secretName": "good"},
    ]
    manifests = service(), secret("good", GOOD), secret("later", GOOD)
    cluster = cluster_of(*manifests, ingress("web", rule("a"), tls=tls))
    assert [(one.secret.name, one.hosts) for one in seen(cluster).certificates] == [("good", ("a", "b"))]
    assert [one.name for one in secrets_of(seen(cluster), "node-1")] == ["good"]
    whole = [
        *tls,
        {"secretName": "good"},
        {"hosts": ["c"], "secretName": "good"},
        {"hosts": ["d"], "secretName": "later"},
    ]
    push(cluster, *manifests, ingress("web", rule("a"), tls=whole))
    assert [(one.secret.name, one.hosts) for one in seen(cluster).certificates] == [("good", ()), ("later", ("d",))]


@pytest.mark.parametrize(("text", "left_out"), [("/a b", True), ("/a\u0085b", True), ("/äb", False)])
def test_a_path_has_no_spaces(text: str, left_out: bool) -> None:
    """And no control characters; the rest of the host is served."""
    cluster = cluster_of(service(), ingress("web", rule("a", path(text), path("/c"))))
    assert len(routes(cluster)) == 1 + (not left_out)
    assert ("it has spaces or control characters" in told(cluster, "web")) == left_out


def test_where_an_ingress_is_served_is_told_once() -> None:
    """An Event with all addresses the first time; what cannot be served is a warning."""
    cluster = cluster_of(service(), ingress("web", rule("a", path("/x", to="no"))), nodes=("n1", "n2"))
    settle, plans = cluster.settle, []
    cluster.settle = lambda *_, **__: plans.extend(settle()) or plans  # type: ignore[method-assign,func-returns-value]
    serve(cluster, "n1", "n2")
    assert addresses(cluster) == ["10.0.0.1", "10.0.0.2"]
    serve(cluster, "n1", able=True)
    serve(cluster, "n1", "n2")
    push(cluster, service(), ingress("web", rule("a", path("/x", to="no"), path("/y", to="none"))))
    events = [(one.type, one.reason) for plan in plans for one in plan.happenings if one.object.kind == "Ingress"]
    assert events == [("Normal", "Sync"), ("Warning", "NoSuchBackend")]
    messages = [one.message for plan in plans for one in plan.happenings if one.reason == "Sync"]
    assert messages == ["served at 10.0.0.1, 10.0.0.2"]
