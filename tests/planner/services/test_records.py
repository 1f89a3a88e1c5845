"""DNS records of a provider: which are wanted of it, and what becomes of what it says."""

import pytest

from reconciler.model.kinds import IngressLoadBalancerIngress, LoadBalancerIngress
from reconciler.model.plan import Decision, Plan
from reconciler.model.provider import Owner, ProviderAnswer, Record, Recorded
from reconciler.model.refs import ObjectRef
from reconciler.planner.services.provided import request_of, state_of
from tests.planner.world import Cluster, replace

DNS = "external-dns.alpha.kubernetes.io"


def service(name: str, hostname: str, ttl: str = "") -> str:
    """A Service of another's class, which is given its address by the test."""
    return f"""---
apiVersion: v1
kind: Service
metadata: {{name: {name}, annotations: {{{DNS}/hostname: "{hostname}", {DNS}/ttl: "{ttl}"}}}}
spec: {{type: LoadBalancer, loadBalancerClass: example.org/else, ports: [{{port: 80}}]}}
"""


def ingress(name: str, *hosts: str) -> str:
    """An Ingress of another's class, which is given its address by the test."""
    rules = ", ".join(f'{{host: "{host}"}}' for host in hosts)
    return f"""---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec: {{ingressClassName: else, rules: [{rules}]}}
"""


def reached(cluster: Cluster, kind: str, name: str, *ips: str, hostname: str = "") -> None:
    """Give an object where it is reached, as its controller does."""
    ref = ObjectRef(kind=kind, namespace="default", name=name)
    stored = cluster.observed.objects[ref]
    status = stored.object.status
    entry = LoadBalancerIngress if kind == "Service" else IngressLoadBalancerIngress
    where = tuple(entry(ip=ip) for ip in ips) + ((entry(hostname=hostname),) if hostname else ())
    given = replace(status, load_balancer=replace(status.load_balancer, ingress=where))
    objects = {**cluster.observed.objects, ref: replace(stored, object=replace(stored.object, status=given))}
    cluster.observed = replace(cluster.observed, objects=objects)


def wanted(cluster: Cluster) -> dict[str, tuple[str, tuple[str, ...], int]]:
    """Return the records that are asked for."""
    return {
        f"{one.name} {one.type}": (one.owner.name, one.targets, one.ttl) for one in request_of(cluster.observed).records
    }


def answered(cluster: Cluster, *records: Recorded, does: tuple[str, ...] = ("records",)) -> list[Plan]:
    """Let the provider answer what is asked now, and everything settle."""
    answer = ProviderAnswer(api_version="v", capabilities=does, records=records)
    cluster.observed = replace(cluster.observed, provider=state_of(cluster.observed, answer))
    return cluster.settle()


def blocked(answer: Plan) -> dict[str, str]:
    """Return what the plan says of objects that are blocked."""
    return {str(one.object): one.message for one in answer.verdicts if one.decision is Decision.BLOCKED}


def test_names_of_services_and_hosts_of_ingresses_are_asked_for() -> None:
    """Once there is where they lead; with the time of the annotation; and no longer once nobody wants them."""
    cluster = Cluster()
    cluster.push(
        service("web", "www.example.org., Shop.example.org", "5m") + ingress("front", "a.example.org", "*.b.org")
    )
    cluster.settle()
    assert wanted(cluster) == {}
    reached(cluster, "Service", "web", "192.0.2.9", "192.0.2.8")
    reached(cluster, "Ingress", "front", hostname="lb.example.org")
    assert wanted(cluster) == {
        "*.b.org CNAME": ("front", ("lb.example.org",), 0),
        "a.example.org CNAME": ("front", ("lb.example.org",), 0),
        "shop.example.org A": ("web", ("192.0.2.8", "192.0.2.9"), 300),
        "www.example.org A": ("web", ("192.0.2.8", "192.0.2.9"), 300),
    }
    uid = cluster.of("Service")["web"].metadata.uid
    owner = Owner(kind="Service", namespace="default", name="web", uid=uid)
    assert (
        Record(name="www.example.org", targets=("192.0.2.8", "192.0.2.9"), ttl=300, owner=owner)
        in request_of(cluster.observed).records
    )
    cluster.push(service("web", "shop.example.org"), commit="c2")
    cluster.settle()
    assert wanted(cluster) == {"shop.example.org A": ("web", ("192.0.2.8", "192.0.2.9"), 0)}


def test_what_cannot_be_recorded_is_told_of_its_object_until_it_can() -> None:
    """As an Event, a condition, and why the object is blocked; by a provider that sees to no records nothing is."""
    cluster = Cluster()
    cluster.push(service("web", "www.example.org") + ingress("front", "a.example.org"))
    cluster.settle()
    reached(cluster, "Service", "web", "192.0.2.9")
    reached(cluster, "Ingress", "front", "192.0.2.1")
    bad = (Recorded(name="www.example.org", error="no such\nzone"), Recorded(name="a.example.org", error="not mine"))
    answered(cluster, *bad, does=())
    assert blocked(cluster.plan()) == {} and cluster.of("Service")["web"].status.conditions == ()
    reached(cluster, "Ingress", "front", "192.0.2.1")
    plans = answered(cluster, *bad)
    happened = [(one.object.name, one.reason, one.message) for plan in plans for one in plan.happenings]
    assert happened.count(("web", "RecordFailed", "the provider says of www.example.org: no such zone")) == 1
    assert happened.count(("front", "RecordFailed", "the provider says of a.example.org: not mine")) == 1
    failed = [one for plan in plans for one in plan.happenings if one.reason == "RecordFailed"]
    assert {one.type for one in failed} == {"Warning"}
    assert blocked(cluster.plan()) == {
        "service/default/web": "the provider says of www.example.org: no such zone",
        "ingress/default/front": "the provider says of a.example.org: not mine",
    }
    (condition,) = cluster.of("Service")["web"].status.conditions
    assert (condition.type, condition.status) == ("reconciler.dev/RecordsMade", "False")
    answered(cluster, Recorded(name="www.example.org"), Recorded(name="a.example.org"))
    assert blocked(cluster.plan()) == {} and cluster.of("Service")["web"].status.conditions == ()


def test_a_name_is_that_of_the_older_object() -> None:
    """Ingresses may share one; what is no name, or no time, is told."""
    cluster = Cluster()
    cluster.push(service("z-first", "www.example.org") + ingress("one", "a.example.org"))
    cluster.settle()
    cluster.push(
        service("z-first", "www.example.org")
        + service("second", "www.example.org, no_/name", "soon")
        + ingress("one", "a.example.org")
        + ingress("two", "a.example.org"),
        commit="c2",
    )
    cluster.settle()
    for name, ip in (("z-first", "192.0.2.1"), ("second", "192.0.2.2")):
        reached(cluster, "Service", name, ip)
    for name, ip in (("one", "192.0.2.1"), ("two", "192.0.2.2")):
        reached(cluster, "Ingress", name, ip)
    assert wanted(cluster) == {
        "a.example.org A": ("one", ("192.0.2.1", "192.0.2.2"), 0),
        "www.example.org A": ("z-first", ("192.0.2.1",), 0),
    }
    answered(cluster)
    assert blocked(cluster.plan()) == {
        "service/default/second": f"annotation {DNS}/ttl: 'soon' is no time in seconds, such as 300 or 5m; "
        "the name www.example.org is that of service/default/z-first; 'no_/name' is no name that a DNS record can have"
    }


def test_an_address_of_version_6_has_a_record_of_its_own() -> None:
    """Beside that of version 4."""
    cluster = Cluster()
    cluster.push(service("web", "www.example.org"))
    cluster.settle()
    reached(cluster, "Service", "web", "2001:db8::1", "192.0.2.1")
    assert list(wanted(cluster)) == ["www.example.org A", "www.example.org AAAA"]


def test_a_name_of_253_letters_is_the_longest() -> None:
    """As DNS has it."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    cluster = Cluster()
    cluster.push(service("web", longest) + service("other", longest + "a"))
    cluster.settle()
    for name in ("web", "other"):
        reached(cluster, "Service", name, "192.0.2.1")
    assert list(wanted(cluster)) == [f"{longest} A"]


def test_a_time_is_written_in_hours_minutes_and_seconds_or_as_a_number() -> None:
    """From one second to what DNS can say; another is told, and has no record the longer."""
    cluster = Cluster()
    times = {"a": "1h2m3s", "b": "2h", "c": "90", "d": "1", "e": "2147483647", "f": "0", "g": "2147483648", "h": "1s2m"}
    cluster.push("".join(service(name, f"{name}.example.org", time) for name, time in times.items()))
    cluster.settle()
    for name in times:
        reached(cluster, "Service", name, "192.0.2.1")
    assert {name: ttl for name, _, ttl in wanted(cluster).values()} == {
        **{"a": 3723, "b": 7200, "c": 90, "d": 1, "e": 2147483647},
        **{"f": 0, "g": 0, "h": 0},
    }
    answered(cluster)
    assert sorted(blocked(cluster.plan())) == [f"service/default/{name}" for name in "fgh"]


def test_of_several_names_where_an_object_is_reached_one_is_told() -> None:
    """The first in the alphabet, so that it stays the same one."""
    cluster = Cluster()
    cluster.push(service("web", "www.example.org"))
    cluster.settle()
    for names in (("b.example.org", "a.example.org"), ("a.example.org", "b.example.org")):
        reached(cluster, "Service", "web")
        ref = ObjectRef(kind="Service", namespace="default", name="web")
        stored = cluster.observed.objects[ref]
        where = tuple(LoadBalancerIngress(hostname=name) for name in names)
        balanced = replace(stored.object.status.load_balancer, ingress=where)
        told = replace(stored.object, status=replace(stored.object.status, load_balancer=balanced))
        objects = {**cluster.observed.objects, ref: replace(stored, object=told)}
        cluster.observed = replace(cluster.observed, objects=objects)
        assert wanted(cluster) == {"www.example.org CNAME": ("web", ("a.example.org",), 0)}


def test_a_name_that_leads_elsewhere_leads_to_one_place() -> None:
    """Also where two Ingresses have it that are reached by different names."""
    cluster = Cluster()
    cluster.push(ingress("one", "a.example.org") + ingress("two", "a.example.org"))
    cluster.settle()
    reached(cluster, "Ingress", "one", hostname="z.example.org")
    reached(cluster, "Ingress", "two", hostname="b.example.org")
    assert wanted(cluster) == {"a.example.org CNAME": ("one", ("b.example.org",), 0)}


def test_a_change_is_told_before_what_is_wrong_with_a_record() -> None:
    """The plan says what is written; the fault stays where it was told."""
    cluster = Cluster()
    cluster.push(ingress("front", "a.example.org"))
    cluster.settle()
    reached(cluster, "Ingress", "front", "192.0.2.1")
    answered(cluster, Recorded(name="a.example.org", error="not mine"))
    cluster.push(ingress("front", "a.example.org", "b.example.org"), commit="c2")
    answer = cluster.plan()
    assert [one.decision for one in answer.verdicts if one.object.kind == "Ingress"] == [Decision.UPDATE]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("5m", 300),
        ("1h1m1s", 3661),
        (str(2**31 - 1), 2**31 - 1),
        (str(2**31), 0),
        ("0", 0),
        ("9" * 5000, 0),
        ("9" * 5000 + "h", 0),
    ],
)
def test_how_long_an_answer_holds(text: str, seconds: int) -> None:
    """A number of seconds, or hours, minutes and seconds; what is none, or too many, is as if it was not said."""
    cluster = Cluster()
    cluster.push(service("web", "www.example.org", text))
    cluster.settle()
    reached(cluster, "Service", "web", "192.0.2.1")
    assert wanted(cluster) == {"www.example.org A": ("web", ("192.0.2.1",), seconds)}
    answered(cluster)
    assert bool(blocked(cluster.plan())) is (seconds == 0)
