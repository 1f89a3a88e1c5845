"""Stories in which Pods move to nodes with more room: what asks for room, and what must hold of moves."""

from collections.abc import Iterator
from typing import Any, cast

from reconciler.model.kinds import Pod, PodDisruptionBudget, ref_of
from reconciler.model.observed import ObservedState
from reconciler.model.policy import RebalancingPolicy
from reconciler.model.times import unix
from reconciler.planner.references import claims_of
from reconciler.planner.workloads.podview import is_ready
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.nodes import NodesRepository, Operators
from tests.simulation.cluster.nodes_safety import NodesSafety
from tests.simulation.cluster.repository import Document
from tests.simulation.cluster.unsafe import Unsafe

RULES = RebalancingPolicy(enabled=True, settled_s=20, margin_percent=5)
# How long a plan may come after the moment for which it was announced.
_LATE_S = 5.0
_REPLICAS_MAX = 4


class RebalancingRepository(NodesRepository):
    """A repository whose Deployments ask for some processors, most with a budget."""

    def heal(self, everything: set[str]) -> None:
        """Let every Deployment have as much as before, and a budget that lets one Pod go."""
        super().heal(everything)
        for key in [key for key in self.documents if key.startswith("poddisruptionbudget/")]:
            del self.documents[key]
        for document in [one for one in self.documents.values() if one["kind"] == "Deployment"]:
            document["spec"]["replicas"] = min(document["spec"]["replicas"], _REPLICAS_MAX)
            _ask_for_room(document)
            self._put(_budget(document, 1))

    def _deployment(self, number: str) -> Document:
        document = super()._deployment(number)
        document["spec"]["replicas"] = self.dice.randint(2, _REPLICAS_MAX)
        if self.dice.random() < 0.7:
            self._put(_budget(document, self.dice.choice((0, 1, 1, 2))))
        return document

    def _place(self, document: Document) -> None:
        """Say seldom where a workload's Pods may run, so that they can move."""
        if self.dice.random() < 0.3:
            super()._place(document)
        if document["kind"] == "Deployment":
            _ask_for_room(document)


class Crowders(Operators):
    """Operators who also drive all Pods to one node, and let the others be used again a while later."""

    def begin(self) -> str:
        """Leave the nodes without zones: Pods would rather be spread over these than have more room."""
        return "no zones"

    def act(self) -> str:
        """Do one thing, where there is something to do it to."""
        acts = (self._crowd, self._make_room, super().act)
        return self.dice.choices(acts, (4, 2, 3))[0]()

    def _crowd(self) -> str:
        nodes = [ref for ref in sorted(self._objects) if ref.kind == "Node"]
        kept = self.dice.choice(nodes) if nodes else None
        for ref in nodes:
            self._write(ref, unschedulable=ref != kept)
        for pod in list(_pods(self.cluster.observed)):
            if kept is not None and pod.spec.node_name not in ("", kept.name) and _is_copy(pod):
                self._write(ref_of(pod), delete_at=self.cluster.now, grace_s=1)
        return f"crowd {kept}"

    def _make_room(self) -> str:
        for ref in [ref for ref in sorted(self._objects) if ref.kind == "Node"]:
            self._write(ref, unschedulable=False)
        return "uncordon every node"


def _ask_for_room(document: Document) -> None:
    container = document["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "200m"}}


def _budget(document: Document, allowed: int) -> Document:
    name = document["metadata"]["name"]
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"maxUnavailable": allowed, "selector": {"matchLabels": document["spec"]["selector"]["matchLabels"]}},
    }


class RebalancingSafety(NodesSafety):
    """Watches every committed plan; `moves` counts the Pods that were moved."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self.moves = 0

    def planned(self, before: ObservedState) -> None:
        """Check one committed plan: one Pod moves at a time, and only one that its budget lets go."""
        super().planned(before)
        after = self.cluster.observed
        moved = [pod for pod in _pods(after) if _moves(pod) and not _did_move(before, pod)]
        self.moves += len(moved)
        if len(moved) > 1:
            raise Unsafe(f"{len(moved)} Pods move at once: {', '.join(pod.metadata.name for pod in moved)}")
        for pod in moved:
            self._check_move(before, pod)

    def unhealthy(self) -> str:
        """Say what is not as it should be at rest: Pods may still move until they have been there for a while."""
        made = [unix(pod.metadata.creation_timestamp) or 0.0 for pod in _pods(self.cluster.observed) if _is_copy(pod)]
        if self.cluster.now < max(made, default=0.0) + RULES.settled_s + _LATE_S:
            return "Pods came a moment ago, others may move"
        return super().unhealthy()

    def _check_move(self, before: ObservedState, pod: Pod) -> None:
        name = pod.metadata.name
        if not _is_copy(pod) or claims_of(pod.spec):
            raise Unsafe(f"{name} moves, and nothing makes another one or its data stays behind")
        budgets = [one for one in _budgets(before) if _covers(one, pod)]
        if len(budgets) != 1:
            raise Unsafe(f"{name} moves, and has {len(budgets)} budgets")
        limit = int(str(budgets[0].spec.max_unavailable)) if budgets[0].spec.max_unavailable is not None else None
        # What else the same plan ends, as a rollout does, no budget keeps.
        now = {one.metadata.uid: one for one in _pods(self.cluster.observed)}
        there = [one for one in _pods(before) if _covers(budgets[0], one) and one.metadata.deletion_timestamp is None]
        others = [now.get(one.metadata.uid, one) for one in there if one.metadata.uid != pod.metadata.uid]
        well = [one for one in others if is_ready(one)]
        wanted = budgets[0].status.expected_pods
        minimum = wanted - limit if limit is not None else int(str(budgets[0].spec.min_available))
        if len(well) < minimum:
            raise Unsafe(f"{name} moves, {len(well)} are left of {minimum}")


def _moves(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None and any(
        one.type == "DisruptionTarget" and one.message.startswith("Rebalancing") for one in pod.status.conditions
    )


def _did_move(before: ObservedState, pod: Pod) -> bool:
    return any(one.metadata.uid == pod.metadata.uid and _moves(one) for one in _pods(before))


def _is_copy(pod: Pod) -> bool:
    return any(one.controller and one.kind == "ReplicaSet" for one in pod.metadata.owner_references)


def _covers(budget: PodDisruptionBudget, pod: Pod) -> bool:
    selector: Any = budget.spec.selector
    return bool(selector.match_labels.items() <= pod.metadata.labels.items())


def _pods(state: ObservedState) -> Iterator[Pod]:
    return (cast(Pod, one.object) for ref, one in sorted(state.objects.items()) if ref.kind == "Pod")


def _budgets(state: ObservedState) -> Iterator[PodDisruptionBudget]:
    found = (one.object for ref, one in sorted(state.objects.items()) if ref.kind == "PodDisruptionBudget")
    return (cast(PodDisruptionBudget, one) for one in found)
