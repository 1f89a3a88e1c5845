"""StatefulSets: copies of a Pod that keep their names, order and data; and the revisions they roll through."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LabelSelector, Object, ObjectMeta
from reconciler.model.kinds.pod import PodTemplateSpec
from reconciler.model.kinds.scalars import OPTIONAL_LABEL_PATTERN, Count, PositiveOrPercent
from reconciler.model.kinds.storage import PersistentVolumeClaimSpec


class PersistentVolumeClaimTemplate(Value):
    """A claim that every Pod gets for itself: its own is named after this template and the Pod."""

    spec: PersistentVolumeClaimSpec
    metadata: ObjectMeta = ObjectMeta()
    kind: Literal["PersistentVolumeClaim"] = "PersistentVolumeClaim"
    api_version: Literal["v1"] = "v1"


class StatefulSetOrdinals(Value):
    """How the Pods are numbered."""

    start: Count = 0


class RollingUpdateStatefulSetStrategy(Value):
    """How far a rolling update goes, and how many Pods it may take away at a time."""

    partition: Count = 0
    max_unavailable: PositiveOrPercent = 1


class StatefulSetUpdateStrategy(Value):
    """How Pods of an old template give way. `rollingUpdate` counts only for `RollingUpdate`."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    rolling_update: RollingUpdateStatefulSetStrategy = RollingUpdateStatefulSetStrategy()


class StatefulSetPersistentVolumeClaimRetentionPolicy(Value):
    """What becomes of the Pods' claims when the StatefulSet goes, or when it shrinks."""

    when_deleted: Literal["Retain", "Delete"] = "Retain"
    when_scaled: Literal["Retain", "Delete"] = "Retain"


class StatefulSetSpec(Value):
    """Which Pod, how many, in which order, and with which claims."""

    selector: LabelSelector
    template: PodTemplateSpec
    replicas: Count = 1
    service_name: Annotated[str, Meta(pattern=OPTIONAL_LABEL_PATTERN, max_length=63)] = ""
    pod_management_policy: Literal["OrderedReady", "Parallel"] = "OrderedReady"
    update_strategy: StatefulSetUpdateStrategy = StatefulSetUpdateStrategy()
    volume_claim_templates: tuple[PersistentVolumeClaimTemplate, ...] = ()
    persistent_volume_claim_retention_policy: StatefulSetPersistentVolumeClaimRetentionPolicy = (
        StatefulSetPersistentVolumeClaimRetentionPolicy()
    )
    ordinals: StatefulSetOrdinals = StatefulSetOrdinals()
    min_ready_seconds: Count = 0
    revision_history_limit: Count = 10


class StatefulSetStatus(Value):
    """How many Pods there are, and of which revision."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()


class StatefulSet(Object):
    """Keeps a number of numbered Pods running, each with a name and claims of its own."""

    kind: ClassVar[str] = "StatefulSet"
    api_version: str = field(default_factory=lambda: "apps/v1")
    spec: StatefulSetSpec
    status: StatefulSetStatus = StatefulSetStatus()


class ControllerRevision(Object):
    """One template that a StatefulSet or DaemonSet has had: what to return to, and what its Pods are named by."""

    kind: ClassVar[str] = "ControllerRevision"
    api_version: str = field(default_factory=lambda: "apps/v1")
    revision: int
    data: Mapping[str, Any] = field(default_factory=dict)
