"""The roles and bindings that every cluster has, as values. Pure.

Those of Kubernetes for people (cluster-admin, admin, edit, view and what they gather) and for every client, for the
kinds that there are here; and `reconciler:socket`, for whom the group of the Unix socket lets in.

Our own resources (status, plans, sources ...) belong to no namespace and show all of them: whoever was granted a role
by a RoleBinding never sees them, whoever was granted it by a ClusterRoleBinding does.
"""

from collections.abc import Mapping

from reconciler.model.access import AUTHENTICATED, MASTERS, SOCKET_GROUP, UNAUTHENTICATED
from reconciler.model.kinds import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    LabelSelector,
    ObjectMeta,
    PolicyRule,
    RoleRef,
    Subject,
    ref_of,
)

OWN_GROUP = "reconciler.dev"
MONITORING_GROUP = "system:monitoring"
# As with Kubernetes: `false` leaves a built-in role or binding as somebody has changed it.
AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_RBAC = "rbac.authorization.k8s.io"

_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")
_EVERY_GROUP = (
    "",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "policy",
    _RBAC,
    "scheduling.k8s.io",
    "storage.k8s.io",
)
_OWN_READ = "actions capacity events explain forecast plan plans revisions status"
_CONNECT = "pods/attach pods/exec pods/portforward pods/proxy"

_ALIVE = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_ALIVE)


def _rule(verbs: tuple[str, ...], group: str, resources: str) -> PolicyRule:
    return PolicyRule(verbs=verbs, api_groups=(group,), resources=tuple(resources.split()))


def _paths(verbs: tuple[str, ...], *urls: str) -> PolicyRule:
    return PolicyRule(verbs=verbs, non_resource_urls=urls)


_VIEW = (
    _rule(
        _READ,
        "",
        "bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims"
        " persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers replicationcontrollers/scale"
        " replicationcontrollers/status resourcequotas resourcequotas/status serviceaccounts services services/status",
    ),
    _rule(
        _READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status"
        " replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
    ),
    _rule(_READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    _rule(_READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    _rule(_READ, "discovery.k8s.io", "endpointslices"),
    _rule(_READ, "metrics.k8s.io", "nodes pods"),
    _rule(_READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
    _rule(_READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    _rule(_READ, OWN_GROUP, _OWN_READ),
)
_EDIT = (
    _rule(_READ, "", f"{_CONNECT} secrets services/proxy"),
    _rule(("impersonate",), "", "serviceaccounts"),
    _rule(_WRITE, "", f"pods {_CONNECT}"),
    _rule(("create",), "", "pods/eviction serviceaccounts/token"),
    _rule(
        _WRITE,
        "",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets"
        " serviceaccounts services services/proxy",
    ),
    _rule(
        _WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets"
        " statefulsets/scale",
    ),
    _rule(_WRITE, "autoscaling", "horizontalpodautoscalers"),
    _rule(_WRITE, "batch", "cronjobs jobs"),
    _rule(_WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    _rule(_WRITE, "policy", "poddisruptionbudgets"),
    _rule(("create",), OWN_GROUP, "capacity forecast plan"),
)
_ADMIN = (
    _rule(("create",), "authorization.k8s.io", "localsubjectaccessreviews"),
    _rule((*_READ, *_WRITE), _RBAC, "rolebindings roles"),
)
_BASIC_USER = (
    _rule(("create",), "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
    _rule(("create",), "authentication.k8s.io", "selfsubjectreviews"),
)
_SOCKET = (
    PolicyRule(verbs=_READ, api_groups=_EVERY_GROUP, resources=("*",)),
    _rule(_READ, OWN_GROUP, f"{_OWN_READ} sources"),
    _rule(("create",), OWN_GROUP, "capacity forecast plan"),
    _paths(("get",), *_DISCOVERY, "/metrics"),
    _paths(("post",), "/hooks/*"),
    *_BASIC_USER,
)


def _role(name: str, *rules: PolicyRule, aggregate_to: str = "") -> ClusterRole:
    return ClusterRole(metadata=_metadata(name, aggregate_to), rules=rules)


def _gathering(name: str, aggregate_to: str = "") -> ClusterRole:
    selector = LabelSelector(match_labels={f"{_AGGREGATE}{name}": "true"})
    rule = AggregationRule(cluster_role_selectors=(selector,))
    return ClusterRole(metadata=_metadata(name, aggregate_to), aggregation_rule=rule)


def _metadata(name: str, aggregate_to: str = "") -> ObjectMeta:
    labels: Mapping[str, str] = {f"{_AGGREGATE}{aggregate_to}": "true"} if aggregate_to else {}
    return ObjectMeta(name=name, labels={**_LABELS, **labels}, annotations={AUTO_UPDATE: "true"})


def _binding(role: str, *groups: str) -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=_metadata(role),
        role_ref=RoleRef(kind="ClusterRole", name=role),
        subjects=tuple(Subject(kind="Group", name=group, api_group="rbac.authorization.k8s.io") for group in groups),
    )


DEFAULT_ROLES: tuple[ClusterRole, ...] = (
    _role("cluster-admin", _rule(("*",), "*", "*"), _paths(("*",), "*")),
    _gathering("admin"),
    _gathering("edit", aggregate_to="admin"),
    _gathering("view", aggregate_to="edit"),
    _role("system:aggregate-to-admin", *_ADMIN, aggregate_to="admin"),
    _role("system:aggregate-to-edit", *_EDIT, aggregate_to="edit"),
    _role("system:aggregate-to-view", *_VIEW, aggregate_to="view"),
    _role("system:basic-user", *_BASIC_USER),
    _role("system:discovery", _paths(("get",), *_DISCOVERY)),
    _role("system:monitoring", _paths(("get",), "/metrics", *_ALIVE)),
    _role("system:public-info-viewer", _paths(("get",), *_ALIVE)),
    _role(SOCKET_GROUP, *_SOCKET),
)
DEFAULT_BINDINGS: tuple[ClusterRoleBinding, ...] = (
    _binding("cluster-admin", MASTERS),
    _binding("system:basic-user", AUTHENTICATED),
    _binding("system:discovery", AUTHENTICATED),
    _binding("system:monitoring", MONITORING_GROUP),
    _binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
    _binding(SOCKET_GROUP, SOCKET_GROUP),
)
DEFAULTS: tuple[ClusterRole | ClusterRoleBinding, ...] = (*DEFAULT_ROLES, *DEFAULT_BINDINGS)
BUILT_IN = frozenset(ref_of(default) for default in DEFAULTS)
