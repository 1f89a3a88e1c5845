"""Addresses of Services: from the right part of the range, each once, and kept."""

import ipaddress
from typing import Any

import pytest

from reconciler.model.observed import ClusterInfo
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.planner.memo import Memo
from tests.planner.world import Cluster, replace


def service(name: str, rest: str = "ports: [{port: 80}]") -> str:
    """Return the manifest of a Service."""
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{rest}}}\n"


def of_range(cidr: str) -> Cluster:
    """Return a cluster whose Services have this range."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", service_cidr=cidr))
    return cluster


def addresses(cluster: Cluster) -> dict[str, str]:
    """Return the addresses of all Services."""
    services: dict[str, Any] = cluster.of("Service")
    return {name: one.spec.cluster_ip or "" for name, one in services.items()}


def remembered(answer: Plan) -> dict[str, str]:
    """Return the addresses of Services that a plan has remembered."""
    return {key: text for key, text in answer.allocations.items() if key.startswith("clusterip/")}


def blocked(answer: Plan) -> dict[str, tuple[Reason, str]]:
    """Return what is blocked, and why."""
    return {one.object.name: (one.reason, one.message) for one in answer.verdicts if one.decision is Decision.BLOCKED}


@pytest.mark.parametrize(
    ("cidr", "first", "room"),
    [("10.43.0.0/27", "10.43.0.16", 15), ("10.43.0.0/26", "10.43.0.16", 47), ("fd00::/123", "fd00::10", 15)],
)
def test_a_small_range_is_used_up_but_for_its_reserved_first_and_its_last(cidr: str, first: str, room: int) -> None:
    """Each address once; who comes too late is told so, and gets the first that is free."""
    cluster = of_range(cidr)
    names = [f"s{number:02}" for number in range(room + 1)]
    cluster.push("".join(map(service, names)))
    cluster.settle()
    given = [address for address in addresses(cluster).values() if address]
    low = int(ipaddress.ip_address(first))
    assert sorted(int(ipaddress.ip_address(one)) for one in given) == list(range(low, low + room))
    (late,) = (name for name, address in addresses(cluster).items() if not address)
    assert blocked(cluster.plan()) == {late: (Reason.CONFLICT, f"no address is free in {cidr}")}


def test_a_range_without_room_gives_none() -> None:
    """Its first sixteen are reserved."""
    cluster = of_range("10.43.0.0/28")
    cluster.push(service("web"))
    cluster.settle()
    assert blocked(cluster.plan()) == {"web": (Reason.CONFLICT, "no address is free in 10.43.0.0/28")}


@pytest.mark.parametrize(
    ("cidr", "address"),
    [
        ("10.43.0.0/24", "10.43.0.226"),
        ("10.43.0.0/22", "10.43.3.233"),
        ("10.43.0.0/20", "10.43.1.5"),
        ("10.43.0.0/16", "10.43.72.41"),
    ],
)
def test_the_address_follows_from_the_name(cidr: str, address: str) -> None:
    """The same in every cluster of that range, also when the database is lost."""
    cluster = of_range(cidr)
    cluster.push(service("web"))
    assert remembered(cluster.tick()) == {"clusterip/default/web": address}
    assert addresses(cluster) == {"web": address}
    assert not cluster.tick().allocations


def test_who_comes_second_moves_nobody() -> None:
    """An address that somebody asked for, or has, is not given again."""
    cluster = of_range("10.43.0.0/24")
    taken = "clusterIP: 10.43.0.226, ports: [{port: 80}]"
    cluster.push(service("a", taken) + service("web"))
    cluster.settle()
    assert addresses(cluster)["a"] == "10.43.0.226"
    assert addresses(cluster)["web"] == str(ipaddress.ip_address("10.43.0.226") + 1)
    cluster = of_range("10.43.0.0/24")
    cluster.push(service("web"))
    cluster.settle()
    cluster.push(service("web", "clusterIP: 10.43.0.9, ports: [{port: 80}]") + service("b"), commit="c2")
    answer = cluster.tick()
    assert "cannot be changed" in blocked(answer)["web"][1]


def test_an_address_is_remembered_beyond_its_service() -> None:
    """A Service that is made anew gets what it had, also one that was asked for."""
    cluster = of_range("10.43.0.0/24")
    plain = service("keep") + service("stay") + service("here")
    cluster.push(plain + service("web", "clusterIP: 10.43.0.9, ports: [{port: 80}]"))
    cluster.settle()
    cluster.push(plain, commit="c2")
    cluster.settle()
    assert "web" not in addresses(cluster)
    cluster.push(plain + service("web"), commit="c3")
    cluster.settle()
    assert addresses(cluster)["web"] == "10.43.0.9"


def test_an_address_that_another_service_has_by_now_is_not_given_back() -> None:
    """Whoever asked for it has it; the one that returns gets another."""
    cluster = of_range("10.43.0.0/24")
    plain = service("keep") + service("stay") + service("here")
    cluster.push(plain + service("web"))
    cluster.settle()
    had = addresses(cluster)["web"]
    cluster.push(plain, commit="c2")
    cluster.settle()
    cluster.push(plain + service("other", f"clusterIP: {had}, ports: [{{port: 80}}]"), commit="c3")
    cluster.settle()
    cluster.push(plain + service("other", f"clusterIP: {had}, ports: [{{port: 80}}]") + service("web"), commit="c4")
    cluster.settle()
    assert addresses(cluster)["other"] == had
    assert len(set(addresses(cluster).values())) == 5
    assert cluster.plan().is_empty


def test_other_sorts_of_services_get_no_address() -> None:
    """Headless ones, and names elsewhere; nothing of them is remembered."""
    cluster = Cluster()
    cluster.push(
        service("headless", "clusterIP: None")
        + service("else", "type: ExternalName, externalName: a.example")
        + service("web")
    )
    answer = cluster.tick()
    assert addresses(cluster) == {"headless": "None", "else": "", "web": "10.43.72.41"}
    assert remembered(answer) == {"clusterip/default/web": "10.43.72.41"}
    assert not answer.warnings


def test_an_address_outside_of_the_range_is_warned_of_at_every_look() -> None:
    """It is used all the same."""
    cluster = Cluster()
    inside = service("inside", "clusterIP: 10.43.0.9, ports: [{port: 80}]")
    cluster.push(inside + service("outside", "clusterIP: 192.0.2.1, ports: [{port: 80}]"))
    cluster.settle()
    assert addresses(cluster)["outside"] == "192.0.2.1"
    said = "service/default/outside: clusterIP 192.0.2.1 is outside of 10.43.0.0/16 and will not be reached"
    assert cluster.plan().warnings == (said,)


def test_what_is_to_be_remembered_is_said_until_it_is() -> None:
    """Also by a plan that comes before the one before it was written."""
    cluster = Cluster()
    cluster.push(service("web", "clusterIP: 10.43.0.9, ports: [{port: 80}]"))
    cluster.settle()
    cluster.observed = replace(cluster.observed, allocations={})
    for _ in range(3):
        assert remembered(cluster.plan()) == {"clusterip/default/web": "10.43.0.9"}


def test_what_is_to_be_given_back_is_said_until_it_is() -> None:
    """Likewise, when the daemon has begun anew with rows that nobody needs."""
    cluster = Cluster()
    cluster.push(service("web"))
    cluster.settle()
    cluster.memo = Memo()
    rows = {**cluster.observed.allocations, "nodeport/default/web/80": "30000"}
    cluster.observed = replace(cluster.observed, allocations=rows)
    for _ in range(3):
        assert cluster.plan().allocations == {"nodeport/default/web/80": ""}


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ("type: ExternalName, externalName: a.example", "ports: [{port: 80}]", "spec.externalName"),
        ("ports: [{port: 80}]", "type: NodePort, ports: [{port: 80}]", "spec.type"),
    ],
)
def test_a_service_of_another_type_is_changed_by_who_declared_it(before: str, after: str, paths: str) -> None:
    """What it is given besides is told, and hides nothing of that."""
    cluster = Cluster()
    cluster.push(service("web", before))
    cluster.settle()
    cluster.push(service("web", after), commit="c2")
    (found,) = (one for one in cluster.plan().verdicts if one.object.name == "web" and one.object.kind == "Service")
    assert (found.decision, found.reason) == (Decision.UPDATE, Reason.SPEC_CHANGED)
    assert paths in [change.path for change in found.changes]
