"""Which kind stands in a table in which form. Pure."""

from collections.abc import Mapping
from typing import Any

from reconciler.server.tables import (
    batch,
    configuration,
    events,
    nodes,
    pods,
    policy,
    rbac,
    services,
    storage,
    workloads,
)
from reconciler.server.tables.columns import CREATED_AT, NAME, Cells, Form

FORMS: Mapping[str, Form] = {
    "ClusterRole": rbac.ROLE,
    "ClusterRoleBinding": rbac.BINDING,
    "ComponentStatus": nodes.COMPONENT_STATUS,
    "ConfigMap": configuration.CONFIG_MAP,
    "ControllerRevision": workloads.CONTROLLER_REVISION,
    "CronJob": batch.CRON_JOB,
    "DaemonSet": workloads.DAEMON_SET,
    "Deployment": workloads.DEPLOYMENT,
    "EndpointSlice": services.ENDPOINT_SLICE,
    "Endpoints": services.ENDPOINTS,
    "Event": events.EVENT,
    "HorizontalPodAutoscaler": policy.HORIZONTAL_POD_AUTOSCALER,
    "Ingress": services.INGRESS,
    "IngressClass": services.INGRESS_CLASS,
    "Job": batch.JOB,
    "Lease": nodes.LEASE,
    "LimitRange": configuration.LIMIT_RANGE,
    "Namespace": configuration.NAMESPACE,
    "NetworkPolicy": services.NETWORK_POLICY,
    "Node": nodes.NODE,
    "PersistentVolume": storage.PERSISTENT_VOLUME,
    "PersistentVolumeClaim": storage.PERSISTENT_VOLUME_CLAIM,
    "Pod": pods.POD,
    "PodDisruptionBudget": policy.POD_DISRUPTION_BUDGET,
    "PriorityClass": policy.PRIORITY_CLASS,
    "ReplicaSet": workloads.REPLICA_SET,
    "ReplicationController": workloads.REPLICATION_CONTROLLER,
    "ResourceQuota": configuration.RESOURCE_QUOTA,
    "Role": rbac.ROLE,
    "RoleBinding": rbac.BINDING,
    "Secret": configuration.SECRET,
    "Service": services.SERVICE,
    "ServiceAccount": configuration.SERVICE_ACCOUNT,
    "StatefulSet": workloads.STATEFUL_SET,
    "StorageClass": storage.STORAGE_CLASS,
}


def _plain(one: Any) -> Cells:
    metadata = one.get("metadata", {}) if isinstance(one, Mapping) else {}
    return metadata.get("name", ""), metadata.get("creationTimestamp") or ""


PLAIN = Form((NAME, CREATED_AT), _plain)


def form_of(kind: str) -> Form:
    """Return the form of a kind; documents of a kind without a form of its own show name and creation."""
    return FORMS.get(kind, PLAIN)
