"""Pods that change as they are, and what other controllers say of them, on a real host."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import IMAGE, docker
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, pod, pod_spec, stage, workload

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
    pods.until("it waits", lambda: pods.phase("held") == "Pending")
    pods.put(held=pod("held", container("app")))
    pods.ready("held")
    assert pods.pod("held")["metadata"]["uid"] == first


def kubectl_of(pods: Stage, tmp_path: Path, version: str) -> Kubectl:
    """A kubectl of this version, used by somebody who may do everything."""
    config = tmp_path / "config"
    config.write_text(pods.host.run("kubeconfig", "--user", "loader", "--group", "system:masters", "--token").out)
    config.chmod(0o600)
    return Kubectl(found()[version], config, tmp_path / "cache")


@pytest.mark.parametrize("version", sorted(found()))
def test_kubectl_opens_and_closes_a_readiness_gate(pods: Stage, tmp_path: Path, version: str) -> None:
    """`kubectl patch --subresource=status` writes the condition that the Pod waits for."""
    kubectl = kubectl_of(pods, tmp_path, version)
    pods.until("its containers are ready", lambda: says(pods, "ContainersReady") == "True")
    assert not pods.is_ready("gated")
    for status in ("True", "False"):
        patch = f'{{"status":{{"conditions":[{{"type":"{GATE}","status":"{status}"}}]}}}}'
        kubectl.out("patch", "pod", "gated", "--subresource=status", "-p", patch)
        pods.until(f"Ready is {status}", lambda status=status: says(pods, "Ready") == status)  # type: ignore[misc]
    refused = kubectl.run("patch", "pod", "gated", "--subresource=status", "-p", '{"status":{"podIPs":[{"ip":"a"}]}}')
    assert refused.code != 0
    assert "is invalid" in str(refused)


def says(pods: Stage, name: str, of: str = "gated") -> str:
    """Return the status of a condition of a Pod."""
    conditions = pods.status(of).get("conditions", [])
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


def test_a_policy_may_ask_for_a_restart(pods: Stage) -> None:
    """The same Pod, and another container with the new limit."""

    def sized(memory: str) -> str:
        resources = {"requests": {"memory": memory}, "limits": {"memory": memory}}
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        return pod("begun", {**container("app"), "resources": resources, "resizePolicy": policy})

    pods.put(begun=sized("32Mi"))
    pods.ready("begun")
    uid, container_id = pods.pod("begun")["metadata"]["uid"], pods.container("begun")["containerID"]
    pods.put(begun=sized("48Mi"))
    pods.until("the container is another", lambda: pods.container("begun").get("containerID") != container_id)
    pods.ready("begun")
    assert pods.pod("begun")["metadata"]["uid"] == uid
    shown = docker(
        "inspect",
        "--format",
        "{{.HostConfig.Memory}}",
        pods.container("begun")["containerID"].removeprefix("docker://"),
    )
    assert shown.strip() == str(48 << 20)


def test_more_than_the_node_has_is_told(pods: Stage) -> None:
    """The Pod runs on as it is."""
    pods.put(greedy=pod("greedy", {**container("app"), "resources": {"requests": {"cpu": "10m"}}}))
    pods.ready("greedy")
    container_id = pods.container("greedy")["containerID"]
    pods.put(greedy=pod("greedy", {**container("app"), "resources": {"requests": {"cpu": "4000"}}}))
    pods.until("it is told", lambda: says(pods, "PodResizePending", "greedy") == "True")
    assert pods.container("greedy")["containerID"] == container_id
    assert pods.container("greedy")["allocatedResources"] == {"cpu": "10m"}
    assert pods.is_ready("greedy")


@pytest.mark.parametrize("version", [one for one in sorted(found()) if one >= "1.32"][-1:])
def test_kubectl_resizes_and_tells(pods: Stage, tmp_path: Path, version: str) -> None:
    """A Pod of a Deployment gets more in place; Events of others are made, and read in both groups."""
    spec = pod_spec({**container("app"), "resources": {"requests": {"cpu": "20m"}}})
    pods.put(made=workload("Deployment", "made", spec))
    kubectl = kubectl_of(pods, tmp_path, version)

    def of_it() -> dict[str, Any]:
        listed = json.loads(kubectl.out("get", "pods", "-l", "app=made", "-o", "json"))["items"]
        return listed[0] if listed else {}

    def status() -> dict[str, Any]:
        return (of_it().get("status", {}).get("containerStatuses") or [{}])[0]

    pods.until("it runs", lambda: bool(status().get("ready")))
    metadata, container_id = of_it()["metadata"], status()["containerID"]
    name = metadata["name"]
    patch = '{"spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"40m"}}}]}}'
    kubectl.out("patch", "pod", name, "--subresource=resize", "-p", patch)
    pods.until("it is in force", lambda: status().get("allocatedResources") == {"cpu": "40m"})
    assert status()["containerID"] == container_id
    shares = docker("inspect", "--format", "{{.HostConfig.CpuShares}}", container_id.removeprefix("docker://"))
    assert shares.strip() == "40"
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "told", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/loader",
        "reportingInstance": "loader-1",
        "action": "Load",
        "reason": "Loaded",
        "type": "Normal",
        "regarding": {"kind": "Pod", "namespace": "default", "name": name, "uid": metadata["uid"]},
        "note": "it is loaded",
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    kubectl.out("create", "-f", str(tmp_path / "event.json"))
    assert "it is loaded" in kubectl.out("get", "events", "--field-selector", "reason=Loaded")
    assert "it is loaded" in kubectl.out("get", "events.events.k8s.io", "told", "-o", "jsonpath={.note}")
    assert "it is loaded" in kubectl.out("describe", "pod", name)
