"""What the API serves: every resource with its names, verbs and subresources, in one table. Pure.

Discovery and the OpenAPI documents are made from it, so it says what works and nothing else.
"""

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds import KINDS, KindSpec
from reconciler.model.overrides import RESTARTABLE
from reconciler.model.scale import SCALED
from reconciler.planner.updates.status import KEPT

OWN_GROUP = "reconciler.dev"
METRICS_GROUP = "metrics.k8s.io"
READ = ("get", "list", "watch")
COMPUTED = ("get", "list")


class Subresource(Value):
    """What stands below an object, such as `log`. Group and version are those of its kind, where they differ."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


class Resource(Value):
    """One resource of one group and version."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()

    @property
    def api_version(self) -> str:
        """Group and version as objects carry them: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


# Kinds that are served in a version besides the one that is kept.
ALSO_SERVED = (msgspec.structs.replace(KINDS["Event"], api_version="events.k8s.io/v1"),)
# What may be done to a kind besides reading it.
_WRITES: Mapping[str, tuple[str, ...]] = {
    "Event": ("create", "patch", "update"),
    "Node": ("patch", "update"),
    "Pod": ("delete",),
    **dict.fromkeys(sorted(RESTARTABLE), ("patch", "update")),
}
_SCALE = Subresource(name="scale", kind="Scale", verbs=("get",), group="autoscaling", version="v1")
_SUBRESOURCES: Mapping[str, tuple[Subresource, ...]] = {
    **dict.fromkeys(sorted(SCALED), (_SCALE,)),
    "Namespace": (Subresource(name="finalize", kind="Namespace", verbs=("update",)),),
    "Pod": (
        Subresource(name="attach", kind="PodAttachOptions", verbs=("create", "get")),
        Subresource(name="ephemeralcontainers", kind="Pod", verbs=("get", "patch", "update")),
        Subresource(name="eviction", kind="Eviction", verbs=("create",), group="policy", version="v1"),
        Subresource(name="exec", kind="PodExecOptions", verbs=("create", "get")),
        Subresource(name="log", kind="Pod", verbs=("get",)),
        Subresource(name="resize", kind="Pod", verbs=("get", "patch", "update")),
    ),
}
# Groups in the order in which clients look for a name; those not listed follow, ours is last.
_ORDER = (
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
)


@cache
def resources() -> tuple[Resource, ...]:
    """Return everything that is served, by group, version and name."""
    kinds = (spec for spec in KINDS.values() if spec.served)
    found = [*map(_of_kind, (*kinds, *ALSO_SERVED)), *_COMPUTED, *_OWN]
    return tuple(sorted(found, key=lambda one: (rank(one.group), one.version, one.plural)))


@cache
def group_versions() -> Mapping[str, tuple[str, ...]]:
    """Return the versions of every group, the core group first and ours last."""
    found: dict[str, list[str]] = {}
    for one in resources():
        versions = found.setdefault(one.group, [])
        if one.version not in versions:
            versions.append(one.version)
    return {group: tuple(versions) for group, versions in found.items()}


def resources_of(group: str, version: str) -> tuple[Resource, ...]:
    """Return the resources of one group and version, by name."""
    return tuple(one for one in resources() if (one.group, one.version) == (group, version))


def rank(group: str) -> tuple[int, str]:
    """Return where a group stands among all."""
    if group == OWN_GROUP:
        return len(_ORDER) + 1, group
    return (_ORDER.index(group) if group in _ORDER else len(_ORDER)), group


def _of_kind(spec: KindSpec) -> Resource:
    return Resource(
        group=spec.group,
        version=spec.version,
        plural=spec.plural,
        singular=spec.singular,
        kind=spec.kind,
        namespaced=spec.namespaced,
        verbs=_sorted((*READ, *_WRITES.get(spec.kind, ()))),
        short_names=spec.short_names,
        categories=spec.categories,
        subresources=(*_SUBRESOURCES.get(spec.kind, ()), *_status_of(spec)),
    )


def _status_of(spec: KindSpec) -> tuple[Subresource, ...]:
    """Return the status of a kind that has one; it can be written where others may add conditions to it."""
    if not hasattr(spec.type, "status"):
        return ()
    return (
        Subresource(name="status", kind=spec.kind, verbs=("get", *(("patch", "update") if spec.kind in KEPT else ()))),
    )


def _sorted(verbs: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(verbs))


def _resource(
    group: str, version: str, plural: str, kind: str, *verbs: str, namespaced: bool = False, short: tuple[str, ...] = ()
) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        namespaced=namespaced,
        verbs=_sorted(verbs),
        short_names=short,
    )


# Worked out when they are asked for; nothing of them is stored.
_COMPUTED: tuple[Resource, ...] = (
    _resource("", "v1", "componentstatuses", "ComponentStatus", *COMPUTED, short=("cs",)),
    _resource("coordination.k8s.io", "v1", "leases", "Lease", *COMPUTED, namespaced=True),
    _resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "create"),
    _resource(
        "authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", "create", namespaced=True
    ),
    _resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "create"),
    _resource("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", "create"),
    _resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", "create"),
    _resource(METRICS_GROUP, "v1beta1", "nodes", "NodeMetrics", *COMPUTED),
    _resource(METRICS_GROUP, "v1beta1", "pods", "PodMetrics", *COMPUTED, namespaced=True),
)

_OWN: tuple[Resource, ...] = (
    _resource(OWN_GROUP, "v1", "acknowledgements", "Acknowledgement", "create"),
    _resource(OWN_GROUP, "v1", "actions", "Action", "list"),
    _resource(OWN_GROUP, "v1", "capacity", "Capacity", "create", "get"),
    _resource(OWN_GROUP, "v1", "events", "Event", "list"),
    _resource(OWN_GROUP, "v1", "explain", "Explanation", "get"),
    _resource(OWN_GROUP, "v1", "forecast", "Forecast", "create", "get"),
    _resource(OWN_GROUP, "v1", "plan", "Plan", "create", "get"),
    _resource(OWN_GROUP, "v1", "plans", "Plan", "get", "list"),
    _resource(OWN_GROUP, "v1", "revisions", "Revision", "list"),
    _resource(OWN_GROUP, "v1", "sources", "Source", "create"),
    _resource(OWN_GROUP, "v1", "status", "Status", "get"),
    _resource(OWN_GROUP, "v1", "users", "User", "create", "delete", "list"),
)
