"""Every kind in one table: names for people and machines, scope, order, Python type."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds.autoscaling import HorizontalPodAutoscaler
from reconciler.model.kinds.configuration import ConfigMap, Namespace, Secret, ServiceAccount
from reconciler.model.kinds.cronjob import CronJob
from reconciler.model.kinds.daemonset import DaemonSet
from reconciler.model.kinds.event import Event
from reconciler.model.kinds.ingress import Ingress, IngressClass
from reconciler.model.kinds.job import Job
from reconciler.model.kinds.meta import Object
from reconciler.model.kinds.networkpolicy import NetworkPolicy
from reconciler.model.kinds.node import Node
from reconciler.model.kinds.pod import Pod
from reconciler.model.kinds.policy import PodDisruptionBudget, PriorityClass
from reconciler.model.kinds.quota import LimitRange, ResourceQuota
from reconciler.model.kinds.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from reconciler.model.kinds.replicationcontroller import ReplicationController
from reconciler.model.kinds.service import Endpoints, EndpointSlice, Service
from reconciler.model.kinds.statefulset import ControllerRevision, StatefulSet
from reconciler.model.kinds.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.model.kinds.workloads import Deployment, ReplicaSet
from reconciler.model.refs import ObjectRef

AnyObject: TypeAlias = (
    Namespace
    | ConfigMap
    | Secret
    | ServiceAccount
    | Pod
    | ReplicaSet
    | Deployment
    | Job
    | CronJob
    | Service
    | Endpoints
    | EndpointSlice
    | PersistentVolume
    | PersistentVolumeClaim
    | StorageClass
    | Node
    | Event
    | Role
    | ClusterRole
    | RoleBinding
    | ClusterRoleBinding
    | StatefulSet
    | DaemonSet
    | ReplicationController
    | ControllerRevision
    | HorizontalPodAutoscaler
    | PodDisruptionBudget
    | PriorityClass
    | Ingress
    | IngressClass
    | ResourceQuota
    | LimitRange
    | NetworkPolicy
)


class NameForm(StrEnum):
    """The form that the names of a kind take."""

    SUBDOMAIN = "subdomain"
    LABEL = "label"
    SERVICE = "service"
    PATH_SEGMENT = "path segment"


class KindSpec(Value):
    """What is to know of one kind.

    `order` sorts creates (deletes in reverse); `declarable` kinds may stand in Git; `plural`, `singular`,
    `short_names` and `categories` are the words of the API. A kind that is not `served` has its types, and nothing
    that acts on them yet: it is refused as not implemented, and the API does not list it. `also` are other versions of
    the same kind that are read and turned into this one, see `model.conversions`.
    """

    kind: str
    api_version: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    type: type[Object]
    order: int
    declarable: bool = True
    categories: tuple[str, ...] = ()
    name_form: NameForm = NameForm.SUBDOMAIN
    served: bool = True
    also: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The API group: `apps` of `apps/v1`, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group: `v1`."""
        return self.api_version.rpartition("/")[2]


def _kind(
    type_: type[Object],
    api_version: str,
    plural: str,
    order: int,
    *short_names: str,
    namespaced: bool = True,
    declarable: bool = True,
    categories: tuple[str, ...] = (),
    name_form: NameForm = NameForm.SUBDOMAIN,
    served: bool = True,
    also: tuple[str, ...] = (),
) -> KindSpec:
    return KindSpec(
        kind=type_.kind,
        api_version=api_version,
        plural=plural,
        singular=type_.kind.lower(),
        short_names=short_names,
        namespaced=namespaced,
        type=type_,
        order=order,
        declarable=declarable,
        categories=categories,
        name_form=name_form,
        served=served,
        also=also,
    )


_ALL = ("all",)
_RBAC = "rbac.authorization.k8s.io/v1"
_SCHEDULING = "scheduling.k8s.io/v1"
_PATH = NameForm.PATH_SEGMENT

_ROWS: tuple[KindSpec, ...] = (
    _kind(Namespace, "v1", "namespaces", 0, "ns", namespaced=False, name_form=NameForm.LABEL),
    _kind(Node, "v1", "nodes", 5, "no", namespaced=False, declarable=False),
    _kind(PriorityClass, _SCHEDULING, "priorityclasses", 6, "pc", namespaced=False),
    _kind(ResourceQuota, "v1", "resourcequotas", 7, "quota"),
    _kind(LimitRange, "v1", "limitranges", 8, "limits"),
    _kind(ServiceAccount, "v1", "serviceaccounts", 10, "sa"),
    _kind(ClusterRole, _RBAC, "clusterroles", 11, namespaced=False, name_form=_PATH),
    _kind(Role, _RBAC, "roles", 12, name_form=_PATH),
    _kind(ClusterRoleBinding, _RBAC, "clusterrolebindings", 13, namespaced=False, name_form=_PATH),
    _kind(RoleBinding, _RBAC, "rolebindings", 14, name_form=_PATH),
    _kind(ConfigMap, "v1", "configmaps", 20, "cm"),
    _kind(Secret, "v1", "secrets", 21),
    _kind(StorageClass, "storage.k8s.io/v1", "storageclasses", 30, "sc", namespaced=False),
    _kind(PersistentVolume, "v1", "persistentvolumes", 31, "pv", namespaced=False),
    _kind(PersistentVolumeClaim, "v1", "persistentvolumeclaims", 32, "pvc"),
    _kind(NetworkPolicy, "networking.k8s.io/v1", "networkpolicies", 37, "netpol"),
    _kind(PodDisruptionBudget, "policy/v1", "poddisruptionbudgets", 38, "pdb"),
    _kind(ControllerRevision, "apps/v1", "controllerrevisions", 39, declarable=False),
    _kind(Pod, "v1", "pods", 40, "po", categories=_ALL),
    _kind(ReplicaSet, "apps/v1", "replicasets", 41, "rs", categories=_ALL),
    _kind(Deployment, "apps/v1", "deployments", 42, "deploy", categories=_ALL),
    _kind(Job, "batch/v1", "jobs", 43, categories=_ALL),
    _kind(CronJob, "batch/v1", "cronjobs", 47, "cj", categories=_ALL),
    _kind(StatefulSet, "apps/v1", "statefulsets", 44, "sts", categories=_ALL),
    _kind(DaemonSet, "apps/v1", "daemonsets", 45, "ds", categories=_ALL),
    _kind(ReplicationController, "v1", "replicationcontrollers", 46, "rc", categories=_ALL),
    _kind(
        HorizontalPodAutoscaler,
        "autoscaling/v2",
        "horizontalpodautoscalers",
        49,
        "hpa",
        categories=_ALL,
        also=("autoscaling/v1",),
    ),
    _kind(Service, "v1", "services", 50, "svc", categories=_ALL, name_form=NameForm.SERVICE),
    _kind(Endpoints, "v1", "endpoints", 51, "ep"),
    _kind(EndpointSlice, "discovery.k8s.io/v1", "endpointslices", 52),
    _kind(IngressClass, "networking.k8s.io/v1", "ingressclasses", 55, namespaced=False),
    _kind(
        Ingress,
        "networking.k8s.io/v1",
        "ingresses",
        56,
        "ing",
        also=("networking.k8s.io/v1beta1", "extensions/v1beta1"),
    ),
    _kind(Event, "v1", "events", 90, "ev", declarable=False),
)

KINDS: Mapping[str, KindSpec] = {row.kind: row for row in _ROWS}


def kind_of(api_version: str, kind: str) -> KindSpec | None:
    """Return the kind's row, or None when we have no such kind at that API version."""
    spec = KINDS.get(kind)
    return spec if spec is not None and spec.api_version == api_version else None


def kind_named(word: str) -> KindSpec | None:
    """Return the kind that a person means by `word`: kind, plural, singular or short name, in any case.

    Its group, or version and group, may follow, as in `deployments.apps` and `deployments.v1.apps`.
    """
    name, _, place = word.lower().partition(".")
    found = _BY_WORD.get(name)
    if found is None or not place:
        return found
    version = found.api_version.rpartition("/")[2]
    return found if place in (found.group, f"{version}.{found.group}") else None


def name_with_kind(kind: str, group: str, name: str) -> str:
    """Return an object's name as people may say it anywhere: `pod/web`, `deployment.apps/web`; without a kind alone."""
    return f"{'.'.join(part for part in (kind.lower(), group) if part)}/{name}" if kind else name


def ref_of(object: Object) -> ObjectRef:
    """Return the reference that names `object`."""
    return ObjectRef(kind=object.kind, namespace=object.metadata.namespace, name=object.metadata.name)


def decode_object(document: Any) -> AnyObject:
    """Build the typed object from plain JSON types with wire names; the kind decides the type.

    Tolerant of unknown fields: for documents of our own. Raises `msgspec.ValidationError`.
    """
    decoded: AnyObject = msgspec.convert(document, AnyObject)
    return decoded


def _words(spec: KindSpec) -> tuple[str, ...]:
    return (spec.singular, spec.plural, *spec.short_names)


_BY_WORD: Mapping[str, KindSpec] = {word: spec for spec in _ROWS for word in _words(spec)}
