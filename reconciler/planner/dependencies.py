"""What an object waits for by its own word: `reconciler.dev/depends-on` and `reconciler.dev/wave`. Pure.

Both hold back only creates and changes of the spec: what runs is healed and scaled all the same.
"""

from reconciler.model.desired import DesiredObject
from reconciler.model.kinds import kind_named
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health
from reconciler.planner.health import health_of
from reconciler.planner.view import View

DEPENDS_ON = "reconciler.dev/depends-on"
WAVE = "reconciler.dev/wave"


def waits_for(
    view: View, desired: DesiredObject, by_wave: list[tuple[int, DesiredObject]]
) -> tuple[Reason, str] | None:
    """Return why `desired` may not change yet, or None. `by_wave` are all objects of its source with their waves."""
    for ref in dependencies_of(desired):
        if why := _not_healthy(view, ref):
            return Reason.WAITING_FOR_DEPENDENCY, f"waits for {ref}: {why}"
    mine = wave_of(desired)
    for wave, other in by_wave:
        if wave < mine and (why := _not_settled(view, other)):
            return Reason.WAITING_FOR_WAVE, f"waits for wave {wave}: {other.ref}: {why}"
    return None


def dependencies_of(desired: DesiredObject) -> tuple[ObjectRef, ...]:
    """Return what the object's annotation names; malformed parts were refused by validation."""
    text = desired.object.metadata.annotations.get(DEPENDS_ON, "")
    parsed = (_parse(part.strip()) for part in text.split(",") if part.strip())
    return tuple(ref for ref in parsed if ref is not None)


def wave_of(desired: DesiredObject) -> int:
    """Return the object's wave; 0 when it names none."""
    text = desired.object.metadata.annotations.get(WAVE, "0").strip()
    return int(text) if text.lstrip("-").isdigit() else 0


def _parse(text: str) -> ObjectRef | None:
    parts = text.split("/")
    kind = kind_named(parts[0])
    if kind is None or len(parts) not in (2, 3):
        return None
    return ObjectRef(kind=kind.kind, namespace=parts[1] if len(parts) == 3 else "", name=parts[-1])


def _not_healthy(view: View, ref: ObjectRef) -> str | None:
    stored = view.was_observed(ref)
    return "it does not exist yet" if stored is None else _why_unhealthy(stored)


def _not_settled(view: View, desired: DesiredObject) -> str | None:
    stored = view.was_observed(desired.ref)
    if stored is None:
        return "it does not exist yet"
    if stored.declared_digest != desired.digest:
        return "its change is not applied yet"
    return _why_unhealthy(stored)


def _why_unhealthy(stored: StoredObject) -> str | None:
    found = health_of(stored)
    return None if found.health is Health.HEALTHY else (found.message or found.reason or found.health.value)
