"""How Pods end: hooks, grace, Jobs, workloads and namespaces that go; on one shared host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import wait_for
from tests.e2e.manifests import config_map
from tests.e2e.stage import Stage, container, manifest, pod_spec, stage, workload

pytestmark = pytest.mark.real

HOST = [{"name": "host", "mountPath": "/host"}]


def polite(folder: Path, env: str = "1") -> str:
    """A Deployment whose Pod writes down how it begins and ends."""
    script = (
        "echo term-trap-set >> /host/log; trap 'echo term >> /host/log; exit 0' TERM; while true; do sleep 0.1; done"
    )
    spec = pod_spec(
        container(
            "app",
            script,
            env=[{"name": "N", "value": env}],
            volumeMounts=HOST,
            lifecycle={
                "postStart": {"exec": {"command": ["/bin/sh", "-c", "echo started >> /host/log"]}},
                "preStop": {"exec": {"command": ["/bin/sh", "-c", "echo stopping >> /host/log; sleep 1"]}},
            },
        ),
        volumes=[{"name": "host", "hostPath": {"path": str(folder)}}],
        terminationGracePeriodSeconds=10,
    )
    return workload("Deployment", "polite", spec, strategy={"type": "Recreate"})


def scenes(folder: Path) -> dict[str, str]:
    """The manifests; `folder` is on the host."""
    deaf = pod_spec(container("app", "trap '' TERM; while true; do sleep 1; done"), terminationGracePeriodSeconds=1)
    job = {
        "backoffLimit": 3,
        "template": {
            "spec": pod_spec(
                container(
                    "app",
                    "echo attempt; if test -f /host/tried; then exit 0; fi; touch /host/tried; exit 1",
                    volumeMounts=HOST,
                ),
                restartPolicy="Never",
                volumes=[{"name": "host", "hostPath": {"path": str(folder)}}],
            )
        },
    }
    rest = {f"rest_{n}": config_map(f"rest-{n}") for n in range(12)}
    return {
        "polite": polite(folder),
        "deaf": workload("Deployment", "deaf", deaf),
        "set": workload("ReplicaSet", "set", pod_spec(container("app")), replicas=2),
        "job": manifest("Job", "twice", "batch/v1", spec=job),
        "room": manifest("Namespace", "room"),
        "inside": manifest("Pod", "inside", metadata={"namespace": "room"}, spec=pod_spec(container("app"))),
        "within": manifest("ConfigMap", "within", metadata={"namespace": "room"}, data={"a": "b"}),
        **rest,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the host."""
    return tmp_path_factory.mktemp("on-host")


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str, folder: Path) -> Iterator[Stage]:
    """A host that runs all of the above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(**scenes(folder))
        yield one


def test_a_job_tries_again_until_it_succeeds(pods: Stage) -> None:
    """The failed Pod stays beside the one that succeeded; the Job is complete and counts both."""

    def job() -> dict[str, object]:
        return dict((pods.host.get("/apis/batch/v1/namespaces/default/jobs/twice") or {}).get("status", {}))

    pods.until("the Job is complete", lambda: job().get("succeeded") == 1)
    assert job()["failed"] == 1
    conditions = job()["conditions"]
    assert isinstance(conditions, list)
    assert [one["status"] for one in conditions if one["type"] == "Complete"] == ["True"]
    phases = sorted(one["status"]["phase"] for one in pods.host.pods() if one["metadata"]["name"].startswith("twice-"))
    assert phases == ["Failed", "Succeeded"]


def test_hooks_and_signals_come_in_order(pods: Stage, folder: Path) -> None:
    """postStart at the start; at the end preStop is awaited before TERM, and Recreate begins only after that."""
    pods.ready("polite")
    first = pods.pod("polite")["metadata"]["uid"]
    pods.put(polite=polite(folder, "2"))
    pods.until("polite is another", lambda: pods.pod("polite").get("metadata", {}).get("uid", first) != first)
    pods.until("both have written all", lambda: len((folder / "log").read_text().split()) == 6)
    lines = (folder / "log").read_text().split()
    assert sorted(lines[:2]) == ["started", "term-trap-set"]
    assert lines[2:4] == ["stopping", "term"]
    assert sorted(lines[4:]) == ["started", "term-trap-set"]


def test_a_container_that_does_not_listen_is_killed_after_its_grace(pods: Stage) -> None:
    """Its own grace period of a second, not the usual one of thirty."""
    pods.ready("deaf")
    name = next(name for name in pods.host.running() if "rc_app_deaf" in name)
    pods.put(deaf=pods.files["deaf.yaml"].replace('"name": "app",', '"name": "app", "workingDir": "/tmp",', 1))
    wait_for("the old one is gone", lambda: name not in pods.host.running(), 25)


def test_a_replica_set_of_git_keeps_its_number(pods: Stage) -> None:
    """Two Pods; one whose containers are all removed comes back; fewer after a change."""
    pods.until("two run", lambda: count(pods, "set-") == 2)
    pods.put(set=pods.files["set.yaml"].replace('"replicas": 2', '"replicas": 1'))
    pods.until("one runs", lambda: count(pods, "set-") == 1)


def count(pods: Stage, prefix: str) -> int:
    """Return how many Pods of a name there are that run."""
    return len(
        [
            one
            for one in pods.host.pods()
            if one["metadata"]["name"].startswith(prefix) and one["status"]["phase"] == "Running"
        ]
    )


def test_a_namespace_goes_with_all_that_is_in_it_once_acknowledged(pods: Stage) -> None:
    """P02, P04: held while it is not empty, the plan names what goes; acknowledged, all of it goes."""
    pods.until("inside runs", lambda: pods.is_ready("inside", "room"))
    pods.drop("room", "inside", "within")
    assert pods.host.run("status").code == 5
    planned = pods.host.run("plan")
    assert planned.code == 5
    for name in ("namespace/room", "pod/room/inside", "configmap/room/within"):
        assert name in planned.out, planned
    assert pods.is_ready("inside", "room")
    released = pods.host.run("apply", "--ack", "--yes")
    assert released.code == 0, released
    pods.until("the namespace is gone", lambda: pods.host.get("/api/v1/namespaces/room") is None)
    assert not [name for name in pods.host.containers(everything=True) if "_room_" in name]


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with all of the above done, the plan is empty."""
    pods.nothing_to_do()
