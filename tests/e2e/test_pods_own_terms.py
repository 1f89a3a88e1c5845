"""Pods that bring claims along, wait behind gates, and restart as their containers say; on one host."""

from collections.abc import Iterator

import pytest

from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import Stage, container, pod, stage

pytestmark = pytest.mark.real

TEMPLATE = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
SCRATCH = pod(
    "scratch",
    container("app", f"echo mine > /data/file; {SLEEPER}", volumeMounts=[{"name": "own", "mountPath": "/data"}]),
    volumes=[{"name": "own", "ephemeral": {"volumeClaimTemplate": TEMPLATE}}],
)
GATED = pod("gated", container("app"), schedulingGates=[{"name": "example.com/permission"}])
NAMED = pod("named", container("app"), hostnameOverride="db.example.org")
ONCE = pod(
    "once",
    container("app"),
    container("task", "exit 3", restartPolicy="Never"),
)


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs all of them."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(scratch=SCRATCH, gated=GATED, named=NAMED, once=ONCE)
        yield one


def test_a_pod_writes_into_the_volume_it_brought_along(pods: Stage) -> None:
    """Its claim is bound, and goes with it."""
    pods.ready("scratch")
    pods.until("it has written", lambda: pods.shell("scratch", "cat /data/file").strip() == "mine")
    claim = pods.host.get("/api/v1/namespaces/default/persistentvolumeclaims/scratch-own")
    assert claim["status"]["phase"] == "Bound"
    assert [one["kind"] for one in claim["metadata"]["ownerReferences"]] == ["Pod"]


def test_the_processes_have_the_name_that_was_given(pods: Stage) -> None:
    """Whatever the Pod is called."""
    pods.ready("named")
    assert pods.shell("named", "hostname").strip() == "db.example.org"


def test_a_container_that_may_not_run_again_does_not(pods: Stage) -> None:
    """The other one goes on."""

    pods.until("the task has ended", lambda: "terminated" in pods.container("once", "task").get("state", {}))
    assert pods.container("once", "task")["restartCount"] == 0
    pods.until("the other one runs", lambda: pods.phase("once") == "Running")


def test_a_gated_pod_waits(pods: Stage) -> None:
    """Until its gates are gone from the repository."""
    pods.until("it waits", lambda: pods.phase("gated") == "Pending")
    pods.put(gated=pod("gated", container("app")))
    pods.ready("gated")
