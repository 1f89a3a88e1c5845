"""The rules of NetworkPolicies for a node's own Pods: which of them are isolated, and what is let through. Pure.

Policies and their peers come with the network view; which Pods they select, and where these are, the node knows best.
Pods that the same policies select share a profile, so that the kernel walks one set for each packet.

On the safe side: an address of this node's range is a peer only while the Pod that the view has there is there, and
whoever is wired without being known to the cluster any more is isolated, as long as there are policies at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network
from typing import TypeAlias

from reconciler.model.canonical import digest
from reconciler.model.details import ProgramPolicies
from reconciler.model.kinds import Protocol
from reconciler.model.labels import matches
from reconciler.model.networkpolicy import (
    NO_RULES,
    Box,
    IsolatedPod,
    Policies,
    PolicyEntry,
    PolicyMember,
    PolicyProfile,
    PolicyRule,
    PolicyRules,
)
from reconciler.model.node import Assignment, NetworkView, PodAssignment
from reconciler.model.node_report import LinkFact
from reconciler.model.plan import Reason
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import LocalTruth
from reconciler.planner.node.policy_boxes import (
    EVERY_PORT,
    EVERYWHERE,
    Permission,
    Span,
    address_number,
    block_spans,
    boxes_of,
)
from reconciler.planner.node.tasks import Task
from reconciler.planner.policy_peers import named_ports

NUMBERS: Mapping[Protocol, int] = {"TCP": 6, "UDP": 17, "SCTP": 132}
INGRESS, EGRESS = "ingress", "egress"
# The boxes of profiles by name, each with what they were made from.
Kept: TypeAlias = dict[str, tuple[tuple[object, ...], tuple[Box, ...]]]
_PREFIX = {INGRESS: "in", EGRESS: "eg"}


@dataclass(frozen=True, slots=True)
class Local:
    """A Pod of this node with an address of its own; `pod` is None when the cluster does not know it (any more)."""

    uid: str
    ip: str
    pod: PodAssignment | None = None


@dataclass(frozen=True, slots=True)
class WantedPolicies:
    """The rules that a node should have. `digest` is empty when that is none."""

    rules: PolicyRules
    digest: str
    isolated: Mapping[str, IsolatedPod]


NONE_WANTED = WantedPolicies(NO_RULES, "", {})


@dataclass(slots=True)
class _Made:
    """The last answer for a node, with what it was made from, and the boxes of each of its profiles."""

    policies: Policies
    pod_cidr: str
    locals: tuple[Local, ...]
    answer: WantedPolicies
    boxes: Kept


_MADE: dict[str, _Made] = {}
_MADE_MAX = 256


def wanted_policies(look: Look, view: NetworkView, truths: Iterable[LocalTruth]) -> WantedPolicies:
    """Return a node's rules. The last answer per node is kept, and of it what has not changed."""
    policies = view.policies
    if not policies.entries:
        return NONE_WANTED
    found = tuple(_locals(look.assignment, truths, look.facts.network.links))
    made, pod_cidr = _MADE.get(look.node), look.assignment.pod_cidr
    known = made is not None and (made.policies is policies or made.policies == policies) and made.pod_cidr == pod_cidr
    if made is not None and known and made.locals == found:
        return made.answer
    before = made.boxes if made is not None else {}
    boxes: Kept = {}
    rules = _rules(policies, found, pod_cidr, before, boxes)
    answer = NONE_WANTED
    if rules.pods:
        answer = WantedPolicies(rules, fingerprint(rules), {one.ip: one for one in rules.pods})
    if len(_MADE) >= _MADE_MAX:
        _MADE.clear()
    _MADE[look.node] = _Made(policies, pod_cidr, found, answer, boxes)
    return answer


def directions_of(isolated: IsolatedPod | None) -> tuple[str, ...]:
    """Return the directions in which a Pod is isolated."""
    return tuple(one for one in (INGRESS, EGRESS) if isolated is not None and getattr(isolated, one))


def policy_rules(policies: Policies, locals: Iterable[Local], pod_cidr: str) -> PolicyRules:
    """Return the rules for these Pods of a node whose addresses are from `pod_cidr`."""
    return _rules(policies, tuple(locals), pod_cidr, {}, {})


def policy_tasks(look: Look, wanted: WantedPolicies) -> tuple[Task, ...]:
    """Return what brings the kernel's rules to those that are wanted. It needs nothing: Pods wait for it."""
    network = look.facts.network
    if network.policies_digest == wanted.digest and not network.policies_damaged:
        return ()
    reason = Reason.POLICY_RULES_DAMAGED if network.policies_damaged else Reason.POLICIES_CHANGED
    detail = ProgramPolicies(digest=wanted.digest, dns_address=look.assignment.dns_address, rules=wanted.rules)
    return (Task(make_action(look.node, node_ref(look.node), detail, reason, target=wanted.digest)),)


def _locals(assignment: Assignment, truths: Iterable[LocalTruth], links: Iterable[LinkFact]) -> Iterator[Local]:
    pods = {pod.uid: pod for pod in assignment.pods}
    known = set()
    for truth in truths:
        pod = pods.get(truth.uid)
        if pod is not None and truth.ip and not pod.spec.host_network:
            known.add(truth.ip)
            yield Local(truth.uid, truth.ip, pod)
    yield from (Local(one.pod_uid, one.ip) for one in links if one.ip not in known)


def _rules(
    policies: Policies,
    locals: tuple[Local, ...],
    pod_cidr: str,
    before: Kept,
    boxes: Kept,
) -> PolicyRules:
    by_namespace: dict[str, list[PolicyEntry]] = {}
    for entry in policies.entries:
        by_namespace.setdefault(entry.namespace, []).append(entry)
    groups = _Groups(policies, locals, pod_cidr)
    pods = []
    for local in sorted(locals, key=lambda one: (address_number(one.ip), one.uid)):
        names = dict.fromkeys((INGRESS, EGRESS), "")
        pod = local.pod
        chosen = (
            [one for one in by_namespace.get(pod.namespace, ()) if matches(one.selector, pod.labels)] if pod else []
        )
        for direction in (INGRESS, EGRESS):
            isolating = [one for one in chosen if _of(one, direction) is not None]
            if pod is None or isolating:
                names[direction] = _profile(direction, isolating, pod, groups, before, boxes)
        if any(names.values()):
            pods.append(IsolatedPod(ip=local.ip, ingress=names[INGRESS], egress=names[EGRESS]))
    profiles = tuple(PolicyProfile(name=name, boxes=boxes[name][1]) for name in sorted(boxes))
    return PolicyRules(pods=tuple(pods), profiles=profiles)


def _of(entry: PolicyEntry, direction: str) -> tuple[PolicyRule, ...] | None:
    return entry.ingress if direction == INGRESS else entry.egress


def _profile(
    direction: str,
    entries: list[PolicyEntry],
    pod: PodAssignment | None,
    groups: "_Groups",
    before: Kept,
    boxes: Kept,
) -> str:
    """Return the name of the profile of these policies, and note its boxes; one of no policy lets nothing through.

    It is named after the policies, and after the numbers that the Pod's own named ports have where rules speak of
    them, not after its content: so that one peer more is one element more.
    """
    rules = tuple(rule for entry in entries for rule in _of(entry, direction) or ())
    own = _own_ports(rules, pod)
    names = tuple(f"{entry.namespace}/{entry.name}" for entry in entries)
    name = _profile_name(direction, names, tuple(sorted(own.items())))
    if name not in boxes:
        inputs = (rules, tuple(groups.members(one) for one in _groups_of(rules)))
        known = before.get(name)
        if known is None or known[0] != inputs:
            known = (inputs, boxes_of(_permissions(rules, own, groups)))
        boxes[name] = known
    return name


@lru_cache(maxsize=1 << 14)
def _profile_name(direction: str, names: tuple[str, ...], own: tuple[tuple[str, int], ...]) -> str:
    """Return the same name for the same policies and numbers: most Pods share theirs with others."""
    return f"{_PREFIX[direction]}-{digest(direction, names, own)[:12]}"


def _own_ports(rules: Iterable[PolicyRule], pod: PodAssignment | None) -> dict[str, int]:
    """Return the numbers of the Pod's own ports that the rules name, by `PROTOCOL/name`."""
    wanted = {f"{port.protocol}/{port.name}" for rule in rules for port in rule.ports if port.name}
    if not wanted or pod is None:
        return {}
    has = {f"{protocol}/{name}": number for name, protocol, number in named_ports(pod.spec)}
    return {name: has[name] for name in sorted(wanted) if name in has}


def _groups_of(rules: Iterable[PolicyRule]) -> list[str]:
    return [name for rule in rules for name in (*rule.groups, *_named_groups(rule))]


def _named_groups(rule: PolicyRule) -> Iterator[str]:
    yield from (one.group for one in rule.named)
    yield from (one.group for one in rule.within)


def _permissions(rules: Iterable[PolicyRule], own: Mapping[str, int], groups: "_Groups") -> Iterator[Permission]:
    for rule in rules:
        if ports := EVERY_PORT if rule.every_port else tuple(_numbered(rule, own)):
            yield from ((span, ports) for span in _spans(rule, groups))
        for named in rule.named:
            for member in groups.members(named.group):
                yield _at_its_port(named.protocol, member)
        for inside in rule.within:
            spans = block_spans(inside.block)
            for member in groups.members(inside.group):
                if any(low <= address_number(member.ip) <= high for low, high in spans):
                    yield _at_its_port(inside.protocol, member)


def _at_its_port(protocol: Protocol, member: PolicyMember) -> Permission:
    return _single(member), ((NUMBERS[protocol], member.port, member.port),)


def _numbered(rule: PolicyRule, own: Mapping[str, int]) -> Iterator[tuple[int, int, int]]:
    for port in rule.ports:
        number = own.get(f"{port.protocol}/{port.name}") if port.name else None
        if not port.name:
            yield NUMBERS[port.protocol], port.first, port.last
        elif number is not None:
            yield NUMBERS[port.protocol], number, number


def _spans(rule: PolicyRule, groups: "_Groups") -> Iterator[Span]:
    if rule.anyone:
        yield EVERYWHERE
    for block in rule.blocks:
        yield from block_spans(block)
    for name in rule.groups:
        yield from (_single(member) for member in groups.members(name))


def _single(member: PolicyMember) -> Span:
    number = address_number(member.ip)
    return number, number


class _Groups:
    """The members of groups, less those that are said to be on this node and are not."""

    def __init__(self, policies: Policies, locals: Iterable[Local], pod_cidr: str) -> None:
        self._groups = {one.name: one.members for one in policies.groups}
        self._here = {(one.ip, one.uid) for one in locals if one.pod is not None}
        network = IPv4Network(pod_cidr)
        self._low, self._high = int(network.network_address), int(network.broadcast_address)
        self._known: dict[str, tuple[PolicyMember, ...]] = {}

    def members(self, name: str) -> tuple[PolicyMember, ...]:
        """Return a group's members."""
        if name not in self._known:
            self._known[name] = tuple(one for one in self._groups.get(name, ()) if self._is_there(one))
        return self._known[name]

    def _is_there(self, member: PolicyMember) -> bool:
        return (member.ip, member.pod_uid) in self._here or not self._low <= address_number(member.ip) <= self._high
