"""Access rules: Role, ClusterRole and their bindings."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import LabelSelector, Object
from reconciler.model.kinds.scalars import NonEmpty


class PolicyRule(Value):
    """Verbs allowed on resources or on plain URLs."""

    verbs: Annotated[tuple[str, ...], Meta(min_length=1)]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()


class AggregationRule(Value):
    """ClusterRoles whose rules are gathered into this one."""

    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class RoleRef(Value):
    """The role that a binding grants."""

    kind: Literal["Role", "ClusterRole"]
    name: NonEmpty
    api_group: Literal["rbac.authorization.k8s.io"] = "rbac.authorization.k8s.io"


class Subject(Value):
    """Who a role is granted to."""

    kind: Literal["User", "Group", "ServiceAccount"]
    name: NonEmpty
    api_group: Literal["", "rbac.authorization.k8s.io"] = ""
    namespace: str = ""


class Role(Object):
    """Rules within one namespace."""

    kind: ClassVar[str] = "Role"
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    rules: tuple[PolicyRule, ...] = ()


class ClusterRole(Object):
    """Rules for the whole cluster."""

    kind: ClassVar[str] = "ClusterRole"
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    rules: tuple[PolicyRule, ...] = ()
    aggregation_rule: AggregationRule | None = None


class RoleBinding(Object):
    """Grants a role within one namespace."""

    kind: ClassVar[str] = "RoleBinding"
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    role_ref: RoleRef
    subjects: tuple[Subject, ...] = ()


class ClusterRoleBinding(Object):
    """Grants a ClusterRole everywhere."""

    kind: ClassVar[str] = "ClusterRoleBinding"
    api_version: str = field(default_factory=lambda: "rbac.authorization.k8s.io/v1")
    role_ref: RoleRef
    subjects: tuple[Subject, ...] = ()
