"""Which container a log or a command is about, and Kubernetes' sentences where there is none."""

import msgspec
import pytest

from reconciler.model.kinds import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    EphemeralContainer,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from reconciler.model.streams import (
    DEFAULT_CONTAINER,
    ContainerNotRunning,
    ContainerUnavailable,
    chosen_container,
    logged_container_id,
    running_container_id,
)

RUNNING = ContainerState(running=ContainerStateRunning())


def ended(container_id: str = "old") -> ContainerState:
    """A container that has ended."""
    named = f"docker://{container_id}" if container_id else ""
    return ContainerState(terminated=ContainerStateTerminated(exit_code=1, container_id=named))


def waiting(reason: str) -> ContainerState:
    """A container that has not started."""
    return ContainerState(waiting=ContainerStateWaiting(reason=reason))


def pod(*names: str, init: tuple[str, ...] = (), default: str = "", node: str = "node-1", **status: object) -> Pod:
    """A Pod of these containers."""
    annotations = {DEFAULT_CONTAINER: default} if default else {}
    return Pod(
        metadata=ObjectMeta(name="x", namespace="shop", annotations=annotations),
        spec=PodSpec(
            containers=tuple(Container(name=name, image="a") for name in names or ("app",)),
            init_containers=tuple(Container(name=name, image="a") for name in init),
            node_name=node,
        ),
        status=PodStatus(**{"phase": "Running", **status}),  # type: ignore[arg-type]
    )


def with_status(state: ContainerState, last: ContainerState | None = None, container_id: str = "new") -> Pod:
    """A Pod whose container is in a state."""
    named = f"docker://{container_id}" if container_id else ""
    status = ContainerStatus(name="app", container_id=named, state=state, last_state=last or ContainerState())
    return pod(container_statuses=(status,))


def test_the_container_that_is_meant() -> None:
    """By name, by annotation, or because there is no other."""
    assert chosen_container(pod("app"), "") == "app"
    assert chosen_container(pod("a", "b"), "b") == "b"
    assert chosen_container(pod("a", "b", default="b"), "") == "b"
    assert chosen_container(pod("a", init=("i",)), "i") == "i"
    assert chosen_container(pod("a", default="gone"), "") == "a"


@pytest.mark.parametrize(
    ("one", "asked", "message"),
    [
        (pod("a", "b"), "", "a container name must be specified for pod x, choose one of: [a b]"),
        (
            pod("a", "b", init=("i", "j"), default="gone"),
            "",
            "a container name must be specified for pod x, choose one of: [a b] or one of the init containers: [i j]",
        ),
        (pod("a"), "c", "container c is not valid for pod x"),
    ],
)
def test_the_choice_is_asked_for(one: Pod, asked: str, message: str) -> None:
    """With what there is."""
    with pytest.raises(ContainerUnavailable, match=f"^{message.replace('[', chr(92) + '[')}$"):
        chosen_container(one, asked)


@pytest.mark.parametrize(
    ("state", "last", "container_id", "found"),
    [
        (RUNNING, None, "new", "new"),
        (RUNNING, ended(), "new", "new"),
        (ended("new"), None, "new", "new"),
        (ended(""), ended(), "", "old"),
        (waiting("CrashLoopBackOff"), ended(), "new", "old"),
    ],
)
def test_the_log_of_what_runs_or_ran_last(
    state: ContainerState, last: ContainerState | None, container_id: str, found: str
) -> None:
    """A container in back-off shows why it ended."""
    assert logged_container_id(with_status(state, last, container_id), "", previous=False) == found


def test_the_log_of_the_previous_run() -> None:
    """Only where there was one."""
    assert logged_container_id(with_status(RUNNING, ended()), "", previous=True) == "old"
    with pytest.raises(ContainerUnavailable, match=r'^previous terminated container "app" in pod "x" not found$'):
        logged_container_id(with_status(RUNNING), "", previous=True)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (pod(), "is not available"),
        (with_status(waiting("ContainerCreating")), "is waiting to start: ContainerCreating"),
        (with_status(waiting("PodInitializing")), "is waiting to start: PodInitializing"),
        (with_status(waiting("ErrImagePull")), "is waiting to start: image can't be pulled"),
        (with_status(waiting("ImagePullBackOff")), "is waiting to start: trying and failing to pull image"),
        (with_status(ContainerState()), "is waiting to start - no logs yet"),
        (with_status(ended(""), None, ""), "is terminated"),
    ],
)
def test_without_a_log_it_is_said_why(one: Pod, says: str) -> None:
    """In the words of the kubelet."""
    with pytest.raises(ContainerUnavailable) as refused:
        logged_container_id(one, "", previous=False)
    assert str(refused.value) == f'container "app" in pod "x" {says}'


def test_a_command_needs_a_container_that_runs() -> None:
    """On a host, of a Pod that has not ended."""
    assert running_container_id(with_status(RUNNING), "") == "new"
    for state in (waiting("ContainerCreating"), ended(), ContainerState()):
        with pytest.raises(ContainerNotRunning, match=r'^container not found \("app"\)$'):
            running_container_id(with_status(state), "")
    with pytest.raises(ContainerUnavailable, match="completed pod; current phase is Failed"):
        running_container_id(pod(phase="Failed"), "")
    with pytest.raises(ContainerUnavailable, match="pod x does not have a host assigned"):
        running_container_id(pod(node=""), "")


def test_a_container_that_looks_into_the_pod_is_meant_by_its_name() -> None:
    """Its log and its processes are reached; unasked it is nobody's choice."""
    found = pod("web")
    status = ContainerStatus(name="debugger", container_id="docker://d", state=RUNNING)
    found = msgspec.structs.replace(
        found,
        spec=msgspec.structs.replace(
            found.spec, ephemeral_containers=(EphemeralContainer(name="debugger", image="b"),)
        ),
        status=msgspec.structs.replace(found.status, ephemeral_container_statuses=(status,)),
    )
    assert chosen_container(found, "") == "web"
    assert running_container_id(found, "debugger") == "d"
    assert logged_container_id(found, "debugger", previous=False) == "d"


def test_a_container_of_another_runtime_has_no_log_here() -> None:
    """Whoever wrote the status: the Docker Engine would not know it."""
    shown = ContainerStatus(name="app", container_id="containerd://4f2c1e9", state=RUNNING)
    with pytest.raises(ContainerUnavailable, match="containerd://4f2c1e9"):
        logged_container_id(pod(container_statuses=(shown,)), "app", previous=False)
