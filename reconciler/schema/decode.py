"""From a valid document to the typed object, normalised. Pure.

Dropped: `status`, and metadata that servers write. Normalised: the namespace (`default` where none is given, none for
cluster-wide kinds), `serviceAccount` (the old name of serviceAccountName), `stringData` (merged into `data`), the
selector of a ReplicationController (its template's labels where none is given), `policyTypes` (what is absent is told).
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler.model.kinds import (
    AnyObject,
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    KindSpec,
    NetworkPolicy,
    Pod,
    PodSpec,
    PodTemplateSpec,
    ReplicaSet,
    ReplicationController,
    Secret,
    StatefulSet,
    policy_types,
)
from reconciler.schema.fields import DROPPED, HARMLESS

DEFAULT_NAMESPACE = "default"
# Kinds whose Pods are described at `spec.template`.
TEMPLATED = Deployment | ReplicaSet | Job | StatefulSet | DaemonSet | ReplicationController

_NOT_KEPT = frozenset(key.removeprefix("ObjectMeta.") for key in (*DROPPED, *HARMLESS) if key.startswith("ObjectMeta."))


def decode(spec: KindSpec, document: Mapping[str, Any]) -> AnyObject:
    """Build the object of a document that its schema has accepted."""
    value = {key: item for key, item in document.items() if key != "status"}
    value["metadata"] = _metadata(spec, document["metadata"])
    try:
        decoded: AnyObject = msgspec.convert(value, spec.type)  # type: ignore[assignment]
    except msgspec.ValidationError:
        # JSON knows one sort of number: 1e3 and 3.0 are whole numbers for a schema, not for a type.
        decoded = msgspec.convert(whole_numbers(value), spec.type)  # type: ignore[assignment]
    return _normalised(decoded)


def whole_numbers(value: Any) -> Any:
    """Return `value` with every float that is a whole number as an int."""
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pod_spec_of(object: AnyObject) -> tuple[str, PodSpec] | None:
    """Return the pointer and the spec of the Pod that an object runs, if it runs one."""
    if isinstance(object, Pod):
        return "/spec", object.spec
    if isinstance(object, TEMPLATED):
        return "/spec/template/spec", object.spec.template.spec
    if isinstance(object, CronJob):
        return "/spec/jobTemplate/spec/template/spec", object.spec.job_template.spec.template.spec
    return None


def pod_template_of(object: AnyObject) -> PodTemplateSpec | None:
    """Return the template of the Pods that an object makes, if it makes some."""
    if isinstance(object, CronJob):
        return object.spec.job_template.spec.template
    return object.spec.template if isinstance(object, TEMPLATED) else None


def _metadata(spec: KindSpec, metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key not in _NOT_KEPT}
    kept.pop("namespace", None)
    if spec.namespaced:
        kept["namespace"] = metadata.get("namespace") or DEFAULT_NAMESPACE
    return kept


def _normalised(object: AnyObject) -> AnyObject:
    replace = msgspec.structs.replace
    if isinstance(object, Secret) and object.string_data:
        merged = {**object.data, **{key: _base64(text) for key, text in object.string_data.items()}}
        return replace(object, data=merged, string_data={})
    if isinstance(object, NetworkPolicy):
        return replace(object, spec=replace(object.spec, policy_types=policy_types(object.spec)))
    if isinstance(object, Pod) and object.spec.service_account:
        return replace(object, spec=_one_account(object.spec))
    if isinstance(object, ReplicationController) and not object.spec.selector:
        selector = dict(object.spec.template.metadata.labels)
        object = replace(object, spec=replace(object.spec, selector=selector))
    if isinstance(object, TEMPLATED) and object.spec.template.spec.service_account:
        template = object.spec.template
        template = replace(template, spec=_one_account(template.spec))
        return replace(object, spec=replace(object.spec, template=template))
    if isinstance(object, CronJob) and object.spec.job_template.spec.template.spec.service_account:
        job_template = object.spec.job_template
        template = job_template.spec.template
        template = replace(template, spec=_one_account(template.spec))
        job_template = replace(job_template, spec=replace(job_template.spec, template=template))
        return replace(object, spec=replace(object.spec, job_template=job_template))
    return object


def _one_account(spec: PodSpec) -> PodSpec:
    name = spec.service_account_name or spec.service_account
    return msgspec.structs.replace(spec, service_account_name=name, service_account="")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
