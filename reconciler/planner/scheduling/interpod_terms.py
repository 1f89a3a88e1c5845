"""Terms of inter-pod affinity, made definite for the Pod that has them. Pure.

Source: `PodAffinityTerm` of the core API. A term without namespaces and without namespaceSelector is about the Pod's
own namespace; an empty namespaceSelector is about all. `matchLabelKeys` and `mismatchLabelKeys` join the selector with
the values that the Pod itself has.
"""

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds import LabelSelector, LabelSelectorRequirement, Pod, PodAffinity, PodAffinityTerm
from reconciler.model.kinds import PodAntiAffinity as Apart
from reconciler.model.labels import Labels, matches

_NONE = LabelSelector()


class Term(Value):
    """Which Pods are meant, and the node label within which they count as near; a negative weight wishes them away."""

    topology_key: str
    selector: LabelSelector | None
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    weight: int = 1

    def chooses(self, namespace: str, labels: Labels, of_namespace: Labels) -> bool:
        """Whether a Pod of this namespace, which has labels too, is meant."""
        is_near = namespace in self.namespaces or matches(self.namespace_selector, of_namespace)
        return is_near and matches(self.selector, labels)


class Terms(Value):
    """The terms of one Pod: required near, required apart, and its wishes."""

    near: tuple[Term, ...] = ()
    apart: tuple[Term, ...] = ()
    wishes: tuple[Term, ...] = ()

    def all(self) -> tuple[Term, ...]:
        """Return every term."""
        return (*self.near, *self.apart, *self.wishes)


_NO_TERMS = Terms()
_NO_AFFINITY, _NO_ANTI_AFFINITY = PodAffinity(), Apart()


def has_terms(pod: Pod) -> bool:
    """Whether a Pod says anything about others."""
    affinity = pod.spec.affinity
    return affinity.pod_affinity != _NO_AFFINITY or affinity.pod_anti_affinity != _NO_ANTI_AFFINITY


def wording(pod: Pod) -> bytes:
    """Return what a Pod says about others, in a form that can be compared; empty when it says nothing."""
    affinity = pod.spec.affinity
    return msgspec.json.encode((affinity.pod_affinity, affinity.pod_anti_affinity)) if has_terms(pod) else b""


def terms_of(pod: Pod) -> Terms:
    """Return the terms of a Pod."""
    if not has_terms(pod):
        return _NO_TERMS
    near, apart = pod.spec.affinity.pod_affinity, pod.spec.affinity.pod_anti_affinity
    return Terms(
        near=tuple(_term(pod, one) for one in near.required_during_scheduling_ignored_during_execution),
        apart=tuple(_term(pod, one) for one in apart.required_during_scheduling_ignored_during_execution),
        wishes=(*_wishes(pod, near, 1), *_wishes(pod, apart, -1)),
    )


def _wishes(pod: Pod, affinity: PodAffinity | Apart, sign: int) -> Iterator[Term]:
    for wish in affinity.preferred_during_scheduling_ignored_during_execution:
        yield _term(pod, wish.pod_affinity_term, sign * wish.weight)


def _term(pod: Pod, term: PodAffinityTerm, weight: int = 1) -> Term:
    is_own = not term.namespaces and term.namespace_selector is None
    return Term(
        topology_key=term.topology_key,
        selector=_selector(term, pod.metadata.labels),
        namespaces=frozenset((pod.metadata.namespace,) if is_own else term.namespaces),
        namespace_selector=term.namespace_selector,
        weight=weight,
    )


def _selector(term: PodAffinityTerm, labels: Mapping[str, str]) -> LabelSelector | None:
    if term.label_selector is None or not (term.match_label_keys or term.mismatch_label_keys):
        return term.label_selector
    same = with_values("In", term.match_label_keys, labels)
    other = with_values("NotIn", term.mismatch_label_keys, labels)
    return msgspec.structs.replace(
        term.label_selector, match_expressions=(*term.label_selector.match_expressions, *same, *other)
    )


def with_values(
    operator: str, keys: tuple[str, ...], labels: Mapping[str, str]
) -> tuple[LabelSelectorRequirement, ...]:
    """Return a requirement for each of the keys that the labels have, with their values."""
    return tuple(
        LabelSelectorRequirement(key=key, operator="In" if operator == "In" else "NotIn", values=(labels[key],))
        for key in keys
        if key in labels
    )


def label_keys(terms: tuple[Term, ...]) -> set[str]:
    """Return the keys of labels that terms look at."""
    selectors = [term.selector for term in terms if term.selector is not None]
    return {key for one in selectors for key in (*one.match_labels, *(part.key for part in one.match_expressions))}
