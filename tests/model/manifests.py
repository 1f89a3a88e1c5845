"""Two hundred fixed manifests, made from tables: the same for ever, whatever the product becomes.

Never change what a name stands for: `golden/digests.txt` holds the digest of each. Add new names at the end.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.model.kinds import AnyObject, decode_object

_CONTAINERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tagged": {"image": "shop/web:1.4"},
    "digest": {"image": "shop/web@sha256:" + "ab" * 32},
    "pull": {"imagePullPolicy": "Always"},
    "command": {"command": ["/bin/sh", "-c"], "args": ["echo $(A)"], "workingDir": "/srv"},
    "ports": {"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}]},
    "host-port": {"ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"}]},
    "env": {"env": [{"name": "A", "value": "1"}, {"name": "B"}]},
    "env-from": {
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}, {"secretRef": {"name": "s", "optional": True}}]
    },
    "env-refs": {
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        ]
    },
    "resources": {"resources": {"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}},
    "cpu-number": {"resources": {"limits": {"cpu": 2, "ephemeral-storage": "1e9"}}},
    "http-probe": {"livenessProbe": {"httpGet": {"path": "/live", "port": "http", "scheme": "HTTPS"}}},
    "headers": {"readinessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "Host", "value": "a"}]}}},
    "exec-probe": {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 3}},
    "tcp-probe": {"startupProbe": {"tcpSocket": {"port": 5432}, "failureThreshold": 30}},
    "grpc-probe": {"livenessProbe": {"grpc": {"port": 9000, "service": "health"}, "timeoutSeconds": 2}},
    "hooks": {
        "lifecycle": {"postStart": {"exec": {"command": ["a"]}}, "preStop": {"httpGet": {"port": 80, "path": "/bye"}}}
    },
    "sleep": {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}},
    "security": {"securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "readOnlyRootFilesystem": True}},
    "capabilities": {"securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}}},
    "privileged": {"securityContext": {"privileged": True, "seccompProfile": {"type": "Unconfined"}}},
    "terminal": {"stdin": True, "tty": True},
    "mounts": {
        "volumeMounts": [
            {"name": "data", "mountPath": "/data", "readOnly": True},
            {"name": "data", "mountPath": "/sub", "subPath": "a/b", "mountPropagation": "HostToContainer"},
        ]
    },
}

_PODS: dict[str, dict[str, Any]] = {
    "grace": {"terminationGracePeriodSeconds": 0},
    "deadline": {"activeDeadlineSeconds": 60, "restartPolicy": "Never"},
    "host": {"hostNetwork": True, "hostPID": True, "dnsPolicy": "ClusterFirstWithHostNet"},
    "dns": {
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["192.0.2.1"], "options": [{"name": "ndots", "value": "2"}]},
    },
    "aliases": {"hostAliases": [{"ip": "192.0.2.2", "hostnames": ["a", "b.c"]}]},
    "names": {"hostname": "a", "subdomain": "b", "setHostnameAsFQDN": True},
    "shared": {"shareProcessNamespace": True, "enableServiceLinks": False},
    "groups": {"securityContext": {"fsGroup": 2000, "supplementalGroups": [1, 2], "runAsGroup": 3}},
    "sysctls": {"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]}},
    "account": {"serviceAccountName": "web", "automountServiceAccountToken": False},
    "pull-secrets": {"imagePullSecrets": [{"name": "registry"}]},
    "init": {"initContainers": [{"name": "i", "image": "b"}, {"name": "s", "image": "b", "restartPolicy": "Always"}]},
    "empty-dir": {"volumes": [{"name": "data", "emptyDir": {}}]},
    "memory-dir": {"volumes": [{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}]},
    "host-path": {"volumes": [{"name": "data", "hostPath": {"path": "/srv", "type": "DirectoryOrCreate"}}]},
    "config": {
        "volumes": [{"name": "data", "configMap": {"name": "c", "items": [{"key": "k", "path": "p", "mode": 256}]}}]
    },
    "secret": {"volumes": [{"name": "data", "secret": {"secretName": "s", "defaultMode": 256, "optional": True}}]},
    "claim": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]},
    "downward": {
        "volumes": [
            {"name": "data", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}
        ]
    },
    "projected": {
        "volumes": [
            {"name": "data", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}}
        ]
    },
    "selector": {"nodeSelector": {"disk": "fast"}, "nodeName": "node-1"},
    "tolerations": {
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]
    },
    "affinity": {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
                }
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "podAffinityTerm": {"topologyKey": "h", "labelSelector": {}}}
                ]
            },
        }
    },
    "spread": {
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]
    },
    "gates": {"readinessGates": [{"conditionType": "a/b"}], "priorityClassName": "high"},
}

_DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "one": {},
    "zero": {"replicas": 0},
    "five": {"replicas": 5, "minReadySeconds": 3},
    "recreate": {"strategy": {"type": "Recreate"}},
    "surge": {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
    "percent": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%"}}},
    "history": {"revisionHistoryLimit": 2, "progressDeadlineSeconds": 30},
    "paused": {"paused": True},
}

_JOBS: dict[str, dict[str, Any]] = {
    "once": {},
    "three": {"completions": 3, "parallelism": 2},
    "indexed": {"completions": 2, "completionMode": "Indexed"},
    "limits": {"backoffLimit": 0, "activeDeadlineSeconds": 9, "ttlSecondsAfterFinished": 0},
    "suspended": {"suspend": True},
}

_SERVICES: dict[str, dict[str, Any]] = {
    "cluster": {"selector": {"app": "a"}, "ports": [{"port": 80}]},
    "named": {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    "headless": {"selector": {"app": "a"}, "clusterIP": "None", "publishNotReadyAddresses": True},
    "udp": {"ports": [{"port": 53, "protocol": "UDP", "targetPort": 5353}]},
    "sticky": {
        "ports": [{"port": 80}],
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
    },
    "fixed": {"ports": [{"port": 80}], "clusterIP": "10.43.0.9"},
    "alias": {"type": "ExternalName", "externalName": "example.org"},
}

_OTHERS: dict[str, dict[str, Any]] = {
    "namespace": {"kind": "Namespace", "apiVersion": "v1"},
    "config-map": {"kind": "ConfigMap", "apiVersion": "v1", "data": {"b": "2", "a": ""}, "binaryData": {"c": "eA=="}},
    "config-map-empty": {"kind": "ConfigMap", "apiVersion": "v1"},
    "secret": {"kind": "Secret", "apiVersion": "v1", "data": {"a": "eA=="}},
    "secret-tls": {"kind": "Secret", "apiVersion": "v1", "type": "kubernetes.io/tls", "data": {"tls.crt": "eA=="}},
    "account": {"kind": "ServiceAccount", "apiVersion": "v1", "imagePullSecrets": [{"name": "r"}]},
    "claim": {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    },
    "claim-no-class": {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "spec": {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "resources": {"requests": {"storage": "1G"}}},
    },
    "volume": {
        "kind": "PersistentVolume",
        "apiVersion": "v1",
        "spec": {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Ti"}, "hostPath": {"path": "/a"}},
    },
    "class": {
        "kind": "StorageClass",
        "apiVersion": "storage.k8s.io/v1",
        "provisioner": "reconciler.dev/local",
        "reclaimPolicy": "Retain",
    },
    "role": {
        "kind": "Role",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    "cluster-role": {
        "kind": "ClusterRole",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "rules": [{"nonResourceURLs": ["/healthz"], "verbs": ["get"]}],
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
    },
    "binding": {
        "kind": "RoleBinding",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "roleRef": {"kind": "Role", "name": "a"},
        "subjects": [{"kind": "User", "name": "u"}],
    },
    "endpoints": {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 1, "name": "a"}]}],
    },
    "slice": {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": False}}],
    },
}

_CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
}
_SETS: dict[str, dict[str, Any]] = {
    "plain": {},
    "claims": {"serviceName": "fixed", "volumeClaimTemplates": [_CLAIM]},
    "partition": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
    "share": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "30%"}}, "replicas": 5},
    "on-delete": {"updateStrategy": {"type": "OnDelete"}, "podManagementPolicy": "Parallel"},
    "retention": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}, "ordinals": {"start": 3}},
    "history": {"revisionHistoryLimit": 2, "minReadySeconds": 10},
}


def manifests() -> Iterator[tuple[str, AnyObject]]:
    """Yield each manifest with its name."""
    for name, document in _documents():
        yield name, decode_object(document)


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, container in _CONTAINERS.items():
        yield f"pod/{name}", _pod({}, container)
        yield f"replicaset/{name}", _workload("ReplicaSet", {}, {}, container)
        yield f"deployment/{name}", _workload("Deployment", {"replicas": 2}, {}, container)
    for name, spec in _PODS.items():
        yield f"pod-spec/{name}", _pod(spec, {})
        yield f"deployment-spec/{name}", _workload("Deployment", {}, spec, {})
        yield f"job-spec/{name}", _job({}, spec)
    for name, spec in _DEPLOYMENTS.items():
        yield f"rollout/{name}", _workload("Deployment", spec, {}, _CONTAINERS["ports"])
    for name, spec in _JOBS.items():
        yield f"job/{name}", _job(spec, {})
    for name, spec in _SERVICES.items():
        yield f"service/{name}", _object("Service", "v1", {"spec": spec})
    for name, rest in _OTHERS.items():
        yield f"other/{name}", {**_object("", "", {}), **rest}
    for number in range(18):
        labels = {"app": f"app-{number}", "tier": "front" if number % 2 else "back"}
        metadata = {"name": f"labelled-{number}", "namespace": "shop", "labels": labels}
        yield f"labelled/{number}", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    for name, spec in _SETS.items():
        yield f"statefulset/{name}", _workload("StatefulSet", spec, {}, {})


def _object(kind: str, api_version: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "fixed", "namespace": "shop"}, **rest}


def _pod_spec(spec: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "busybox", **container}], **spec}


def _pod(spec: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    return _object("Pod", "v1", {"spec": _pod_spec(spec, container)})


def _workload(kind: str, spec: dict[str, Any], pod: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "fixed"}}, "spec": _pod_spec(pod, container)}
    selector = {"matchLabels": {"app": "fixed"}}
    return _object(kind, "apps/v1", {"spec": {"selector": selector, "template": template, **spec}})


def _job(spec: dict[str, Any], pod: dict[str, Any]) -> dict[str, Any]:
    template = {"spec": _pod_spec({"restartPolicy": "Never", **pod}, {})}
    return _object("Job", "batch/v1", {"spec": {"template": template, **spec}})
