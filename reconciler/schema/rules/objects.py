"""Which rules judge which kind."""

from collections.abc import Iterator
from typing import Any

from reconciler.model.kinds import (
    AnyObject,
    ClusterRole,
    ClusterRoleBinding,
    ConfigMap,
    CronJob,
    DaemonSet,
    Deployment,
    Endpoints,
    EndpointSlice,
    HorizontalPodAutoscaler,
    Ingress,
    IngressClass,
    Job,
    LimitRange,
    NetworkPolicy,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    ReplicaSet,
    ReplicationController,
    ResourceQuota,
    Role,
    RoleBinding,
    Secret,
    Service,
    StatefulSet,
    StorageClass,
)
from reconciler.schema.decode import pod_spec_of, pod_template_of
from reconciler.schema.rules.annotations import annotation_findings
from reconciler.schema.rules.autoscaling import autoscaler_findings
from reconciler.schema.rules.configuration import config_map_findings, secret_findings
from reconciler.schema.rules.finding import Finding
from reconciler.schema.rules.ingress import class_findings as ingress_class_findings
from reconciler.schema.rules.ingress import ingress_findings
from reconciler.schema.rules.jobs import cron_job_findings, job_findings
from reconciler.schema.rules.metadata import metadata_findings
from reconciler.schema.rules.networkpolicy import network_policy_findings
from reconciler.schema.rules.pods import own_pod_findings, pod_findings
from reconciler.schema.rules.policy import budget_findings, priority_findings
from reconciler.schema.rules.quota import limit_findings, quota_findings
from reconciler.schema.rules.rbac import binding_findings, role_findings
from reconciler.schema.rules.services import endpoints_findings, service_findings, slice_findings
from reconciler.schema.rules.sets import (
    daemon_set_findings,
    replication_controller_findings,
    stateful_set_findings,
)
from reconciler.schema.rules.storage import claim_findings, class_findings, volume_findings
from reconciler.schema.rules.workloads import deployment_findings, replica_set_findings


def findings(object: AnyObject, document: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with one object by itself; `document` tells what was written and what was defaulted."""
    yield from metadata_findings(object)
    found = pod_spec_of(object)
    if found is not None:
        yield from pod_findings(*found, _claimed_volumes(object))
        at, spec = found
        template = pod_template_of(object)
        metadata = object.metadata if template is None else template.metadata
        if metadata.annotations:
            place = f"{at.removesuffix('/spec')}/metadata/annotations"
            yield from annotation_findings(place, metadata.annotations, spec)
    yield from _of_kind(object, document)


def _of_kind(object: AnyObject, document: dict[str, Any]) -> Iterator[Finding]:
    match object:
        case Pod():
            return own_pod_findings(object)
        case Deployment():
            return deployment_findings(object, document)
        case ReplicaSet():
            return replica_set_findings(object)
        case Job():
            return job_findings(object)
        case CronJob():
            return cron_job_findings(object)
        case StatefulSet():
            return stateful_set_findings(object, document)
        case DaemonSet():
            return daemon_set_findings(object, document)
        case ReplicationController():
            return replication_controller_findings(object)
        case HorizontalPodAutoscaler():
            return autoscaler_findings(object)
        case PodDisruptionBudget():
            return budget_findings(object)
        case PriorityClass():
            return priority_findings(object)
        case ResourceQuota():
            return quota_findings(object)
        case LimitRange():
            return limit_findings(object)
        case NetworkPolicy():
            return network_policy_findings(object)
        case Service():
            return service_findings(object)
        case Endpoints():
            return endpoints_findings(object)
        case EndpointSlice():
            return slice_findings(object)
        case Ingress():
            return ingress_findings(object)
        case IngressClass():
            return ingress_class_findings(object)
        case ConfigMap():
            return config_map_findings(object)
        case Secret():
            return secret_findings(object, document)
        case PersistentVolume():
            return volume_findings(object, document)
        case PersistentVolumeClaim():
            return claim_findings(object.spec)
        case StorageClass():
            return class_findings(object)
        case Role() | ClusterRole():
            return role_findings(object)
        case RoleBinding() | ClusterRoleBinding():
            return binding_findings(object)
    return iter(())


def _claimed_volumes(object: AnyObject) -> frozenset[str]:
    """Return the volumes that a Pod gets besides those it lists: one for each claim template."""
    if isinstance(object, StatefulSet):
        return frozenset(template.metadata.name for template in object.spec.volume_claim_templates)
    return frozenset()
