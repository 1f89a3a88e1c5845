"""A host whose disk is taken for full: what nobody uses goes, then a Pod; a person's image stays."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.host import docker, wait_for
from tests.e2e.stage import Stage, container, pod, stage
from tests.e2e.test_pods_images import OPEN, puller, serve

pytestmark = pytest.mark.real

OURS, THEIRS = f"{OPEN}/shop/ours:1", f"{OPEN}/shop/theirs:1"
WRITES = "head -c 8388608 /dev/urandom > {file}; trap 'exit 0' TERM; while :; do sleep 1; done"


@pytest.fixture(scope="module")
def images(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two images that are on no host, in a registry."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no registry; install Debian's package docker-registry")
    registry = serve(tmp_path_factory.mktemp("registry"), OPEN)
    for name in (OURS, THEIRS):
        made = docker("create", image).strip()
        docker("commit", "--change", f"LABEL test={name}", made, name)
        docker("push", name)
        docker("rm", made)
        docker("rmi", name)
    yield
    registry.terminate()
    registry.wait(10)


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, images: None) -> Iterator[Stage]:
    """A host on which a person has pulled an image, and Pods that write."""
    docker("pull", THEIRS)
    with stage(tmp_path_factory.mktemp("disk")) as one:
        small = {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}
        mounts = [{"name": "scratch", "mountPath": "/scratch"}]
        one.put(
            fat=pod("fat", container("app", WRITES.format(file="/scratch/it"), volumeMounts=mounts), volumes=[small]),
            writer=pod("writer", container("app", WRITES.format(file="/tmp/it"))),
            short=puller("short", OURS),
            theirs=puller("theirs", THEIRS),
        )
        one.ready("writer", "short", "theirs")
        yield one
    docker("rmi", THEIRS)


def has_image(name: str) -> bool:
    """Whether an image is on the host."""
    done = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False, timeout=20)
    return done.returncode == 0


def test_a_volume_over_its_limit_ends_its_pod(pods: Stage) -> None:
    """In the kubelet's words; its neighbours run on."""
    pods.until("it is evicted", lambda: pods.status("fat").get("reason") == "Evicted", 60)
    assert pods.status("fat")["message"] == 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '
    assert pods.phase("writer") == "Running"


def test_a_full_disk_is_made_room_on_before_a_pod_is_ended(pods: Stage) -> None:
    """Only what was pulled for a Pod and is unused goes; who holds most over its request is ended then."""
    pods.drop("short", "theirs")
    wait_for("they are gone", lambda: not pods.pod("short") and not pods.pod("theirs"), 30)
    assert has_image(OURS)
    path = Path(pods.host.data) / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    path.write_text(json.dumps(settings | {"evictionHard": "nodefs.available<100%", "imageMinimumGcAgeS": 0}))
    pods.host.restart()
    wait_for("the image is removed", lambda: not has_image(OURS), 30)
    assert has_image(THEIRS)
    assert pods.phase("writer") == "Running"
    pods.until("the writer is evicted", lambda: pods.status("writer").get("reason") == "Evicted", 60)
    message = pods.status("writer")["message"]
    assert message.startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ")
    assert "Container app was using " in message
    (node,) = pods.host.get("/api/v1/nodes")["items"]
    conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
    assert conditions["DiskPressure"] == "True"
    assert "node.kubernetes.io/disk-pressure" in [one["key"] for one in node["spec"]["taints"]]
