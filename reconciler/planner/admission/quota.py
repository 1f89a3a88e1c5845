"""ResourceQuotas: what may still be created, and what is used of each. Pure; upstream's order and words."""

from fractions import Fraction
from typing import cast

from reconciler.model.kinds import AnyObject, Pod, ResourceQuota, ResourceQuotaStatus
from reconciler.model.observed import StoredObject
from reconciler.model.podresources import Amounts, amounts
from reconciler.planner.admission.ledger import Ledger
from reconciler.planner.admission.scopes import is_in_scope
from reconciler.planner.admission.usage import listed, shown, unspecified
from reconciler.planner.view import View, ref_for

_MUST_BE_SAID = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))


def why_exceeded(ledger: Ledger, object: AnyObject, before: StoredObject | None = None) -> str:
    """Return why an object cannot be written for a quota; empty when it can. `before` is what it replaces."""
    quotas = ledger.quotas(object.metadata.namespace)
    for quota in quotas:
        if missing := _unsaid(quota, object):
            return f"failed quota: {quota.ref.name}: must specify {missing}"
    for quota in quotas:
        if why := _exceeded(ledger, quota, object, before):
            return why
    return ""


def _unsaid(quota: StoredObject, object: AnyObject) -> str:
    """A quota on cpu or memory wants every container to say how much."""
    spec = cast(ResourceQuota, quota.object).spec
    wanted = sorted(_MUST_BE_SAID & spec.hard.keys())
    if object.kind != "Pod" or not wanted or not is_in_scope(spec, object):
        return ""
    missing = unspecified(cast(Pod, object).spec, wanted)
    return "; ".join(f"{name} for: {','.join(containers)}" for name, containers in missing.items())


def _exceeded(ledger: Ledger, quota: StoredObject, object: AnyObject, before: StoredObject | None) -> str:
    wanted = ledger.counts_for(quota, StoredObject(ref=ref_for(object), object=object, manager=""))
    if before is not None:
        less = ledger.counts_for(quota, before)
        wanted = {name: max(value - less.get(name, Fraction(0)), Fraction(0)) for name, value in wanted.items()}
    asked = {name: value for name, value in wanted.items() if value}
    if not asked:
        return ""
    used, hard = ledger.used(quota), hard_of(quota)
    over = [name for name, value in asked.items() if used.get(name, Fraction(0)) + value > hard[name]]
    if not over:
        return ""
    parts = (
        f"requested: {listed({name: asked[name] for name in over})}",
        f"used: {listed({name: used.get(name, Fraction(0)) for name in over})}",
        f"limited: {listed({name: hard[name] for name in over})}",
    )
    return f"exceeded quota: {quota.ref.name}, {', '.join(parts)}"


def hard_of(quota: StoredObject) -> Amounts:
    """Return the bounds of a quota as numbers."""
    return amounts(cast(ResourceQuota, quota.object).spec.hard)


def sync_quotas(view: View) -> None:
    """Write what is used of every quota."""
    for stored in view.of_kind("ResourceQuota"):
        quota = cast(ResourceQuota, stored.object)
        used = ledger_of(view).used(stored)
        text = {name: shown(name, used.get(name, Fraction(0))) for name in sorted(quota.spec.hard)}
        view.set_status(stored, ResourceQuotaStatus(hard=quota.spec.hard, used=text))


def ledger_of(view: View) -> Ledger:
    """Return the ledger of a pass."""
    found: Ledger = view.kept_for_pass("ledger", lambda: Ledger(view))
    return found
