"""The rules of network policies on a node: there before a Pod is wired, as long as it is, and never in doubt."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.model.details import AttachPod, ProgramPolicies
from reconciler.model.kinds import LabelSelector
from reconciler.model.networkpolicy import (
    NamedWithin,
    Policies,
    PolicyBlock,
    PolicyEntry,
    PolicyGroup,
    PolicyMember,
    PolicyRule,
)
from reconciler.model.node import NetworkView, PodAssignment
from reconciler.model.node_report import NodeFacts
from reconciler.model.plan import Reason
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.actions import tag_of
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import LocalTruth
from reconciler.planner.node.policies import WantedPolicies, wanted_policies
from reconciler.simulation.node import NotQuiet
from reconciler.simulation.world import Fault
from tests.planner.node.host import Host, assignment, pod

WEB = pod("web", labels={"app": "web"})
OTHER = pod("other", labels={"app": "other"})
PEERS = PolicyGroup(name="g", members=(PolicyMember(ip="10.42.9.9", pod_uid="far"),))


def isolating(*rules: PolicyRule, name: str = "n", app: str = "web", egress: bool = False) -> PolicyEntry:
    """Return a policy of the Pods of one app."""
    selector = LabelSelector(match_labels={"app": app})
    return PolicyEntry(namespace="shop", name=name, selector=selector, ingress=rules, egress=rules if egress else None)


def know(host: Host, *entries: PolicyEntry, pods: tuple[PodAssignment, ...] | None = None) -> None:
    """Deliver documents with these policies."""
    host.generation += 1
    host.pods = host.pods if pods is None else pods
    policies = Policies(entries=entries, groups=(PEERS,) if entries else ())
    view = NetworkView(cluster_id="c", term=1, generation=host.generation, policies=policies)
    assigned = assignment(*host.pods, generation=host.generation)
    host.node.deliver(NodeDocuments(assignment=assigned, view=view))


def isolated(host: Host) -> dict[str, tuple[bool, bool]]:
    """Whom the host's rules isolate: for ingress, for egress."""
    policies = host.world.policies
    return {one.ip: (bool(one.ingress), bool(one.egress)) for one in policies.rules.pods} if policies else {}


def order(host: Host) -> list[str]:
    """What was done that matters here, in its order."""
    words = [one.partition(" ")[0] for one in host.done()]
    return [one for one in words if one in ("programPolicies", "attachPod", "startContainer", "detachPod")]


def test_without_policies_nothing_is_done() -> None:
    """And nothing is remembered as programmed."""
    host = Host(WEB)
    host.settle()
    assert "programPolicies" not in order(host)
    assert host.world.network.policies_digest == ""


def test_a_new_pod_gets_its_rules_before_its_link() -> None:
    """And only what selects it counts."""
    host = Host()
    know(host, isolating(egress=True), pods=(WEB, OTHER))
    host.settle()
    attached = {one.detail.pod_uid: one.detail for one in host.world.executed if isinstance(one.detail, AttachPod)}
    assert order(host)[0] == "programPolicies"
    ip = host.node.report("web").pod_ip
    assert isolated(host) == {ip: (True, True)}
    assert attached[WEB.uid].isolated == ("ingress", "egress")
    assert attached[OTHER.uid].isolated == ()


def test_the_link_of_a_pod_needs_the_rules_that_are_made_with_it() -> None:
    """Whichever of the two is quicker: until the rules hold, the Pod is on no network."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.node.run_once()
    assert host.node.last is not None
    kinds = {one.key: tag_of(one.detail) for one in host.node.last.plan.actions if one.detail is not None}
    [link] = [one for one in host.node.last.plan.actions if kinds[one.key] == "attachPod"]
    assert "programPolicies" in {kinds[one] for one in link.needs}


def test_a_pod_waits_while_its_rules_cannot_be_made() -> None:
    """It has no link, and says what it waits for."""
    host = Host()
    host.world.faults["programPolicies"] = Fault(times=3)
    know(host, isolating(), pods=(WEB,))
    with pytest.raises(NotQuiet, match="the rules of network policies could not be made yet"):
        host.settle(1.0)
    assert not host.world.links
    assert "attachPod" not in order(host)
    host.settle()
    assert order(host)[-2:] == ["attachPod", "startContainer"]
    assert isolated(host)[host.node.report("web").pod_ip] == (True, False)


def test_policies_that_come_later_isolate_what_runs() -> None:
    """And those that go let it free; nothing is wired anew, and nothing restarts."""
    host = Host(WEB)
    host.settle()
    host.done()
    know(host, isolating())
    host.settle()
    assert list(isolated(host).values()) == [(True, False)]
    know(host)
    host.settle()
    assert isolated(host) == {}
    assert order(host) == ["programPolicies", "programPolicies"]


def test_a_pod_of_another_label_is_another_pod_to_policies() -> None:
    """Labels count as they are now."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.settle()
    know(host, isolating(), pods=(msgspec.structs.replace(WEB, labels={"app": "x"}),))
    host.settle()
    assert isolated(host) == {}


def test_a_peer_more_is_one_program_more() -> None:
    """Of the rules alone."""
    host = Host()
    know(host, isolating(PolicyRule(groups=("g",), every_port=True)), pods=(WEB,))
    host.settle()
    host.done()
    know(host, isolating(PolicyRule(groups=("g", "gone"), every_port=True)))
    host.settle()
    assert order(host) == [], "a group that nobody is in opens nothing"
    know(host, isolating(PolicyRule(anyone=True, every_port=True)))
    host.settle()
    assert order(host) == ["programPolicies"]


def test_rules_that_were_changed_are_written_again_and_that_is_told() -> None:
    """Drift is repaired."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.settle()
    host.done()
    host.world.network = msgspec.structs.replace(host.world.network, policies_digest="", policies_damaged=True)
    host.world.tell("policies")
    host.settle()
    assert order(host) == ["programPolicies"]
    assert any("rules of NetworkPolicies were changed" in event.message for event in host.node.events)


def test_first_rules_are_no_repair() -> None:
    """Nothing was broken."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.settle()
    reasons = [one.reason for one in host.world.executed if isinstance(one.detail, ProgramPolicies)]
    assert reasons == [Reason.POLICIES_CHANGED]


def test_leftovers_are_removed_where_no_policy_is() -> None:
    """Rules that a former policy left would deny for ever."""
    host = Host(WEB)
    host.settle()
    host.done()
    host.world.network = msgspec.structs.replace(host.world.network, policies_damaged=True)
    host.world.tell("policies")
    host.settle()
    assert order(host) == ["programPolicies"]
    assert not host.world.network.policies_damaged


def test_a_pod_that_ends_keeps_its_rules_to_the_end() -> None:
    """They go after its link."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.settle()
    host.done()
    ending = msgspec.structs.replace(WEB, deletion_requested_at=host.clock.now(), grace_s=30.0)
    know(host, isolating(), pods=(ending,))
    host.settle()
    assert order(host) == ["detachPod", "programPolicies"]
    assert isolated(host) == {}


def test_a_pod_that_is_not_known_any_more_is_isolated_while_it_is_there() -> None:
    """Whatever let it through before: its labels are not known now."""
    host = Host()
    know(host, isolating(app="nobody"), pods=(OTHER,))
    host.settle()
    ip = host.node.report("other").pod_ip
    host.world.executed = []
    know(host, isolating(app="nobody"), pods=())
    host.settle()
    rules = [one.detail.rules for one in host.world.executed if isinstance(one.detail, ProgramPolicies)]
    assert [[(one.ip, bool(one.ingress), bool(one.egress)) for one in each.pods] for each in rules] == [
        [(ip, True, True)],
        [],
    ]


def test_rules_follow_while_the_engine_is_silent() -> None:
    """The kernel does not need it."""
    host = Host()
    know(host, pods=(WEB,))
    host.settle()
    host.world.engine_silent = True
    know(host, isolating())
    host.settle(60.0)
    assert list(isolated(host).values()) == [(True, False)]


def test_a_host_that_started_anew_makes_its_rules_first() -> None:
    """The kernel has none, and the Pods are wired again."""
    host = Host()
    know(host, isolating(), pods=(WEB,))
    host.settle()
    host.done()
    host.world.reboot()
    host.settle()
    done = order(host)
    assert done.index("programPolicies") < done.index("attachPod")


def test_a_pod_in_its_hosts_network_is_never_isolated() -> None:
    """The host would be."""
    host = Host()
    know(host, isolating(egress=True), pods=(pod("web", labels={"app": "web"}, host_network=True),))
    host.settle()
    assert host.ready("web")
    assert isolated(host) == {}


def _look(cidr: str = "10.42.1.0/24") -> Look:
    assigned = assignment(WEB, pod_cidr=cidr)
    return Look("n", 0.0, assigned, NodeFacts(node="n", observed_at=0.0), frozenset(), {}, {}, in_contact=True)


def test_the_same_documents_have_the_very_same_answer() -> None:
    """Also when they were decoded anew; and others have another one, be it only the range of addresses."""
    rule = PolicyRule(groups=("g",), every_port=True)
    first, second = (Policies(entries=(isolating(rule),), groups=(PEERS,)) for _ in range(2))
    truths = (LocalTruth(WEB.uid, "10.42.1.2", ready=True, terminating=False),)

    def answer(policies: Policies, look: Look, truths: tuple[LocalTruth, ...] = truths) -> WantedPolicies:
        return wanted_policies(look, NetworkView(cluster_id="c", term=1, generation=1, policies=policies), truths)

    before = answer(first, _look())
    assert answer(second, _look()) is before
    assert answer(second, _look(cidr="10.42.8.0/23")).rules.profiles[0].boxes == ()
    again = answer(first, _look())
    assert again == before
    assert answer(first, _look(), ()) != before
    assert answer(Policies(entries=(isolating(),), groups=(PEERS,)), _look()).digest != before.digest


@pytest.mark.parametrize(
    ("without", "is_let_in"),
    [((), True), (("10.42.100.0/24",), True), (("10.42.9.0/24",), False), (("10.0.0.0/8",), False)],
)
def test_a_named_port_within_a_network_is_open_to_those_who_are_in_it(
    without: tuple[str, ...], is_let_in: bool
) -> None:
    """Not to those in what is excepted of it, wherever that lies."""
    block = PolicyBlock(cidr="10.42.0.0/16", without=without)
    members = (PolicyMember(ip="10.42.9.9", port=8080), PolicyMember(ip="10.43.9.9", port=8080))
    rule = PolicyRule(within=(NamedWithin(protocol="TCP", group="http", block=block),))
    policies = Policies(entries=(isolating(rule),), groups=(PolicyGroup(name="http", members=members),))
    truths = (LocalTruth(WEB.uid, "10.42.1.2", ready=True, terminating=False),)
    found = wanted_policies(_look(), NetworkView(cluster_id="c", term=1, generation=1, policies=policies), truths)
    assert [len(one.boxes) for one in found.rules.profiles] == [int(is_let_in)]
