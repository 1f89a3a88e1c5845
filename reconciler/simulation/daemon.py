"""The daemon in virtual time: what the controller's loop does, with everything but the store lost when it dies.

Pure apart from its own state. One tick is split where a real one can be killed: before the commit, and between the
commit and the sending of documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from reconciler.model.desired import DesiredState
from reconciler.model.metrics import NodeSample, NodeUsage, usage_between
from reconciler.model.node_report import Observation
from reconciler.model.observed import Acknowledgement, NodeState, ObservedState, SourceState, StoredObject
from reconciler.model.plan import Plan, RevisionEnding
from reconciler.model.policy import Policy
from reconciler.model.ports import NodeDocuments
from reconciler.planner.apply import apply_plan, with_holds
from reconciler.planner.departures import Departures
from reconciler.planner.listening import listening
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.planner.project import project_assignments, project_materials, project_view


@dataclass
class SimulatedStore:
    """What survives the daemon. `version` counts commits, as the store's resourceVersion does."""

    observed: ObservedState
    version: int = 1
    former_boots: set[str] = field(default_factory=set)

    def record(self, observation: Observation, now: float) -> bool:
        """Take a report over unless it is older than the stored one; return whether it was taken."""
        before = self.observed.nodes.get(observation.node)
        last = before.observation if before is not None else None
        if last is not None and self._is_old(last, observation):
            return False
        if last is not None and last.boot_id != observation.boot_id:
            self.former_boots.add(last.boot_id)
        state = NodeState(name=observation.node, heartbeat_at=now, observation=observation)
        self.observed = replace(self.observed, nodes={**self.observed.nodes, observation.node: state})
        return True

    def acknowledge(self, source: str, plan: Plan, at: float) -> None:
        """Note a person's word for everything that a plan holds of a source."""
        words = tuple(
            Acknowledgement(source=source, objects=hold.objects, at=at) for hold in plan.holds if hold.source == source
        )
        self.observed = replace(self.observed, acknowledgements=(*self.observed.acknowledgements, *words))

    def _is_old(self, last: Observation, new: Observation) -> bool:
        if new.boot_id != last.boot_id:
            return new.boot_id in self.former_boots
        return new.sequence <= last.sequence and new.observed_at <= last.observed_at


class SimulatedDaemon:
    """One life of the daemon's process: leads from its start on."""

    def __init__(
        self, store: SimulatedStore, policy: Policy, sources: tuple[str, ...], now: float | None = None
    ) -> None:
        self.store = store
        self.policy = policy
        self.desired: dict[str, DesiredState] = {}
        self.plan = Plan()
        self.ticks = 0
        self.is_sending = False
        self._must_look = True
        self._silent: frozenset[str] = frozenset()
        self._sent: dict[str, NodeDocuments] = {}
        self._samples: dict[str, NodeSample] = {}
        self._usage: dict[str, NodeUsage] = {}
        self._planning, self._projecting = Memo(), Memo()
        self._departures = Departures()
        # Whether a source was loaded is a fact of the process.
        known = store.observed.sources
        fresh = {name: replace(known.get(name, SourceState(name=name)), loaded=False) for name in sources}
        nodes = store.observed.nodes if now is None else listening(store.observed.nodes, _node_objects(store), now)
        store.observed = replace(store.observed, term=store.observed.term + 1, sources=fresh, nodes=nodes)
        store.version += 1

    # What arrives

    def read(self, state: DesiredState) -> None:
        """Take the newest good revision of a source; a newer commit than the held one ends the hold."""
        self.desired[state.source] = state
        sources = self.store.observed.sources
        before = sources[state.source]
        is_held = before.applied is not None and before.applied.commit == state.revision.commit
        loaded = replace(before, loaded=True, held=before.held if is_held else "")
        self.store.observed = replace(self.store.observed, sources={**sources, state.source: loaded})
        self.look()

    def return_failed(self, ending: RevisionEnding, state: DesiredState) -> None:
        """Return a source whose rollout missed its deadline to its last healthy revision, and hold the failed one."""
        sources = self.store.observed.sources
        held = replace(sources[ending.source], applied=state.revision, held=ending.revision.commit)
        self.store.observed = replace(self.store.observed, sources={**sources, ending.source: held})
        self.desired[ending.source] = state
        self.look()

    def receive(self, observation: Observation, now: float) -> None:
        """Take a node's report."""
        before = self.store.observed.nodes.get(observation.node)
        same = before is not None and before.observation is not None and says_the_same(before.observation, observation)
        if not self.store.record(observation, now):
            return
        if observation.generation == 0 or before is None or before.observation is None:
            self._sent.pop(observation.node, None)
            same = False
        was_silent = observation.node in self._silent
        self._must_look = self._must_look or was_silent or not same

    def measure(self, sample: NodeSample) -> None:
        """Take a reading of what a node uses: no cause to look."""
        usage = usage_between(self._samples.get(sample.node), sample)
        self._samples[sample.node] = sample
        if usage is not None:
            self._usage[sample.node] = usage

    def look(self) -> None:
        """Have the next tick not be skipped."""
        self._must_look = True

    # One tick

    def next_at(self, now: float) -> float | None:
        """Return when the next tick is due; None: when something arrives."""
        if self._must_look or self.is_sending:
            return now
        return self.plan.look_again_at

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to look at and nothing to send, as things stand."""
        return not (self._must_look or self.is_sending)

    def tick(self, now: float) -> Plan:
        """Plan and commit; what is to be sent follows with `send`."""
        before = self.store.observed
        measured = replace(before, usage=dict(self._usage))
        answer = plan(self.desired, measured, self.policy, now, self._planning)
        self.ticks += 1
        self.plan = answer
        lease_s = self.policy.node_lease_s
        self._silent = frozenset(name for name, node in before.nodes.items() if node.is_silent(now, lease_s))
        newly = [
            name
            for name, revision in answer.revisions.items()
            if name in before.sources and before.sources[name].applied != revision
        ]
        held = any(with_holds(one, answer) != one for one in before.sources.values())
        self._must_look = bool(answer.changes or answer.actions or answer.allocations or newly or held)
        if self._must_look:
            self.store.observed = _as_planned(apply_plan(before, answer), answer, self._planning)
            self.store.version += 1
        self.is_sending = True
        return answer

    def send(self, now: float) -> Mapping[str, NodeDocuments]:
        """Return what each node is to be told now: what differs from what it was sent last."""
        self.is_sending = False
        observed, generation = self.store.observed, self.store.version
        self._projecting.next_pass()
        view = project_view(observed, self.policy, now, self._projecting)
        assignments = project_assignments(observed, self.policy, self._projecting, sorted(observed.nodes))
        lease_s = self.policy.node_lease_s
        assignments = self._departures.mark(view, generation, assignments, observed.nodes, now, lease_s)
        letters: dict[str, NodeDocuments] = {}
        for node, assignment in assignments.items():
            materials = project_materials(observed.objects, self.policy, assignment, view.ingress, self._projecting)
            before = self._sent.get(node, NodeDocuments())
            fresh = NodeDocuments(assignment=assignment, view=view, materials=materials)
            if fresh == before:
                continue
            self._sent[node] = fresh
            letters[node] = NodeDocuments(
                assignment=replace(assignment, generation=generation) if assignment != before.assignment else None,
                view=replace(view, generation=generation) if view != before.view else None,
                materials=materials if materials != before.materials else None,
            )
        return letters


def _as_planned(observed: ObservedState, answer: Plan, planning: Memo) -> ObservedState:
    """Return what is written in the very values that the plan was made with: what is known of them holds."""
    objects, made = dict(observed.objects), planning.picture.objects
    for ref in (*(one.ref for one in answer.changes), *(one.object for one in answer.actions)):
        found = made.get(ref)
        if found is not None and found == objects.get(ref):
            objects[ref] = found
    return replace(observed, objects=objects)


def _node_objects(store: SimulatedStore) -> list[StoredObject]:
    return [one for ref, one in store.observed.objects.items() if ref.kind == "Node"]


def says_the_same(old: Observation, new: Observation) -> bool:
    """Whether a report says nothing new but the time."""
    return not new.events and content_of(old) == content_of(new)


def content_of(observation: Observation) -> Observation:
    """Return what a report says but for the time and what happened."""
    facts = replace(observation.facts, observed_at=0.0)
    return replace(observation, sequence=0, observed_at=0.0, facts=facts, events=())
