"""Making room for a Pod: which node, and which Pods of lower priority end for it, as kube-scheduler chooses. Pure.

On every node where the end of other Pods could help, all Pods of lower priority are thought away, and as many as
possible are brought back, the most important first, those whose budget forbids their end before all others. What stays
away are the victims. The node is taken where they violate the fewest budgets, then where the highest of their
priorities is lowest, their sum is lowest, they are fewest, and the most important of them began last.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.model.kinds import LabelSelector, Pod
from reconciler.model.labels import matches
from reconciler.model.times import unix
from reconciler.planner.scheduling.alike import Alike
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, priority_of, with_pod, without
from reconciler.planner.scheduling.framework import Misfit

NOT_HELPFUL = Misfit(("Preemption is not helpful for scheduling",), is_final=True)
NO_VICTIMS = Misfit(("No preemption victims found for incoming pod",), is_final=True)
# So many nodes on which it works are compared, or so large a share of all.
_COMPARED_MIN = 100
_COMPARED_SHARE = 0.1
_OFFSET = 2**31


@dataclass(slots=True)
class Budget:
    """How many Pods of a PodDisruptionBudget may be ended now."""

    namespace: str
    selector: LabelSelector | None
    allowed: int

    def covers(self, pod: Pod) -> bool:
        """Whether a Pod falls under it; one without labels or a budget that selects nothing does not."""
        selector = self.selector
        is_empty = selector is None or not (selector.match_labels or selector.match_expressions)
        if is_empty or self.namespace != pod.metadata.namespace or not pod.metadata.labels:
            return False
        return matches(selector, pod.metadata.labels)


@dataclass(frozen=True, slots=True)
class Victims:
    """The Pods of one node that would end, the most important first, and how many budgets that would violate."""

    node: str
    pods: tuple[Pod, ...]
    violations: int

    @property
    def cost(self) -> tuple[int, int, int, int, float, str]:
        """Compare by what is lost."""
        highest = max(map(priority_of, self.pods), default=-_OFFSET)
        began = min(map(began_at, (pod for pod in self.pods if priority_of(pod) == highest)), default=-math.inf)
        total = sum(priority_of(pod) + _OFFSET for pod in self.pods)
        return self.violations, highest, total, len(self.pods), -began, self.node


def worth_trying(choice: Choice, alike: Alike) -> list[str]:
    """Return the nodes on which the end of other Pods could help."""
    found = ((name, alike.misfit(name)) for name in sorted(choice.candidates))
    return [name for name, misfit in found if misfit is not None and not misfit.is_final]


def find_room(
    choice: Choice, alike: Alike, pod: Pod, budgets: Sequence[Budget], names: Collection[str]
) -> Victims | Mapping[str, Misfit]:
    """Return which of these nodes to make room on with its victims; else what each node has against that."""
    against = dict.fromkeys(choice.candidates.keys() - set(names), NOT_HELPFUL)
    tried: list[Victims] = []
    enough = min(max(_COMPARED_MIN, int(_COMPARED_SHARE * len(choice.candidates))), len(choice.candidates))
    for name in names:
        found = victims_on(choice, alike, pod, name, budgets)
        if isinstance(found, Misfit):
            against[name] = found
            continue
        tried.append(found)
        if len(tried) >= enough and any(not one.violations for one in tried):
            break
    return min(tried, key=lambda one: one.cost) if tried else against


def victims_on(choice: Choice, alike: Alike, pod: Pod, name: str, budgets: Sequence[Budget]) -> Victims | Misfit:
    """Return who has to end on a node so that the Pod fits, or why that would not do."""
    node = choice.cluster.nodes[name]
    priority = priority_of(pod)
    if node.lowest is None or node.lowest >= priority:
        return NO_VICTIMS
    lower = sorted((one for one in node.pods if priority_of(one) < priority), key=importance)
    with _trial(choice, alike, node) as trial:
        trial.take(lower)
        if (misfit := alike.why_not(name)) is not None:
            return misfit
        guarded, free = split_by_budget(lower, budgets)
        victims = [one for one in guarded if not trial.gives_back(one)]
        violations = len(victims)
        victims += [one for one in free if not trial.gives_back(one)]
    return Victims(name, tuple(sorted(victims, key=importance)), violations)


class _Trial:
    """A node without some of its Pods, for the while."""

    def __init__(self, choice: Choice, alike: Alike, node: Candidate) -> None:
        self._choice, self._alike, self._node = choice, alike, node
        self._away: list[Pod] = []

    def take(self, pods: Iterable[Pod]) -> None:
        for pod in pods:
            self._away.append(pod)
            self._tell(False, pod)
        self._show(without(self._node, self._away))

    def gives_back(self, pod: Pod) -> bool:
        """Bring a Pod back where the one that is to come fits all the same."""
        name = self._node.name
        before = self._choice.cluster.nodes[name]
        self._show(with_pod(before, pod))
        self._tell(True, pod)
        if self._alike.why_not(name) is None:
            self._away.remove(pod)
            return True
        self._show(before)
        self._tell(False, pod)
        return False

    def end(self) -> None:
        self._show(self._node)
        for pod in self._away:
            self._tell(True, pod)

    def _show(self, node: Candidate) -> None:
        self._choice.cluster.nodes[self._node.name] = node

    def _tell(self, is_added: bool, pod: Pod) -> None:
        for _ in self._alike.tell((is_added, pod, self._node.name)):
            pass


@contextmanager
def _trial(choice: Choice, alike: Alike, node: Candidate) -> Iterator[_Trial]:
    trial = _Trial(choice, alike, node)
    try:
        yield trial
    finally:
        trial.end()


def split_by_budget(pods: Iterable[Pod], budgets: Sequence[Budget]) -> tuple[list[Pod], list[Pod]]:
    """Return the Pods whose end their budgets forbid, counting those before them, and the others."""
    left = [budget.allowed for budget in budgets]
    guarded: list[Pod] = []
    free: list[Pod] = []
    for pod in pods:
        is_guarded = False
        # One that ends already is no longer counted.
        for number, budget in enumerate(budgets if pod.metadata.deletion_timestamp is None else ()):
            if budget.covers(pod):
                left[number] -= 1
                is_guarded = is_guarded or left[number] < 0
        (guarded if is_guarded else free).append(pod)
    return guarded, free


def importance(pod: Pod) -> tuple[int, float, str, str]:
    """Sort Pods by importance: higher priority first, then those that have run for longer."""
    return -priority_of(pod), began_at(pod), pod.metadata.namespace, pod.metadata.name


def began_at(pod: Pod) -> float:
    """Return since when a Pod runs; one that does not yet begins last."""
    began = unix(pod.status.start_time)
    return math.inf if began is None else began


def why_not_eligible(choice: Choice, alike: Alike, pod: Pod) -> str:
    """Return why a Pod may not have others end for it; empty when it may."""
    if pod.spec.preemption_policy == "Never":
        return "not eligible due to preemptionPolicy=Never."
    node = choice.candidates.get(pod.status.nominated_node_name)
    if node is None:
        return ""
    misfit = alike.misfit(node.name)
    if misfit is not None and misfit.is_final:
        return ""
    if any(_ends_for_another(one) and priority_of(one) < priority_of(pod) for one in node.pods):
        return "not eligible due to a terminating pod on the nominated node."
    return ""


def _ends_for_another(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None and any(
        one.type == "DisruptionTarget" and one.status == "True" and one.reason == PREEMPTED
        for one in pod.status.conditions
    )


# The reason of the condition DisruptionTarget on victims.
PREEMPTED = "PreemptionByScheduler"
