"""Pods that are containers: the Engine makes the namespace, we wire it."""

import http.client
import io
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model.details import AttachPod
from reconciler.model.plan import OutcomeStatus
from tests.executors.network.conftest import Network, program, service

pytestmark = pytest.mark.real
IMAGE = "reconciler-test/busybox:1"


def _docker(*command: str) -> str:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def image() -> str:
    """An image with nothing but busybox."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
    command = ["docker", "import", "-", IMAGE]
    subprocess.run(command, input=archive.getvalue(), check=True, capture_output=True, timeout=60)
    return IMAGE


@pytest.fixture
def web(network: Network, image: str) -> Iterator[str]:
    """A wired container that answers on port 8080."""
    serve = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/etc"]
    _docker("run", "-d", "--name", "web", "--hostname", "web", "--network", "none", image, *serve)
    try:
        network.netns_of = _netns_of  # type: ignore[method-assign]
        network.restart()
        network.must(AttachPod(pod_uid="uid-web", sandbox="web", pod_ip="10.42.0.20"))
        network.must(program("1", service("10.42.0.20")))
        yield "web"
    finally:
        _docker("rm", "-f", "web")


def _netns_of(sandbox: str) -> int | None:
    return int(_docker("inspect", "-f", "{{.State.Pid}}", sandbox)) or None


def _answer() -> str:
    """Ask the Service for the name of the container's host."""
    deadline = time.monotonic() + 30
    while True:
        door = http.client.HTTPConnection("10.43.0.9", 80, timeout=3)
        try:
            door.request("GET", "/hostname")
            return door.getresponse().read().decode().strip()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            door.close()


def test_a_container_serves_a_service(network: Network, web: str) -> None:
    """A container without a network of the Engine's is a Pod like any other."""
    assert _answer() == web


def test_a_restart_of_the_engine_interrupts_nothing(network: Network, web: str) -> None:
    """P10: with live-restore on, links, Services and accept rules stay while the Engine is away and after."""
    assert _answer() == web
    root = Path(__file__).resolve().parents[3]
    subprocess.run([root / "scripts" / "lab-dockerd", "stop"], check=True, timeout=60)
    assert _answer() == web
    subprocess.run([root / "scripts" / "lab-dockerd", "start"], check=True, timeout=60)
    assert _answer() == web
    assert network.must(AttachPod(pod_uid="uid-web", sandbox="web", pod_ip="10.42.0.20")) is OutcomeStatus.UNCHANGED
    facts = network.executor.facts()
    assert facts.prepared and facts.services_digest == "1"


def test_a_removed_container_takes_its_link_along(network: Network, web: str) -> None:
    """The namespace goes with its last process, the link with the namespace, and we are told."""
    network.watch()
    _docker("kill", web)
    assert network.looked("link")
    # The kernel takes the link down first and away a moment later.
    assert network.wait_for(lambda facts: facts.links == ())
