"""Which kinds there are, and what to say of those that we do not carry. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from reconciler.model.kinds import KINDS, KindSpec

# Kinds of the Kubernetes API that are known here and not implemented, with a hint where there is one.
_NOT_IMPLEMENTED: Mapping[str, str] = {
    "RuntimeClass": "",
    "PodTemplate": "",
    "PodSecurityPolicy": "it was removed from Kubernetes",
    "CustomResourceDefinition": "",
    "APIService": "",
    "MutatingWebhookConfiguration": "",
    "ValidatingWebhookConfiguration": "",
    "ValidatingAdmissionPolicy": "",
    "ValidatingAdmissionPolicyBinding": "",
    "CSIDriver": "",
    "CSINode": "",
    "VolumeAttachment": "",
    "VolumeAttributesClass": "",
    "CertificateSigningRequest": "",
    "Lease": "",
    "FlowSchema": "",
    "PriorityLevelConfiguration": "",
    "Binding": "",
    "ComponentStatus": "",
    "ResourceClaim": "",
    "ResourceClaimTemplate": "",
    "DeviceClass": "",
    "ServiceCIDR": "",
    "IPAddress": "",
}

# Groups of the Kubernetes API itself: a kind of ours in one of them is only misplaced, in another it is foreign.
_OWN_GROUPS = frozenset(
    (
        "",
        "apps",
        "autoscaling",
        "batch",
        "extensions",
        "networking.k8s.io",
        "discovery.k8s.io",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
        "policy",
        "authorization.k8s.io",
        "scheduling.k8s.io",
        "core",
        "k8s.io",
    )
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A manifest whose kind we do not carry: what is wrong, where, and what to do."""

    message: str
    field: str
    code: str
    hint: str = ""
    may_be_skipped: bool = False


def recognise(api_version: object, kind: object) -> KindSpec | Unknown:
    """Return the kind that a manifest declares, or what is wrong with its declaration."""
    if not isinstance(kind, str) or not isinstance(api_version, str):
        return _undeclared(api_version, kind)
    group = api_version.rpartition("/")[0]
    spec = KINDS.get(kind)
    if spec is not None and spec.served and group in _OWN_GROUPS:
        return _of_ours(spec, api_version)
    is_waiting = spec is not None and not spec.served
    if (is_waiting or kind in _NOT_IMPLEMENTED) and (group in _OWN_GROUPS or group.endswith(".k8s.io")):
        hint = _NOT_IMPLEMENTED.get(kind, "")
        return Unknown(f"kind {kind} is not implemented", "kind", "not-implemented", hint, True)
    near = get_close_matches(kind, [*KINDS, *_NOT_IMPLEMENTED], 1) if group in _OWN_GROUPS else []
    hint = f"did you mean {near[0]}?" if near else ""
    return Unknown(f"unknown kind {kind} of {api_version}", "kind", "unknown-kind", hint, True)


def _of_ours(spec: KindSpec, api_version: str) -> KindSpec | Unknown:
    if api_version not in (spec.api_version, *spec.also):
        message = f"{spec.kind} is {spec.api_version}, not {api_version}"
        hint = f"write apiVersion: {spec.api_version}"
        return Unknown(message, "apiVersion", "wrong-api-version", hint)
    if not spec.declarable:
        hint = "remove it from the repository"
        return Unknown(f"{spec.kind} objects are observed, never declared", "kind", "not-declarable", hint)
    return spec


def _undeclared(api_version: object, kind: object) -> Unknown:
    missing = [word for word, value in (("apiVersion", api_version), ("kind", kind)) if value is None]
    if missing:
        hint = "a file that is no manifest belongs outside the source's path, or under a name that begins with a dot"
        return Unknown(f"not a manifest: {' and '.join(missing)} missing", "", "not-a-manifest", hint)
    wrong = "apiVersion" if not isinstance(api_version, str) else "kind"
    return Unknown(f"{wrong} must be a text", wrong, "bad-kind")
