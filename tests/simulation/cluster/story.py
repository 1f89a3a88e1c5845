"""One story: what a seed makes of a cluster, until it must have converged."""

import random
from collections.abc import Callable
from typing import Any, cast

from reconciler.model.kinds import Deployment, PersistentVolumeClaim, Pod
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.policy import Policy, RebalancingPolicy, SourcePolicy
from reconciler.model.refs import ObjectRef
from reconciler.planner.plan import plan
from reconciler.planner.references import claims_of
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.bounds import BoundsRepository, BoundsSafety, Evictors
from tests.simulation.cluster.faults import Faults, Undo
from tests.simulation.cluster.nodes import NodesRepository, Operators
from tests.simulation.cluster.nodes_safety import NodesSafety
from tests.simulation.cluster.persons import Persons
from tests.simulation.cluster.rebalancing import RULES, Crowders, RebalancingRepository, RebalancingSafety
from tests.simulation.cluster.repository import REGISTRY, Repository
from tests.simulation.cluster.safety import Safety
from tests.simulation.cluster.sets import SetsRepository, SetsSafety
from tests.simulation.cluster.states import States
from tests.simulation.cluster.tasks import TasksRepository, TasksSafety
from tests.simulation.cluster.unsafe import Unsafe, changed_in

CALM_AGAIN_S = 2400.0
_LINES_SHOWN = 60
_TICKS_MAX = 1500
_UNTOLD = ("Endpoints", "EndpointSlice", "Node", "Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding")
_NODES = {False: (1, 2, 1, 2, 3, 4), True: (2, 3, 3, 4, 2, 3)}
_PAUSES_S = (0.05, 0.4, 2.0, 8.0, 30.0, 90.0)
_LONG_PAUSES_S = (0.4, 8.0, 30.0, 90.0, 200.0, 400.0)
_SYMBOLS = {"create": "+", "delete": "-", "replace": "±"}


class StoryFailed(AssertionError):
    """A story that went wrong, told in a few lines."""


class Story:
    """Runs one seed; `tell` prints it while it happens.

    `overrides` has persons override things in it, `sets` has StatefulSets in the repositories, `tasks`
    DaemonSets, CronJobs and Jobs of every sort, `bounds` quotas, limits, budgets, and persons who evict, `nodes` whole
    nodes that go and come back, workloads that are spread over them, persons who drain and taint them, and revisions
    that are returned from; `rebalancing` is `nodes` with Pods that move to nodes with more room. Every turn has dice of
    its own, so a story can be told `without` some turns and the others stay what they are; turn 0 stands for all
    crashes between two steps.
    """

    def __init__(
        self,
        seed: int,
        *,
        tell: Callable[[str], None] | None = None,
        overrides: bool = False,
        sets: bool = False,
        tasks: bool = False,
        bounds: bool = False,
        nodes: bool = False,
        rebalancing: bool = False,
        without: frozenset[int] = frozenset(),
    ) -> None:
        self.seed = seed
        self.without = without
        self.turns = 0
        self.strikes = 0
        self.states: set[int] = set()
        self._states = States()
        self.dice = random.Random(seed)
        self.lines: list[str] = []
        self._tell = tell
        nodes = nodes or rebalancing
        hosts = tuple(f"node-{number}" for number in range(1, self.dice.choice(_NODES[nodes]) + 1))
        sources = ("main", "infra")[: self.dice.choice((1, 1, 2))]
        self.cluster = SimulatedCluster(
            hosts,
            sources,
            REGISTRY,
            self._policy(sources, returns=nodes, rebalancing=rebalancing),
            choose=self.dice.randrange,
            planned=self._planned,
        )
        self.safety = Safety(self.cluster)
        self.faults = Faults(self.dice, self.cluster, self.safety)
        self.sets: SetsSafety | TasksSafety | BoundsSafety | NodesSafety | None = None
        of_kind: type[Repository] = Repository
        if sets:
            self.sets, of_kind = SetsSafety(self.cluster), SetsRepository
        elif tasks:
            self.sets, of_kind = TasksSafety(self.cluster), TasksRepository
        elif bounds:
            self.sets, of_kind = BoundsSafety(self.cluster), BoundsRepository
        elif rebalancing:
            self.sets, of_kind = RebalancingSafety(self.cluster), RebalancingRepository
        elif nodes:
            self.sets, of_kind = NodesSafety(self.cluster), NodesRepository
        self.repositories = [of_kind(self.dice, source) for source in sources]
        operators = Crowders if rebalancing else Operators
        self.operators = operators(seed, self.cluster, self.faults.off) if nodes else None
        self.persons: Persons | None = self.operators
        if overrides or bounds:
            self.persons = (Persons if overrides else Evictors)(seed, self.cluster)
        self.is_calm = seed % 5 == 0 and self.persons is None
        self._undo: list[tuple[int, float, str, Undo]] = []
        self._crash_at = self._next_crash()
        self._ready_floor: frozenset[str] = frozenset()

    def _policy(self, sources: tuple[str, ...], *, returns: bool, rebalancing: bool) -> Policy:
        """Every other story with `nodes` has its sources return from revisions that fail."""
        endings = SourcePolicy(on_failure="rollback" if returns and self.seed % 2 else "report")
        rules = RULES if rebalancing else RebalancingPolicy()
        return Policy(digest_key="00" * 16, sources=dict.fromkeys(sources, endings), rebalancing=rules)

    def run(self) -> None:
        """Run the whole story; raise `StoryFailed` with its seed and its last lines."""
        try:
            self._happen()
            self._come_to_rest()
            self._restart_everything()
        except Exception as error:
            shown = self.lines[-_LINES_SHOWN:]
            left_out = [f"  ... {len(self.lines) - len(shown)} lines"] if len(shown) < len(self.lines) else []
            what = error if isinstance(error, AssertionError) else repr(error)
            text = "\n".join([f"seed {self.seed}: {what}", *left_out, *shown])
            raise StoryFailed(text) from error

    # The three parts

    def _happen(self) -> None:
        for one in self.repositories:
            self._say(f"git push {one.source}: begin with " + ", ".join(sorted(one.documents)))
            self.cluster.push(one.state())
        if self.operators is not None:
            self._run(1.0)
            self._say(self.operators.begin())
        self.turns = self.dice.choice((2, 2, 3, 3, 4, 5, 6, 9))
        for turn in range(1, self.turns + 1):
            self.dice.seed(f"{self.seed}/{turn}")
            self._run(self.dice.choice(_PAUSES_S if self.operators is None else _LONG_PAUSES_S))
            if turn not in self.without:
                self._take_turn()

    def _take_turn(self) -> None:
        draw = self.dice.random()
        if self.is_calm or draw < 0.45:
            self._edit()
        elif draw < 0.9:
            self._strike()
        if self.dice.random() < 0.3:
            self._acknowledge()
        if self.persons is not None:
            self._say(self.persons.act())

    def _come_to_rest(self) -> None:
        self.dice.seed(f"{self.seed}/rest")
        self._crash_at = None
        for _, _, words, undo in self._undo:
            self._say(f"end of: {words}")
            undo()
        self._undo = []
        for host in self.cluster.hosts.values():
            host.world.faults.clear()
        self._say("no more faults; mend all images and references")
        everything = {key for one in self.repositories for key in one.documents}
        for one in self.repositories:
            one.heal(everything)
            self.cluster.push(one.state())
        if self.persons is not None:
            self.persons.release()
        until, ticks = self.cluster.now + CALM_AGAIN_S, self.cluster.ticks
        while why := self._why_not_at_rest():
            if self.cluster.now > until or self.cluster.ticks - ticks > _TICKS_MAX:
                raise AssertionError(f"not converged after {CALM_AGAIN_S:.0f} s without faults: {why}")
            self._acknowledge()
            self._push_again()
            self._run(20.0)
        self._say(f"at rest after {self.cluster.ticks} ticks, {self.cluster.steps} steps")

    def _push_again(self) -> None:
        """What a source has returned from comes again with a newer commit."""
        for one in self.repositories:
            if self.cluster.wanted(one.source) is not self.cluster.tips[one.source]:
                self._say(f"git push {one.source}: the same again")
                self.cluster.push(one.state())

    def _restart_everything(self) -> None:
        """Restarting the daemon and every agent changes nothing at all (P10)."""
        before = self._containers()
        keep_memory = self.dice.random() < 0.7
        self._say(f"restart the daemon and every agent, {'memory kept' if keep_memory else 'disks lost'}")
        self.is_calm = self.is_calm and keep_memory
        self._ready_floor = frozenset(_ready_pods(self.cluster.observed)) if keep_memory else frozenset()
        self.cluster.crash_daemon()
        for host in self.cluster.hosts.values():
            host.crash_agent()
            host.start_agent(keep_memory=keep_memory)
        self.cluster.start_daemon()
        self._run(45.0)
        if self._containers() != before:
            raise AssertionError("a restart of daemon and agents changed containers")
        if why := self._why_not_at_rest():
            raise AssertionError(f"a restart of daemon and agents left work: {why}")

    # Events

    def _edit(self) -> None:
        """Commit some edits to one repository, or move an object to another; a crash likes to come right then."""
        if self._crash_at is not None and self.dice.random() < 0.4:
            self._crash_at = self.dice.randint(1, 10)
        one = self.dice.choice(self.repositories)
        other = self.dice.choice(self.repositories)
        if other is not one and self.dice.random() < 0.4:
            self._say(f"git push {one.source} {other.source}: {one.give(other)}")
            first, second = self.dice.sample((one, other), 2)
            self.cluster.push(first.state())
            self._run(self.dice.choice((0.001, 0.5, 10.0)))
            self.cluster.push(second.state())
            return
        edits = [one.edit() for _ in range(self.dice.choice((1, 1, 2, 3)))]
        self._say(f"git push {one.source}: {'; '.join(edits)}")
        self.cluster.push(one.state())

    def _acknowledge(self) -> None:
        daemon = self.cluster.daemon
        if daemon is not None and daemon.plan.holds:
            held = {ref for hold in daemon.plan.holds for ref in hold.objects}
            self._say(f"reconciler apply --ack: {len(held)} deletions")
            self.safety.acknowledged |= held
            self.cluster.acknowledge()

    def _strike(self) -> None:
        is_of_node = self.operators is not None and self.dice.random() < 0.7
        words, undo = self.faults.strike_node() if is_of_node else self.faults.strike()
        self.strikes += 1
        self._say(words)
        if undo is not None and is_of_node:
            self._end_later(words, undo, 1500, (10, 60, 120, 400, 400, 900))
        elif undo is not None:
            self._end_later(words, undo, 400, (1, 1, 10, 10, 60, 60, 400))

    def _end_later(self, words: str, undo: Undo, steps: int, seconds: tuple[int, ...]) -> None:
        """A fault ends after some steps or some time, whichever comes first."""
        at = self.cluster.now + self.dice.choice(seconds)
        self._undo.append((self.dice.randint(1, steps), at, words, undo))

    def _next_crash(self) -> int | None:
        return (
            None
            if self.is_calm or 0 in self.without
            else self.dice.choice((3, 10, 30, 100, 300)) + self.dice.randrange(50)
        )

    def _run(self, seconds: float) -> None:
        until = self.cluster.now + seconds
        while self.cluster.now < until:
            at = min((at for _, at, _, _ in self._undo if at > self.cluster.now), default=until)
            self.cluster.run_for(max(0.001, min(at, until) - self.cluster.now), self._between)
            self._end_faults()

    def _between(self, step: str) -> None:
        self.safety.between()
        if self.is_calm:
            self.safety.watch_readiness()
        if self._undo:
            self._undo = [(left - 1, at, words, undo) for left, at, words, undo in self._undo]
        if self._crash_at is not None:
            self._crash_at -= 1
            if self._crash_at <= 0:
                words, undo = self.faults.crash()
                self.strikes += 1
                self._say(f"after '{step}': {words}")
                self._end_later(words, undo, 30, (1, 20, 60))
                self._crash_at = self._next_crash()
            self._end_faults()

    def _end_faults(self) -> None:
        if not self._undo:
            return
        over = [one for one in self._undo if one[0] <= 0 or one[1] <= self.cluster.now]
        self._undo = [one for one in self._undo if one not in over]
        off = set(self.faults.off)
        for _, _, words, undo in over:
            self._say(f"end of: {words}")
            undo()
        for name in sorted(off - self.faults.off) if self.operators is not None else ():
            self.operators.returned(name)

    def _planned(self, before: ObservedState, answer: Plan) -> None:
        if answer.changes:
            changed = changed_in(before, self.cluster.observed)
            self.safety.planned(before, changed, answer)
            self.states.add(self._states.of(self.cluster, changed))
        if self.sets is not None and answer.changes:
            self.sets.planned(before)
        for change in answer.changes:
            if change.verb not in ("status",) and change.ref.kind not in _UNTOLD:
                symbol = _SYMBOLS.get(change.verb, "~")
                self._say(f"  {symbol} {change.ref}  {change.verb}  {change.reason.value}")
        if self._ready_floor:
            lost = self._ready_floor - _ready_pods(self.cluster.observed)
            if lost:
                raise Unsafe(f"a restart of daemon and agents made {', '.join(sorted(lost))} unready")

    def _say(self, words: str) -> None:
        line = f"  {self.cluster.now - 1_700_000_000:8.2f}  {words}"
        self.lines.append(line)
        if self._tell is not None:
            self._tell(line)

    # Rest

    def _why_not_at_rest(self) -> str:
        """Say what still differs; an empty text: desired and observed agree and both plans are empty (P09)."""
        cluster, daemon = self.cluster, self.cluster.daemon
        if daemon is None or any(daemon.desired.get(name) is not cluster.wanted(name) for name in cluster.tips):
            return "the newest revision was not read"
        if why := self._who_has_work() or self._who_is_unhealthy():
            return why
        answer = plan(daemon.desired, cluster.observed, cluster.policy, cluster.now)
        if answer.changes or not answer.is_empty:
            return f"the next plan is not empty: {[f'{c.verb} {c.ref} ({c.reason.value})' for c in answer.changes][:4]}"
        for verdict in answer.verdicts:
            if verdict.decision is Decision.BLOCKED and not self._may_stay_blocked(verdict):
                return f"{verdict.object} is blocked: {verdict.reason.value} {verdict.message}"
        return ""

    def _who_has_work(self) -> str:
        for host in self.cluster.hosts.values():
            step = host.agent.last
            if step is None or step.plan.actions or step.plan.warnings:
                todo = [f"{a.verb} {a.object} ({a.reason.value})" for a in step.plan.actions] if step else []
                return f"the next plan of {host.name} is not empty: {todo[:4]}"
        return ""

    def _who_is_unhealthy(self) -> str:
        for ref, stored in sorted(self.cluster.observed.objects.items()):
            object: Any = stored.object
            if ref.kind == "Deployment":
                status, wanted = cast(Deployment, object).status, object.spec.replicas
                if not (status.available_replicas == status.updated_replicas == status.replicas == wanted):
                    return f"{ref} has {status.available_replicas} of {wanted} available"
            if ref.kind == "Pod" and not self._is_well(cast(Pod, object)):
                return f"{ref} is {object.status.phase}"
            if ref.kind == "Job" and not any(c.type in ("Complete", "Failed") for c in object.status.conditions):
                return f"{ref} has not ended"
        return (self.sets.unhealthy() if self.sets is not None else "") or self._who_runs_in_vain()

    def _who_runs_in_vain(self) -> str:
        known = {one.object.metadata.uid for ref, one in self.cluster.observed.objects.items() if ref.kind == "Pod"}
        for host in self.cluster.hosts.values():
            for one in host.world.engine.containers.values():
                if one.fact.pod_uid and one.fact.pod_uid not in known:
                    return f"{one.fact.name} is left on {host.name}"
        return ""

    def _may_stay_blocked(self, verdict: Verdict) -> bool:
        """What a person has to change in the repository is for the person; missing objects are theirs too."""
        ref = verdict.object
        if ref.kind == "PersistentVolumeClaim":
            waits_for_use = verdict.reason is Reason.CLAIM_NOT_BOUND
            return (ref.name not in self._claims_in_use()) if waits_for_use else verdict.reason is Reason.VOLUME_IN_USE
        if ref.kind == "Pod" and verdict.reason is Reason.UNSCHEDULABLE:
            return not self._has_its_claims(cast(Pod, self.cluster.observed.objects[ref].object))
        return verdict.reason is Reason.IMMUTABLE_FIELD

    def _claims_in_use(self) -> set[str]:
        pods = [cast(Pod, one.object) for ref, one in self.cluster.observed.objects.items() if ref.kind == "Pod"]
        return {claim for pod in pods for claim in claims_of(pod.spec)}

    def _has_its_claims(self, pod: Pod) -> bool:
        """Whether the claims of a Pod are there and stay, and no other Pod has one that allows one Pod."""
        claims = (ObjectRef(kind="PersistentVolumeClaim", namespace="default", name=n) for n in claims_of(pod.spec))
        return all(self._is_for(claim, pod) for claim in claims)

    def _is_for(self, ref: ObjectRef, pod: Pod) -> bool:
        found = self.cluster.observed.objects.get(ref)
        if found is None or pod.spec.node_name:
            return found is not None
        claim = cast(PersistentVolumeClaim, found.object)
        if claim.metadata.deletion_timestamp or "ReadWriteOncePod" not in claim.spec.access_modes:
            return not claim.metadata.deletion_timestamp
        pods = [cast(Pod, one.object) for ref, one in self.cluster.observed.objects.items() if ref.kind == "Pod"]
        return not any(one.spec.node_name and ref.name in claims_of(one.spec) for one in pods)

    def _is_well(self, pod: Pod) -> bool:
        if pod.status.phase in ("Succeeded", "Failed") or not self._has_its_claims(pod):
            return True
        return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)

    def _containers(self) -> list[tuple[str, float, float, str]]:
        return sorted(
            (one.fact.id, one.fact.started_at, one.fact.finished_at, one.fact.state)
            for host in self.cluster.hosts.values()
            for one in host.world.engine.containers.values()
        )


def _ready_pods(state: ObservedState) -> set[str]:
    return {
        str(ref)
        for ref, one in state.objects.items()
        if ref.kind == "Pod"
        and any(c.type == "Ready" and c.status == "True" for c in cast(Pod, one.object).status.conditions)
    }
