"""What a rollout waits for, in the words of `kubectl rollout status`, since people and programs look for them. Pure."""

from typing import Any, NamedTuple

Document = dict[str, Any]
_NOT_FOLLOWED = "rollout status is only available for RollingUpdate strategy type"


class Progress(NamedTuple):
    """How far a rollout is, in one sentence, and whether it is over: with success, or for good without."""

    text: str
    is_done: bool = False
    has_failed: bool = False


def progress_of(kind: str, workload: Document) -> Progress:
    """Return how far the rollout of a workload of one of `KINDS` is."""
    return _JUDGES[kind](workload["metadata"], workload["spec"], workload.get("status", {}))


def _deployment(metadata: Document, spec: Document, status: Document) -> Progress:
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return Progress("Waiting for deployment spec update to be observed...")
    what = f'deployment "{metadata["name"]}"'
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(f"{what} exceeded its progress deadline", has_failed=True)
    updated, wanted = status.get("updatedReplicas", 0), spec.get("replicas", 1)
    old = status.get("replicas", 0) - updated
    if updated >= wanted and old > 0:
        return _waits(what, f"{old} old replicas are pending termination")
    return _replaced(what, "replicas", updated, wanted, status.get("availableReplicas", 0), updated)


def _daemon_set(metadata: Document, spec: Document, status: Document) -> Progress:
    if spec.get("updateStrategy", {}).get("type", "RollingUpdate") != "RollingUpdate":
        return Progress(_NOT_FOLLOWED, has_failed=True)
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return Progress("Waiting for daemon set spec update to be observed...")
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    what = f'daemon set "{metadata["name"]}"'
    return _replaced(what, "pods", updated, wanted, status.get("numberAvailable", 0), wanted)


def _stateful_set(metadata: Document, spec: Document, status: Document) -> Progress:
    strategy = spec.get("updateStrategy", {})
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return Progress(_NOT_FOLLOWED, has_failed=True)
    observed = status.get("observedGeneration", 0)
    if not observed or observed < metadata.get("generation", 0):
        return Progress("Waiting for statefulset spec update to be observed...")
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return Progress(f"Waiting for {wanted - ready} pods to be ready...")
    updated, partition = status.get("updatedReplicas", 0), strategy.get("rollingUpdate", {}).get("partition", 0)
    if partition:
        return _partitioned(updated, wanted - partition)
    if status.get("updateRevision") != status.get("currentRevision"):
        revision = status.get("updateRevision", "")
        return Progress(f"waiting for statefulset rolling update to complete {updated} pods at revision {revision}...")
    pods, revision = status.get("currentReplicas", 0), status.get("currentRevision", "")
    return Progress(f"statefulset rolling update complete {pods} pods at revision {revision}...", is_done=True)


def _partitioned(updated: int, wanted: int) -> Progress:
    if updated < wanted:
        return Progress(
            f"Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated..."
        )
    return Progress(f"partitioned roll out complete: {updated} new pods have been updated...", is_done=True)


def _replaced(what: str, pods: str, updated: int, wanted: int, available: int, needed: int) -> Progress:
    if updated < wanted:
        return _waits(what, f"{updated} out of {wanted} new {pods} have been updated")
    if available < needed:
        return _waits(what, f"{available} of {needed} updated {pods} are available")
    return Progress(f"{what} successfully rolled out", is_done=True)


def _waits(what: str, for_: str) -> Progress:
    return Progress(f"Waiting for {what} rollout to finish: {for_}...")


_JUDGES = {"Deployment": _deployment, "DaemonSet": _daemon_set, "StatefulSet": _stateful_set}
KINDS = tuple(_JUDGES)
