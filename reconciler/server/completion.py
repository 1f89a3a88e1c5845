"""What Kubernetes writes into an object when it is created and we only derive: clients look for it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model.kinds import Job, Object, Pod

_UID = "batch.kubernetes.io/controller-uid"
_NAME = "batch.kubernetes.io/job-name"
# The names before Kubernetes 1.27, which clients go on using.
_OLD_UID, _OLD_NAME = "controller-uid", "job-name"


def complete(object: Object, shown: dict[str, Any]) -> None:
    """Add to the document of an object what its kind has besides what was declared."""
    completed = _OF_KIND.get(object.kind)
    if completed is not None:
        completed(object, shown)


def _job(object: Object, shown: dict[str, Any]) -> None:
    """Add the selector that is made for a Job, the labels of its Pods, and its limits."""
    assert isinstance(object, Job)
    spec: dict[str, Any] = shown["spec"]
    spec.setdefault("backoffLimit", object.spec.failures_max)
    spec.setdefault("suspend", object.spec.suspend)
    if object.spec.completions is None and object.spec.parallelism == 1:
        spec["completions"] = 1
    if object.spec.manual_selector or not object.metadata.uid:
        return
    uid, name = object.metadata.uid, object.metadata.name
    spec["selector"] = {"matchLabels": {_UID: uid}}
    metadata = spec["template"].setdefault("metadata", {})
    metadata["labels"] = {**metadata.get("labels", {}), _UID: uid, _NAME: name, _OLD_UID: uid, _OLD_NAME: name}


def _pod(object: Object, shown: dict[str, Any]) -> None:
    """Add the security context, also where it says nothing: `kubectl debug` reads it without asking."""
    assert isinstance(object, Pod)
    shown["spec"].setdefault("securityContext", {})


_OF_KIND: Mapping[str, Callable[[Object, dict[str, Any]], None]] = {"Job": _job, "Pod": _pod}
