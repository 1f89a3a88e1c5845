"""What may be said of an object in its status: counts that add up, conditions that are whole. Pure.

The rules are Kubernetes' ValidateDeploymentStatus, ValidateReplicaSetStatus, ValidateStatefulSetStatus,
validateDaemonSetStatus, ValidateReplicationControllerStatus, ValidateJobStatusUpdate,
ValidatePodDisruptionBudgetStatusUpdate, ValidateHorizontalPodAutoscalerStatusUpdate and ValidateNamespaceStatusUpdate;
those of Pods, claims, Nodes and load balancers stand in `pod_status`, `claim_status`, `node` and `balancer_status`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from reconciler.model.base import wire_name
from reconciler.model.indexes import shared_index
from reconciler.model.kinds import (
    AnyObject,
    Condition,
    Ingress,
    Job,
    JobStatus,
    Namespace,
    Node,
    PersistentVolumeClaim,
    Pod,
    Service,
)
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN
from reconciler.planner.updates.balancer_status import balancer_faults
from reconciler.planner.updates.claim_status import claim_status_faults
from reconciler.planner.updates.fault import DUPLICATE, INVALID, REQUIRED, Fault
from reconciler.planner.updates.node import feature_faults
from reconciler.planner.updates.pod_status import KEPT_CONDITIONS, status_faults

# Conditions that the cluster itself keeps, by kind; the others of these kinds are other controllers'.
KEPT: Mapping[str, frozenset[str]] = {
    "DaemonSet": frozenset({"ReplicaFailure"}),
    "Deployment": frozenset({"Available", "Progressing", "ReplicaFailure"}),
    "HorizontalPodAutoscaler": frozenset({"AbleToScale", "ScalingActive", "ScalingLimited"}),
    "Job": frozenset({"Complete", "Failed", "FailureTarget", "ReplicaFailure", "SuccessCriteriaMet", "Suspended"}),
    "Node": frozenset(
        {"DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure", "Ready", "reconciler.dev/Degraded"}
    ),
    "Pod": KEPT_CONDITIONS,
    "PodDisruptionBudget": frozenset({"DisruptionAllowed"}),
    "ReplicaSet": frozenset({"ReplicaFailure"}),
    "ReplicationController": frozenset({"ReplicaFailure"}),
    "StatefulSet": frozenset({"ReplicaFailure"}),
}
# What of a status must not be negative.
_COUNTS: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": (
        "current_number_scheduled",
        "number_misscheduled",
        "desired_number_scheduled",
        "number_ready",
        "updated_number_scheduled",
        "number_available",
        "number_unavailable",
        "observed_generation",
        "collision_count",
    ),
    "Deployment": (
        "replicas",
        "updated_replicas",
        "ready_replicas",
        "available_replicas",
        "unavailable_replicas",
        "terminating_replicas",
        "observed_generation",
        "collision_count",
    ),
    "HorizontalPodAutoscaler": ("current_replicas", "desired_replicas"),
    "Job": ("active", "ready", "terminating", "succeeded", "failed"),
    "PodDisruptionBudget": ("disruptions_allowed", "current_healthy", "desired_healthy", "expected_pods"),
    "ReplicaSet": (
        "replicas",
        "fully_labeled_replicas",
        "ready_replicas",
        "available_replicas",
        "terminating_replicas",
        "observed_generation",
    ),
    "ReplicationController": (
        "replicas",
        "fully_labeled_replicas",
        "ready_replicas",
        "available_replicas",
        "observed_generation",
    ),
    "StatefulSet": (
        "replicas",
        "ready_replicas",
        "current_replicas",
        "updated_replicas",
        "available_replicas",
        "observed_generation",
        "collision_count",
    ),
}
# Which count must not be greater than which other one.
_COPIES = (("ready_replicas", "replicas"), ("available_replicas", "replicas"), ("available_replicas", "ready_replicas"))
_BOUNDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Deployment": (("updated_replicas", "replicas"), *_COPIES),
    "Job": (("ready", "active"),),
    "ReplicaSet": (("fully_labeled_replicas", "replicas"), *_COPIES),
    "ReplicationController": (("fully_labeled_replicas", "replicas"), *_COPIES),
    "StatefulSet": (("current_replicas", "replicas"), ("updated_replicas", "replicas"), *_COPIES),
}
_QUALIFIED = re.compile(LABEL_KEY_PATTERN)
_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_REASON_MAX = 1024
_MESSAGE_MAX = 32 * 1024


def object_status_faults(old: AnyObject, new: AnyObject) -> Iterator[Fault]:
    """Yield what is wrong with the new status of an object, by itself and after the old one."""
    if isinstance(old, Pod):
        yield from status_faults(old, cast(Pod, new))
        return
    before, after = cast(Any, old).status, cast(Any, new).status
    yield from count_faults(old.kind, after)
    if (getattr(before, "collision_count", None) or 0) > (getattr(after, "collision_count", None) or 0):
        yield Fault("status.collisionCount", "can only grow")
    match old:
        case Job():
            yield from _job_faults(old, before, after)
        case Namespace():
            yield from _phase_faults(cast(Namespace, new))
        case PersistentVolumeClaim():
            yield from claim_status_faults(after)
        case Ingress() | Service():
            yield from balancer_faults(before, after)
        case Node():
            yield from feature_faults(after.declared_features)
    if old.kind == "PodDisruptionBudget":
        yield from condition_faults(after.conditions)


def count_faults(kind: str, status: Any) -> Iterator[Fault]:
    """Yield the counts of a status that are negative, or greater than those that contain them."""
    for name in _COUNTS.get(kind, ()):
        if (getattr(status, name) or 0) < 0:
            yield Fault(f"status.{wire_name(name)}", "must not be less than 0")
    for part, whole in _BOUNDS.get(kind, ()):
        if getattr(status, part) > getattr(status, whole):
            yield Fault(f"status.{wire_name(part)}", f"cannot be greater than status.{wire_name(whole)}")


def condition_faults(conditions: Sequence[Condition]) -> Iterator[Fault]:
    """Yield what conditions lack that are to be whole: a name of their own, a reason, the time of their transition."""
    seen = set()
    for number, one in enumerate(conditions):
        at = f"status.conditions[{number}]"
        if not _QUALIFIED.search(one.type):
            yield Fault(f"{at}.type", "must be a name such as Ready or example.com/ready")
        if one.type in seen:
            yield Fault(f"{at}.type", "is there twice", DUPLICATE)
        seen.add(one.type)
        if (one.observed_generation or 0) < 0:
            yield Fault(f"{at}.observedGeneration", "must not be less than 0")
        if not one.last_transition_time:
            yield Fault(f"{at}.lastTransitionTime", "is missing", REQUIRED)
        if not one.reason:
            yield Fault(f"{at}.reason", "is missing", REQUIRED)
        elif not _REASON.fullmatch(one.reason) or len(one.reason) > _REASON_MAX:
            yield Fault(f"{at}.reason", f"must be one word of at most {_REASON_MAX} characters, such as SufficientPods")
        if len(one.message) > _MESSAGE_MAX:
            yield Fault(f"{at}.message", f"can have at most {_MESSAGE_MAX} characters")


def _phase_faults(namespace: Namespace) -> Iterator[Fault]:
    """A namespace ends exactly when it was deleted."""
    wanted = "Terminating" if namespace.metadata.deletion_timestamp else "Active"
    if namespace.status.phase != wanted:
        yield Fault("status.phase", f"must be {wanted}", INVALID)


def _job_faults(job: Job, before: JobStatus, after: JobStatus) -> Iterator[Fault]:
    indexes = (after.completed_indexes, after.failed_indexes or "")
    both = shared_index(*indexes, job.spec.completions or 0)
    if both is not None:
        yield Fault("status.failedIndexes", f"has the index {both}, which is among the completed ones")
    for name in ("succeeded", "failed"):
        if 0 <= getattr(after, name) < getattr(before, name):
            yield Fault(f"status.{name}", "can only grow")
    ended = {one.type for one in before.conditions if one.type in ("Complete", "Failed") and one.status == "True"}
    for type_ in sorted(ended - {one.type for one in after.conditions if one.status == "True"}):
        yield Fault("status.conditions", f"{type_} cannot be taken back")
