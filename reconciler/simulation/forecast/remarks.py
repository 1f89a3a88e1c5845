"""What a person should know before a rollout: data that goes, what will be down and why, who waits for room. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from reconciler.model.details import TrashVolume
from reconciler.model.forecast import Availability, Refusal, Unplaced
from reconciler.model.kinds import Pod
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.bind import candidates_of, refusals
from reconciler.planner.scheduling.room import host_ports
from reconciler.planner.view import View
from reconciler.simulation.forecast.start import crashing_containers, is_heard, missing_images

_MISSING_SHOWN = 10


@dataclass
class _Wait:
    """A Pod that found no node at first."""

    since: float
    message: str
    until: float | None = None


class Remarks:
    """Is told every plan once it is committed."""

    def __init__(self, observed: ObservedState, policy: Policy, now: float) -> None:
        self._before = observed
        self._policy = policy
        self._now = now
        self._waits: dict[ObjectRef, _Wait] = {}
        self._pods: dict[ObjectRef, Pod] = {}
        self._said: dict[str, None] = {}

    def note(self, before: ObservedState, plan: Plan, now: float) -> None:
        """Look at one committed plan, made from `before`."""
        for blocked in plan.blocked:
            if blocked.reason is Reason.UNSCHEDULABLE:
                self._waits.setdefault(blocked.object, _Wait(now, blocked.message))
        for change in plan.changes:
            if change.ref in self._waits and change.ref.kind == "Pod":
                self._pods[change.ref] = cast(Pod, change.object)
        for action in plan.actions:
            if action.object in self._waits:
                self._waits[action.object].until = now
        self._say_all(plan.warnings)
        self._say_all(_of_data(before, plan))
        self._say_all(f"held: {hold.message or hold.id}; the forecast releases nothing" for hold in plan.holds)

    def assumptions(self) -> tuple[str, ...]:
        """Return what is taken for granted."""
        found = ["tasks end well, containers run until they are stopped, readiness probes succeed, nothing else fails"]
        for name, state in sorted(self._before.nodes.items()):
            found += crashing_containers(state)
            if not is_heard(state, self._policy, self._now):
                found.append(f"node {name} is silent, and stays so")
            elif state.observation is not None and not state.observation.facts.complete:
                found.append(f"the Engine of node {name} does not answer, and stays so")
            if missing := sorted(missing_images(state)):
                shown = ", ".join(missing[:_MISSING_SHOWN])
                found.append(f"images that node {name} could not pull stay away: {shown}")
        return tuple(found)

    def unplaced(self, observed: ObservedState, now: float) -> tuple[Unplaced, ...]:
        """Return every Pod that still has no node, with what each node has against it."""
        waiting = [ref for ref in sorted(self._waits) if self._waits[ref].until is None and ref in observed.objects]
        if not waiting:
            return ()
        view = View(observed, self._policy, now)
        candidates = candidates_of(view)
        found = []
        for ref in waiting:
            refused = refusals(view, cast(Pod, observed.objects[ref].object), candidates)
            nodes = tuple(Refusal(node=name, why=why) for name, why in refused.items() if why)
            found.append(Unplaced(pod=ref, message=self._waits[ref].message, nodes=nodes))
        return tuple(found)

    def warnings(self, observed: ObservedState, availability: tuple[Availability, ...]) -> tuple[str, ...]:
        """Return everything that a person should know."""
        self._say_all(_down(one, self._before, observed) for one in availability if _goes_down(one))
        self._say_all(self._of_waits(observed))
        return tuple(self._said)

    def _say_all(self, sentences: "Iterator[str] | tuple[str, ...]") -> None:
        for sentence in sentences:
            self._said.setdefault(sentence)

    def _of_waits(self, observed: ObservedState) -> Iterator[str]:
        for ref, wait in sorted(self._waits.items()):
            pod = self._pods.get(ref)
            holder = _port_holder(pod, observed if wait.until is None else self._before) if pod is not None else ""
            why = f"host port {holder}" if holder else wait.message
            if wait.until is None and ref in observed.objects:
                yield f"{ref} finds no node: {why}"
            elif wait.until is not None and wait.until > wait.since:
                yield f"{ref} waits {wait.until - wait.since:.0f} s until another Pod has stopped: {why}"


def _of_data(before: ObservedState, plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if change.verb == "delete" and change.ref.kind == "PersistentVolumeClaim":
            yield f"{change.ref} is deleted; {_becomes_of_data(before, change.object)}"
        elif change.verb == "delete" and change.ref.kind == "PersistentVolume":
            yield f"{change.ref} is deleted"
    for action in plan.actions:
        if isinstance(action.detail, TrashVolume):
            yield f"the data of {action.object} moves to the trash"
    for verdict in plan.verdicts:
        if verdict.decision is Decision.BLOCKED and verdict.reason is Reason.VOLUME_IN_USE:
            yield f"{verdict.object} waits to be deleted: {verdict.message}"


def _becomes_of_data(before: ObservedState, claim: Any) -> str:
    volume = before.objects.get(ObjectRef(kind="PersistentVolume", name=claim.spec.volume_name))
    if volume is None:
        return "it has no volume"
    policy = cast(Any, volume.object).spec.persistent_volume_reclaim_policy
    if policy == "Delete":
        return f"the data of {volume.ref} moves to the trash (its reclaim policy is Delete)"
    return f"{volume.ref} is released and keeps its data"


def _goes_down(one: Availability) -> bool:
    return one.down_s > 0 and not one.deleted and (one.before > 0 or one.created)


def _down(one: Availability, before: ObservedState, after: ObservedState) -> str:
    until = f"for about {one.down_s:.0f} s" if one.after else "until the end of the forecast"
    reason = _why_down(one.object, before, after)
    return f"{one.object} is down {until}{': ' + reason if reason else ''}"


def _why_down(ref: ObjectRef, before: ObservedState, after: ObservedState) -> str:
    stored = after.objects.get(ref) or before.objects.get(ref)
    spec: Any = getattr(stored.object, "spec", None) if stored is not None else None
    if ref.kind == "Deployment" and spec.strategy.type == "Recreate":
        return f"its strategy is Recreate{_claims(spec)}"
    if ref.kind == "Deployment" and spec.replicas == 1:
        return f"it has one replica{_claims(spec)}"
    if ref.kind == "StatefulSet" and spec.replicas == 1:
        return "it has one replica, which stops before the next one starts"
    if ref.kind == "DaemonSet":
        return "on each node the old Pod stops before the new one starts"
    return "it is replaced by stopping it first" if ref.kind == "Pod" else ""


def _claims(spec: Any) -> str:
    claims = claims_of(spec.template.spec)
    return f", and it uses {', '.join(f'claim {name}' for name in claims)}" if claims else ""


def _port_holder(pod: Pod, observed: ObservedState) -> str:
    """Say which host port of a Pod another one holds; empty when none is."""
    wanted = host_ports(pod)
    if not wanted:
        return ""
    for ref in sorted(observed.objects):
        other = observed.objects[ref].object
        if ref.kind != "Pod" or other.metadata.uid == pod.metadata.uid:
            continue
        taken = cast(Pod, other)
        shared = {one[:2] for one in wanted} & {one[:2] for one in host_ports(taken)}
        if shared and taken.spec.node_name and taken.status.phase not in ("Succeeded", "Failed"):
            protocol, number = min(shared)
            return f"{number}/{protocol} is taken by {ref}"
    return ""
