"""Rules on where a Pod may run: tolerations, affinity, spreading."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from reconciler.model.integers import decimal_integer, whole_number
from reconciler.model.kinds import (
    LabelSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinityTerm,
    PodSpec,
    Toleration,
    TopologySpreadConstraint,
)
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN, LABEL_PATTERN, LABEL_VALUE_PATTERN
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.selectors import selector_findings

_LABEL_KEY = re.compile(LABEL_KEY_PATTERN)
_NAMESPACE = re.compile(LABEL_PATTERN)
_LABEL_VALUE = re.compile(LABEL_VALUE_PATTERN)
_VALUE_MAX = 63
_WITH_VALUES = ("In", "NotIn")
_COMPARING = ("Gt", "Lt")


def placing_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with where the Pod spec at pointer `at` wants to run."""
    for number, toleration in enumerate(spec.tolerations):
        yield from _toleration_findings(f"{at}/tolerations/{number}", toleration)
    yield from _node_affinity_findings(f"{at}/affinity/nodeAffinity", spec)
    yield from _pod_affinity_findings(at, spec)
    yield from _spread_findings(at, spec)


def node_term_findings(at: str, term: NodeSelectorTerm, *, is_required: bool = True) -> Iterator[Finding]:
    """Yield what is wrong with the conditions of one node selector term."""
    for number, part in enumerate(term.match_expressions):
        yield from _node_requirement_findings(f"{at}/matchExpressions/{number}", part)
        if part.operator in _WITH_VALUES and is_required:
            yield from _value_findings(f"{at}/matchExpressions/{number}/values", part.values)
    for number, part in enumerate(term.match_fields):
        place = f"{at}/matchFields/{number}"
        if part.key != "metadata.name":
            yield error(f"{place}/key", "the only field to match is metadata.name")
        if part.operator not in _WITH_VALUES or len(part.values) != 1:
            yield error(f"{place}/values", "a field needs operator In or NotIn and exactly one value")


def _value_findings(at: str, values: Sequence[str]) -> Iterator[Finding]:
    for number, value in enumerate(values):
        if len(value) > _VALUE_MAX or not _LABEL_VALUE.search(value):
            message = "not a value of a label: at most 63 letters, digits, -, _ and ."
            yield error(f"{at}/{number}", message, "no node has such a label", "bad-value")


def _toleration_findings(at: str, toleration: Toleration) -> Iterator[Finding]:
    if toleration.key and not _LABEL_KEY.search(toleration.key):
        yield error(f"{at}/key", "key: not the key of a taint", code="bad-key")
    if not toleration.key and toleration.operator != "Exists":
        yield error(f"{at}/operator", "a toleration without key needs operator Exists")
    if toleration.operator == "Exists" and toleration.value:
        yield error(f"{at}/value", "operator Exists takes no value")
    if toleration.operator in _COMPARING and decimal_integer(toleration.value) is None:
        message = f"operator {toleration.operator} needs a whole number, without plus sign or leading zeros"
        yield error(f"{at}/value", message)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        yield error(f"{at}/effect", "tolerationSeconds needs effect NoExecute")


def _node_affinity_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    node = spec.affinity.node_affinity
    required = node.required_during_scheduling_ignored_during_execution
    for number, term in enumerate(required.node_selector_terms if required is not None else ()):
        place = f"{at}/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/{number}"
        yield from node_term_findings(place, term)
    for number, wish in enumerate(node.preferred_during_scheduling_ignored_during_execution):
        place = f"{at}/preferredDuringSchedulingIgnoredDuringExecution/{number}/preference"
        yield from node_term_findings(place, wish.preference, is_required=False)


def _node_requirement_findings(at: str, part: NodeSelectorRequirement) -> Iterator[Finding]:
    if part.operator in _WITH_VALUES and not part.values:
        yield error(at, f"operator {part.operator} needs values")
    elif part.operator in _COMPARING and (len(part.values) != 1 or whole_number(part.values[0]) is None):
        yield error(at, f"operator {part.operator} needs exactly one whole number")
    elif part.operator not in (*_WITH_VALUES, *_COMPARING) and part.values:
        yield error(f"{at}/values", f"operator {part.operator} takes no values")


def _pod_affinity_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    for name, affinity in (
        ("podAffinity", spec.affinity.pod_affinity),
        ("podAntiAffinity", spec.affinity.pod_anti_affinity),
    ):
        base = f"{at}/affinity/{name}"
        for number, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
            yield from _term_findings(f"{base}/requiredDuringSchedulingIgnoredDuringExecution/{number}", term)
        for number, wish in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
            place = f"{base}/preferredDuringSchedulingIgnoredDuringExecution/{number}/podAffinityTerm"
            yield from _term_findings(place, wish.pod_affinity_term)


def _term_findings(at: str, term: PodAffinityTerm) -> Iterator[Finding]:
    yield from selector_findings(f"{at}/labelSelector", term.label_selector)
    yield from _label_key_findings(at, term)
    yield from selector_findings(f"{at}/namespaceSelector", term.namespace_selector)
    for number, namespace in enumerate(term.namespaces):
        if len(namespace) > 63 or not _NAMESPACE.search(namespace):
            message = f"{namespace[:64]!r} is no name of a namespace"
            yield error(f"{at}/namespaces/{number}", message, "lower-case letters, digits and -", "bad-name")


def _label_key_findings(at: str, term: PodAffinityTerm) -> Iterator[Finding]:
    if (term.match_label_keys or term.mismatch_label_keys) and term.label_selector is None:
        yield error(at, "matchLabelKeys and mismatchLabelKeys need a labelSelector")
    for number, key in enumerate(term.mismatch_label_keys):
        if key in term.match_label_keys:
            yield error(f"{at}/mismatchLabelKeys/{number}", f"{key} stands in matchLabelKeys, too")
    yield from _selected_key_findings(at, term.match_label_keys, term.label_selector)


def _selected_key_findings(at: str, keys: Sequence[str], selector: LabelSelector | None) -> Iterator[Finding]:
    """Yield the keys that the selector asks for, too; once is what the API itself adds when it merges them into it."""
    if selector is None or not keys:
        return
    asked = Counter([*selector.match_labels, *(part.key for part in selector.match_expressions)])
    for number, key in enumerate(keys):
        if asked[key] > 1:
            hint = "write it in one of the two"
            yield error(f"{at}/matchLabelKeys/{number}", f"{key} stands in labelSelector, too", hint)


def _spread_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(spec.topology_spread_constraints):
        place = f"{at}/topologySpreadConstraints/{number}"
        yield from _constraint_findings(place, one)
        key = (one.topology_key, one.when_unsatisfiable)
        if key in seen:
            yield error(place, "another constraint has the same topologyKey and whenUnsatisfiable")
        seen.add(key)


def _constraint_findings(at: str, one: TopologySpreadConstraint) -> Iterator[Finding]:
    yield from selector_findings(f"{at}/labelSelector", one.label_selector)
    if one.min_domains is not None and one.when_unsatisfiable != "DoNotSchedule":
        yield error(f"{at}/minDomains", "minDomains needs whenUnsatisfiable DoNotSchedule")
    if one.match_label_keys and one.label_selector is None:
        yield error(f"{at}/matchLabelKeys", "matchLabelKeys needs a labelSelector", "labelSelector: {} chooses all")
    yield from _selected_key_findings(at, one.match_label_keys, one.label_selector)
