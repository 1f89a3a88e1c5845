"""Pods that change as they are, and what other controllers say of them, on a real host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import IMAGE, docker
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, pod, stage

pytestmark = pytest.mark.real

OTHER = "reconciler-e2e/app:in-place"
GATE = "example.com/loaded"


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """One host with a plain Pod and one that waits for a gate."""
    with stage(tmp_path_factory.mktemp("in-place")) as here:
        here.put(
            plain=pod("plain", container("app")),
            gated=pod("gated", container("app"), readinessGates=[{"conditionType": GATE}]),
            held=pod("held", container("app"), schedulingGates=[{"name": "example.com/wait"}]),
        )
        yield here


def test_a_pod_goes_on_with_another_image(pods: Stage) -> None:
    """The same Pod with the same address; its container is another, of the new image."""
    pods.ready("plain")
    before, container_id = pods.pod("plain"), pods.container("plain")["containerID"]
    docker("tag", IMAGE, OTHER)
    pods.put(plain=pods.files["plain.yaml"].replace(IMAGE, OTHER))
    pods.until("the container is another", lambda: pods.container("plain").get("containerID") != container_id)
    pods.ready("plain")
    after = pods.pod("plain")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert pods.container("plain")["image"] == OTHER
    pods.nothing_to_do()


def test_a_pod_is_placed_once_its_gates_are_gone(pods: Stage) -> None:
    """The same Pod, without another being made."""
    first = pods.pod("held")["metadata"]["uid"]
    assert pods.phase("held") == "Pending"
    pods.put(held=pod("held", container("app")))
    pods.ready("held")
    assert pods.pod("held")["metadata"]["uid"] == first


@pytest.mark.parametrize("version", sorted(found()))
def test_kubectl_opens_and_closes_a_readiness_gate(pods: Stage, tmp_path: Path, version: str) -> None:
    """`kubectl patch --subresource=status` writes the condition that the Pod waits for."""
    config = tmp_path / "config"
    config.write_text(pods.host.run("kubeconfig", "--user", "loader", "--group", "system:masters", "--token").out)
    config.chmod(0o600)
    kubectl = Kubectl(found()[version], config, tmp_path / "cache")
    pods.until("its containers are ready", lambda: says(pods, "ContainersReady") == "True")
    assert not pods.is_ready("gated")
    for status in ("True", "False"):
        patch = f'{{"status":{{"conditions":[{{"type":"{GATE}","status":"{status}"}}]}}}}'
        kubectl.out("patch", "pod", "gated", "--subresource=status", "-p", patch)
        pods.until(f"Ready is {status}", lambda status=status: says(pods, "Ready") == status)  # type: ignore[misc]
    refused = kubectl.run("patch", "pod", "gated", "--subresource=status", "-p", '{"status":{"podIPs":[{"ip":"a"}]}}')
    assert refused.code != 0
    assert "is invalid" in str(refused)


def says(pods: Stage, name: str) -> str:
    """Return the status of a condition of the gated Pod."""
    conditions = pods.status("gated").get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == name), "")


def test_a_running_container_is_given_more(pods: Stage) -> None:
    """The Engine shows the new limits on the very same container, and the status says what is in force."""
    asked = {"cpu": "100m", "memory": "32Mi"}
    more = {"cpu": "200m", "memory": "48Mi"}
    pods.put(sized=pod("sized", {**container("app"), "resources": {"requests": asked, "limits": asked}}))
    pods.ready("sized")
    container_id = pods.container("sized")["containerID"]
    pods.put(sized=pod("sized", {**container("app"), "resources": {"requests": more, "limits": more}}))
    pods.until("the status says so", lambda: pods.container("sized").get("allocatedResources") == more)
    pods.until("it is in force", lambda: (pods.container("sized").get("resources") or {}).get("limits") == more)
    after = pods.container("sized")
    assert (after["containerID"], after["restartCount"]) == (container_id, 0)
    form = "{{.HostConfig.CpuQuota}} {{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.State.Status}}"
    shown = docker("inspect", "--format", form, container_id.removeprefix("docker://"))
    assert shown.split() == ["20000", str(48 << 20), "204", "running"]
    pods.nothing_to_do()
