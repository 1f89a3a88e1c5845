"""The state of everything, honestly: what is applied is not yet healthy, what is held is neither."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from reconciler import __version__
from reconciler.config import SourceSettings
from reconciler.controller.loop import Controller
from reconciler.model.kinds import KINDS, Condition, Node, Pod
from reconciler.model.observed import NodeState, ObservedState, SourceState, StoredObject
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.refs import ObjectRef
from reconciler.model.running import containers_by_state, running_pods
from reconciler.model.status import Health, LoopStatus, NodeStatus, NodeTrouble, ObjectHealth, SourceStatus, Status
from reconciler.model.times import unix
from reconciler.planner.health import health_of
from reconciler.planner.node_faults import troubles
from reconciler.planner.unready import faults_of_pods, with_fault
from reconciler.planner.workloads.podview import is_ready

_ENDED = ("Succeeded", "Failed")
_WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "Job",
    "CronJob",
    "PersistentVolumeClaim",
    "Ingress",
)
_ORDER = tuple(Health)
_WAITING = frozenset({Reason.WAITING_FOR_DEPENDENCY, Reason.WAITING_FOR_WAVE, Reason.VOLUME_IN_USE})
# What another part of the status already says.
_TOLD_ELSEWHERE = frozenset({Reason.DELETION_HELD, Reason.SUSPENDED, Reason.NODE_SILENT, Reason.CLAIM_NOT_BOUND})


def status_of(controller: Controller, settings: Iterable[SourceSettings], loops: tuple[LoopStatus, ...]) -> Status:
    """Return the state of sources, nodes, objects and loops as of now."""
    observed, plan, now = controller.picture(), controller.last_plan, controller.clock.now()
    sources = tuple(_source(controller, observed, plan, one) for one in settings)
    lease_s = controller.policy.node_lease_s
    pods = tuple(cast(Pod, one.object) for one in _of_kind(observed, "Pod"))
    nodes = tuple(
        node_status(state, pods, _conditions(observed, name), silent=state.is_silent(now, lease_s))
        for name, state in sorted(observed.nodes.items())
    )
    objects = tuple(_objects(observed, plan))
    parts = [*(one.health for one in sources), *(one.health for one in objects), *_of_nodes(nodes)]
    # What a loop could not look at, or not write, may be otherwise by now than it is shown.
    parts += [Health.UNKNOWN for one in loops if one.error or one.ended]
    if not plan.revisions and not sources:
        parts.append(Health.UNKNOWN)
    return Status(
        at=now,
        version=__version__,
        cluster_id=observed.cluster.id,
        health=worst(parts),
        term=observed.term,
        sources=sources,
        nodes=nodes,
        objects=objects,
        holds=plan.holds,
        loops=loops,
        warnings=(*plan.warnings, *_warnings(nodes), *_left_behind(observed, {one.name for one in sources})),
        notes=plan.notes,
        counts=_by_metric(dict(controller.counts)),
    )


def _by_metric(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (metric, label), count in sorted(counts.items()):
        found.setdefault(metric, {})[label] = count
    return found


def worst(parts: Iterable[Health]) -> Health:
    """Return the worst of several states; healthy when there is none."""
    return max(parts, key=_ORDER.index, default=Health.HEALTHY)


def _source(controller: Controller, observed: ObservedState, plan: Plan, one: SourceSettings) -> SourceStatus:
    state = observed.sources.get(one.name, SourceState(name=one.name))
    reading = controller.declared.reading(one.name)
    loaded = reading.loaded if reading else None
    problems = loaded.problems if loaded else ()
    newest = (reading.tip if reading else None) or (loaded.revision if loaded else None)
    source = controller.declared.sources.get(one.name)
    is_read = source is None or source.asked <= (reading.asked if reading else 0)
    health = _source_health(one.name, state, plan, is_read and newest is not None and state.applied == newest)
    if loaded is not None and loaded.errors:
        health = Health.DEGRADED
    elif reading is not None and reading.error:
        health = Health.UNKNOWN
    return SourceStatus(
        name=one.name,
        url=one.url,
        branch=one.branch,
        path=one.path,
        health=health,
        newest=newest,
        applied=state.applied,
        suspended=state.suspended,
        held=state.held,
        held_because=state.held_because,
        error=reading.error if reading else "",
        problems=tuple(problem for problem in problems if problem.is_error),
        last_good_poll_at=controller.declared.good_poll_at(one.name),
    )


def _source_health(name: str, state: SourceState, plan: Plan, is_newest: bool) -> Health:
    if state.suspended:
        return Health.SUSPENDED
    if any(hold.source == name for hold in plan.holds):
        return Health.HELD
    if state.held:
        return Health.ROLLED_BACK
    return Health.HEALTHY if is_newest else Health.PROGRESSING


def node_status(
    state: NodeState, pods: Iterable[Pod], conditions: tuple[Condition, ...] = (), *, silent: bool
) -> NodeStatus:
    """Return what is told of a node; `pods` are those of all nodes, and only those count that have not ended.

    What a silent node said last of itself, in its `conditions`, is not known to last.
    """
    facts = state.observation.facts if state.observation else None
    here = [one for one in pods if one.spec.node_name == state.name and one.status.phase not in _ENDED]
    fault = "silent" if silent else (facts.engine_error if facts and not facts.complete else "")
    pressures = state.observation.pressures if state.observation else ()
    unsure = _why_unsure(state)
    pressed = f"{', '.join(pressures)}: takes no new Pods, and ends some until there is more room" if pressures else ""
    return NodeStatus(
        name=state.name,
        ready=not fault,
        message=fault or unsure or pressed,
        is_unsure=bool(unsure),
        reported_at=state.heartbeat_at,
        pods=len(here),
        pods_ready=sum(1 for pod in here if is_ready(pod)),
        running_pods=running_pods(facts.containers) if facts else 0,
        containers=containers_by_state(facts.containers) if facts else {},
        live_restore=facts.host.live_restore if facts else True,
        troubles=() if silent else tuple(_trouble(one) for one in troubles(conditions)),
    )


def _why_unsure(state: NodeState) -> str:
    """Say why it is not known yet how a node is; empty where it is."""
    if state.heartbeat_at is not None and state.heartbeat_at < state.listened_since:
        return "has not been heard since the daemon has run: all of it is told as it was before"
    faults = state.observation.faults if state.observation is not None else ()
    trying = next((one for one in faults if not one.lasts), None)
    return f"{trying.action} failed, and is tried again: {trying.message}" if trying is not None else ""


def _conditions(observed: ObservedState, node: str) -> tuple[Condition, ...]:
    stored = observed.objects.get(ObjectRef(kind="Node", name=node))
    return cast(Node, stored.object).status.conditions if stored is not None else ()


def _trouble(one: Condition) -> NodeTrouble:
    return NodeTrouble(condition=one.type, reason=one.reason, message=one.message, since=unix(one.last_transition_time))


def _of_nodes(nodes: tuple[NodeStatus, ...]) -> Iterator[Health]:
    """A node's trouble is the cluster's and of no source: no commit caused it, and none is to go back for it."""
    for node in nodes:
        if not node.ready:
            yield Health.UNKNOWN
        elif node.troubles:
            yield Health.DEGRADED
        elif node.is_unsure:
            yield Health.PROGRESSING


def _warnings(nodes: tuple[NodeStatus, ...]) -> Iterator[str]:
    for node in nodes:
        if not node.live_restore:
            yield f"{node.name}: Docker's live-restore is off: restarting Docker would stop every container"


def _left_behind(observed: ObservedState, sources: set[str]) -> Iterator[str]:
    """Tell of objects whose source left the settings: they stay until another source declares them."""
    managers = Counter(stored.manager for stored in observed.objects.values())
    for manager, count in sorted(managers.items()):
        kind, _, name = manager.partition("/")
        if kind == "source" and name not in sources:
            yield (
                f"source {name} is not in the settings: what it declared stays as it is ({count}); "
                "declare it in another source, or set this one again and remove it there"
            )


def _objects(observed: ObservedState, plan: Plan) -> Iterator[ObjectHealth]:
    """Return the workloads, and everything else that could not be brought to what was declared."""
    blocked = {one.object: one for one in plan.verdicts if one.decision is Decision.BLOCKED}
    held = {one.object: one for one in plan.verdicts if one.reason is Reason.ROLLED_BACK}
    faults = faults_of_pods(observed.objects)
    told: set[ObjectRef] = set()
    for kind in _WORKLOADS:
        for stored in _of_kind(observed, kind):
            if not stored.object.metadata.owner_references and _counts(stored):
                told.add(stored.ref)
                found = _with_hold(with_fault(health_of(stored), stored, faults), held.get(stored.ref))
                yield _with_verdict(found, blocked.get(stored.ref))
    for ref in sorted(blocked, key=lambda ref: (KINDS[ref.kind].order, ref)):
        verdict = blocked[ref]
        if ref not in told and verdict.reason not in _TOLD_ELSEWHERE:
            yield _with_verdict(ObjectHealth(object=str(ref), health=Health.HEALTHY), verdict)


def _counts(stored: StoredObject) -> bool:
    """A claim that waits for its first Pod is as it should be; only a lost one counts."""
    return stored.ref.kind != "PersistentVolumeClaim" or stored.object.status.phase == "Lost"  # type: ignore[union-attr]


def _with_hold(found: ObjectHealth, verdict: Verdict | None) -> ObjectHealth:
    """A workload that is held back by a rollback is not as declared, however well it runs."""
    if verdict is None or worst((found.health, Health.ROLLED_BACK)) is not Health.ROLLED_BACK:
        return found
    return ObjectHealth(
        object=found.object,
        health=Health.ROLLED_BACK,
        reason=verdict.reason.value,
        message=verdict.message,
        ready=found.ready,
        since=verdict.since,
    )


def _with_verdict(found: ObjectHealth, verdict: Verdict | None) -> ObjectHealth:
    if verdict is None or verdict.reason in _TOLD_ELSEWHERE:
        return found
    health = Health.PROGRESSING if verdict.reason in _WAITING else Health.DEGRADED
    return ObjectHealth(
        object=found.object,
        health=worst((found.health, health)),
        reason=verdict.reason.value,
        message=verdict.message,
        ready=found.ready,
        since=verdict.since,
    )


def _of_kind(observed: ObservedState, kind: str) -> list[StoredObject]:
    return [one for ref, one in sorted(observed.objects.items()) if ref.kind == kind]
