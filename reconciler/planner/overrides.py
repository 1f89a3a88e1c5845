"""What persons and autoscalers override, laid over what is declared and observed. Pure.

The list is closed: restarts, rollbacks and pauses of workloads, their number of Pods by an autoscaler, cordons and
taints of nodes, deletions of Pods. What is laid over a declared object is marked in its digest,
`DIGEST+TEMPLATE+RESTARTED_AT`, for a pause `+paused` and for a number `+scaled`, so that each part of it comes and goes
like any other change of the object.
"""

from collections.abc import Mapping
from typing import Any, cast

from reconciler.model.base import Value
from reconciler.model.canonical import digest
from reconciler.model.desired import DesiredObject
from reconciler.model.kinds import AnyObject, Condition, Node, NodeSpec, Pod, PodTemplateSpec, Taint, ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import RESTARTABLE, RESTARTED_AT, Override, OverrideChange, without
from reconciler.model.plan import Decision, Reason
from reconciler.planner.node_taints import CORDONED as CORDONED
from reconciler.planner.node_taints import is_automatic
from reconciler.planner.override_words import held_words, paused_words
from reconciler.planner.override_words import override_notes as override_notes
from reconciler.planner.override_words import taint_words as taint_words
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.configuration import CONFIGURATION
from reconciler.planner.workloads.deployment_sets import HASH_LABEL
from reconciler.planner.workloads.ending import let_go

# The mark of a number of Pods that is an autoscaler's; which number that is, is not in it.
_SCALED = "+scaled"
# The mark of a rollout that a person has wait.
_PAUSED = "+paused"


class Overlay(Value):
    """What is laid over a workload: another template, a restart's mark, a pause, an autoscaler's number of Pods."""

    template: PodTemplateSpec | None = None
    restarted_at: str = ""
    paused: bool = False
    replicas: int | None = None

    def digest_with(self, declared: str) -> str:
        """Return the digest of a declaration with this laid over it."""
        if self == NOTHING:
            return declared
        rolled_back = digest(self.template)[:16] if self.template is not None else ""
        marks = f"{_PAUSED if self.paused else ''}{'' if self.replicas is None else _SCALED}"
        return f"{declared}+{rolled_back}+{self.restarted_at}{marks}"

    def on(self, object: Any) -> Any:
        """Return the object with this laid over it."""
        if self.template is not None:
            object = replace(object, spec=replace(object.spec, template=self.template))
        if self.restarted_at:
            object = replace(object, spec=replace(object.spec, template=restarted(object.spec.template, self)))
        if self.paused:
            object = replace(object, spec=replace(object.spec, paused=True))
        if self.replicas is not None and object.spec.replicas:
            # Who declares that there shall be none means it.
            object = replace(object, spec=replace(object.spec, replicas=self.replicas))
        return object


NOTHING = Overlay()


def restarted(template: PodTemplateSpec, overlay: Overlay) -> PodTemplateSpec:
    """Return a template with the mark of a restart."""
    annotations = {**template.metadata.annotations, RESTARTED_AT: overlay.restarted_at}
    return replace(template, metadata=replace(template.metadata, annotations=annotations))


def overlay_of(view: View, stored: StoredObject | None, declared: str) -> Overlay:
    """Return what is laid over an object whose declaration has this digest."""
    override, replicas = _of(view, stored), _autoscaled(view, stored)
    if override is None or override.ref.kind not in RESTARTABLE:
        return Overlay(replicas=replicas)
    rollback = override.rollback
    is_held = rollback is not None and rollback.digest == declared
    return Overlay(
        template=rollback.template if rollback is not None and is_held else None,
        restarted_at=override.restarted_at,
        paused=bool(override.paused),
        replicas=replicas,
    )


def _autoscaled(view: View, stored: StoredObject | None) -> int | None:
    """Return the number of Pods that an autoscaler has brought a workload to; none is nobody's wish."""
    if stored is None or stored.ref not in view.autoscaled:
        return None
    return getattr(stored.object.spec, "replicas", None) or None  # type: ignore[union-attr]


def why_laid(view: View, stored: StoredObject, overlay: Overlay) -> tuple[Reason, str]:
    """Return why an object changes although its declaration does not."""
    override = _of(view, stored)
    if override is None or overlay == NOTHING:
        return Reason.SPEC_CHANGED, "back to what is declared"
    if overlay.paused != _is_paused(stored):
        return Reason.SPEC_CHANGED, f"{'paused' if overlay.paused else 'resumed'} by {override.by}"
    is_new_restart = overlay.restarted_at and overlay.restarted_at != _laid_on(stored)[1]
    if is_new_restart or override.rollback is None:
        return Reason.RESTART_REQUESTED, f"restart asked for by {override.by}"
    return Reason.ROLLED_BACK, held_words(override)


def is_on_top(stored: StoredObject, overlay: Overlay) -> bool:
    """Whether this can be laid over the stored object as it is, without its declaration at hand."""
    return overlay.template is not None or not _laid_on(stored)[0]


def _laid_on(stored: StoredObject) -> tuple[str, str]:
    """Return the marks of what lies over a stored object: that of its template, and the time of its restart."""
    marks = stored.digest.removesuffix(_SCALED).removesuffix(_PAUSED)
    _, template, restarted_at = [*marks.split("+", 2), "", ""][:3]
    return template, restarted_at


def _is_paused(stored: StoredObject) -> bool:
    """Whether the pause of a stored object is a person's."""
    return stored.digest.removesuffix(_SCALED).endswith(_PAUSED)


def lay_over_stored(view: View) -> None:
    """Lay over what is stored where the declaration cannot be looked at: it waits, or its source was not read yet."""
    for ref in sorted(view.overrides):
        stored = view.get(ref)
        if stored is None or not stored.manager.startswith("source/"):
            continue
        overlay = overlay_of(view, stored, stored.declared_digest)
        wanted = overlay.digest_with(stored.declared_digest)
        if overlay != NOTHING and stored.digest != wanted and is_on_top(stored, overlay):
            reason, message = why_laid(view, stored, overlay)
            view.update(stored, overlay.on(stored.object), reason=reason, message=message, digest=wanted)


def end_restart(view: View, stored: StoredObject, one: DesiredObject) -> None:
    """A new declaration that says itself when it was restarted counts from now on."""
    override = _of(view, stored)
    template = getattr(getattr(one.object, "spec", None), "template", None)
    if override is not None and template is not None and RESTARTED_AT in template.metadata.annotations:
        _set(view, override, without(override, restarted_at=""))


def note_held(view: View, stored: StoredObject) -> tuple[Reason, str]:
    """Return reason and message for an object that is as it should be."""
    override = _of(view, stored)
    if override is None:
        by = view.autoscaled.get(stored.ref)
        return Reason.IN_SYNC, f"replicas by {by}" if by is not None else ""
    if override.rollback is not None and override.rollback.digest == stored.declared_digest:
        return Reason.ROLLED_BACK, held_words(override)
    if override.paused:
        return Reason.IN_SYNC, paused_words(override)
    if override.restarted_at:
        return Reason.IN_SYNC, f"restarted at {override.restarted_at}"
    return Reason.IN_SYNC, ""


def plain_template(template: PodTemplateSpec) -> PodTemplateSpec:
    """Return a ReplicaSet's template as it was declared: without its hash and the digest of its configuration."""
    labels = {key: text for key, text in template.metadata.labels.items() if key != HASH_LABEL}
    annotations = {key: text for key, text in template.metadata.annotations.items() if key != CONFIGURATION}
    return replace(template, metadata=replace(template.metadata, labels=labels, annotations=annotations))


# Nodes


def node_spec(view: View, stored: StoredObject) -> NodeSpec:
    """Return a Node's spec as persons want it; without their word it is schedulable and has no taints.

    What comes by itself is nobody's word, see `planner.node_taints`.
    """
    spec = cast(Node, stored.object).spec
    override = _of(view, stored)
    if override is None:
        return replace(spec, unschedulable=False, taints=()) if spec.unschedulable or spec.taints else spec
    taints = tuple(one for one in override.taints or () if not is_automatic(one))
    if override.unschedulable:
        taints = (*taints, Taint(key=CORDONED, effect="NoSchedule"))
    return replace(spec, unschedulable=bool(override.unschedulable), taints=taints)


def node_labels(view: View, stored: StoredObject) -> Mapping[str, str]:
    """Return a Node's labels with those that persons set, and without those that they took away."""
    labels = stored.object.metadata.labels
    override = _of(view, stored)
    if override is None or not override.labels:
        return labels
    found = {key: value for key, value in {**labels, **override.labels}.items() if value is not None}
    return labels if found == labels else found


# Pods


def delete_requested_pods(view: View) -> None:
    """End the Pods whose deletion was asked for; what becomes of them is then as after any other end of a Pod."""
    for ref in sorted(view.overrides):
        stored = view.get(ref)
        override = _of(view, stored)
        if ref.kind != "Pod" or stored is None or override is None or override.delete_at is None:
            continue
        _end(view, stored, override)


def _end(view: View, stored: StoredObject, override: Override) -> None:
    pod = cast(Pod, stored.object)
    message = f"deletion asked for by {override.by}"
    if not pod.spec.node_name:
        let_go(view, stored, Reason.DELETION_REQUESTED, message)
    elif pod.metadata.deletion_timestamp is None:
        grace = pod.spec.termination_grace_period_seconds if override.grace_s is None else override.grace_s
        view.terminate(stored, Reason.DELETION_REQUESTED, message, grace_s=grace)
    elif (left := pod.metadata.deletion_grace_period_seconds) is None or (override.grace_s or 0) < left:
        _hurry(view, stored, override)


def _hurry(view: View, stored: StoredObject, override: Override) -> None:
    """A Pod that is ending already can be told to end sooner, never later."""
    if override.grace_s is None:
        return
    metadata = replace(stored.object.metadata, deletion_grace_period_seconds=override.grace_s)
    sooner = replace(cast(Any, stored.object), metadata=metadata)
    view.update(stored, sooner, reason=Reason.DELETION_REQUESTED, judged=False)


def given_conditions(view: View, pod: Pod) -> tuple[Condition, ...]:
    """Return the conditions that other controllers wrote on this very Pod."""
    override = view.overrides.get(ref_of(pod)) if view.overrides else None
    return (override.conditions or ()) if override is not None and override.uid == pod.metadata.uid else ()


# The end of a pass


def settle_overrides(view: View) -> None:
    """Drop what has no object any more, and rollbacks whose declaration has changed (P15)."""
    for ref in sorted(view.overrides):
        override, stored = view.overrides[ref], view.get(ref)
        if stored is None or stored.object.metadata.uid != override.uid:
            _set(view, override, None)
        elif override.rollback is not None and override.rollback.digest != stored.declared_digest:
            message = f"rollback to revision {override.rollback.revision} ends: the declaration has changed"
            view.happened(stored, "RollbackEnded", message)
            _set(view, override, without(override, rollback=None))
        elif override.labels:
            # What was taken away and is gone need not be said any longer.
            there = stored.object.metadata.labels
            labels = {key: value for key, value in override.labels.items() if value is not None or key in there}
            if labels != override.labels:
                _set(view, override, without(override, labels=labels or None))


def override_changes(view: View) -> tuple[OverrideChange, ...]:
    """Return what becomes of overrides by themselves in this pass."""
    return tuple(
        OverrideChange(before=before, after=view.overrides.get(ref))
        for ref, before in sorted(view.observed.overrides.items())
        if view.overrides.get(ref) != before
    )


def judge_overridden(view: View) -> None:
    """Have the verdict of an object that is held back, and otherwise in sync, say so."""
    for ref in sorted({*view.overrides, *view.autoscaled}):
        stored, verdict = view.get(ref), view.verdicts.get(ref)
        if stored is not None and (verdict is None or verdict.decision is Decision.UNCHANGED):
            reason, message = note_held(view, stored)
            if message:
                view.judge(ref, Decision.UNCHANGED, reason, message, stored=stored)


def _of(view: View, stored: StoredObject | None) -> Override | None:
    """Return what is overridden on this very object, not on an earlier one of the same name."""
    override = view.overrides.get(stored.ref) if stored is not None else None
    is_same = override is not None and stored is not None and stored.object.metadata.uid == override.uid
    return override if is_same else None


def _set(view: View, override: Override, after: Override | None) -> None:
    if after is None:
        view.overrides.pop(override.ref, None)
    else:
        view.overrides[override.ref] = after


def overlaid(view: View, stored: StoredObject, object: AnyObject, declared: str) -> tuple[AnyObject, str]:
    """Return a declared object with what is laid over it, and the digest of both."""
    overlay = overlay_of(view, stored, declared)
    if isinstance(object, Pod) and cast(Pod, stored.object).spec.ephemeral_containers:
        # What looks into the Pod is of this very Pod; no declaration speaks of it.
        ephemeral = cast(Pod, stored.object).spec.ephemeral_containers
        object = replace(object, spec=replace(object.spec, ephemeral_containers=ephemeral))
    return cast(AnyObject, overlay.on(object)), overlay.digest_with(declared)
