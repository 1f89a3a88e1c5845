"""How much a namespace may hold and use: ResourceQuota and LimitRange."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Object
from reconciler.model.kinds.scalars import LabelKey, Quantity

QuotaScope: TypeAlias = Literal[
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
]
Quantities: TypeAlias = Mapping[LabelKey, Quantity]


class ScopedResourceSelectorRequirement(Value):
    """One condition on what counts."""

    scope_name: QuotaScope
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class ScopeSelector(Value):
    """Conditions on what counts, which must all hold."""

    match_expressions: tuple[ScopedResourceSelectorRequirement, ...] = ()


class ResourceQuotaSpec(Value):
    """How much there may be of what."""

    hard: Quantities = field(default_factory=dict)
    scopes: tuple[QuotaScope, ...] = ()
    scope_selector: ScopeSelector | None = None


class ResourceQuotaStatus(Value):
    """How much there may be, and is."""

    hard: Quantities = field(default_factory=dict)
    used: Quantities = field(default_factory=dict)


class ResourceQuota(Object):
    """Bounds what the objects of a namespace hold and use in all."""

    kind: ClassVar[str] = "ResourceQuota"
    api_version: str = field(default_factory=lambda: "v1")
    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class LimitRangeItem(Value):
    """Bounds and defaults for one sort of thing: Pod, Container or PersistentVolumeClaim."""

    type: LabelKey
    max: Quantities = field(default_factory=dict)
    min: Quantities = field(default_factory=dict)
    default: Quantities = field(default_factory=dict)
    default_request: Quantities = field(default_factory=dict)
    max_limit_request_ratio: Quantities = field(default_factory=dict)


class LimitRangeSpec(Value):
    """Bounds and defaults."""

    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(Object):
    """Bounds what one Pod, container or claim of a namespace may ask for, and what it gets when it says nothing."""

    kind: ClassVar[str] = "LimitRange"
    api_version: str = field(default_factory=lambda: "v1")
    spec: LimitRangeSpec = LimitRangeSpec()
