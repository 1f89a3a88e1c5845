"""Objects as they are written down, for tests that need no cluster."""

from typing import Any

import yaml

from reconciler.model.kinds import decode_object, ref_of
from reconciler.model.observed import StoredObject

_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
}


def read(kind: str, *, name: str = "one", metadata: str = "", spec: str = "", status: str = "", rest: str = "") -> Any:
    """Return an object of a kind; each part is what stands between the braces of its YAML."""
    text = (
        f"metadata: {{name: {name}, namespace: default, {metadata}}}\nspec: {{{spec}}}\nstatus: {{{status}}}\n{rest}\n"
    )
    document = {"apiVersion": _VERSIONS.get(kind, "v1"), "kind": kind, **yaml.safe_load(text)}
    for part in ("spec", "status"):
        if not document[part]:
            del document[part]
    return decode_object(document)


def stored(object: Any, manager: str = "source/main", digest: str = "") -> StoredObject:
    """Return an object as the store has it."""
    return StoredObject(ref=ref_of(object), object=object, manager=manager, digest=digest)
