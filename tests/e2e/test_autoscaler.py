"""What Pods use on a real host: kubectl shows it, and an autoscaler follows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, manifest, pod_spec, stage, workload

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

PROGRAMS = found()
# Two readings, fifteen seconds apart, and the autoscaler's next look; twice that where much else is to be done.
MEASURED_S = 90
HOST = [{"name": "host", "mountPath": "/host"}]
WORKER = """
trap 'exit 0' TERM
while true; do
  if [ -e /host/busy ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 1 & wait $!; fi
done
"""


def worker(folder: Path) -> str:
    """A Deployment that works while there is a file on the host: with all it may, which is thrice what it asks for."""
    resources = {"requests": {"cpu": "100m", "memory": "8Mi"}, "limits": {"cpu": "300m"}}
    spec = pod_spec(
        container("app", WORKER, volumeMounts=HOST, resources=resources),
        container("beside"),
        volumes=[{"name": "host", "hostPath": {"path": str(folder)}}],
    )
    return workload("Deployment", "worker", spec)


def scaler() -> str:
    """At most two of them, half of what they ask for, without a window."""
    target = {"type": "Utilization", "averageUtilization": 50}
    source = {"name": "cpu", "container": "app", "target": target}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
        "maxReplicas": 2,
        "metrics": [{"type": "ContainerResource", "containerResource": source}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    return manifest("HorizontalPodAutoscaler", "worker", "autoscaling/v2", spec=spec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the host with the file."""
    return tmp_path_factory.mktemp("on-host")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, image: str, folder: Path) -> Iterator[Stage]:
    """A host on which one of them works."""
    (folder / "busy").touch()
    with stage(tmp_path_factory.mktemp("autoscaler")) as one:
        one.put(worker=worker(folder))
        one.ready("worker")
        yield one


def pods(busy: Stage) -> list[str]:
    """The names of the Pods that are not going."""
    return [one["metadata"]["name"] for one in busy.host.pods() if "deletionTimestamp" not in one["metadata"]]


def one(busy: Stage, path: str) -> dict[str, Any]:
    """An object."""
    return dict(busy.host.get(path))


def client(busy: Stage, version: str, tmp_path: Path) -> Kubectl:
    """One kubectl of an administrator."""
    done = busy.host.run("kubeconfig")
    assert done.code == 0, done
    (tmp_path / "config").write_text(done.out)
    return Kubectl(PROGRAMS[version], tmp_path / "config", tmp_path / f"cache-{version}")


@pytest.mark.parametrize("version", sorted(PROGRAMS) or [pytest.param("none", marks=pytest.mark.skip)])
def test_kubectl_top(busy: Stage, version: str, tmp_path: Path) -> None:
    """Every form of `kubectl top` shows plausible figures: the one that works uses more than the one that sleeps."""
    kubectl = client(busy, version, tmp_path)
    busy.until("Pods are measured", lambda: "worker-" in kubectl.run("top", "pods").out, MEASURED_S)
    header, *nodes = [line.split() for line in kubectl.out("top", "nodes").splitlines()]
    assert header[:2] == ["NAME", "CPU(cores)"]
    assert len(nodes) == 1
    assert int(nodes[0][1].removesuffix("m")) >= 100
    assert int(nodes[0][3].removesuffix("Mi")) > 50
    header, *shown = [line.split() for line in kubectl.out("top", "pods", "-A", "--sort-by=cpu").splitlines()]
    assert header == ["NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert 100 <= int(shown[0][2].removesuffix("m")) <= 450
    listed = kubectl.out("top", "pods", "--containers", "--no-headers", "-l", "app=worker")
    millis = {line.split()[1]: int(line.split()[2].removesuffix("m")) for line in listed.splitlines()}
    assert millis["app"] >= 100
    assert millis["beside"] < 50
    assert kubectl.out("top", "pods", "-l", "app=nobody", "--no-headers").strip() == ""


def test_a_workload_follows_its_load(busy: Stage, folder: Path, tmp_path: Path) -> None:
    """One Pod that works with all it may becomes two; idle, they are one again; Git never brings a number back."""
    busy.put(scaler=scaler())
    busy.until("there are two", lambda: len(pods(busy)) == 2, MEASURED_S)
    status = one(busy, "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/worker")["status"]
    assert status["desiredReplicas"] == 2
    assert status["currentMetrics"][0]["containerResource"]["current"]["averageUtilization"] > 100
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert conditions["ScalingActive"]["reason"] == "ValidMetricFound"
    for version in sorted(PROGRAMS)[:1] + sorted(PROGRAMS)[-1:]:
        kubectl = client(busy, version, tmp_path)
        header, row = kubectl.out("get", "hpa", "worker").splitlines()
        assert header.split() == ["NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"]
        assert row.split()[:2] == ["worker", "Deployment/worker"]
        described = kubectl.out("describe", "hpa", "worker")
        assert "ValidMetricFound" in described
        assert "SuccessfulRescale" in described
    busy.ready("worker")
    busy.push()
    busy.nothing_to_do()
    assert len(pods(busy)) == 2
    (folder / "busy").unlink()
    busy.until("there is one", lambda: len(pods(busy)) == 1, 2 * MEASURED_S)
    deployment = one(busy, "/apis/apps/v1/namespaces/default/deployments/worker")
    assert deployment["spec"]["replicas"] == 1
