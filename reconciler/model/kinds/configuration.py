"""Namespaces and what Pods are configured with: ConfigMap, Secret, ServiceAccount."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LocalObjectReference, Object, ObjectReference
from reconciler.model.kinds.scalars import Base64, ConfigKey


class NamespaceSpec(Value):
    """Nothing a manifest would say."""

    finalizers: tuple[str, ...] = ()


class NamespaceStatus(Value):
    """Whether the namespace is in use or ending."""

    phase: Literal["Active", "Terminating"] = "Active"
    conditions: tuple[Condition, ...] = ()


class Namespace(Object):
    """A room for names."""

    kind: ClassVar[str] = "Namespace"
    api_version: str = field(default_factory=lambda: "v1")
    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class ConfigMap(Object):
    """Configuration as keys and values. `binaryData` holds base64."""

    kind: ClassVar[str] = "ConfigMap"
    api_version: str = field(default_factory=lambda: "v1")
    data: Mapping[ConfigKey, str] = field(default_factory=dict)
    binary_data: Mapping[ConfigKey, Base64] = field(default_factory=dict)
    immutable: bool = False


class Secret(Object):
    """Confidential keys and values. `data` holds base64; `stringData` is merged into it when it is read."""

    kind: ClassVar[str] = "Secret"
    api_version: str = field(default_factory=lambda: "v1")
    type: str = "Opaque"
    data: Mapping[ConfigKey, Base64] = field(default_factory=dict)
    string_data: Mapping[ConfigKey, str] = field(default_factory=dict)
    immutable: bool = False

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, {len(self.data)} keys, values hidden)"


class ServiceAccount(Object):
    """The identity that Pods run under; its pull secrets are given to them."""

    kind: ClassVar[str] = "ServiceAccount"
    api_version: str = field(default_factory=lambda: "v1")
    secrets: tuple[ObjectReference, ...] = ()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    automount_service_account_token: bool | None = None
