"""HorizontalPodAutoscalers: change a workload's number of Pods with what they use. Pure.

Semantics of Kubernetes' controller. The number is the autoscaler's while there is one: a declaration of it is not
compared (see `planner.overrides`), and counts again when the autoscaler goes. Measurements are part of what is observed
and not of a plan's basis; the autoscaler looks again every 15 seconds. There is nobody here who serves metrics of
other kinds than what Pods use: such a metric is reported as one that could not be had.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from reconciler.model.kinds import (
    KINDS,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerStatus,
    MetricStatus,
    Pod,
)
from reconciler.model.metrics import SAMPLE_EVERY_S, STALE_AFTER_S, PodUsage
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, FieldChange, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.autoscaler_conditions import Conditions
from reconciler.planner.workloads.autoscaler_metrics import NotMeasurable
from reconciler.planner.workloads.autoscaler_proposal import Proposal, is_much_the_same, propose
from reconciler.planner.workloads.autoscaler_rules import (
    Rules,
    bounded,
    remembered,
    rules_of,
    stabilized,
    with_event,
)

# What has a number of Pods that an autoscaler may change.
SCALABLE = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})
KIND = "HorizontalPodAutoscaler"


def target_of(stored: StoredObject) -> ObjectRef:
    """Return what an autoscaler scales, whether it exists or not."""
    scaled = cast(HorizontalPodAutoscaler, stored.object).spec.scale_target_ref
    return ObjectRef(kind=scaled.kind, namespace=stored.ref.namespace, name=scaled.name)


def note_autoscaled(view: View) -> None:
    """Note what is scaled by whom, for those who lay the number over what is declared."""
    scaled = {
        target_of(stored): stored.ref
        for stored in reversed(view.of_kind(KIND))
        if stored.object.metadata.deletion_timestamp is None
    }
    for ref in (*view.autoscaled, *scaled):
        view.keep_awake(ref)
    view.autoscaled = scaled


def sync_autoscalers(view: View) -> None:
    """Change the numbers of Pods as far as may be now, and write the autoscalers' statuses."""
    stored = [one for one in view.of_kind(KIND) if one.object.metadata.deletion_timestamp is None]
    if not stored:
        return
    view.look_again(view.now + SAMPLE_EVERY_S)
    usage = {
        pod.uid: pod for node in view.observed.usage.values() for pod in node.pods if view.now - pod.at < STALE_AFTER_S
    }
    for one in stored:
        _Turn(view, one, usage).take()


@dataclass(frozen=True, slots=True)
class _Decision:
    """How many Pods there are to be, why, and what the metrics were."""

    replicas: int
    why: str = ""
    metrics: tuple[MetricStatus, ...] | None = None


class _Turn:
    """One pass over one autoscaler. What it decides ends in the view."""

    def __init__(self, view: View, stored: StoredObject, usage: Mapping[str, PodUsage]) -> None:
        self.view = view
        self.stored = stored
        self.autoscaler = cast(HorizontalPodAutoscaler, stored.object)
        self.usage = usage
        self.rules: Rules = rules_of(self.autoscaler.spec.behavior)
        self.status: HorizontalPodAutoscalerStatus = self.autoscaler.status
        self.conditions = Conditions(self.status.conditions, view.timestamp)

    def take(self) -> None:
        """Look, decide, scale, and write the status."""
        target = self._target()
        if target is not None:
            current = _replicas(target)
            self._remember_first(current)
            decision = self._decide(target, current)
            desired = current if decision is None else decision.replicas
            if decision is not None and desired != current:
                self._scale(target, current, decision)
            self._note(current, desired, decision)
        status = replace(self.status, conditions=self.conditions.all)
        self._tell(status)
        self.view.set_status(self.view.latest(self.stored), status)

    # Looking

    def _target(self) -> StoredObject | None:
        """Return what is scaled; None where that cannot be, which the conditions then tell."""
        scaled, ref = self.autoscaler.spec.scale_target_ref, target_of(self.stored)
        target = self.view.get(ref)
        kind = KINDS.get(scaled.kind)
        if kind is None or not kind.served or kind.kind not in SCALABLE:
            why = f"{scaled.kind} has no number of Pods that could be scaled"
        elif scaled.api_version and scaled.api_version.rpartition("/")[0] != kind.group:
            why = f"there is no {scaled.kind} in {scaled.api_version}"
        elif target is None or target.object.metadata.deletion_timestamp is not None:
            why = f'{kind.plural} "{scaled.name}" not found'
        elif owner := next((one for one in target.object.metadata.owner_references if one.controller), None):
            why = f"{ref} belongs to {owner.kind} {owner.name}, which decides on its number"
        else:
            self.conditions.set("AbleToScale", True, "SucceededGetScale", "the target's scale is known")
            return target
        self.conditions.set("AbleToScale", False, "FailedGetScale", f"the target's scale could not be had: {why}")
        return None

    def _remember_first(self, current: int) -> None:
        if not self.status.recommendations:
            first = remembered((), current, self.rules, self.view.now)
            self.status = replace(self.status, recommendations=first)

    # Deciding

    def _decide(self, target: StoredObject, current: int) -> _Decision | None:
        """Return how many Pods there are to be; None where that cannot be said."""
        spec = self.autoscaler.spec
        if self.view.autoscaled.get(target.ref) != self.stored.ref:
            other = self.view.autoscaled.get(target.ref)
            message = f"the Pods of {target.ref} are scaled by {other} already"
            self.conditions.set("ScalingActive", False, "AmbiguousSelector", message)
            return None
        if current == 0:
            message = "scaling is disabled since the replica count of the target is zero"
            self.conditions.set("ScalingActive", False, "ScalingDisabled", message)
            return _Decision(0)
        if current > spec.max_replicas:
            return _Decision(spec.max_replicas, "Current number of replicas above Spec.MaxReplicas")
        if current < spec.min_replicas:
            return _Decision(spec.min_replicas, "Current number of replicas below Spec.MinReplicas")
        try:
            proposal = propose(self.autoscaler.spec, self._pods(target), self.usage, current, self.rules, self.view.now)
        except NotMeasurable as failure:
            reason, message = failure.args
            self.conditions.set("ScalingActive", False, reason, message)
            return None
        self.conditions.set("ScalingActive", True, "ValidMetricFound", f"a number was found from {proposal.name}")
        return self._limited(current, proposal)

    def _limited(self, current: int, proposal: Proposal) -> _Decision:
        spec, now = self.autoscaler.spec, self.view.now
        known = remembered(self.status.recommendations, proposal.replicas, self.rules, now)
        self.status = replace(self.status, recommendations=known)
        steady = stabilized(known, current, proposal.replicas, self.rules, now)
        self.conditions.set("AbleToScale", True, steady.reason, steady.message)
        bounds = (spec.min_replicas, spec.max_replicas)
        within = bounded(self.status.scale_events, current, steady.replicas, self.rules, bounds, now)
        self.conditions.set("ScalingLimited", within.replicas != steady.replicas, within.reason, within.message)
        why = f"{proposal.name} above target" if within.replicas > current else "All metrics below target"
        return _Decision(within.replicas, why, proposal.metrics)

    def _pods(self, target: StoredObject) -> tuple[Pod, ...]:
        uid = target.object.metadata.uid
        owners = [one.object.metadata.uid for one in self.view.owned_by(uid, "ReplicaSet")] or [uid]
        return tuple(cast(Pod, one.object) for owner in owners for one in self.view.owned_by(owner, "Pod"))

    # Doing

    def _scale(self, target: StoredObject, current: int, decision: _Decision) -> None:
        view, replicas = self.view, decision.replicas
        spec = replace(cast(Any, target.object).spec, replicas=replicas)
        change = FieldChange(path="spec.replicas", old=str(current), new=str(replicas))
        earlier = view.verdicts.get(target.ref)
        scaled = view.update(
            target,
            replace(cast(Any, target.object), spec=spec),
            reason=Reason.SCALE_UP if replicas > current else Reason.SCALE_DOWN,
            judged=False,
        )
        if earlier is not None and earlier.decision is Decision.UPDATE:
            view.verdicts[target.ref] = replace(earlier, changes=(*earlier.changes, change))
        elif earlier is None or earlier.decision is Decision.UNCHANGED:
            view.judge(
                target.ref,
                Decision.UPDATE,
                view.touched[target.ref],
                f"{current} → {replicas} replicas by {self.stored.ref}: {decision.why}",
                changes=(change,),
                stored=scaled,
            )
        view.happened(self.stored, "SuccessfulRescale", f"New size: {replicas}; reason: {decision.why}")
        self.conditions.set("AbleToScale", True, "SucceededRescale", f"the target was scaled to {replicas}")
        events = with_event(self.status.scale_events, replicas - current, self.rules, view.now)
        self.status = replace(self.status, scale_events=events, last_scale_time=view.timestamp)

    def _note(self, current: int, desired: int, decision: _Decision | None) -> None:
        """Write the figures of this pass. Such as hardly differ stay as they are: not every breath is a write."""
        metrics = self.status.current_metrics
        if decision is not None and decision.metrics is not None and not is_much_the_same(metrics, decision.metrics):
            metrics = decision.metrics
        self.status = replace(
            self.status,
            observed_generation=self.autoscaler.metadata.generation,
            current_replicas=current,
            desired_replicas=desired if decision is not None else self.status.desired_replicas,
            current_metrics=metrics,
        )

    def _tell(self, status: HorizontalPodAutoscalerStatus) -> None:
        """Say once that something cannot be done, when that begins."""
        before = {(one.type, one.status, one.reason) for one in self.autoscaler.status.conditions}
        for one in status.conditions:
            is_news = (one.type, one.status, one.reason) not in before
            if is_news and one.status == "False" and one.type != "ScalingLimited":
                self.view.happened(self.stored, one.reason, one.message, warning=True)


def _replicas(stored: StoredObject) -> int:
    return int(cast(Any, stored.object).spec.replicas)
