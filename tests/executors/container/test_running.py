"""What is asked of running containers on a real Engine: probes, logs, volumes, and living through a restart."""

import os
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.volume import VolumeExecutor
from reconciler.model.details import PublishVolumes, UnpublishVolumes
from reconciler.model.kinds import Probe
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ProbeTarget
from reconciler.model.plan import OutcomeStatus
from tests.e2e.host import wait_for
from tests.executors.container import build
from tests.executors.container.test_lifecycle import bring_up, do, fact, wait_until_ended

pytestmark = pytest.mark.real
SCRIPTS = Path(__file__).parents[3] / "scripts"


def target(pod: PodAssignment, container_id: str, *command: str) -> ProbeTarget:
    """An exec probe of the Pod's container."""
    return ProbeTarget(
        pod_uid=pod.uid,
        pod_ip="10.42.0.7",
        container="main",
        container_id=container_id,
        probe_kind="liveness",
        probe=msgspec.convert({"exec": {"command": list(command)}}, Probe),
        spec=pod.spec.containers[0],
        started_at=0.0,
    )


def test_command_probes(executor: ContainerExecutor) -> None:
    """Exit status 0 is success; the output is told; a missing program is a failure."""
    pod = build.pod()
    container_id = bring_up(executor, pod)
    assert executor.probe(target(pod, container_id, "/bin/echo", "hi"), 5) == (True, "hi\n")
    assert executor.probe(target(pod, container_id, "/bin/sh", "-c", "echo no >&2; exit 3"), 5) == (False, "no\n")
    assert executor.probe(target(pod, container_id, "/no/such"), 5)[0] is False
    closed = "exec >/dev/null 2>&1; sleep 0.3; exit 4"
    assert executor.probe(target(pod, container_id, "/bin/sh", "-c", closed), 5) == (False, "")


def test_a_command_probe_that_hangs_is_killed(executor: ContainerExecutor) -> None:
    """P07: it ends in time, and so does its process."""
    pod = build.pod()
    container_id = bring_up(executor, pod)
    began = time.monotonic()
    assert executor.probe(target(pod, container_id, "/bin/sleep", "77"), 0.5) == (
        False,
        "command timed out after 0.5s",
    )
    assert time.monotonic() - began < 30
    wait_for("its process has ended", lambda: not _processes(b"sleep\x0077"), 30)
    assert fact(executor, "main").state == "running"


def test_logs(executor: ContainerExecutor) -> None:
    """Tail, times, limits, following, and an end from another thread."""
    script = "for i in 1 2 3; do echo line $i; sleep 0.2; echo error $i >&2; sleep 0.2; done; sleep 60"
    pod = build.pod(containers=[build.container(command=["/bin/sh", "-c", script])])
    container_id = bring_up(executor, pod)
    followed = executor.logs(container_id, follow=True)
    told = b""
    for piece in followed:
        told += piece
        if told.count(b"\n") == 6:
            break
    assert told.split(b"\n")[:2] == [b"line 1", b"error 1"]
    closer = threading.Timer(0.3, followed.close)
    closer.start()
    began = time.monotonic()
    assert list(followed) == [] and time.monotonic() - began < 30
    assert b"".join(executor.logs(container_id, tail=2)) == b"line 3\nerror 3\n"
    assert b"".join(executor.logs(container_id, limit_bytes=9)) == b"line 1\ner"
    assert b"".join(executor.logs(container_id, tail=1, timestamps=True)).startswith(b"20")
    assert b"".join(executor.logs(container_id, since=time.time() + 60)) == b""
    with pytest.raises(LookupError):
        executor.logs("0" * 64)


def test_a_terminals_log_is_not_framed(executor: ContainerExecutor) -> None:
    """With a terminal the Engine's stream is the output itself."""
    pod = build.pod(containers=[build.container(command=["/bin/echo", "hi"], tty=True)])
    container_id = bring_up(executor, pod)
    wait_until_ended(executor, "main")
    assert b"".join(executor.logs(container_id)) == b"hi\r\n"


def test_volumes_are_seen_by_containers(executor: ContainerExecutor, volumes: VolumeExecutor) -> None:
    """P21: files of configuration change under a running container, parts and groups are as asked for."""
    script = "cat /c/a /part/x; id; while ! grep -q 2 /c/a; do sleep 0.05; done; cat /c/a; echo no > /c/b"
    pod = build.pod(
        securityContext={"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 4321},
        volumes=[{"name": "c", "configMap": {"name": "settings"}}, {"name": "d", "emptyDir": {}}],
        containers=[
            build.container(
                command=["/bin/sh", "-c", script.replace("grep -q 2 /c/a", '[ "$(cat /c/a)" = 2 ]')],
                volumeMounts=[
                    {"name": "c", "mountPath": "/c"},
                    {"name": "c", "mountPath": "/part/x", "subPath": "a"},
                    {"name": "d", "mountPath": "/d", "subPathExpr": "logs/$(NAME)"},
                ],
                env=[{"name": "NAME", "value": "web"}],
            )
        ],
    )

    def publish(value: str) -> None:
        detail = PublishVolumes(pod=pod, version=value, node="n1", pod_ip="", host_ip="")
        told = volumes.execute(build.action(detail), build.materials(build.material("ConfigMap", "settings", a=value)))
        assert told.status is OutcomeStatus.DONE, told.message

    publish("1")
    container_id = bring_up(executor, pod)
    wait_for("it has read the first", lambda: b"groups=" in b"".join(executor.logs(container_id)), 30)
    publish("2")
    assert wait_until_ended(executor, "main").exit_code == 1
    told = b"".join(executor.logs(container_id)).decode()
    assert told.startswith("11uid=1234 gid=1234 groups=1234,4321\n") and "\n2" in told
    assert "Read-only file system" in told
    assert (volumes.volume_path(pod.uid, pod.spec.volumes[1]) / "logs/web").is_dir()
    do(executor, build.remove(pod, container_id))
    assert volumes.execute(build.action(UnpublishVolumes(pod_uid=pod.uid)), build.materials()).status is (
        OutcomeStatus.DONE
    )


def test_nothing_is_disturbed_by_a_restart_of_the_engine(executor: ContainerExecutor) -> None:
    """P10: containers go on, and their facts are current again by themselves."""
    looked = threading.Event()
    executor.watch(lambda reason: looked.set())
    pod = build.pod()
    container_id = bring_up(executor, pod)
    before = fact(executor, "main")
    subprocess.run([SCRIPTS / "lab-dockerd", "restart"], check=True)
    deadline = time.monotonic() + 60
    while not executor._cache._is_current and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert executor._cache._is_current
    after = fact(executor, "main")
    assert (after.id, after.pid, after.started_at) == (before.id, before.pid, before.started_at)
    looked.clear()
    executor._engine.kill_container(container_id)
    assert looked.wait(60)
    assert wait_until_ended(executor, "main").exit_code == 137


def test_an_engine_that_hangs_costs_its_deadline_only(volumes: VolumeExecutor, tmp_path: Path) -> None:
    """P07, P20: an Engine that accepts and never answers is silent after the deadline."""
    import socket

    path = tmp_path / "hung.sock"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        silent = ContainerExecutor(
            Engine(f"unix://{path}", timeout_s=0.5), cluster="c", node="n", volumes=volumes, data_dir=tmp_path
        )
        began = time.monotonic()
        outcome = do(silent, build.sandbox(build.pod()))
        assert (outcome.reason, outcome.retry) == ("EngineSilent", "transient")
        assert time.monotonic() - began < 15


def _processes(words: bytes) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if words in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return [each for each in found if int(each) != os.getpid()]
