"""What more may change in a Pod that is held back from being placed: its gates go, its choice of nodes narrows. Pure.

The rules are Kubernetes' validateOnlyDeletedSchedulingGates, validateNodeSelectorMutation and
validateNodeAffinityMutation.
"""

from collections.abc import Iterator, Sequence

from reconciler.model.kinds import NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PodSpec
from reconciler.planner.updates.fault import FORBIDDEN, Fault

_TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
_NARROWER = "can only be added to"


def gate_faults(before: PodSpec, after: PodSpec) -> Iterator[Fault]:
    """Yield the gates that are new: a Pod can only lose them."""
    names = {gate.name for gate in before.scheduling_gates}
    for number, gate in enumerate(after.scheduling_gates):
        if gate.name not in names:
            yield Fault(f"spec.schedulingGates[{number}]", "cannot be added to a Pod that exists", FORBIDDEN)


def choice_faults(before: PodSpec, after: PodSpec) -> Iterator[Fault]:
    """Yield where a gated Pod would fit on nodes on which it did not fit before."""
    if any(after.node_selector.get(key) != value for key, value in before.node_selector.items()):
        yield Fault("spec.nodeSelector", _NARROWER)
    terms, wanted = _terms(before.affinity.node_affinity), _terms(after.affinity.node_affinity)
    if not terms:
        return
    if len(terms) != len(wanted):
        yield Fault(_TERMS, "cannot be more or less than before")
        return
    for number, (term, narrower) in enumerate(zip(terms, wanted, strict=True)):
        if not _has_only_more(term, narrower):
            yield Fault(f"{_TERMS}[{number}]", _NARROWER)


def _terms(affinity: NodeAffinity) -> Sequence[NodeSelectorTerm]:
    required = affinity.required_during_scheduling_ignored_during_execution
    return required.node_selector_terms if required is not None else ()


def _has_only_more(before: NodeSelectorTerm, after: NodeSelectorTerm) -> bool:
    if not (before.match_expressions or before.match_fields):
        # It chose no node, and still has to.
        return not (after.match_expressions or after.match_fields)
    return _begins_with(after.match_expressions, before.match_expressions) and _begins_with(
        after.match_fields, before.match_fields
    )


def _begins_with(whole: Sequence[NodeSelectorRequirement], part: Sequence[NodeSelectorRequirement]) -> bool:
    return tuple(whole[: len(part)]) == tuple(part)
