"""DNS records that are wanted of a provider: names of load balancers and of Ingresses. Pure.

A Service of type LoadBalancer names itself by the annotation `external-dns.alpha.kubernetes.io/hostname`, an Ingress by
the hosts of its rules and by that annotation; `.../ttl` says for how long an answer holds. A name belongs to the object
that is older; Ingresses may share one.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Literal, cast

from reconciler.model.base import Value
from reconciler.model.integers import whole_number
from reconciler.model.kinds import AnyObject, Condition, Ingress, Service
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.provider import Owner, ProviderAnswer, Record
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View, replace

HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"
TTL = "external-dns.alpha.kubernetes.io/ttl"
RECORDED = "reconciler.dev/RecordsMade"
RECORD_FAILED = "RecordFailed"
_LABEL = r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_SPAN = re.compile(r"(?:([0-9]{1,10})h)?(?:([0-9]{1,10})m)?(?:([0-9]{1,10})s)?")
_TTL_MAX = 2**31 - 1
_Type = Literal["A", "AAAA", "CNAME"]


class Records(Value):
    """The records that are wanted, in the order of names, who wants each name, and what is wrong with the rest."""

    wanted: tuple[Record, ...] = ()
    owners: Mapping[str, tuple[ObjectRef, ...]] = {}
    faults: Mapping[ObjectRef, tuple[str, ...]] = {}

    def told(self, answer: ProviderAnswer) -> dict[ObjectRef, str]:
        """Return why objects have no records, in words: what is wrong here, and what the provider says."""
        faults = {ref: list(said) for ref, said in self.faults.items()}
        for one in answer.records:
            for ref in self.owners.get(one.name, ()) if one.error else ():
                faults.setdefault(ref, []).append(f"the provider says of {one.name}: {' '.join(one.error.split())}")
        return {ref: "; ".join(dict.fromkeys(faults[ref])) for ref in sorted(faults)}


class _Wish(Value):
    ref: ObjectRef
    uid: str
    targets: Mapping[_Type, frozenset[str]]
    ttl: int


def wanted_records(observed: ObservedState) -> Records:
    """Return everything that is wanted of names, the older object before the younger."""
    wishes: dict[str, list[_Wish]] = {}
    faults: dict[ObjectRef, list[str]] = {}
    stored = (observed.objects[ref] for ref in observed.objects if ref.kind in ("Service", "Ingress"))
    for one in sorted(stored, key=lambda one: (one.object.metadata.creation_timestamp or "", one.ref)):
        for name, wish, fault in _wishes(one):
            others = wishes.get(name, [])
            if wish is not None and others and not _agree(others[0], wish):
                fault = f"the name {name} is that of {others[0].ref}"
            if fault:
                faults.setdefault(one.ref, []).append(fault)
            elif wish is not None:
                wishes.setdefault(name, []).append(wish)
    return Records(
        wanted=tuple(record for name in sorted(wishes) for record in _records(name, wishes[name])),
        owners={name: tuple(one.ref for one in found) for name, found in wishes.items()},
        faults={ref: tuple(said) for ref, said in faults.items()},
    )


def tell_records(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Have a Service tell why its names lead nowhere; return that, or nothing."""
    service, fault = cast(Service, stored.object), record_fault(view, stored.ref)
    conditions = service.status.conditions
    before = next((one for one in conditions if one.type == RECORDED), None)
    if fault == (before.message if before is not None else ""):
        return stored, fault
    others = tuple(one for one in conditions if one.type != RECORDED)
    if fault:
        view.happened(stored, RECORD_FAILED, fault, warning=True)
        since = view.timestamp
        failed = Condition(
            type=RECORDED, status="False", reason=RECORD_FAILED, message=fault, last_transition_time=since
        )
        others = (*others, failed)
    return view.set_status(stored, replace(service.status, conditions=others)), fault


def judge_recorded(view: View, stored: StoredObject) -> str:
    """Have the plan say of an Ingress that its names lead nowhere; return why, as it is noted of one, or nothing."""
    fault = record_fault(view, stored.ref)
    verdict = view.verdicts.get(stored.ref)
    if fault and (verdict is None or verdict.decision is Decision.UNCHANGED):
        view.judge(stored.ref, Decision.BLOCKED, Reason.CONFLICT, fault, stored=stored)
    return fault


def record_fault(view: View, ref: ObjectRef) -> str:
    """Return why the provider makes no records for an object; nothing where it does, or sees to no records."""
    provider = view.observed.provider
    return provider.faults.get(ref, "") if provider is not None and provider.does("records") else ""


def _wishes(stored: StoredObject) -> Iterator[tuple[str, _Wish | None, str]]:
    """Yield the names that an object wants, with what for, or with what is wrong with it."""
    object = stored.object
    names = _names(object)
    if not names:
        return
    targets = _targets(object)
    text = object.metadata.annotations.get(TTL, "")
    ttl = _ttl(text) if text else 0
    if ttl is None:
        yield "", None, f"annotation {TTL}: {text!r} is no time in seconds, such as 300 or 5m"
    for name in names:
        if len(name) > 253 or not _NAME.fullmatch(name):
            yield name, None, f"{name!r} is no name that a DNS record can have"
        elif targets:
            yield name, _Wish(ref=stored.ref, uid=object.metadata.uid, targets=targets, ttl=ttl or 0), ""


def _names(object: AnyObject) -> tuple[str, ...]:
    hosts: tuple[str, ...] = ()
    if isinstance(object, Service):
        if object.spec.type != "LoadBalancer":
            return ()
    elif isinstance(object, Ingress):
        hosts = tuple(rule.host for rule in object.spec.rules if rule.host)
    named = object.metadata.annotations.get(HOSTNAME, "").split(",")
    found = (one.strip().lower().removesuffix(".") for one in (*hosts, *named))
    return tuple(dict.fromkeys(one for one in found if one))


def _targets(object: AnyObject) -> dict[_Type, frozenset[str]]:
    """Return where an object is reached: its addresses; without any the other name that it has."""
    ingress = cast(Service | Ingress, object).status.load_balancer.ingress
    addresses: dict[_Type, set[str]] = {}
    for one in (one.ip for one in ingress if one.ip):
        addresses.setdefault("A" if ipaddress.ip_address(one).version == 4 else "AAAA", set()).add(one)
    if addresses:
        return {type_: frozenset(found) for type_, found in addresses.items()}
    hostname = min((one.hostname for one in ingress if one.hostname), default="")
    return {"CNAME": frozenset({hostname})} if hostname else {}


def _agree(first: _Wish, other: _Wish) -> bool:
    """Whether two objects may have one name: they lead to the same, or both are Ingresses, which the nodes merge."""
    return first.targets == other.targets or (first.ref.kind == other.ref.kind == "Ingress")


def _records(name: str, wishes: list[_Wish]) -> Iterator[Record]:
    first = wishes[0]
    owner = Owner(kind=first.ref.kind, namespace=first.ref.namespace, name=first.ref.name, uid=first.uid)
    for type_ in sorted(first.targets):
        targets = frozenset().union(*(one.targets.get(type_, ()) for one in wishes))
        kept = sorted(targets)[:1] if type_ == "CNAME" else sorted(targets)
        yield Record(name=name, type=type_, targets=tuple(kept), ttl=first.ttl, owner=owner)


def _ttl(text: str) -> int | None:
    """Return a time in seconds, written as a number or as hours, minutes and seconds; None: it is none."""
    seconds = whole_number(text)
    if seconds is None and (found := _SPAN.fullmatch(text)):
        hours, minutes, rest = (int(one or 0) for one in found.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    return seconds if seconds is not None and 1 <= seconds <= _TTL_MAX else None
