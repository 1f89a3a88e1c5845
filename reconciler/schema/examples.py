"""One valid manifest per kind: shown in the schemas and the reference, and used as a test."""

from collections.abc import Mapping
from typing import Any

_Manifest = dict[str, Any]
_LABELS = {"app": "web"}
_RBAC = "rbac.authorization.k8s.io"
_WEB: _Manifest = {
    "name": "web",
    "image": "shop/web:1.4",
    "ports": [{"name": "http", "containerPort": 8080}],
    "env": [
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "greeting"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "web", "key": "password"}}},
    ],
    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
    "volumeMounts": [{"name": "cache", "mountPath": "/var/cache"}],
}
_POD_SPEC: _Manifest = {"containers": [_WEB], "volumes": [{"name": "cache", "emptyDir": {}}]}
_TEMPLATE: _Manifest = {"metadata": {"labels": _LABELS}, "spec": _POD_SPEC}
_RULES = [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]}]


def _example(kind: str, api_version: str, name: str, namespaced: bool, **rest: Any) -> _Manifest:
    metadata = {"name": name, "namespace": "shop"} if namespaced else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


_SUBJECT = [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]

_ALL: tuple[_Manifest, ...] = (
    _example("Namespace", "v1", "shop", False),
    _example("ConfigMap", "v1", "web", True, data={"greeting": "hello"}),
    _example("Secret", "v1", "web", True, type="Opaque", stringData={"password": "change-me"}),
    _example("ServiceAccount", "v1", "web", True, imagePullSecrets=[{"name": "registry"}]),
    _example("Pod", "v1", "web", True, spec=_POD_SPEC),
    _example(
        "ReplicaSet",
        "apps/v1",
        "web",
        True,
        spec={"replicas": 2, "selector": {"matchLabels": _LABELS}, "template": _TEMPLATE},
    ),
    _example(
        "Deployment",
        "apps/v1",
        "web",
        True,
        spec={
            "replicas": 3,
            "selector": {"matchLabels": _LABELS},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "0%"}},
            "template": _TEMPLATE,
        },
    ),
    _example(
        "Job",
        "batch/v1",
        "migrate",
        True,
        spec={
            "backoffLimit": 3,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "migrate", "image": "shop/web:1.4", "command": ["/migrate"]}],
                }
            },
        },
    ),
    _example(
        "StatefulSet",
        "apps/v1",
        "database",
        True,
        spec={
            "serviceName": "database",
            "replicas": 3,
            "selector": {"matchLabels": {"app": "database"}},
            "updateStrategy": {"rollingUpdate": {"partition": 0}},
            "template": {
                "metadata": {"labels": {"app": "database"}},
                "spec": {
                    "containers": [
                        {
                            "name": "database",
                            "image": "shop/database:15",
                            "volumeMounts": [{"name": "data", "mountPath": "/var/lib/database"}],
                        }
                    ]
                },
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "10Gi"}},
                    },
                }
            ],
        },
    ),
    _example(
        "DaemonSet",
        "apps/v1",
        "logs",
        True,
        spec={
            "selector": {"matchLabels": {"app": "logs"}},
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {
                "metadata": {"labels": {"app": "logs"}},
                "spec": {"containers": [{"name": "logs", "image": "shop/logs:2"}]},
            },
        },
    ),
    _example(
        "ReplicationController",
        "v1",
        "web",
        True,
        spec={"replicas": 2, "selector": _LABELS, "template": _TEMPLATE},
    ),
    _example(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        "web",
        True,
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
            "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
        },
    ),
    _example(
        "PodDisruptionBudget",
        "policy/v1",
        "web",
        True,
        spec={"minAvailable": 1, "selector": {"matchLabels": _LABELS}},
    ),
    _example(
        "PriorityClass",
        "scheduling.k8s.io/v1",
        "important",
        False,
        value=1000,
        description="Comes before everything else.",
    ),
    _example(
        "ResourceQuota",
        "v1",
        "shop",
        True,
        spec={"hard": {"requests.cpu": "4", "limits.memory": "8Gi", "pods": "20"}, "scopes": ["NotTerminating"]},
    ),
    _example(
        "LimitRange",
        "v1",
        "shop",
        True,
        spec={
            "limits": [
                {"type": "Container", "default": {"memory": "256Mi"}, "defaultRequest": {"cpu": "50m"}},
                {"type": "PersistentVolumeClaim", "max": {"storage": "100Gi"}},
            ]
        },
    ),
    _example(
        "NetworkPolicy",
        "networking.k8s.io/v1",
        "web",
        True,
        spec={
            "podSelector": {"matchLabels": _LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": {"app": "shop"}}}],
                    "ports": [{"port": "http"}],
                }
            ],
            "egress": [
                {
                    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                },
                {"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}}]},
            ],
        },
    ),
    _example(
        "CronJob",
        "batch/v1",
        "report",
        True,
        spec={
            "schedule": "30 6 * * 1-5",
            "timeZone": "Europe/Berlin",
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [{"name": "report", "image": "shop/web:1.4", "command": ["/report"]}],
                        }
                    }
                }
            },
        },
    ),
    _example(
        "IngressClass",
        "networking.k8s.io/v1",
        "outside",
        False,
        spec={"controller": "reconciler.dev/ingress"},
    ),
    _example(
        "Ingress",
        "networking.k8s.io/v1",
        "web",
        True,
        spec={
            "ingressClassName": "outside",
            "tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}],
            "rules": [
                {
                    "host": "shop.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
        },
    ),
    _example(
        "Service",
        "v1",
        "web",
        True,
        spec={"selector": _LABELS, "ports": [{"port": 80, "targetPort": "http"}]},
    ),
    _example(
        "Endpoints",
        "v1",
        "legacy",
        True,
        subsets=[{"addresses": [{"ip": "192.0.2.10"}], "ports": [{"port": 5432}]}],
    ),
    _example(
        "EndpointSlice",
        "discovery.k8s.io/v1",
        "legacy-1",
        True,
        addressType="IPv4",
        endpoints=[{"addresses": ["192.0.2.10"]}],
        ports=[{"port": 5432}],
    ),
    _example(
        "PersistentVolume",
        "v1",
        "archive",
        False,
        spec={
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/srv/archive"},
        },
    ),
    _example(
        "PersistentVolumeClaim",
        "v1",
        "uploads",
        True,
        spec={
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    ),
    _example(
        "StorageClass",
        "storage.k8s.io/v1",
        "local",
        False,
        provisioner="reconciler.dev/local",
        volumeBindingMode="WaitForFirstConsumer",
    ),
    _example("Role", f"{_RBAC}/v1", "look", True, rules=_RULES),
    _example("ClusterRole", f"{_RBAC}/v1", "look", False, rules=_RULES),
    _example(
        "RoleBinding",
        f"{_RBAC}/v1",
        "look",
        True,
        roleRef={"apiGroup": _RBAC, "kind": "Role", "name": "look"},
        subjects=_SUBJECT,
    ),
    _example(
        "ClusterRoleBinding",
        f"{_RBAC}/v1",
        "look",
        False,
        roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": "look"},
        subjects=_SUBJECT,
    ),
)

EXAMPLES: Mapping[str, _Manifest] = {example["kind"]: example for example in _ALL}
