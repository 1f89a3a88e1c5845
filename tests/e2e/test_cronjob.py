"""A CronJob on a real host: its Job runs when the schedule says so, and goes with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.manifests import config_map
from tests.e2e.stage import Stage, container, manifest, pod_spec, stage

pytestmark = pytest.mark.real

HOST = [{"name": "host", "mountPath": "/host"}]


def report(folder: Path, *, suspend: bool = False) -> str:
    """A CronJob that writes into a directory of the host, two seconds after it was made and then again and again."""
    spec = pod_spec(
        container("app", "echo ran at $(date +%s) for $CRON_JOB >> /host/log", volumeMounts=HOST),
        restartPolicy="Never",
        volumes=[{"name": "host", "hostPath": {"path": str(folder)}}],
    )
    spec["containers"][0]["env"] = [{"name": "CRON_JOB", "value": "report"}]
    template = {"metadata": {"labels": {"job": "report"}}, "spec": {"template": {"spec": spec}}}
    fields = {"schedule": "@every 2s", "concurrencyPolicy": "Forbid", "suspend": suspend, "jobTemplate": template}
    return manifest("CronJob", "report", "batch/v1", spec=fields)


@pytest.fixture
def pods(tmp_path: Path, image: str) -> Iterator[Stage]:
    """A host with a dozen other objects, so that one may go."""
    with stage(tmp_path) as one:
        one.put(**{f"rest_{n}": config_map(f"rest-{n}") for n in range(12)})
        yield one


def objects(pods: Stage, plural: str) -> list[dict[str, Any]]:
    """Return the objects of a kind of `batch/v1`."""
    return list(pods.host.get(f"/apis/batch/v1/namespaces/default/{plural}")["items"])


def test_a_run_starts_ends_well_and_is_remembered(pods: Stage, tmp_path: Path) -> None:
    """The Job has run, the CronJob says when; suspended there is nothing to do; removed, nothing of it is left."""
    folder = tmp_path / "on-host"
    folder.mkdir()
    pods.put(report=report(folder))
    pods.until("the Job has run", lambda: (folder / "log").exists())
    pods.until("that is known", lambda: bool(objects(pods, "cronjobs")[0]["status"].get("lastSuccessfulTime")))
    assert "for report" in (folder / "log").read_text()
    job = objects(pods, "jobs")[0]
    assert job["metadata"]["labels"] == {"job": "report"}
    assert job["metadata"]["ownerReferences"][0]["name"] == "report"
    assert "batch.kubernetes.io/cronjob-scheduled-timestamp" in job["metadata"]["annotations"]
    assert job["status"]["succeeded"] == 1
    pods.put(report=report(folder, suspend=True))
    pods.until("none runs any more", lambda: all(one["status"].get("succeeded") for one in objects(pods, "jobs")))
    pods.nothing_to_do()
    runs = (folder / "log").read_text()
    pods.drop("report")
    pods.until("Jobs and Pods are gone", lambda: not objects(pods, "jobs") and not pods.host.pods())
    pods.nothing_to_do()
    assert (folder / "log").read_text() == runs


def test_a_run_that_was_missed_while_nobody_looked_is_made_up_for(pods: Stage, tmp_path: Path) -> None:
    """The daemon is away when the run falls due: it starts once the daemon is back (P10, P17)."""
    folder = tmp_path / "on-host"
    folder.mkdir()
    pods.put(report=report(folder))
    pods.host.kill()
    before = (folder / "log").exists()
    pods.host.start()
    pods.until("the run is made up for", lambda: (folder / "log").exists())
    assert not before or len((folder / "log").read_text().splitlines()) <= 2
