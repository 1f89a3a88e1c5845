"""From `git push` to running Pods, and the same again without a change."""

import json
import subprocess

import pytest

from tests.e2e.host import Host, docker, wait_for
from tests.e2e.manifests import config_map, sleeper, web

pytestmark = pytest.mark.real


def page(address: str) -> str:
    """Fetch the front page of a Service from the host."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "3", f"http://{address}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip()


def in_container(host: Host, part: str, *command: str) -> str:
    """Run a command in the first running container whose name contains `part`."""
    name = next(name for name, one in sorted(host.containers().items()) if part in name and one["State"]["Running"])
    return docker("exec", name, *command)


def test_a_push_becomes_running_pods_and_a_second_plan_is_empty(host: Host) -> None:
    """P09, P13: the push prints plan and progress; afterwards `plan` exits 0 with nothing to do."""
    pushed = host.push({"web.yaml": web(), "tools.yaml": sleeper("tools")})
    assert pushed.code == 0, pushed
    assert "+ deployment/default/web" in pushed.err
    assert "healthy" in pushed.err
    host.settle()
    planned = host.run("plan")
    assert planned.code == 0, planned
    assert "nothing to do" in planned.out
    assert page(host.address("web")) == "version-1"
    named = in_container(host, "rc_app_tools", "wget", "-q", "-O-", "http://web.default.svc.cluster.local/")
    assert named.strip() == "version-1"
    assert host.json("plan")["kind"] == "Plan"


def test_a_broken_push_is_refused_with_its_place_and_nothing_changes(host: Host) -> None:
    """P03, P23: every problem at once with file:line:column; the running Pods are not touched."""
    assert host.push({"web.yaml": web()}).code == 0
    before = host.running()
    broken = {
        "web.yaml": web("2").replace("replicas:", "replica:"),
        "other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [1]\n",
    }
    refused = host.push(broken)
    assert refused.code != 0
    assert "web.yaml:6:3" in refused.err
    assert "did you mean replicas" in refused.err
    assert "other.yaml:4" in refused.err
    assert host.running() == before
    assert page(host.address("web")) == "version-1"


def test_a_changed_image_rolls_without_a_failed_request(host: Host) -> None:
    """A rolling update with maxUnavailable 0 answers every request."""
    assert host.push({"web.yaml": web("1")}).code == 0
    host.settle()
    address = host.address("web")
    loop = subprocess.Popen(
        [
            "sh",
            "-c",
            f"while true; do curl -s -m 3 -o /dev/null -w '%{{http_code}}\\n' http://{address}/; done",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert host.push({"web.yaml": web("2")}).code == 0
        host.settle()
        wait_for("every Pod serves version 2", lambda: page(address) == "version-2", 20)
    finally:
        loop.terminate()
        answers = (loop.communicate(timeout=10)[0] or "").split()
    assert len(answers) > 10
    assert set(answers) == {"200"}


def test_restarting_the_daemon_restarts_no_container(host: Host) -> None:
    """P10: the same containers before and after, Pods stay ready, and there is nothing to do."""
    assert host.push({"web.yaml": web(), "config.yaml": config_map("c")}).code == 0
    host.settle()
    before = {name: (one["Id"], one["State"]["StartedAt"]) for name, one in host.containers(everything=True).items()}
    host.stop()
    host.start()
    host.settle()
    after = {name: (one["Id"], one["State"]["StartedAt"]) for name, one in host.containers(everything=True).items()}
    assert after == before
    planned = host.run("plan")
    assert planned.code == 0, planned


def test_the_first_plan_after_a_pause_names_what_was_removed_meanwhile(host: Host) -> None:
    """With the daemon stopped a container is removed; the daemon's first pass makes it again and says so."""
    assert host.push({"web.yaml": sleeper("one")}).code == 0
    host.settle()
    host.stop()
    victim = next(iter(host.containers()))
    docker("rm", "--force", victim)
    host.start()
    wait_for("the container is back", lambda: any("rc_app_one" in name for name in host.running()), 20)
    host.settle()
    pod = host.pods()[0]["metadata"]["name"]
    told = host.json("history", f"pod/default/{pod}")
    assert "start" in json.dumps(told)


def test_configuration_reaches_mounted_files_in_place_and_environment_gives_a_warning(host: Host) -> None:
    """P21: a mounted ConfigMap changes without a restart; one read by environment is warned about in the plan."""
    reads = """        env: [{name: VALUE, valueFrom: {configMapKeyRef: {name: settings, key: value}}}]
        volumeMounts: [{name: settings, mountPath: /settings}]
      volumes: [{name: settings, configMap: {name: settings}}]
"""
    assert host.push({"a.yaml": sleeper("reader", reads), "b.yaml": config_map("settings", "old")}).code == 0
    host.settle()
    before = host.running()
    assert in_container(host, "rc_app_reader", "cat", "/settings/value") == "old"
    pushed = host.push({"a.yaml": sleeper("reader", reads), "b.yaml": config_map("settings", "new")})
    assert "by environment" in pushed.err
    wait_for(
        "the file changes in place", lambda: in_container(host, "rc_app_reader", "cat", "/settings/value") == "new", 20
    )
    assert host.running() == before


def test_a_secret_reaches_its_pod_and_nothing_else(host: Host) -> None:
    """P22: the value is in the container and in no file of the data directory, log, plan or event."""
    reads = """        env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: token, key: value}}}]
        volumeMounts: [{name: token, mountPath: /token, readOnly: true}]
      volumes: [{name: token, secret: {secretName: token}}]
"""
    value = "tremendously-secret-value"
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: token}}\nstringData: {{value: {value}}}\n"
    pushed = host.push({"a.yaml": sleeper("reader", reads), "s.yaml": secret})
    assert pushed.code == 0, pushed
    host.settle()
    assert in_container(host, "rc_app_reader", "cat", "/token/value") == value
    assert in_container(host, "rc_app_reader", "sh", "-c", "echo $TOKEN").strip() == value
    seen = pushed.err + host.run("plan", "--output", "json").out + host.events() + host.log()
    assert value not in seen
    for path in host.data.rglob("*"):
        on_disk = path.is_file() and "run" not in path.relative_to(host.data).parts[:1]
        if on_disk and "receive" not in path.parts:
            assert value.encode() not in path.read_bytes(), path
