"""Which objects a quota counts: its scopes, as upstream reads them. Pure."""

from collections.abc import Iterator
from typing import cast

from reconciler.model.kinds import (
    LabelSelector,
    LabelSelectorRequirement,
    Object,
    Pod,
    PodAffinityTerm,
    ResourceQuotaSpec,
    ScopedResourceSelectorRequirement,
)
from reconciler.model.labels import matches
from reconciler.planner.workloads.pods import qos_class


def is_in_scope(spec: ResourceQuotaSpec, object: Object) -> bool:
    """Whether all scopes of a quota hold for an object; only Pods are in any."""
    return all(_holds(one, object) for one in scopes_of(spec))


def scopes_of(spec: ResourceQuotaSpec) -> Iterator[ScopedResourceSelectorRequirement]:
    """Return the scopes of a quota, however they are written."""
    for name in spec.scopes:
        yield ScopedResourceSelectorRequirement(scope_name=name, operator="Exists")
    if spec.scope_selector is not None:
        yield from spec.scope_selector.match_expressions


def _holds(scope: ScopedResourceSelectorRequirement, object: Object) -> bool:
    if object.kind != "Pod":
        return False
    pod = cast(Pod, object)
    match scope.scope_name:
        case "Terminating":
            return pod.spec.active_deadline_seconds is not None
        case "NotTerminating":
            return pod.spec.active_deadline_seconds is None
        case "BestEffort":
            return qos_class(pod) == "BestEffort"
        case "NotBestEffort":
            return qos_class(pod) != "BestEffort"
        case "PriorityClass":
            return _has_class(scope, pod.spec.priority_class_name)
        case "CrossNamespacePodAffinity":
            return any(term.namespaces or term.namespace_selector is not None for term in _terms(pod))
        case "VolumeAttributesClass":
            return False


def _has_class(scope: ScopedResourceSelectorRequirement, name: str) -> bool:
    part = LabelSelectorRequirement(key=scope.scope_name, operator=scope.operator, values=scope.values)
    return matches(LabelSelector(match_expressions=(part,)), {scope.scope_name: name} if name else {})


def _terms(pod: Pod) -> Iterator[PodAffinityTerm]:
    for rules in (pod.spec.affinity.pod_affinity, pod.spec.affinity.pod_anti_affinity):
        yield from rules.required_during_scheduling_ignored_during_execution
        for wish in rules.preferred_during_scheduling_ignored_during_execution:
            yield wish.pod_affinity_term
