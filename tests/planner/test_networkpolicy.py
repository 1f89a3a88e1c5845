"""Network policies let through what Kubernetes says, and nothing else: against a slow and obvious judge."""

import ipaddress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from reconciler.model.kinds import Pod
from reconciler.model.networkpolicy import PolicyRules, policies_delta, policies_merged
from reconciler.planner.memo import Memo
from reconciler.planner.networkpolicy import cluster_policies
from reconciler.planner.node.policies import Local, policy_rules
from tests.planner.networkpolicy_clusters import clusters
from tests.planner.networkpolicy_judge import (
    CIDRS,
    DNS,
    Judge,
    Kernel,
    Objects,
    assigned,
    namespace,
    pod,
    policy,
    stored,
    view_of,
)

OUTSIDE = ("192.0.2.1", "192.0.2.129", "203.0.113.9", "10.99.0.1")


@settings(max_examples=100, deadline=None)
@given(clusters())
def test_what_is_let_through_is_what_the_manifests_say(objects: Objects) -> None:
    """Between all Pods, from and to outside and to the DNS server, at ports on both sides of every boundary."""
    kernel, judge = Kernel(objects), Judge(objects)
    addresses = [one.object.status.pod_ip for one in objects.values() if isinstance(one.object, Pod)]
    probes = [("TCP", n) for n in (79, 80, 81, 443, 444, 8080)] + [("UDP", 53), ("UDP", 80), ("SCTP", 7), ("ICMP", 0)]
    for source in (*addresses, *OUTSIDE):
        for destination in (*addresses, *OUTSIDE, DNS):
            for protocol, port in probes:
                ours = kernel.lets_through(source, destination, protocol, port)
                theirs = judge.lets_through(source, destination, protocol, port)
                assert ours == theirs, (source, destination, protocol, port)


@settings(max_examples=40, deadline=None)
@given(clusters(), clusters())
def test_differences_lead_from_any_policies_to_any_others(before: Objects, after: Objects) -> None:
    """Also through one memo, which gives what a fresh one gives, and the same value when nothing changed."""
    memo = Memo()
    first = cluster_policies(view_of(before, memo))
    memo.next_pass()
    second = cluster_policies(view_of(after, memo))
    assert second == cluster_policies(view_of(after))
    merged = policies_merged(first, policies_delta(first, second))
    assert (sorted(merged.entries, key=str), sorted(merged.groups, key=str)) == (
        sorted(second.entries, key=str),
        sorted(second.groups, key=str),
    )
    memo.next_pass()
    assert cluster_policies(view_of(after, memo)) is second


WEB = pod("one", "web", "10.42.0.2", "a", labels={"app": "web"}, ports=(("http", "TCP", 8080),))
DB = pod("one", "db", "10.42.1.2", "b", labels={"app": "db"}, ports=(("sql", "TCP", 5432),))
OTHER = pod("two", "x", "10.42.1.3", "b", labels={"app": "web"})
BASE = (namespace("one", team="red"), namespace("two", team="blue"), WEB, DB, OTHER)
W, D, X = "10.42.0.2", "10.42.1.2", "10.42.1.3"
DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
OURS = {"podSelector": {}}
USUAL_DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def within(cidr: str, port: str, protocol: str = "TCP", without: str = "") -> dict[str, Any]:
    """Let out, to a network, at a port that is called by a name."""
    block = {"cidr": cidr, "except": [f"{without}/32"] if without else []}
    rule = {"to": [{"ipBlock": block}], "ports": [{"port": port, "protocol": protocol}]}
    return {**DENY_ALL, "egress": [rule]}


@pytest.mark.parametrize(
    ("specs", "packet", "expected"),
    [
        # Isolation, and the direction of each policy type.
        ((), (X, W, "TCP", 1), True),
        (({"podSelector": {}},), (X, W, "TCP", 1), False),
        (({"podSelector": {}},), (W, X, "TCP", 1), True),
        (({"podSelector": {}, "policyTypes": ["Egress"]},), (W, X, "TCP", 1), False),
        (({"podSelector": {}, "policyTypes": ["Egress"]},), (X, W, "TCP", 1), True),
        (({"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{}]},), (W, X, "TCP", 1), True),
        (({"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]},), (X, W, "TCP", 1), False),
        (({"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]},), (W, X, "TCP", 1), True),
        (({"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]},), (W, X, "TCP", 2), False),
        (({"podSelector": {"matchLabels": {"app": "db"}}},), (X, W, "TCP", 1), True),
        ((DENY_ALL,), (W, W, "TCP", 1), True),
        # An empty rule is everything; policies add up.
        ((DENY_ALL, {"podSelector": {}, "ingress": [{}]}), (X, W, "ICMP", 0), True),
        (({"podSelector": {}}, {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}), (X, W, "TCP", 80), True),
        (({"podSelector": {}, "ingress": [{"ports": [{}]}]},), (X, W, "TCP", 65535), True),
        (({"podSelector": {}, "ingress": [{"ports": [{}]}]},), (X, W, "UDP", 1), False),
        # Peers: this namespace only, others by label, both at once.
        (({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},), (X, W, "TCP", 1), False),
        (({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},), (D, W, "TCP", 1), True),
        (({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},), (X, W, "TCP", 1), True),
        (({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},), ("192.0.2.1", W, "TCP", 1), False),
        # Ports by name: that of the Pod that is reached.
        (({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]},), (X, W, "TCP", 8080), True),
        (({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]},), (X, W, "TCP", 80), False),
        (({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]},), (X, D, "TCP", 8080), False),
        (({**DENY_ALL, "ingress": [{}], "egress": [{"ports": [{"port": "sql"}]}]},), (W, D, "TCP", 5432), True),
        (({**DENY_ALL, "ingress": [{}], "egress": [{"ports": [{"port": "sql"}]}]},), (W, X, "TCP", 5432), False),
        (
            ({**DENY_ALL, "ingress": [{}], "egress": [{"ports": [{"port": "sql"}, {"port": 9}]}]},),
            (W, D, "TCP", 9),
            True,
        ),
        (
            ({"podSelector": {}, "ingress": [{"from": [OURS], "ports": [{"port": "http"}]}]},),
            (W, D, "TCP", 8080),
            False,
        ),
        # Names: denied with everything else, let through by the usual rule, by the port alone, by the address.
        ((DENY_ALL,), (W, DNS, "UDP", 53), False),
        (({**DENY_ALL, "egress": [USUAL_DNS]},), (W, DNS, "UDP", 53), True),
        (({**DENY_ALL, "egress": [USUAL_DNS]},), (W, DNS, "TCP", 80), False),
        (({**DENY_ALL, "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]},), (W, DNS, "UDP", 53), True),
        (({**DENY_ALL, "egress": [{"to": [{"namespaceSelector": {}}]}]},), (W, DNS, "UDP", 53), True),
        (({**DENY_ALL, "egress": [{"ports": [{"port": "dns", "protocol": "UDP"}]}]},), (W, DNS, "UDP", 53), True),
        (({**DENY_ALL, "egress": [{"ports": [{"port": "dns-tcp"}]}]},), (W, DNS, "TCP", 53), True),
        (({**DENY_ALL, "egress": [{"ports": [{"port": "dns-tcp"}]}]},), (W, DNS, "UDP", 53), False),
        (({**DENY_ALL, "egress": [{"to": [{"ipBlock": {"cidr": f"{DNS}/32"}}]}]},), (W, DNS, "UDP", 53), True),
        (({**DENY_ALL, "egress": [{"to": [{"podSelector": {}}]}]},), (W, DNS, "UDP", 53), False),
        # A port's name within a network: that of the Pod, or of the DNS server, at the address.
        ((within(f"{DNS}/32", "dns", "UDP"),), (W, DNS, "UDP", 53), True),
        ((within("0.0.0.0/0", "sql"), {"podSelector": {}, "ingress": [{}]}), (W, D, "TCP", 5432), True),
        ((within("0.0.0.0/0", "sql"), {"podSelector": {}, "ingress": [{}]}), (W, D, "TCP", 5433), False),
        ((within("0.0.0.0/0", "sql"), {"podSelector": {}, "ingress": [{}]}), (W, X, "TCP", 5432), False),
        ((within("0.0.0.0/0", "sql", without=D), {"podSelector": {}, "ingress": [{}]}), (W, D, "TCP", 5432), False),
        ((within("10.42.0.0/24", "sql"), {"podSelector": {}, "ingress": [{}]}), (W, D, "TCP", 5432), False),
    ],
)
def test_a_packet(specs: tuple[dict[str, Any], ...], packet: tuple[str, str, str, int], expected: bool) -> None:
    """The cases that people ask about."""
    objects = stored(*BASE, *(policy("one", f"n{number}", **spec) for number, spec in enumerate(specs)))
    assert Kernel(objects).lets_through(*packet) is expected
    assert Judge(objects).lets_through(*packet) is expected


def test_without_policies_there_is_nothing() -> None:
    """And no rules, on any node."""
    kernel = Kernel(stored(*BASE))
    assert kernel.rules == {"a": PolicyRules(), "b": PolicyRules()}


def test_pods_that_no_policy_selects_have_no_rules() -> None:
    """Neither has a node without such Pods."""
    rules = Kernel(stored(*BASE, policy("one", "n", podSelector={"matchLabels": {"app": "web"}}))).rules
    assert [one.ip for one in rules["a"].pods] == [W]
    assert rules["b"] == PolicyRules()


def test_pods_that_the_same_policies_select_share_a_profile() -> None:
    """However many there are; the number of sets does not grow with them."""
    many = [pod("one", f"w{n}", f"10.42.0.{n}", labels={"app": "web"}) for n in range(10, 60)]
    rules = Kernel(stored(*BASE, *many, policy("one", "n", podSelector={}, ingress=[{}]))).rules["a"]
    assert (len(rules.pods), len(rules.profiles)) == (51, 1)


def test_a_pod_in_its_nodes_network_is_neither_isolated_nor_a_peer() -> None:
    """Its address is its node's, which only `ipBlock` can mean."""
    host = pod("one", "h", "192.0.2.1", labels={"app": "web"}, host_network=True)
    only_pods = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}
    kernel = Kernel(stored(*BASE, host, policy("one", "n", **only_pods)))
    assert kernel.lets_through(X, "192.0.2.1", "TCP", 1)
    assert not kernel.lets_through("192.0.2.1", W, "TCP", 1)


def test_a_peer_of_this_node_counts_only_while_it_is_there() -> None:
    """An address that the view gives to a Pod which is not here (any more) opens nothing, whoever has it now."""
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]}
    peer = pod("one", "peer", "10.42.0.9")
    policies = cluster_policies(view_of(stored(*BASE, peer, policy("one", "n", **spec))))
    web = Local(WEB.metadata.uid, W, assigned(WEB))
    there = policy_rules(policies, [web, Local("one-peer", "10.42.0.9", assigned(peer))], CIDRS["a"])
    another = policy_rules(policies, [web, Local("two-new", "10.42.0.9", assigned(OTHER))], CIDRS["a"])
    assert _opens(there, "10.42.0.9")
    assert not _opens(another, "10.42.0.9")
    assert _opens(another, D), "what is elsewhere is the view's to say"


def _opens(rules: PolicyRules, ip: str) -> bool:
    number = int(ipaddress.ip_address(ip))
    return any(box.low <= number <= box.high for profile in rules.profiles for box in profile.boxes)


def test_whoever_is_wired_and_not_known_is_isolated() -> None:
    """In both directions, and with nothing let through."""
    policies = cluster_policies(view_of(stored(*BASE, policy("one", "n", podSelector={}))))
    rules = policy_rules(policies, [Local("gone", "10.42.0.7")], CIDRS["a"])
    (found,) = rules.pods
    assert found.ip == "10.42.0.7"
    assert {found.ingress, found.egress} == {one.name for one in rules.profiles if not one.boxes}


def test_a_pod_that_changes_in_other_ways_changes_nothing() -> None:
    """Neither does it cost anything: the very same value comes back, also after passes that did not ask."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}]}]}
    objects, memo = stored(*BASE, policy("one", "n", **spec)), Memo()
    before = cluster_policies(view_of(objects, memo))
    for _ in range(3):
        memo.next_pass()
        assert cluster_policies(view_of(objects, memo)) is before
    told = msgspec.structs.replace(WEB, status=msgspec.structs.replace(WEB.status, message="told"))
    memo.next_pass()
    assert cluster_policies(view_of({**objects, **stored(told)}, memo)) is before


def test_peers_follow_the_labels_of_namespaces() -> None:
    """And namespaces that come and go."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]}
    objects, memo = stored(*BASE, policy("one", "n", **spec)), Memo()
    members = []
    for two in (namespace("two", team="blue"), namespace("two"), namespace("two", team="blue", more="x")):
        memo.next_pass()
        (group,) = cluster_policies(view_of({**objects, **stored(two)}, memo)).groups
        members.append([(one.ip, one.port) for one in group.members])
    assert members == [[(X, 0)], [], [(X, 0)]]


def test_the_first_pod_of_a_namespace_is_a_peer_at_once() -> None:
    """And the last one that goes is none any more, though no namespace has changed."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}
    some, memo = stored(BASE[0], BASE[1], WEB, policy("one", "n", **spec)), Memo()
    members = []
    moved = pod("two", "x", "10.42.1.4", "b")
    for objects in (some, {**some, **stored(OTHER)}, {**some, **stored(moved)}, some):
        memo.next_pass()
        (group,) = cluster_policies(view_of(objects, memo)).groups
        members.append(sorted(one.ip for one in group.members))
    assert members == [[W, DNS], [W, X, DNS], [W, "10.42.1.4", DNS], [W, DNS]]


def test_a_pod_with_other_labels_or_another_address_is_another_peer() -> None:
    """Whichever of the Pods it is, and though the others are as they were."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}
    objects, memo = stored(*BASE, policy("one", "n", **spec)), Memo()
    changes = (
        (),
        (pod("one", "db", D, "b", labels={"app": "web"}),),
        (pod("one", "web", "10.42.0.8", "a", labels={"app": "web"}),),
        (pod("one", "web", W, "a", "Failed", labels={"app": "web"}),),
        (),
    )
    members = []
    for change in changes:
        memo.next_pass()
        (group,) = cluster_policies(view_of({**objects, **stored(*change)}, memo)).groups
        members.append(sorted(one.ip for one in group.members))
    assert members == [[W], [W, D], ["10.42.0.8"], [], [W]]


def test_one_policy_that_changes_is_taken_in() -> None:
    """Among others that do not, and though no Pod changes; what they choose by stays the very same group."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}
    kept, memo = stored(*BASE, *(policy("one", name, **spec) for name in "ab")), Memo()
    before = cluster_policies(view_of(kept, memo))
    memo.next_pass()
    changed = policy("one", "b", **{**spec, "policyTypes": ["Ingress", "Egress"]})
    after = cluster_policies(view_of({**kept, **stored(changed)}, memo))
    assert [one.egress for one in after.entries] == [None, ()]
    assert after.groups[0] is before.groups[0]
    memo.next_pass()
    relabelled = pod("one", "db", D, "b", labels={"app": "db", "more": "x"})
    assert cluster_policies(view_of({**kept, **stored(changed, relabelled)}, memo)) is after


def test_one_pod_more_changes_one_group_and_no_policy() -> None:
    """What travels to the nodes is small."""
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}
    policies = [policy("one", f"n{n}", **spec) for n in range(20)]
    memo = Memo()
    before = cluster_policies(view_of(stored(*BASE, *policies), memo))
    memo.next_pass()
    more = pod("one", "more", "10.42.1.77", "b", labels={"app": "web"})
    after = cluster_policies(view_of(stored(*BASE, *policies, more), memo))
    delta = policies_delta(before, after)
    assert (len(delta.entries), len(delta.groups), delta.removed, delta.removed_groups) == (0, 1, (), ())
