"""The limits of a Pod as a whole on a real Engine: they hold for its containers together, and leave with the Pod."""

import threading
import time
import uuid
from pathlib import Path

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import OutcomeStatus
from tests.executors.container import build
from tests.executors.container.test_lifecycle import do, fact

pytestmark = pytest.mark.real

# It holds 40 MiB, and never ends by itself.
HUNGRY = ["/bin/busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=40M"]


def groups(engine: Engine, uid: str) -> list[Path]:
    """Return the Pod's control groups, in every hierarchy."""
    name = uid if engine.info().cgroup_driver == "cgroupfs" else uid.replace("-", "_")
    return [path for path in Path("/sys/fs/cgroup").rglob(f"*reconciler*{name}*") if path.is_dir()]


def content(found: list[Path], *files: str) -> str:
    """Return what the one file of these names holds that is there."""
    (file,) = [path / name for path in found for name in files if (path / name).exists()]
    return file.read_text().strip()


def killed(executor: ContainerExecutor) -> ContainerFact:
    """Wait until one of the containers has ended for want of memory; the Engine may tell why a moment later."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        executor.refresh(full=True)
        for one in executor.facts():
            if one.state == "exited" and one.oom_killed:
                return one
        threading.Event().wait(0.05)
    raise AssertionError([(one.container, one.state, one.oom_killed) for one in executor.facts()])


def test_containers_without_limits_share_what_their_pod_may_use(executor: ContainerExecutor, engine: Engine) -> None:
    """Each would fit alone; together they are too large, and one of them is killed. The group goes with the Pod."""
    containers = [build.container(name, command=HUNGRY) for name in ("one", "other")]
    pod = build.pod(
        uid=str(uuid.uuid4()), containers=containers, resources={"limits": {"memory": "64Mi", "cpu": "500m"}}
    )
    sandbox = do(executor, build.sandbox(pod))
    assert sandbox.status is OutcomeStatus.DONE, sandbox.message
    found = groups(engine, pod.uid)
    assert content(found, "memory.max", "memory.limit_in_bytes") == str(64 << 20)
    assert content(found, "cpu.max", "cpu.cfs_quota_us").split()[0] == "50000"

    executor.watch(lambda _: None)
    assert do(executor, build.start(pod, 0)).status is OutcomeStatus.DONE
    one = fact(executor, "one")
    assert one.granted is not None and (one.granted.memory_bytes, one.granted.cpu_quota_us) == (64 << 20, 50000)
    assert do(executor, build.start(pod, 1)).status is OutcomeStatus.DONE
    ended = killed(executor)
    assert ended.exit_code == 137
    (left,) = [each for each in executor.facts() if each.container in ("one", "other") and each.id != ended.id]
    assert left.state == "running" and not left.oom_killed and fact(executor, "POD").state == "running"

    assert do(executor, build.stop(pod, left.id, grace_s=0)).status is OutcomeStatus.DONE
    for each in executor.facts():
        if each.role != "sandbox":
            engine.remove_container(each.id, force=True, timeout_s=30)
    assert do(executor, build.remove_sandbox(pod, sandbox.result)).status is OutcomeStatus.DONE
    assert groups(engine, pod.uid) == []


def test_what_a_killed_agent_left_is_swept(executor: ContainerExecutor, engine: Engine) -> None:
    """A group whose Pod has no container any more goes with the next full look; that of one that runs stays."""
    pod = build.pod(uid=str(uuid.uuid4()), resources={"limits": {"memory": "64Mi"}})
    sandbox = do(executor, build.sandbox(pod))
    assert sandbox.status is OutcomeStatus.DONE, sandbox.message
    executor.refresh(full=True)
    assert groups(engine, pod.uid)
    engine.remove_container(sandbox.result, force=True, timeout_s=30)
    executor.refresh(full=True)
    assert groups(engine, pod.uid) == []
