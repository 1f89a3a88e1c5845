"""What an operator says of placing Pods: arguments of kube-scheduler's plugins, with what may be wrong with them. Pure.

The fields are those of `NodeResourcesFitArgs`, `NodeResourcesBalancedAllocationArgs`, `NodeAffinityArgs`,
`InterPodAffinityArgs` and `PodTopologySpreadArgs`; and of the admission plugin PodNodeSelector.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from reconciler.model.base import Value
from reconciler.model.kinds import NodeAffinity, NodeSelectorTerm, TopologySpreadConstraint
from reconciler.model.labels import SelectorError, parse_pairs

_WEIGHT_MAX = 100
_PERCENT_MAX = 100
_SCORE_MAX = 10


class ResourceWeight(Value, forbid_unknown_fields=True):
    """How much a resource counts beside others."""

    name: str
    weight: int = 1


class ShapePoint(Value, forbid_unknown_fields=True):
    """How good, from 0 to 10, a node is of which so many percent are taken."""

    utilization: int
    score: int


class RequestedToCapacityRatio(Value, forbid_unknown_fields=True):
    """Scores that lie on straight lines between points."""

    shape: tuple[ShapePoint, ...] = ()


CPU_AND_MEMORY = (ResourceWeight(name="cpu"), ResourceWeight(name="memory"))


class ScoringStrategy(Value, forbid_unknown_fields=True):
    """Which nodes are better: those that stay free (the default), those that are full, or those of a shape."""

    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: tuple[ResourceWeight, ...] = CPU_AND_MEMORY
    requested_to_capacity_ratio: RequestedToCapacityRatio = RequestedToCapacityRatio()


class PlacingPolicy(Value, forbid_unknown_fields=True):
    """How Pods are placed. `balanced_resources` are to be taken alike; `added_affinity` goes to every Pod's own.

    `hard_pod_affinity_weight` is what a required affinity of a Pod that is there counts as a wish;
    `ignore_preferred_terms_of_existing_pods` has their wishes count only for Pods with wishes of their own.
    `default_constraints` are for Pods without any (None: softly over hosts and zones). `cluster_default_node_selector`
    (`key=value`, with commas) names the nodes for the Pods of namespaces that do not say so themselves.
    """

    scoring_strategy: ScoringStrategy = ScoringStrategy()
    balanced_resources: tuple[ResourceWeight, ...] = CPU_AND_MEMORY
    added_affinity: NodeAffinity | None = None
    hard_pod_affinity_weight: int = 1
    ignore_preferred_terms_of_existing_pods: bool = False
    default_constraints: tuple[TopologySpreadConstraint, ...] | None = None
    cluster_default_node_selector: str = ""


def faults_of(policy: PlacingPolicy) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, each with its path."""
    strategy = policy.scoring_strategy
    yield from _resource_faults("scoringStrategy.resources", strategy.resources)
    yield from _resource_faults("balancedResources", policy.balanced_resources)
    if strategy.type == "RequestedToCapacityRatio":
        yield from _shape_faults(strategy.requested_to_capacity_ratio.shape)
    if policy.added_affinity is not None:
        yield from _affinity_faults(policy.added_affinity)
    if not 0 <= policy.hard_pod_affinity_weight <= _WEIGHT_MAX:
        yield "hardPodAffinityWeight", f"{policy.hard_pod_affinity_weight} is not between 0 and {_WEIGHT_MAX}"
    yield from _constraint_faults(policy.default_constraints or ())
    try:
        parse_pairs(policy.cluster_default_node_selector)
    except SelectorError as fault:
        yield "clusterDefaultNodeSelector", f"{policy.cluster_default_node_selector!r}: {fault}"


def _resource_faults(at: str, resources: Sequence[ResourceWeight]) -> Iterator[tuple[str, str]]:
    if not resources:
        yield at, "names no resource: nodes could not be told apart"
    seen: set[str] = set()
    for number, one in enumerate(resources):
        if one.name in seen or not one.name:
            yield f"{at}[{number}].name", f"{one.name!r} stands there twice, or is no name"
        seen.add(one.name)
        if not 1 <= one.weight <= _WEIGHT_MAX:
            yield f"{at}[{number}].weight", f"{one.weight} is not between 1 and {_WEIGHT_MAX}"


def _shape_faults(shape: Sequence[ShapePoint]) -> Iterator[tuple[str, str]]:
    at = "scoringStrategy.requestedToCapacityRatio.shape"
    if not shape:
        yield at, "needs at least one point"
    for number, point in enumerate(shape):
        if not 0 <= point.utilization <= _PERCENT_MAX:
            yield f"{at}[{number}].utilization", f"{point.utilization} is not between 0 and {_PERCENT_MAX}"
        elif number and point.utilization <= shape[number - 1].utilization:
            yield f"{at}[{number}].utilization", f"{point.utilization} is not above the one before it"
        if not 0 <= point.score <= _SCORE_MAX:
            yield f"{at}[{number}].score", f"{point.score} is not between 0 and {_SCORE_MAX}"


def _affinity_faults(affinity: NodeAffinity) -> Iterator[tuple[str, str]]:
    required = affinity.required_during_scheduling_ignored_during_execution
    wishes = affinity.preferred_during_scheduling_ignored_during_execution
    terms = [("required", one) for one in required.node_selector_terms] if required is not None else []
    terms += [("preferred", one.preference) for one in wishes]
    if not terms:
        yield "addedAffinity", "says nothing: it needs required terms, or preferences"
    for where, term in terms:
        if not term.match_expressions and not term.match_fields:
            yield f"addedAffinity ({where})", "an empty term chooses no node"
        elif not all(map(_has_fitting_values, _values_of(term))):
            yield f"addedAffinity ({where})", "In and NotIn need values, Gt and Lt one, Exists and DoesNotExist none"


def _constraint_faults(constraints: Sequence[TopologySpreadConstraint]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(constraints):
        at = f"defaultConstraints[{number}]"
        if one.label_selector is not None or one.match_label_keys:
            yield f"{at}.labelSelector", "is found for each Pod: leave it out"
        if one.min_domains is not None and one.when_unsatisfiable != "DoNotSchedule":
            yield f"{at}.minDomains", "needs whenUnsatisfiable DoNotSchedule"
        key = (one.topology_key, one.when_unsatisfiable)
        if key in seen:
            yield at, "another one has the same topologyKey and whenUnsatisfiable"
        seen.add(key)


def _values_of(term: NodeSelectorTerm) -> Iterator[tuple[str, int]]:
    for one in (*term.match_expressions, *term.match_fields):
        yield one.operator, len(one.values)


def _has_fitting_values(given: tuple[str, int]) -> bool:
    operator, count = given
    if operator in ("In", "NotIn"):
        return count > 0
    return count == (1 if operator in ("Gt", "Lt") else 0)
