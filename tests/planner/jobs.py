"""Jobs and their Pods as they are stored, and one look of the controller at them."""

from collections.abc import Iterable
from typing import Any, cast

from reconciler.model.kinds import Job, Pod, decode_object, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import View
from reconciler.planner.workloads.job import sync_jobs
from reconciler.planner.workloads.job_tally import CONTROLLER_UID, FAILURES, IGNORED_FAILURES, INDEX, TRACKED

NOW = 1_800_000_000.0
JOB = ObjectRef.of("Job", "default", "j")
CONTAINER = {"name": "m", "image": "m:1"}


def ago(seconds: float) -> str:
    """Return the time so long ago."""
    return rfc3339(NOW - seconds)


def job(status: dict[str, Any] | None = None, *, restart: str = "Never", **spec: Any) -> Job:
    """Return the Job `j`, which began a minute ago unless its status says otherwise."""
    template = {"spec": {"restartPolicy": restart, "containers": [CONTAINER]}}
    metadata = {"name": "j", "namespace": "default", "uid": "j", "generation": 3}
    whole = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template, **spec}}
    found = decode_object({**whole, "status": {"startTime": ago(60), **(status or {})}})
    return cast(Job, found)


def indexed(completions: int, status: dict[str, Any] | None = None, **spec: Any) -> Job:
    """Return the Job `j` whose Pods have numbers."""
    return job(status, **{"completionMode": "Indexed", "completions": completions, "parallelism": completions, **spec})


def condition(type_: str, **more: Any) -> dict[str, Any]:
    """Return a condition that holds."""
    return {"type": type_, "status": "True", **more}


def pod(
    name: str,
    phase: str = "Running",
    *,
    index: int | str | None = None,
    failures: int = 0,
    ignored: int = 0,
    ended_s: float | None = None,
    ending: bool = False,
    counted: bool = False,
    exit_code: int = 1,
    made_s: float = 30,
    **status: Any,
) -> Pod:
    """Return a Pod of the Job; `ended_s` is how long ago its container ended."""
    annotations = {FAILURES: str(failures), IGNORED_FAILURES: str(ignored)}
    if index is not None:
        annotations[INDEX] = str(index)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": True}
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": name,
        "labels": {CONTROLLER_UID: "j"},
        "annotations": annotations,
        "finalizers": [] if counted else [TRACKED],
        "ownerReferences": [owner],
        "creationTimestamp": ago(made_s),
        **({"deletionTimestamp": ago(1)} if ending else {}),
    }
    if ended_s is not None:
        end = {"terminated": {"exitCode": exit_code, "finishedAt": ago(ended_s)}}
        status["containerStatuses"] = [{"name": "m", "state": end}]
    spec = {"containers": [CONTAINER], "nodeName": "n", "restartPolicy": "Never"}
    return cast(
        Pod,
        decode_object(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": spec,
                "status": {"phase": phase, **status},
            }
        ),
    )


def stored(object: Any, manager: str = "j") -> StoredObject:
    """Return an object as it is stored."""
    return StoredObject(ref=ref_of(object), object=object, manager=manager)


def view_of(of: Job, pods: Iterable[Pod] = (), manager: str = "source/main") -> View:
    """Return a view of a Job with its Pods."""
    found = {one.ref: one for one in (stored(of, manager), *map(stored, pods))}
    return View(ObservedState(cluster=ClusterInfo(id="test"), objects=found), Policy(), NOW)


def synced(of: Job, *pods: Pod, manager: str = "source/main") -> View:
    """Return the view after the controller looked."""
    view = view_of(of, pods, manager)
    sync_jobs(view)
    return view


def the_job(view: View) -> Job:
    """Return the Job as it is by now."""
    return cast(Job, view.objects[JOB].object)


def made(view: View) -> list[Pod]:
    """Return the Pods that were made."""
    return [cast(Pod, one.object) for ref, one in sorted(view.objects.items()) if ref not in view.observed.objects]


def ended(view: View) -> list[str]:
    """Return the names of the Pods that were asked to end."""

    def ends(one: StoredObject | None) -> bool:
        return one is None or one.object.metadata.deletion_timestamp is not None

    pods = [ref for ref in sorted(view.observed.objects) if ref.kind == "Pod"]
    return [ref.name for ref in pods if ends(view.objects.get(ref)) and not ends(view.observed.objects[ref])]
