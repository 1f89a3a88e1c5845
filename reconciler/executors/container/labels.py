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

NAME_PREFIX = "rc_"
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


def is_ours(inspected: Mapping[str, Any], cluster: str) -> bool:
    """Whether this cluster made a container.

    An image that somebody makes of one (`docker commit`) hands its labels on to the containers that they run of it:
    these have neither a name of ours nor the namespaces of a sandbox, and are theirs.
    """
    named = labels_in(inspected)
    if named.get(CLUSTER) != cluster:
        return False
    joined = str((inspected.get("HostConfig") or {}).get("IpcMode", "")).startswith("container:")
    has_our_name = str(inspected.get("Name", "")).lstrip("/").startswith(NAME_PREFIX)
    return has_our_name or joined or named.get(ROLE) == SANDBOX_ROLE
