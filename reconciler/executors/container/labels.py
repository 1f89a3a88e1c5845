"""The labels that every container of ours carries, and who owns what (P05, P12).

Pure.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.model.base import Value
from reconciler.model.node import PodAssignment

PREFIX = "reconciler.dev/"
CLUSTER = f"{PREFIX}cluster"
NODE = f"{PREFIX}node"
NAMESPACE = f"{PREFIX}namespace"
POD = f"{PREFIX}pod"
POD_UID = f"{PREFIX}pod-uid"
POD_IP = f"{PREFIX}pod-ip"
CONTAINER = f"{PREFIX}container"
ROLE = f"{PREFIX}role"
SPEC_DIGEST = f"{PREFIX}spec-digest"
REVISION = f"{PREFIX}revision"
ATTEMPT = f"{PREFIX}attempt"
TERMINATION_POLICY = f"{PREFIX}termination-message-policy"

SANDBOX_ROLE = "sandbox"
SANDBOX_CONTAINER = "POD"


class Owner(Value):
    """Whose containers these are: one cluster's, on one node."""

    cluster: str
    node: str


def labels_of(owner: Owner, pod: PodAssignment, container: str, role: str, attempt: int) -> dict[str, str]:
    """Return the labels of one container of a Pod."""
    return {
        CLUSTER: owner.cluster,
        NODE: owner.node,
        NAMESPACE: pod.namespace,
        POD: pod.name,
        POD_UID: pod.uid,
        CONTAINER: container,
        ROLE: role,
        SPEC_DIGEST: pod.digest,
        REVISION: pod.revision,
        ATTEMPT: str(attempt),
    }


def labels_in(inspected: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of an inspected container."""
    return (inspected.get("Config") or {}).get("Labels") or {}
