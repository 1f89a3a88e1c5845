"""What the Kubernetes API admits, we admit, unless we say that we do not implement it; what it refuses, we refuse.

The rows are upstream's internal structures; the adapter spells them as manifests. A row that uses what we list as not
implemented differs on purpose. So does one that we admit with less strictness where the fault shows elsewhere; those
are listed by name.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from reconciler.model.kinds import KINDS
from reconciler.model.kinds.csi import NFS_DRIVER
from reconciler.model.kinds.scalars import DriverName
from reconciler.model.problem import Problem
from reconciler.schema.decode import decode
from reconciler.schema.validate import SourceFile, ValidationResult, validate
from tests.parity.rows import NotTranslated, compare, parity_rows

_FLATTENED = frozenset(("VolumeSource", "ProbeHandler", "LocalObjectReference", "PersistentVolumeSource"))
_KEPT = frozenset(("labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests", "capacity", "data",
                   "binaryData", "stringData"))  # fmt: skip
_SPECIAL = {
    "GCEPersistentDisk": "gcePersistentDisk",
    "AWSElasticBlockStore": "awsElasticBlockStore",
    "CephFS": "cephfs",
    "ObjectMeta": "metadata",
    "SELinuxOptions": "seLinuxOptions",
    "SELinuxChangePolicy": "seLinuxChangePolicy",
    "FSGroup": "fsGroup",
    "FSGroupChangePolicy": "fsGroupChangePolicy",
    "HTTPGet": "httpGet",
    "HTTPHeaders": "httpHeaders",
    "TCPSocket": "tcpSocket",
    "GRPC": "grpc",
    "GMSACredentialSpec": "gmsaCredentialSpec",
    "GMSACredentialSpecName": "gmsaCredentialSpecName",
    "DNSPolicy": "dnsPolicy",
    "DNSConfig": "dnsConfig",
    "IP": "ip",
    "TTY": "tty",
    "UID": "uid",
    "NFS": "nfs",
    "CSI": "csi",
    "RBD": "rbd",
    "ISCSI": "iscsi",
    "FC": "fc",
    "OS": "os",
    "APIVersion": "apiVersion",
    "TTLSecondsAfterFinished": "ttlSecondsAfterFinished",
    "APIGroup": "apiGroup",
    "ReadOnlyRootFilesystem": "readOnlyRootFilesystem",
}
_SHARE = {"server": "files", "share": "/data"}
_DISK, _ANY = "GCEPersistentDisk", {"HostPath": {"Path": "/data"}}
_POD_LEVEL = ("HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers", "HostnameOverride")


def manifest(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Return an upstream structure in the spelling of manifests."""
    if isinstance(value, list):
        return [manifest(item, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    result: dict[str, Any] = {}
    for key, item in value.items():
        if key in _FLATTENED and isinstance(item, Mapping):
            result.update(manifest(item, path))
            continue
        name = _wire(key)
        result[name] = item if name in _KEPT else manifest(item, (*path, name))
    return {**result, "csi": _carried(result["csi"])} if isinstance(result.get("csi"), dict) else result


def _carried(source: dict[str, Any]) -> dict[str, Any]:
    """Name the one driver that nodes have, with what it needs, where a row names any: it stands for all of them."""
    try:
        msgspec.convert(source.get("driver"), DriverName)
    except msgspec.ValidationError:
        return source
    attributes = {**_SHARE, **(source.get("volumeAttributes") or {})}
    return {**source, "driver": NFS_DRIVER, "volumeAttributes": attributes}


def _wire(key: str) -> str:
    if key in _SPECIAL:
        return _SPECIAL[key]
    return key[0].lower() + key[1:]


def with_any_volume(given: Any) -> Any:
    """Return a row's object with a directory for each disk of a cloud: it stands for any volume where it is alone."""
    if isinstance(given, list):
        return [with_any_volume(one) for one in given]
    if not isinstance(given, dict):
        return given
    return _ANY if set(given) == {_DISK} else {name: with_any_volume(one) for name, one in given.items()}


def with_own_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a Pod with those of its fields that upstream keeps in the security context."""
    spec = dict(given)
    context = dict(spec.get("SecurityContext") or {})
    for field in _POD_LEVEL:
        if field in context:
            spec[field] = context.pop(field)
    spec["SecurityContext"] = context
    return spec


def pod_manifest(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Pod."""
    spec = with_own_fields(pod.get("Spec") or {})
    return {"apiVersion": "v1", "kind": "Pod", **manifest({**pod, "Spec": spec}), "status": {}}


def problems_of(document: dict[str, Any], *, legacy_addresses: bool = False, is_applied: bool = False) -> list[Problem]:
    """Return the errors that our validation finds, with or without the setting for addresses of old.

    `is_applied`: the object is there like that already.
    """
    document.setdefault("metadata", {"name": "x"})
    content = json.dumps(document).encode()
    before = decode(KINDS[document["kind"]], document) if is_applied else None
    result = validate([SourceFile("a.json", content)], legacy_addresses=legacy_addresses, applied=lambda ref: before)
    return errors_of(result)


def errors_of(result: ValidationResult) -> list[Problem]:
    """Return the errors of a manifest; a row that says what we have no field for is not spelled for us."""
    found = [problem for problem in result.problems if problem.is_error]
    if any(problem.code == "unknown-field" for problem in found):
        raise NotTranslated
    return found


class Judge:
    """Compares verdicts; remembers what we do not implement."""

    def __init__(self) -> None:
        self.not_implemented = ""

    def verdict(self, document: dict[str, Any], is_valid: bool, *, legacy_addresses: bool = False) -> bool:
        """Whether our verdict is upstream's; to refuse only what is not implemented is no verdict on the row."""
        found = problems_of(document, legacy_addresses=legacy_addresses)
        refused = sorted({problem.pointer for problem in found if problem.code == "not-implemented"})
        self.not_implemented = ", ".join(refused)
        faults = [problem for problem in found if problem.code != "not-implemented"]
        return not found if is_valid else bool(faults)

    def pod(self, case: dict[str, Any]) -> bool:
        """Judge a row with a Pod or its refused form."""
        if "expectedError" in case:
            return self.verdict(pod_manifest(case["spec"]), False)
        if "pod" in case:
            return self.verdict(pod_manifest(case["pod"]), False)
        return self.verdict(pod_manifest(case), True)

    def pod_spec(self, case: dict[str, Any]) -> bool:
        """Judge a row with the spec of a Pod, whose name is not looked at."""
        pod = case.get("pod", case)
        metadata = {"name": "x", **pod.get("ObjectMeta", {})}
        document = pod_manifest({**pod, "ObjectMeta": metadata})
        return self.verdict(document, "pod" not in case, legacy_addresses=_is_of_old(case))

    def volume(self, case: dict[str, Any]) -> bool:
        """Judge a row with one volume."""
        spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [manifest(case["vol"])]}
        return self.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, not case.get("errs"))

    def containers(self, case: dict[str, Any]) -> bool:
        """Judge a row of refused containers."""
        spec = {"containers": manifest(case["containers"]), "volumes": [{"name": "vol", "emptyDir": {}}]}
        return self.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, False)

    def env(self, case: dict[str, Any]) -> bool:
        """Judge a row of refused environment variables."""
        spec = {"containers": [{"name": "a", "image": "b", "env": manifest(case["envs"])}]}
        return self.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, False)

    def claim(self, case: dict[str, Any]) -> bool:
        """Judge a row with a claim."""
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **manifest(case["claim"])}
        return self.verdict(claim, not case.get("isExpectedFailure"))

    def persistent_volume(self, case: dict[str, Any]) -> bool:
        """Judge a row with a volume of the cluster."""
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", **manifest(with_any_volume(case["volume"]))}
        return self.verdict(volume, not case.get("isExpectedFailure"))

    def job(self, case: dict[str, Any], name: str) -> bool:
        """Judge a row with a Job; a manifest has no selector where the API has made it."""
        job = {"apiVersion": "batch/v1", "kind": "Job", **manifest(case["job"])}
        if _made_by_api(job) and not job["spec"].get("manualSelector"):
            job["spec"].pop("selector", None)
        template = job["spec"]["template"]
        template["spec"] = pod_manifest({"Spec": case["job"]["Spec"]["Template"]["Spec"]})["spec"]
        return self.verdict(job, name.startswith(("valid", "do not allow")))

    def workload(self, kind: str, case: dict[str, Any], is_valid: bool) -> bool:
        """Judge a row with a Deployment or ReplicaSet; a revision to return to has no place in a manifest."""
        document = {"apiVersion": "apps/v1", "kind": kind, **manifest(case)}
        if document["spec"].pop("rollbackTo", {}).get("revision", 0) < 0:
            raise NotTranslated
        template = document["spec"].get("template")
        if template:
            template["spec"] = pod_manifest({"Spec": case["Spec"]["Template"]["Spec"]})["spec"]
        return self.verdict(document, is_valid)

    def config_map(self, case: dict[str, Any]) -> bool:
        """Judge a row with a ConfigMap; binary values are text in the rows."""
        document = {"apiVersion": "v1", "kind": "ConfigMap", **manifest(case["cfg"])}
        binary = document.get("binaryData") or {}
        document["binaryData"] = {key: base64.b64encode(text.encode()).decode() for key, text in binary.items()}
        return self.verdict(document, bool(case.get("isValid")))

    def path(self, case: dict[str, Any]) -> bool:
        """Judge a row with one item of a volume."""
        volume = {"name": "a", "configMap": {"name": "c", "items": [manifest(case["kp"])]}}
        spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [volume]}
        return self.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, bool(case.get("ok")))

    def dns(self, case: dict[str, Any]) -> bool:
        """Judge a row with resolver settings."""
        spec = {"containers": [{"name": "a", "image": "b"}], "dnsConfig": manifest(case["dnsConfig"])}
        if case.get("dnsPolicy"):
            spec["dnsPolicy"] = case["dnsPolicy"]
        document = {"apiVersion": "v1", "kind": "Pod", "spec": spec}
        return self.verdict(document, not case.get("expectedError"), legacy_addresses=bool(case.get("legacyIPs")))

    def endpoints(self, case: dict[str, Any]) -> bool:
        """Judge a row with Endpoints."""
        endpoints = {"apiVersion": "v1", "kind": "Endpoints", **manifest(case["endpoints"])}
        return self.verdict(endpoints, not case.get("expectedErrs"), legacy_addresses=_is_of_old(case))


@cache
def _cases_of_old() -> frozenset[str]:
    """Return the rows of the core that only their names say to be judged with the setting for addresses of old."""
    rows = parity_rows("pkg_apis_core_validation")
    return frozenset(json.dumps(row["case"]) for row in rows if "with legacy validation" in row["name"])


def _is_of_old(case: dict[str, Any]) -> bool:
    return json.dumps(case) in _cases_of_old()


def _made_by_api(job: dict[str, Any]) -> bool:
    """Whether a Job's selector is what the API makes of its uid, and its Pods are labelled for it."""
    labels = job["spec"]["template"].get("metadata", {}).get("labels", {})
    wanted = job["spec"].get("selector", {}).get("matchLabels", {})
    is_ours = all(
        value == job["metadata"].get("uid") for key, value in wanted.items() if key.endswith("controller-uid")
    )
    return wanted.items() <= labels.items() and is_ours and any(key.endswith("controller-uid") for key in wanted)


_DEFAULTED = "the fault is in a field that defaults fill before the API validates"
_DIFFERENCES: tuple[tuple[str, str], ...] = (
    (r"no volume source|missing APIVersion|empty message termination|hostPort unspecified", _DEFAULTED),
    (r"missing-namespace|missing namespace|bad namespace|zero-length [nN]amespace", _DEFAULTED),
    (r"invalid name [a-d]|invalid env var name", "the strict form of old releases; names of variables are relaxed now"),
    (r"onPodConditions.0..status: Required", _DEFAULTED),
    (r"^spec.selector:Required", _DEFAULTED),
    (r"^spec.(template.metadata.labels\[|selector)", "a Job's selector and its labels are made by us"),
    (r"Forbidden RestartPolicy|gate disabled", "a cluster without a feature that is always on"),
    (r"privilege disabled", "a setting of the API server, not a rule"),
)


def _reason(judge: Judge, row: dict[str, Any]) -> str:
    case = row["case"]
    name = row["name"] or case.get("name") or case.get("title") or case.get("desc") or ""
    reasons = [reason for pattern, reason in _DIFFERENCES if re.search(pattern, name)]
    return judge.not_implemented or (reasons[0] if reasons else "")


def _compare(package: str, judge: Judge, tables: dict[str, Callable[[dict[str, Any]], bool]]) -> None:
    compare(package, tables, lambda row: _reason(judge, row))


def test_core_kinds_are_admitted_as_upstream_admits_them() -> None:
    """Pods, volumes, claims, configuration and endpoints get upstream's verdict."""
    judge = Judge()
    tables = {
        "TestValidatePod": judge.pod,
        "TestValidatePodSpec": judge.pod_spec,
        "TestValidateVolumes": judge.volume,
        "TestValidateContainers": judge.containers,
        "TestValidateEnv": judge.env,
        "TestValidateKeyToPath": judge.path,
        "TestValidatePodDNSConfig": judge.dns,
        "TestValidateConfigMap": judge.config_map,
        "TestValidatePersistentVolumeClaim": judge.claim,
        "TestValidatePersistentVolumes": judge.persistent_volume,
        "TestValidateEndpointsCreate": judge.endpoints,
    }
    _compare("pkg_apis_core_validation", judge, tables)


def test_workloads_are_admitted_as_upstream_admits_them() -> None:
    """Deployments and ReplicaSets get upstream's verdict; rows that are admitted have no name."""
    judge = Judge()
    rows = [row for row in parity_rows("pkg_apis_apps_validation") if "case" in row]
    admitted = {json.dumps(row["case"]) for row in rows if row["name"] == ""}
    tables = {
        "TestValidateDeployment": lambda case: judge.workload("Deployment", case, json.dumps(case) in admitted),
        "TestValidateReplicaSet": lambda case: judge.workload("ReplicaSet", case, json.dumps(case) in admitted),
    }
    _compare("pkg_apis_apps_validation", judge, tables)


def test_jobs_are_admitted_as_upstream_admits_them() -> None:
    """Jobs get upstream's verdict."""
    judge = Judge()
    names = {json.dumps(row["case"]): row["name"] for row in parity_rows("pkg_apis_batch_validation") if "case" in row}
    tables = {"TestValidateJob": lambda case: judge.job(case, names[json.dumps(case)])}
    _compare("pkg_apis_batch_validation", judge, tables)
