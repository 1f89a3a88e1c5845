"""What every object carries: metadata, owners, label selectors, references, conditions."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.scalars import AnnotationKey, ConfigKey, FileMode, LabelKey, LabelValue, NonEmpty

ConditionStatus: TypeAlias = Literal["True", "False", "Unknown"]
SelectorOperator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist"]


class OwnerReference(Value):
    """Names the object that this one belongs to and is removed with."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Value):
    """Name, marks and life of an object. Times are RFC 3339 in UTC."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict)
    annotations: Mapping[AnnotationKey, str] = field(default_factory=dict)
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()


class Object(Value, tag=True, tag_field="kind"):
    """The base of every kind. `kind` is written first on the wire; `apiVersion` is always written."""

    kind: ClassVar[str] = ""
    api_version: str = ""
    metadata: ObjectMeta = ObjectMeta()


class LabelSelectorRequirement(Value):
    """One condition on a label: its key, an operator, and values where the operator takes them."""

    key: LabelKey
    operator: SelectorOperator
    values: tuple[LabelValue, ...] = ()


class LabelSelector(Value):
    """Chooses objects by label; all parts must hold. An empty one chooses everything."""

    match_labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class LocalObjectReference(Value):
    """Names an object of the same namespace."""

    name: str = ""


class ObjectReference(Value):
    """Names an object anywhere; used by Events, Endpoints and claims of volumes."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class Condition(Value):
    """A named true/false/unknown of a status, with its reason."""

    type: str
    status: ConditionStatus
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_time: str | None = None
    last_update_time: str | None = None
    last_probe_time: str | None = None
    last_heartbeat_time: str | None = None


class KeyToPath(Value):
    """Puts one key of a ConfigMap or Secret at a path inside the volume."""

    key: ConfigKey
    path: NonEmpty
    mode: FileMode | None = None
