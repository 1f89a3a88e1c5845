"""What a person changed on a declared object without Git: the closed list of overrides, kept apart from the object.

Pure.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds import Condition, EphemeralContainer, PodTemplateSpec, ResourceRequirements, Taint
from reconciler.model.refs import ObjectRef

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
# Workloads whose Pods can be made anew by a mark on their template.
RESTARTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

T = TypeVar("T")
_replace = msgspec.structs.replace


class Rollback(Value):
    """A workload's return to an earlier template; it holds until the declaration changes (P15).

    `revision` is the number that `rollout history` showed for it; `replica_set` is the name of what had the template
    then; `digest` is that of the declaration that is held back. An empty rollback, without a template, asks for the
    end of the one that holds.
    """

    revision: int = 0
    replica_set: str = ""
    digest: str = ""
    template: PodTemplateSpec | None = None
    by: str = ""
    at: float = 0.0


class Override(Value):
    """All that is overridden on one object; a part that is None (or empty) is as declared.

    `restarted_at` is an RFC 3339 time that goes into the Pod template's annotations. `paused` has a Deployment's
    rollout wait until it is resumed. `unschedulable`, `taints` and
    `labels` are a Node's; a label that is None is taken away. `delete_at` (Unix seconds) is when the deletion of a Pod
    was asked for, of the Pod with this `uid` only, with `grace_s` seconds to end. `conditions` are what other
    controllers say of an object, such as that a readiness gate is open; `resources` are what a Pod's containers are to
    have, and `ephemeral` are containers that are to look into it, until the Pod says so itself. `freed` is the uid of
    the claim that a released volume is to forget. `by` is who did the last of it, `at` when, in Unix seconds.
    """

    ref: ObjectRef
    uid: str = ""
    restarted_at: str = ""
    rollback: Rollback | None = None
    paused: bool | None = None
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None
    labels: Mapping[str, str | None] | None = None
    delete_at: float | None = None
    grace_s: int | None = None
    conditions: tuple[Condition, ...] | None = None
    resources: Mapping[str, ResourceRequirements] | None = None
    ephemeral: tuple[EphemeralContainer, ...] | None = None
    freed: str = ""
    by: str = ""
    at: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is overridden."""
        other = self.labels or self.delete_at or self.conditions or self.resources or self.ephemeral or self.freed
        of_workload = self.restarted_at or self.rollback or self.paused
        return not (of_workload or self.unschedulable or self.taints or other)


class OverrideChange(Value):
    """What becomes of an override by itself: `after` is None when nothing of it is left.

    It is written only where `before` is still what is stored: what a person says meanwhile counts.
    """

    before: Override
    after: Override | None = None


def merged(before: Override | None, change: Override) -> Override:
    """Return what is overridden after a change; what is None (or empty) in it stays as it was.

    A return to another template, also to the declared one, replaces the restarts that came before it. Another uid
    means another object: nothing of what was overridden on the old one is kept.
    """
    if before is None or before.uid != change.uid:
        before = Override(ref=change.ref, uid=change.uid)
    restarted_at, rollback = change.restarted_at or before.restarted_at, before.rollback
    if change.rollback is not None:
        restarted_at = change.restarted_at
        rollback = None if change.rollback.template is None else change.rollback
    return Override(
        ref=change.ref,
        uid=change.uid,
        restarted_at=restarted_at,
        rollback=rollback,
        paused=_first(change.paused, before.paused) or None,
        unschedulable=_first(change.unschedulable, before.unschedulable) or None,
        taints=_first(change.taints, before.taints) or None,
        labels={**(before.labels or {}), **(change.labels or {})} or None,
        delete_at=_first(before.delete_at, change.delete_at),
        grace_s=_shorter(before.grace_s, change.grace_s),
        conditions=_first(change.conditions, before.conditions) or None,
        resources=_first(change.resources, before.resources) or None,
        ephemeral=_together(before.ephemeral or (), change.ephemeral or ()) or None,
        freed=change.freed or before.freed,
        by=change.by,
        at=change.at,
    )


def without(override: Override, **parts: object) -> Override | None:
    """Return an override with some parts changed; None when nothing is left of it."""
    left = _replace(override, **parts)
    return None if left.is_empty else left


def _together(
    before: tuple[EphemeralContainer, ...], more: tuple[EphemeralContainer, ...]
) -> tuple[EphemeralContainer, ...]:
    """Containers that were asked for one after the other all come; of two of one name the first does."""
    names = {one.name for one in before}
    return (*before, *(one for one in more if one.name not in names))


def _first(one: T | None, other: T | None) -> T | None:
    return other if one is None else one


def _shorter(one: int | None, other: int | None) -> int | None:
    """A Pod that is asked twice to end has the shorter of the two times."""
    return _first(one, other) if one is None or other is None else min(one, other)
