"""What came of handed-out actions, taken into the memory, and told as events.

Pure. An outcome whose action is not remembered says nothing that the host does not show by itself.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Outcome, OutcomeStatus
from reconciler.planner.node.backoff import effect_failed, pull_failed
from reconciler.planner.node.memory import (
    ContainerMemory,
    Emitted,
    Failure,
    ImageMemory,
    NodeMemory,
    PodMemory,
)

_CONFIGURATION = "CreateContainerConfigError"
_SUCCEEDED = (OutcomeStatus.DONE, OutcomeStatus.UNCHANGED)
_FAILED = (OutcomeStatus.FAILED, OutcomeStatus.STALE)
_DONE_EVENTS: Mapping[str, tuple[str, str]] = {
    "startContainer": ("Started", "Started container {}"),
    "stopContainer": ("Killing", "Stopped container {}"),
    "resizeContainer": ("ResizeCompleted", "Resized container {} in place"),
}
_FAILED_EVENTS: Mapping[str, str] = {
    "createSandbox": "FailedCreatePodSandBox",
    "attachPod": "FailedCreatePodSandBox",
    "publishVolumes": "FailedMount",
    "mountShare": "FailedMount",
    "attachDevice": "FailedMapVolume",
    "stopContainer": "FailedKillPod",
    "resizeContainer": "ResizeError",
    "removeSandbox": "FailedKillPod",
}


# What is done on a host that is prepared, and fails on one that is not.
NEEDS_PREPARED = frozenset({"programServices", "programPeers", "programExternal", "publishNames"})


class Noted(Part, frozen=True):
    """The memory with the outcomes in it, and what is worth telling."""

    memory: NodeMemory
    events: tuple[NodeEvent, ...] = ()


def note_outcomes(memory: NodeMemory, outcomes: tuple[Outcome, ...], now: float) -> Noted:
    """Take outcomes into the memory, in the order of their keys so that arrival decides nothing."""
    if not outcomes:
        return Noted(memory)
    answers = {outcome.key: outcome for outcome in sorted(outcomes, key=lambda one: (one.finished_at, one.key))}
    images = dict(memory.images)
    failures = dict(memory.failures)
    pods = dict(memory.pods)
    events: list[NodeEvent] = []
    pulled: set[str] = set()
    for uid, pod in memory.pods.items():
        for emitted in pod.emitted:
            outcome = answers.get(emitted.key)
            if outcome is None:
                continue
            events.extend(_pod_events(uid, pod, emitted, outcome))
            if emitted.type != "pullImage":
                pods[uid] = _note_pod(pods[uid], emitted, outcome, now)
            elif emitted.key not in pulled:
                pulled.add(emitted.key)
                images[emitted.target] = _note_pull(images.get(emitted.target, ImageMemory()), outcome, now)
    for emitted in memory.emitted:
        outcome = answers.get(emitted.key)
        if outcome is not None and outcome.status is OutcomeStatus.DONE and emitted.repairs:
            events.append(NodeEvent(at=outcome.finished_at, reason="Repaired", message=emitted.repairs))
        if outcome is not None and outcome.status in _SUCCEEDED and emitted.type == "prepareHost":
            # What failed for want of it does not wait any longer.
            failures = {name: one for name, one in failures.items() if name.partition("/")[0] not in NEEDS_PREPARED}
        if outcome is not None and outcome.status in _FAILED:
            name = f"{emitted.type}/{emitted.target}"
            failures[name] = _failed(failures.get(name, Failure()), outcome, now)
            reason = outcome.reason or "Failed"
            events.append(
                NodeEvent(at=now, type="Warning", reason=reason, message=f"{emitted.type}: {outcome.message}")
            )
    return Noted(replace(memory, images=images, failures=failures, pods=pods), tuple(events))


def _note_pull(image: ImageMemory, outcome: Outcome, now: float) -> ImageMemory:
    if outcome.status in _SUCCEEDED:
        return ImageMemory(pulls=image.pulls + 1)
    if outcome.status in _FAILED:
        failure = pull_failed(image.failure, now, outcome.reason or "ErrImagePull", outcome.message)
        return ImageMemory(pulls=image.pulls + 1, failure=failure)
    return image


def _note_pod(pod: PodMemory, emitted: Emitted, outcome: Outcome, now: float) -> PodMemory:
    if emitted.type == "startContainer":
        return _note_start(pod, emitted.target, outcome, now)
    if emitted.type == "resizeContainer":
        return _note_resize(pod, emitted.target, outcome, now)
    if outcome.status in _FAILED:
        return replace(pod, failure=_failed(pod.failure, outcome, now))
    return pod


def _note_start(pod: PodMemory, name: str, outcome: Outcome, now: float) -> PodMemory:
    container = pod.containers.get(name, ContainerMemory())
    if outcome.status in _SUCCEEDED:
        changed = replace(container, failure=Failure())
    elif outcome.status is OutcomeStatus.FAILED and outcome.result:
        # It was made and runs, but its postStart hook failed: Kubernetes kills it.
        changed = replace(container, condemned=outcome.result, condemned_because=outcome.message)
    elif outcome.status is OutcomeStatus.FAILED:
        reason = outcome.reason or "RunContainerError"
        # What a container refers to may appear at any time: looked for steadily, as the kubelet does.
        earlier = Failure() if reason == _CONFIGURATION else container.failure
        changed = replace(container, failure=pull_failed(earlier, now, reason, outcome.message))
    elif outcome.status is OutcomeStatus.STALE:
        return replace(pod, failure=_failed(pod.failure, outcome, now))
    else:
        return pod
    if changed == container:
        return pod
    merged = {**pod.containers, name: changed}
    return replace(pod, containers={key: merged[key] for key in sorted(merged)})


def _note_resize(pod: PodMemory, name: str, outcome: Outcome, now: float) -> PodMemory:
    container = pod.containers.get(name, ContainerMemory())
    if outcome.status in _SUCCEEDED:
        given = pod.allocated.get(name, container.resources)
        changed = replace(container, resources=given, resize_failure=Failure())
    elif outcome.status in _FAILED:
        changed = replace(container, resize_failure=_failed(container.resize_failure, outcome, now))
    else:
        return pod
    merged = {**pod.containers, name: changed}
    return replace(pod, containers={key: merged[key] for key in sorted(merged)})


def _failed(earlier: Failure, outcome: Outcome, now: float) -> Failure:
    stale = outcome.status is OutcomeStatus.STALE
    return effect_failed(earlier, now, outcome.reason or "Failed", outcome.message, stale=stale)


def _pod_events(uid: str, pod: PodMemory, emitted: Emitted, outcome: Outcome) -> tuple[NodeEvent, ...]:
    type_, reason, message, container = "Normal", "", "", ""
    if emitted.type in ("startContainer", "stopContainer", "resizeContainer"):
        container = emitted.target
    if outcome.status is OutcomeStatus.DONE:
        if emitted.type == "pullImage":
            took = max(0.0, outcome.finished_at - outcome.started_at)
            reason, message = "Pulled", f'Successfully pulled image "{_image(emitted)}" in {took:.1f}s'
        elif emitted.type in _DONE_EVENTS:
            reason, text = _DONE_EVENTS[emitted.type]
            message = text.format(emitted.target) + (f" again: {emitted.repairs}" if emitted.repairs else "")
        elif emitted.repairs:
            reason, message = "Repaired", emitted.repairs
    elif outcome.status is OutcomeStatus.FAILED:
        type_, reason = "Warning", _FAILED_EVENTS.get(emitted.type, "Failed")
        what = f"Failed to pull image {_image(emitted)}:" if emitted.type == "pullImage" else "Error:"
        message = f"{what} {outcome.message or outcome.reason}"
    if not reason:
        return ()
    event = NodeEvent(
        at=outcome.finished_at,
        type=type_,
        reason=reason,
        message=message,
        namespace=pod.namespace,
        pod=pod.name,
        uid=uid,
        container=container,
    )
    return (event,)


def _image(emitted: Emitted) -> str:
    """The image of a pull, without the credentials it is shared by."""
    return emitted.target.partition(" ")[0]
