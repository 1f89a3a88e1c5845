"""`kubectl debug` looks into a Pod that runs; other controllers say of workloads what they find: on a real host."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import IMAGE
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, pod, pod_spec, stage, workload

pytestmark = [pytest.mark.real, pytest.mark.skipif(not found(), reason="needs kubectl")]

APPROVED = "example.com/approved"
WEB = workload("Deployment", "web", pod_spec(container("app")))


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """One host with a plain Pod and a Deployment."""
    with stage(tmp_path_factory.mktemp("debugging")) as here:
        here.put(plain=pod("plain", container("app")), web=WEB)
        here.ready("plain")
        yield here


@pytest.fixture
def kubectl(pods: Stage, tmp_path: Path, request: pytest.FixtureRequest) -> Kubectl:
    """A kubectl of a version, used by somebody who may do everything."""
    config = tmp_path / "config"
    config.write_text(pods.host.run("kubeconfig", "--user", "ada", "--group", "system:masters", "--token").out)
    config.chmod(0o600)
    return Kubectl(found()[request.param], config, tmp_path / "cache")


def of_debugger(pods: Stage, name: str) -> dict[str, Any]:
    """What is told of a container that looks into the Pod."""
    statuses = pods.status("plain").get("ephemeralContainerStatuses", [])
    return next((one for one in statuses if one["name"] == name), {})


@pytest.mark.parametrize("kubectl", sorted({min(found(), default=""), max(found(), default="")}), indirect=True)
def test_kubectl_debug_looks_into_a_pod(pods: Stage, kubectl: Kubectl, request: pytest.FixtureRequest) -> None:
    """The new container sees the processes and the network of the one it is aimed at, which goes on as it was."""
    name = f"look-{request.node.callspec.params['kubectl'].replace('.', '-')}"
    before = pods.container("plain")["containerID"]
    script = "tr '\\0' ' ' < /proc/1/cmdline; hostname -i || cat /etc/hosts; sleep 600"
    options = (f"--image={IMAGE}", "--target=app", f"--container={name}", "--image-pull-policy=Never")
    kubectl.out("debug", "plain", *options, "--", "/bin/sh", "-c", script)
    pods.until("it runs", lambda: "running" in of_debugger(pods, name).get("state", {}))
    pods.until("it has looked", lambda: "trap" in kubectl.out("logs", "plain", "-c", name))
    seen = kubectl.out("exec", "plain", "-c", name, "--", "/bin/sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline")
    assert "trap" in seen
    assert pods.container("plain")["containerID"] == before
    assert pods.is_ready("plain")
    assert name in kubectl.out("describe", "pod", "plain")
    pods.nothing_to_do()


@pytest.mark.parametrize("kubectl", sorted({max(found(), default="")}), indirect=True)
def test_what_looks_on_is_not_started_again(pods: Stage, kubectl: Kubectl) -> None:
    """It ends, and so much is told; a container that the Pod has cannot be another one's target twice."""
    options = (f"--image={IMAGE}", "--container=once", "--image-pull-policy=Never")
    kubectl.out("debug", "plain", *options, "--", "/bin/sh", "-c", "exit 4")
    pods.until("it has ended", lambda: "terminated" in of_debugger(pods, "once").get("state", {}))
    assert of_debugger(pods, "once")["state"]["terminated"]["exitCode"] == 4
    assert pods.is_ready("plain")
    refused = kubectl.run("debug", "plain", f"--image={IMAGE}", "--container=app", "--", "/bin/true")
    assert refused.code != 0


@pytest.mark.parametrize("kubectl", sorted({min(found(), default=""), max(found(), default="")}), indirect=True)
def test_what_looks_on_is_talked_to(pods: Stage, kubectl: Kubectl, request: pytest.FixtureRequest) -> None:
    """`debug -i` attaches to the new container; what is typed is run there, and its end is the end."""
    name = f"talk-{request.node.callspec.params['kubectl'].replace('.', '-')}"
    options = (f"--image={IMAGE}", f"--container={name}", "--image-pull-policy=Never", "--quiet")
    said = kubectl.out("debug", "-i", "plain", *options, "--", "/bin/sh", input="echo $((6*7))\nexit 5\n")
    assert "42" in said
    pods.until("it has ended", lambda: "terminated" in of_debugger(pods, name).get("state", {}))
    assert of_debugger(pods, name)["state"]["terminated"]["exitCode"] == 5


@pytest.mark.parametrize("kubectl", sorted({max(found(), default="")}), indirect=True)
def test_who_lets_go_of_a_process_leaves_it_alone(pods: Stage, kubectl: Kubectl) -> None:
    """`kubectl attach` shows what a container writes from now on, and nothing happens to it afterwards."""
    pods.put(teller=pod("teller", container("app", "while true; do echo tick; sleep 1; done")))
    pods.ready("teller")
    with kubectl.following("attach", "teller") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
    assert any("tick" in line for line in lines)
    assert pods.container("teller")["restartCount"] == 0
    assert pods.is_ready("teller")


@pytest.mark.parametrize("kubectl", sorted({max(found(), default="")}), indirect=True)
def test_other_controllers_say_what_they_find(pods: Stage, kubectl: Kubectl) -> None:
    """A condition on a Deployment stays beside the cluster's own; counts are the cluster's."""

    def conditions() -> set[str]:
        read = kubectl.out("get", "deployment", "web", "--subresource=status", "-o", "json")
        return {one["type"] for one in json.loads(read).get("status", {}).get("conditions", [])}

    pods.until("it is available", lambda: "Available" in conditions())
    approved = json.dumps(
        [{"op": "add", "path": "/status/conditions/-", "value": {"type": APPROVED, "status": "True"}}]
    )
    kubectl.out("patch", "deployment", "web", "--subresource=status", "--type=json", "-p", approved)
    assert {APPROVED, "Available"} <= conditions()
    pods.nothing_to_do()
    assert {APPROVED, "Available"} <= conditions()
    for status in ('{"replicas":7}', '{"readyReplicas":-1}'):
        patch = f'{{"status":{status}}}'
        assert kubectl.run("patch", "deployment", "web", "--subresource=status", "--type=merge", "-p", patch).code != 0
    assert "web" in kubectl.out("get", "deployment", "web", "--subresource=scale")
