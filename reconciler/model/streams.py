"""Which container of a Pod a log or a command is about, and what is said when there is none.

Pure. The sentences are Kubernetes', since people and programs look for them.
"""

from reconciler.model.container_id import DOCKER, read_id
from reconciler.model.kinds import ContainerStatus, Pod

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_PULL_WORDS = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


class ContainerUnavailable(LookupError):
    """The container that is asked for is not one of the Pod, or is not in a state for it."""


class ContainerNotRunning(ContainerUnavailable):
    """The container is one of the Pod and has no process now."""


def chosen_container(pod: Pod, asked: str) -> str:
    """Return the container that is meant: the one asked for, the only one, or the one the Pod's annotation names."""
    name = pod.metadata.name
    regular = [one.name for one in pod.spec.containers]
    initial = [one.name for one in pod.spec.init_containers]
    if asked:
        added = (one.name for one in pod.spec.ephemeral_containers)
        if asked not in (*regular, *initial, *added):
            raise ContainerUnavailable(f"container {asked} is not valid for pod {name}")
        return asked
    default = pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    if len(regular) == 1 or default in regular:
        return default if default in regular else regular[0]
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(regular)}]"
    if initial:
        message += f" or one of the init containers: [{' '.join(initial)}]"
    raise ContainerUnavailable(message)


def running_container_id(pod: Pod, asked: str) -> str:
    """Return the Engine's id of the container to run a command in."""
    name = chosen_container(pod, asked)
    if not pod.spec.node_name:
        raise ContainerUnavailable(f"pod {pod.metadata.name} does not have a host assigned")
    if pod.status.phase in ("Succeeded", "Failed"):
        raise ContainerUnavailable(
            f"cannot exec into a container in a completed pod; current phase is {pod.status.phase}"
        )
    status = status_of_container(pod, name)
    if status is None or status.state.running is None or not status.container_id:
        raise ContainerNotRunning(f'container not found ("{name}")')
    return _engine_id(status.container_id)


def logged_container_id(pod: Pod, asked: str, *, previous: bool) -> str:
    """Return the Engine's id of the container whose log is meant: the one that runs, or the last that ran."""
    name, what = chosen_container(pod, asked), f'in pod "{pod.metadata.name}"'
    status = status_of_container(pod, name)
    if status is None:
        raise ContainerUnavailable(f'container "{name}" {what} is not available')
    last = status.last_state.terminated
    if previous:
        if last is None or not last.container_id:
            raise ContainerUnavailable(f'previous terminated container "{name}" {what} not found')
        return _engine_id(last.container_id)
    if status.state.running is not None and status.container_id:
        return _engine_id(status.container_id)
    ended = status.state.terminated
    if ended is not None or last is not None:
        known = [one.container_id for one in (ended, last) if one is not None and one.container_id]
        if not known:
            raise ContainerUnavailable(f'container "{name}" {what} is terminated')
        return _engine_id(known[0])
    waiting = status.state.waiting.reason if status.state.waiting is not None else ""
    if not waiting:
        raise ContainerUnavailable(f'container "{name}" {what} is waiting to start - no logs yet')
    raise ContainerUnavailable(f'container "{name}" {what} is waiting to start: {_PULL_WORDS.get(waiting, waiting)}')


def status_of_container(pod: Pod, name: str) -> ContainerStatus | None:
    """Return what was observed of a container of any kind; None before anything was."""
    status = pod.status
    statuses = (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses)
    return next((one for one in statuses if one.name == name), None)


def _engine_id(container_id: str) -> str:
    found = read_id(container_id)
    if found is None or found.runtime != DOCKER:
        raise ContainerUnavailable(f'container "{container_id}" is none of the Docker Engine')
    return found.id
