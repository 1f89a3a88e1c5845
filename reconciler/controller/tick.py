"""One tick: look at everything, plan, write what follows, tell the nodes.

Nothing is remembered between ticks but the picture itself, so a kill at any moment loses nothing (P17).
"""

import logging
from collections.abc import Iterator, Mapping

import msgspec

from reconciler.executors.scheduling import bind
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.metrics import NodeUsage
from reconciler.model.node_report import NodeEvent, Observation, PodReport
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, SourceState
from reconciler.model.plan import Change, Decision, Happening, Plan
from reconciler.model.policy import Policy
from reconciler.model.ports import Binding, NodeDocuments, NodeLink
from reconciler.model.provider import ProviderState
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import with_holds
from reconciler.planner.departures import Departures
from reconciler.planner.identify import identified
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.planner.project import project_assignments, project_materials, project_view
from reconciler.store import values
from reconciler.store.commit import Commit
from reconciler.store.index import View
from reconciler.store.store import Store

log = logging.getLogger(__name__)
replace = msgspec.structs.replace
# What somebody else writes while a tick plans is looked at, never written over. A status is concluded anew each time.
_GUARDED = frozenset({"update", "delete"})


def observe(
    cluster: ClusterInfo,
    view: View,
    nodes: Mapping[str, NodeState],
    term: int,
    usage: Mapping[str, NodeUsage],
    provider: ProviderState | None = None,
) -> ObservedState:
    """Return the whole picture as of one moment of the store."""
    return ObservedState(
        cluster=cluster,
        term=term,
        objects=view.objects,
        nodes=dict(nodes),
        allocations=view.side.allocations,
        tombstones=view.tombstones,
        acknowledgements=view.side.acknowledgements,
        sources=view.side.sources,
        overrides=view.side.overrides,
        usage=usage,
        provider=provider,
    )


def tick(
    store: Store,
    desired: Mapping[str, DesiredState],
    observed: ObservedState,
    policy: Policy,
    now: float,
    events: tuple[Happening, ...],
    memo: Memo | None = None,
) -> Plan:
    """Plan and write once; raise LeadershipLost when another daemon leads by now."""
    answer = plan(desired, observed, policy, now, memo)
    is_empty = answer.is_empty
    if not is_empty:
        answer = identified(answer, observed, memo)
    collected = _Collected()
    bind(answer.actions, collected)
    commit = Commit(
        changes=tuple(_guarded(answer.changes, observed)),
        bindings=tuple(values.Binding(one.pod, one.uid, one.node) for one in collected.bindings),
        allocations=answer.allocations,
        happenings=(*answer.happenings, *events),
        plan=None if is_empty else answer,
        revisions=_applied_revisions(answer, observed, now),
        sources=_changed_sources(answer, observed),
        overrides=answer.overrides,
    )
    if not commit.is_empty:
        store.commit(commit, term=observed.term)
    _log(answer, commit)
    return answer


def _log(answer: Plan, commit: Commit) -> None:
    """Leave in the log what an operator looks for first: which revision counts since when, and which nodes changed."""
    for one in commit.revisions:
        what = {"commit": one.revision.commit[:7], "subject": one.revision.subject, "author": one.revision.author}
        log.info("a revision was taken in", extra={"source": one.source, **what, "state": one.state.value})
    for told in answer.happenings:
        if told.object.kind == "Node":
            about = {"node": told.object.name, "reason": told.reason, "what": told.message}
            log.info("a node has changed", extra=about)


def _guarded(changes: tuple[Change, ...], observed: ObservedState) -> Iterator[Change]:
    """Yield the changes, with the versions that they were planned from."""
    for change in changes:
        before = observed.objects.get(change.ref) if change.verb in _GUARDED else None
        if before is not None:
            yield replace(change, expected_resource_version=before.object.metadata.resource_version)
        else:
            yield change


class _Collected:
    """The Bindings port: keeps what is to be bound, so that it is written with everything else of the tick."""

    def __init__(self) -> None:
        self.bindings: tuple[Binding, ...] = ()

    def bind(self, bindings: tuple[Binding, ...]) -> None:
        """Keep the bindings; see the port."""
        self.bindings = (*self.bindings, *bindings)


def _changed_sources(answer: Plan, observed: ObservedState) -> tuple[SourceState, ...]:
    """Note of sources what is applied, what has become healthy, to return to later, and what is held."""
    applied = {name: revision for name, revision in answer.revisions.items() if _is_applied(name, revision, observed)}
    healthy = {one.source: one.revision for one in answer.endings if one.failed is None}
    found = []
    for name in observed.sources.keys() | applied.keys():
        before = observed.sources.get(name, SourceState(name=name))
        state = with_holds(before, answer)
        if name in applied:
            state = replace(state, applied=applied[name], loaded=True, error="")
        if name in healthy:
            state = replace(state, healthy=healthy[name])
        if state != before:
            found.append(state)
    return tuple(sorted(found, key=lambda one: one.name))


def _is_applied(name: str, revision: RevisionInfo, observed: ObservedState) -> bool:
    """Whether a source's objects are written by this revision from now on (held and blocked ones are in the plan)."""
    state = observed.sources.get(name, SourceState(name=name))
    # What a rollback holds may still be the newest that was read: what it returned to stays noted.
    return state.applied != revision and not state.suspended and revision.commit != state.held


def _applied_revisions(answer: Plan, observed: ObservedState, now: float) -> tuple[values.RevisionRecord, ...]:
    held = {hold.source for hold in answer.holds}
    states = {True: values.RevisionState.HELD, False: values.RevisionState.APPLIED}
    return tuple(
        values.RevisionRecord(source=name, revision=revision, state=states[name in held], at=now)
        for name, revision in answer.revisions.items()
        if _is_applied(name, revision, observed)
    )


class Projection:
    """Sends every node what changed for it, and nothing else."""

    def __init__(self, link: NodeLink, policy: Policy) -> None:
        self._link = link
        self._policy = policy
        self._sent: dict[str, NodeDocuments] = {}
        self._memo = Memo()
        self._departures = Departures()

    def forget(self, node: str) -> None:
        """Send everything to a node again: it says that it has less than was sent."""
        self._sent.pop(node, None)

    def send(self, observed: ObservedState, generation: int, now: float) -> None:
        """Project the picture for every node and send what differs from what it has."""
        self._memo.next_pass()
        view = project_view(observed, self._policy, now, self._memo)
        assignments = project_assignments(observed, self._policy, self._memo, sorted(observed.nodes))
        lease_s = self._policy.node_lease_s
        assignments = self._departures.mark(view, generation, assignments, observed.nodes, now, lease_s)
        # One and the same for all nodes: whoever encodes it, or compares it with an earlier one, does so once.
        shown = replace(view, generation=generation)
        for node, assignment in assignments.items():
            materials = project_materials(observed.objects, self._policy, assignment, view.ingress, self._memo)
            before = self._sent.get(node, NodeDocuments())
            fresh = NodeDocuments(assignment=assignment, view=view, materials=materials)
            if fresh == before:
                continue
            self._sent[node] = fresh
            changed = NodeDocuments(
                assignment=replace(assignment, generation=generation) if assignment != before.assignment else None,
                view=shown if view != before.view else None,
                materials=materials if materials != before.materials else None,
            )
            self._link.send(node, changed)


def happenings_of(observation: Observation) -> tuple[Happening, ...]:
    """Return what a node reports to have happened, about its Pods or itself."""
    reports = {report.uid: report for report in observation.pods}
    return tuple(_happening(observation.node, event, reports.get(event.uid)) for event in observation.events)


def _happening(node: str, event: NodeEvent, report: PodReport | None) -> Happening:
    if event.pod:
        ref = ObjectRef(kind="Pod", namespace=event.namespace, name=event.pod)
    else:
        ref = ObjectRef(kind="Node", name=node)
    return Happening(
        object=ref,
        # What a node tells of itself goes by its name, as clients of Kubernetes look for it.
        uid=event.uid or node,
        type=event.type,
        reason=event.reason,
        message=event.message,
        field_path=_field_path(event.container, report),
        host=node,
        at=event.at,
    )


def _field_path(container: str, report: PodReport | None) -> str:
    if not container:
        return ""
    parts: dict[str, str] = {}
    if report is not None:
        parts.update((one.name, "initContainers") for one in report.init_container_statuses)
        parts.update((one.name, "ephemeralContainers") for one in report.ephemeral_container_statuses)
    return f"spec.{parts.get(container, 'containers')}{{{container}}}"


def is_pending(answer: Plan) -> bool:
    """Whether the plan still changes objects that a person declared or their children."""
    return any(one.decision not in (Decision.UNCHANGED, Decision.BLOCKED) for one in answer.verdicts)
