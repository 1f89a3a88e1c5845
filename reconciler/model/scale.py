"""How many Pods a workload has and is to have, in the form of all kinds: Scale of autoscaling/v1. Pure."""

from typing import Any

from reconciler.model.base import Value
from reconciler.model.kinds import AnyObject, LabelSelector, ObjectMeta
from reconciler.model.labels import query_text, requirements_of

# Kinds whose number of Pods is a field of its own.
SCALED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})


class ScaleSpec(Value):
    """How many Pods there are to be."""

    replicas: int = 0


class ScaleStatus(Value):
    """How many Pods there are, and which ones count, as a query's selector."""

    replicas: int = 0
    selector: str = ""


class Scale(Value):
    """The scale of one workload."""

    metadata: ObjectMeta
    spec: ScaleSpec = ScaleSpec()
    status: ScaleStatus = ScaleStatus()


def scale_of(object: AnyObject) -> Scale:
    """Return the scale of a workload; its metadata is what names it, and the version it was read from."""
    workload: Any = object
    metadata = workload.metadata
    selector = workload.spec.selector
    if not isinstance(selector, LabelSelector):
        selector = LabelSelector(match_labels=selector)
    return Scale(
        metadata=ObjectMeta(
            name=metadata.name,
            namespace=metadata.namespace,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            creation_timestamp=metadata.creation_timestamp,
        ),
        spec=ScaleSpec(replicas=workload.spec.replicas),
        status=ScaleStatus(replicas=workload.status.replicas, selector=query_text(requirements_of(selector))),
    )
