"""Which routes Ingresses become, who serves them, and what is told of those that do not."""

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Ingress
from reconciler.model.policy import IngressPolicy
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
from tests.planner.world import Cluster

OURS = "reconciler.dev/ingress"
OTHERS = "k8s.io/ingress-nginx"


def test_each_path_is_a_route_to_its_service() -> None:
    """By number or name of the port; the path's last slash says nothing, and ImplementationSpecific is Prefix."""
    paths = [path("/a/"), path("/b", port="http", kind="Exact"), path("/c", kind="ImplementationSpecific")]
    found = routes(cluster_of(service(), ingress("web", rule("A.example", *paths))))
    assert list(found) == [
        ("a.example", "Exact", "/b"),
        ("a.example", "Prefix", "/a"),
        ("a.example", "Prefix", "/c"),
    ]
    targets = [one.target for one in found.values() if one.target is not None]
    assert [(one.service, one.port, one.port_name) for one in targets] == [
        ("web", 0, "http"),
        ("web", 80, ""),
        ("web", 80, ""),
    ]


def test_the_default_backend_is_beneath_every_path() -> None:
    """Of the hosts of an Ingress, or of every host where it has no rules; what another leads there stays."""
    default = {"defaultBackend": path(to="other")["backend"]}
    cluster = cluster_of(
        service(),
        service("other"),
        ingress("alone", spec=default),
        ingress("a-default", rule("a.example", path("/x")), rule("b.example", path("/x")), spec=default),
        ingress("rooted", rule("a.example")),
    )
    found = {key: one.target.service for key, one in routes(cluster).items() if one.target}
    assert found == {
        ("", "Prefix", "/"): "other",
        ("a.example", "Prefix", "/"): "web",
        ("a.example", "Prefix", "/x"): "web",
        ("b.example", "Prefix", "/"): "other",
        ("b.example", "Prefix", "/x"): "web",
    }


def test_without_another_a_default_backend_is_that_of_every_host() -> None:
    """Of the oldest Ingress that has one; one without rules comes before those with."""
    default = {"defaultBackend": path(to="other")["backend"]}
    ruled = ingress("ruled", rule("A.example", path("/x")), spec=default)
    cluster = cluster_of(service(), service("other"), ruled)
    assert sorted(key[0] for key, one in routes(cluster).items() if one.path == "/") == ["", "a.example"]
    alone = ingress("alone", spec={"defaultBackend": path(to="web")["backend"]})
    push(cluster, service(), service("other"), ruled, alone)
    everything = routes(cluster)["", "Prefix", "/"].target
    assert everything is not None
    assert everything.service == "web"
    assert told(cluster, "ruled") == told(cluster, "alone") == ""


@pytest.mark.parametrize(
    ("named", "annotation", "classes", "is_ours"),
    [
        ("", "", (), True),
        ("", "", (("theirs", OTHERS, True),), False),
        ("", "", (("theirs", OTHERS, False),), True),
        ("", "", (("mine", OURS, True),), True),
        ("haproxy", "", (), True),
        ("", "haproxy", (), True),
        ("nginx", "", (), False),
        ("nginx", "", (("nginx", OURS, False),), True),
        ("nginx", "", (("nginx", OTHERS, False),), False),
        ("", "nginx", (("nginx", OURS, False),), True),
        ("haproxy", "", (("haproxy", "haproxy.org/ingress", False),), False),
    ],
)
def test_a_class_says_who_serves(
    named: str, annotation: str, classes: tuple[tuple[str, str, bool], ...], is_ours: bool
) -> None:
    """By name or old annotation, else the default class, else us; who is not served is told why."""
    said = {"kubernetes.io/ingress.class": annotation} if annotation else {}
    spec = {"ingressClassName": named} if named else {}
    cluster = cluster_of(
        service(), *(ingress_class(*one) for one in classes), ingress("web", rule("a"), spec=spec, annotations=said)
    )
    assert bool(routes(cluster)) == is_ours
    assert ("NotServed" in told(cluster, "web")) != is_ours


def test_the_older_ingress_keeps_what_two_want() -> None:
    """The younger is told, keeps its other paths, and gets the rest when the older goes."""
    cluster = cluster_of(service(), service("other"), ingress("z-old", rule("a.example")))
    cluster.now += 60
    young = ingress("a-young", rule("a.example", path(to="other"), path("/more", to="other")))
    push(cluster, service(), service("other"), ingress("z-old", rule("a.example")), young)
    found = {key[2]: one.target.service for key, one in routes(cluster).items() if one.target}
    assert found == {"/": "web", "/more": "other"}
    assert told(cluster, "a-young").startswith("Conflict: a.example/ stays with ingress/default/z-old")
    push(cluster, service(), service("other"), young)
    assert {one.target.service for one in routes(cluster).values() if one.target} == {"other"}
    assert told(cluster, "a-young") == ""


def test_what_leads_nowhere_is_told_and_answers_nothing() -> None:
    """A Service or port that is missing, a resource."""
    resource = {"path": "/r", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    cluster = cluster_of(service(), ingress("web", rule("a", path("/s", to="no"), path("/p", port=81), resource)))
    assert [one.target for one in routes(cluster).values()] == [None] * 3
    words = told(cluster, "web")
    assert "service/default/no does not exist" in words
    assert "service/default/web has no port 81" in words
    assert "Bucket/b cannot be a backend" in words


def test_certificates_are_those_that_are_good() -> None:
    """One without its key, with another's key, of another form, or missing: told, and not shown."""
    good, other = pair("good"), pair("other")
    cluster = cluster_of(
        service(),
        secret("good", {"tls.crt": good[0], "tls.key": good[1]}),
        secret("keyless", {"tls.crt": good[0]}),
        secret("mixed", {"tls.crt": good[0], "tls.key": other[1]}),
        secret("text", {"tls.crt": "hello", "tls.key": good[1]}),
        ingress(
            "web",
            rule("a.example"),
            rule("plain.example"),
            tls=[
                {"hosts": ["B.example", "a.example"], "secretName": "good"},
                *({"hosts": ["a.example"], "secretName": one} for one in ("keyless", "mixed", "text", "missing")),
            ],
        ),
    )
    assert [(one.secret.name, one.hosts) for one in seen(cluster).certificates] == [
        ("good", ("a.example", "b.example"))
    ]
    words = told(cluster, "web")
    for said in ("keyless has no tls.key", "mixed tls.key is not the key", "text tls.crt is no", "missing does not"):
        assert f"secret/default/{said}" in words
    secure = {key[0]: one.secure for key, one in routes(cluster).items()}
    assert secure == {"a.example": True, "plain.example": False}


@pytest.mark.parametrize(
    ("options", "tls", "expected"),
    [
        ({}, [], False),
        ({}, [{"hosts": ["*.example"]}], True),
        ({}, [{"hosts": ["other.example"]}], False),
        ({}, [{}], True),
        ({"ssl_redirect": "false"}, [{"hosts": ["a.example"]}], False),
        ({"force_ssl_redirect": "true"}, [], True),
        ({"ssl_redirect": "false", "force_ssl_redirect": "true"}, [], True),
    ],
)
def test_who_is_sent_to_tls(options: dict[str, str], tls: list[dict[str, object]], expected: bool) -> None:
    """Hosts that have it, unless an annotation says otherwise."""
    cluster = cluster_of(service(), ingress("web", rule("a.example"), tls=tls, **options))
    assert [one.secure for one in routes(cluster).values()] == [expected]


def test_guards_that_cannot_be_read_let_nobody_in() -> None:
    """A list of networks with a fault, a password list that is missing, of another namespace, or empty."""
    bad = [
        {"whitelist_source_range": "10.0.0.0/8, office"},
        {"auth_url": "ftp://x"},
        {"auth_type": "digest", "auth_secret": "users"},
        {"auth_type": "basic"},
        {"auth_type": "basic", "auth_secret": "missing"},
        {"auth_type": "basic", "auth_secret": "elsewhere/users"},
        {"auth_type": "basic", "auth_secret": "empty"},
    ]
    cluster = cluster_of(
        service(),
        secret("users", {"auth": "ada:$apr1$x$y"}),
        secret("empty", {"auth": "# nobody\n"}),
        *(ingress(f"i{number}", rule(f"h{number}"), **options) for number, options in enumerate(bad)),
        ingress("good", rule("good"), auth_type="basic", auth_secret="default/users"),
    )
    found = {key[0]: one for key, one in routes(cluster).items()}
    assert [found[f"h{number}"].refused for number in range(len(bad))] == [True] * len(bad)
    users = found["good"].users
    assert users is not None
    assert (users.name, found["good"].refused) == ("users", False)


def test_a_canary_is_beside_the_route_of_another() -> None:
    """Whichever is older; without another it leads nowhere, and is told so."""
    cluster = cluster_of(
        service(),
        service("new"),
        ingress("a-canary", rule("a.example", path(to="new"), path("/none", to="new")), canary="true"),
        ingress("main", rule("a.example")),
    )
    (found,) = routes(cluster).values()
    assert found.target is not None
    assert found.canary is not None
    assert found.canary.target is not None
    assert (found.target.service, found.canary.target.service) == ("web", "new")
    assert "CanaryWithoutMain: no other ingress leads a.example/none anywhere" in told(cluster, "a-canary")


def test_regular_expressions_are_asked_for() -> None:
    """By `use-regex`, or by signs of one with `rewrite-target`; one with a fault is left out and told."""
    paths = [path("/a(/|$)(.*)", kind="ImplementationSpecific"), path("/b", kind="ImplementationSpecific")]
    broken = path("/c(", kind="ImplementationSpecific")
    cluster = cluster_of(
        service(),
        ingress("rewrite", rule("a", *paths), rewrite_target="/$2"),
        ingress("regex", rule("b", path("/b", kind="Prefix"), broken), use_regex="true"),
        ingress("plain", rule("c", *paths[:1])),
    )
    assert [key[:2] for key in routes(cluster)] == [("a", "Prefix"), ("a", "Regex"), ("b", "Regex"), ("c", "Prefix")]
    assert "BadPath: path '/c(' of b is left out" in told(cluster, "regex")


def test_nodes_with_the_label_serve_or_all_that_can() -> None:
    """All, where none has the program, so that it is told; and without Ingresses of ours nobody does."""
    cluster = cluster_of(service(), ingress("web", rule("a")), nodes=("n1", "n2"))
    assert seen(cluster).nodes == ("n1", "n2")
    serve(cluster, "n1")
    assert seen(cluster).nodes == ("n1",)
    _label(cluster, "n2")
    assert seen(cluster).nodes == ("n2",)
    push(cluster, service())
    assert seen(cluster).nodes == ()


def _label(cluster: Cluster, name: str) -> None:
    objects = dict(cluster.observed.objects)
    for ref, stored in objects.items():
        if ref.kind == "Node" and ref.name == name:
            labels = {**stored.object.metadata.labels, "reconciler.dev/ingress": "true"}
            metadata = replace(stored.object.metadata, labels=labels)
            objects[ref] = replace(stored, object=replace(stored.object, metadata=metadata))
    cluster.observed = replace(cluster.observed, objects=objects)


def test_annotations_without_effect_are_told() -> None:
    """Raw configuration, what nobody knows, a value with a fault; other annotations are not looked at."""
    said = {"example.com/owner": "ada"}
    options = {"configuration_snippet": "return 200;", "proxy_body_size": "much", "no_such": "x"}
    cluster = cluster_of(service(), ingress("web", rule("a"), annotations=said, **options))
    words = told(cluster, "web").split("\n")
    assert len(words) == 3
    assert all(one.startswith("IgnoredAnnotation: nginx.ingress.kubernetes.io/") for one in words)
    assert isinstance(cluster.of("Ingress")["web"], Ingress)


def test_what_an_ingress_says_nothing_of_is_as_the_settings_say() -> None:
    """A body of 1 MB at most, and no line in the log, unless they or the Ingress say otherwise."""
    manifests = (service(), ingress("web", rule("a")), ingress("own", rule("b"), proxy_body_size="0"))
    told = ingress("told", rule("c"), proxy_body_size="8m", enable_access_log="true")
    cluster = cluster_of(*manifests, told, ingress("quiet", rule("d"), enable_access_log="false"))
    found = {one.host: one.options for one in seen(cluster).routes}
    assert [(one, found[one].body_size, found[one].access_log) for one in "abcd"] == [
        ("a", 1 << 20, False),
        ("b", 0, False),
        ("c", 8 << 20, True),
        ("d", 1 << 20, False),
    ]
    assert [one for one in "abcd" if found[one].told_lengths_only] == ["a", "d"]
    cluster.policy = replace(cluster.policy, ingress=IngressPolicy(body_size=0, access_log=True))
    assert [(one.options.body_size, one.options.access_log) for one in seen(cluster).routes] == [
        (0, True),
        (0, True),
        (8 << 20, True),
        (0, False),
    ]


def test_the_same_objects_give_the_same_view() -> None:
    """Whatever the order of manifests."""
    manifests = [service(), service("other"), *(ingress(f"i{n}", rule(f"h{n}", path("/x"), path())) for n in range(5))]
    namespace = document("v1", "Namespace", "shop", "")
    assert seen(cluster_of(namespace, *manifests)).digest == seen(cluster_of(*manifests[::-1], namespace)).digest
