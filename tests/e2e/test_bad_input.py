"""What people get wrong, and what goes wrong around them: a clear message, and everything else goes on."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.host import IMAGE, Host, docker, remove, wait_for
from tests.e2e.manifests import config_map, sleeper, web

pytestmark = pytest.mark.real

POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: NAME}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: {IMAGE}
    imagePullPolicy: Never
    command: [/bin/sh, -c, "COMMAND"]
    EXTRA
"""


def pod(name: str, command: str = "sleep 100000", extra: str = "") -> str:
    """A bare Pod of one container."""
    return POD.replace("NAME", name).replace("COMMAND", command).replace("EXTRA", extra)


def reason(host: Host, name: str) -> str:
    """Why a Pod's first container waits, or an empty text."""
    found = next((one for one in host.pods() if one["metadata"]["name"] == name), None)
    statuses = (found or {}).get("status", {}).get("containerStatuses", [])
    return str(statuses[0]["state"].get("waiting", {}).get("reason", "")) if statuses else ""


def test_an_image_that_does_not_exist_degrades_its_pod_only(host: Host) -> None:
    """P25: ErrImagePull, then back-off, tried for ever; the other workload of the push is healthy."""
    absent = pod("absent").replace(IMAGE, "127.0.0.1:9/no/such:1").replace("Never", "IfNotPresent")
    host.push({"a.yaml": absent, "b.yaml": web()}, wait=False)
    wait_for("the pull has failed", lambda: reason(host, "absent") in ("ErrImagePull", "ImagePullBackOff"), 30)
    wait_for("web is ready", lambda: len([n for n in host.running() if n.startswith("rc_web_")]) == 2, 30)
    wait_for("status says so", lambda: host.run("status").code == 2, 30, every=0.3)
    assert "absent" in host.run("status").out
    assert "127.0.0.1:9/no/such:1" in host.events()


def test_a_container_that_exits_at_once_backs_off(host: Host) -> None:
    """CrashLoopBackOff with the exit code; the restarts are counted and not endless."""
    host.push({"a.yaml": pod("crash", "exit 3"), "b.yaml": sleeper("fine")}, wait=False)
    wait_for("it backs off", lambda: reason(host, "crash") == "CrashLoopBackOff", 30)
    (found,) = [one for one in host.pods() if one["metadata"]["name"] == "crash"]
    status = found["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["restartCount"] <= 2
    wait_for("the other one runs", lambda: any("rc_app_fine" in name for name in host.running()), 30)


def test_a_secret_that_is_nowhere_is_a_warning_then_blocked_and_heals_when_it_comes(host: Host) -> None:
    """A reference to nothing is admitted; plan and status say what is missing; the Pod starts once it exists."""
    reads = "env: [{name: A, valueFrom: {secretKeyRef: {name: nowhere, key: a}}}]"
    pushed = host.push({"a.yaml": pod("reader", extra=reads), "b.yaml": sleeper("fine")}, wait=False)
    assert "warning" in pushed.err
    assert "nowhere" in pushed.err
    wait_for("it waits", lambda: reason(host, "reader") == "CreateContainerConfigError", 30)
    wait_for("there is nothing to do", lambda: host.run("plan").code == 0, 30, every=0.3)
    assert "secret/default/nowhere" in host.run("plan").out
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: nowhere}\nstringData: {a: b}\n"
    host.push({"a.yaml": pod("reader", extra=reads), "b.yaml": sleeper("fine"), "s.yaml": secret})
    host.settle()


def test_a_port_that_is_taken_is_told(host: Host) -> None:
    """Two Pods that want the same port of the host: the second one is not placed, and the plan says why."""
    wants = "ports: [{containerPort: 8080, hostPort: 18080}]"
    host.push({"a.yaml": pod("first", extra=wants), "b.yaml": sleeper("fine")})
    host.settle()
    host.push(
        {"a.yaml": pod("first", extra=wants), "b.yaml": sleeper("fine"), "c.yaml": pod("second", extra=wants)},
        wait=False,
    )
    wait_for("the plan says why", lambda: "free ports" in host.run("plan").out, 30, every=0.3)
    assert [name for name in host.running() if "first" in name]


def test_a_full_disk_is_told_and_the_rest_goes_on(host: Host) -> None:
    """A volume that cannot be written has DiskFull in the events; other Pods are not touched."""
    assert host.push({"b.yaml": sleeper("fine")}).code == 0
    host.settle()
    pods = host.data / "pods"
    pods.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(pods)], check=True)
    try:
        subprocess.run(["dd", "if=/dev/zero", f"of={pods}/ballast", "bs=4k"], check=False, capture_output=True)
        reads = "volumeMounts: [{name: v, mountPath: /v}]\n  volumes: [{name: v, configMap: {name: big}}]"
        big = config_map("big", "x" * 100_000)
        host.push({"b.yaml": sleeper("fine"), "a.yaml": pod("reader", extra=reads), "c.yaml": big}, wait=False)
        wait_for("the full disk is told", lambda: "DiskFull" in host.events() or "disk" in host.events(), 40, every=0.3)
        assert [name for name in host.running() if "fine" in name]
        (pods / "ballast").unlink()
    finally:
        subprocess.run(["umount", "--lazy", str(pods)], check=True)


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that accepts and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()
        for one in held:
            one.close()


def test_a_remote_that_hangs_delays_nothing_else(tmp_path_factory: pytest.TempPathFactory, image: str) -> None:
    """P07: one source hangs; the other is read and applied, and status tells of the first."""
    host = Host(tmp_path_factory.mktemp("hang"))
    upstream = host.home / "upstream.git"
    host.git("init", "--quiet", "--bare", "--initial-branch=main", str(upstream), cwd=host.home)
    host.init("--repo", f"file://{upstream}", "--branch", "main")
    with silent_server() as port:
        settings = host.data / "config.yaml"
        text = settings.read_text()
        more = f"- name: slow\n  url: http://127.0.0.1:{port}/x.git\n  fetchDeadlineS: 5\n"
        settings.write_text(text.rstrip().replace("sources:", f"sources:\n{more.rstrip()}") + "\n")
        host.start()
        try:
            host.git("remote", "add", "origin", str(upstream))
            assert host.push({"a.yaml": sleeper("one")}).code == 0
            assert host.run("sync").code == 0
            wait_for("the other source is applied", lambda: bool([n for n in host.running() if "one" in n]), 40)
            wait_for("status tells", lambda: "slow" in host.run("status").out, 30, every=0.5)
            docker("version")
        finally:
            remove(host)


def test_a_branch_that_does_not_exist_is_told(tmp_path_factory: pytest.TempPathFactory, image: str) -> None:
    """The source is unknown, not empty: nothing is deleted, and status names the branch."""
    host = Host(tmp_path_factory.mktemp("branch"))
    upstream = host.home / "upstream.git"
    host.git("init", "--quiet", "--bare", "--initial-branch=main", str(upstream), cwd=host.home)
    host.init("--repo", f"file://{upstream}", "--branch", "nowhere")
    host.start()
    try:
        wait_for("status names the branch", lambda: "nowhere" in host.run("status").out, 20, every=0.3)
        assert host.run("status").code != 0
    finally:
        remove(host)


def test_a_remote_repository_is_polled_and_may_be_force_pushed(
    tmp_path_factory: pytest.TempPathFactory, image: str
) -> None:
    """P11: the tip counts, also after history was rewritten; losing the Git host changes nothing (P10)."""
    host = Host(tmp_path_factory.mktemp("remote"))
    upstream = host.home / "upstream.git"
    host.git("init", "--quiet", "--bare", "--initial-branch=main", str(upstream), cwd=host.home)
    host.init("--repo", f"file://{upstream}", "--branch", "main")
    host.git("remote", "add", "origin", str(upstream))
    host.start()
    try:
        host.push({"a.yaml": sleeper("one"), "c.yaml": config_map("c", "1")})
        host.run("sync")
        wait_for("it is applied", lambda: bool([n for n in host.running() if "one" in n]), 30)
        host.settle()
        host.git("checkout", "--quiet", "--orphan", "fresh")
        host.push({"a.yaml": sleeper("one"), "c.yaml": config_map("c", "2")}, "--force")
        host.run("sync")

        def value() -> str:
            return str(host.get("/api/v1/namespaces/default/configmaps/c")["data"]["value"])

        wait_for("the new history counts", lambda: value() == "2", 30, every=0.2)
        before = host.running()
        upstream.rename(upstream.with_suffix(".away"))
        host.run("sync")
        wait_for("status tells", lambda: host.run("status").code != 0, 40, every=0.3)
        assert host.running() == before
        host.restart()
        wait_for("the last revision still holds", lambda: host.run("plan").code == 0, 30, every=0.5)
        assert host.running() == before
    finally:
        remove(host)
