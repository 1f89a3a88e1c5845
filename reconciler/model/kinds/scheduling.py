"""Where a Pod may run: affinity, tolerations, spread."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from reconciler.model.base import Value
from reconciler.model.kinds.meta import LabelSelector
from reconciler.model.kinds.scalars import LabelKey, NonEmpty, Positive

NodeSelectorOperator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
TaintEffect: TypeAlias = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
Weight: TypeAlias = Annotated[int, Meta(ge=1, le=100)]


class NodeSelectorRequirement(Value):
    """One condition on a node's label or field."""

    key: LabelKey
    operator: NodeSelectorOperator
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Value):
    """Conditions that must all hold for a node. An empty term chooses no node."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Value):
    """Chooses nodes: one term must hold."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Meta(min_length=1)]


class PreferredSchedulingTerm(Value):
    """A wish for nodes, with its weight."""

    weight: Weight
    preference: NodeSelectorTerm


class NodeAffinity(Value):
    """Which nodes a Pod needs or prefers."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()


class PodAffinityTerm(Value):
    """Other Pods, and the node label within which they count as near."""

    topology_key: NonEmpty
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[LabelKey, ...] = ()
    mismatch_label_keys: tuple[LabelKey, ...] = ()


class WeightedPodAffinityTerm(Value):
    """A wish about other Pods, with its weight."""

    weight: Weight
    pod_affinity_term: PodAffinityTerm


class PodAffinity(Value):
    """Which Pods to be near to."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class PodAntiAffinity(Value):
    """Which Pods to stay away from."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(Value):
    """A Pod's wishes about nodes and other Pods."""

    node_affinity: NodeAffinity = NodeAffinity()
    pod_affinity: PodAffinity = PodAffinity()
    pod_anti_affinity: PodAntiAffinity = PodAntiAffinity()


class Toleration(Value):
    """A taint that the Pod bears. Without key and with `Exists` it bears all; `Gt` and `Lt` compare whole numbers."""

    key: str = ""
    operator: Literal["Equal", "Exists", "Gt", "Lt"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: int | None = None


class TopologySpreadConstraint(Value):
    """How evenly Pods spread over the values of a node label."""

    max_skew: Positive
    topology_key: NonEmpty
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    label_selector: LabelSelector | None = None
    min_domains: Positive | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] = "Honor"
    node_taints_policy: Literal["Honor", "Ignore"] = "Ignore"
    match_label_keys: tuple[LabelKey, ...] = ()


class Taint(Value):
    """A mark on a node that repels Pods which do not tolerate it."""

    key: LabelKey
    effect: TaintEffect
    value: str = ""
    time_added: str | None = None
