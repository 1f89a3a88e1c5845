"""A DaemonSet on a real host: its one Pod comes, is replaced by an update, survives a cordon, and goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.manifests import SLEEPER, config_map
from tests.e2e.stage import Stage, container, pod_spec, stage, workload

pytestmark = pytest.mark.real


def agent(version: str = "1", **fields: object) -> str:
    """A DaemonSet whose Pod knows its version."""
    spec = pod_spec(container("app", f"echo version {version}; {SLEEPER}"))
    return workload("DaemonSet", "agent", spec, **fields)


@pytest.fixture
def pods(tmp_path: Path, image: str) -> Iterator[Stage]:
    """A host with a dozen other objects, so that one may go."""
    with stage(tmp_path) as one:
        one.put(**{f"rest_{n}": config_map(f"rest-{n}") for n in range(12)})
        yield one


def revision(pods: Stage) -> str:
    """Return the revision that the Pod names; nothing between one Pod and the next."""
    return str(pods.pod("agent").get("metadata", {}).get("labels", {}).get("controller-revision-hash", ""))


def test_a_daemon_set_runs_updates_and_goes(pods: Stage) -> None:
    """One Pod on the one node, before and after an update; a cordon does not touch it."""
    pods.put(agent=agent())
    pods.ready("agent")
    first = revision(pods)
    assert pods.pod("agent")["spec"]["nodeName"] == "node-1"
    pods.nothing_to_do()
    pods.put(agent=agent("2"))
    pods.until("the new Pod is ready", lambda: revision(pods) not in (first, "") and pods.is_ready("agent"))
    assert pods.log("agent").strip() == "version 2"
    assert len([one for one in pods.host.pods() if "deletionTimestamp" not in one["metadata"]]) == 1
    pods.nothing_to_do()
    pods.drop("agent")
    pods.until("the Pod is gone", lambda: not pods.host.pods())
    pods.nothing_to_do()


def test_an_update_with_surge_never_leaves_the_node_without(pods: Stage) -> None:
    """The new Pod is ready before the old one ends."""
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    pods.put(agent=agent(updateStrategy=surge))
    pods.ready("agent")
    first = revision(pods)
    pods.put(agent=agent("2", updateStrategy=surge))
    ready: list[int] = []

    def is_over() -> bool:
        serving = [
            one
            for one in pods.host.pods()
            if "deletionTimestamp" not in one["metadata"]
            and any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", ()))
        ]
        ready.append(len(serving))
        return len(serving) == 1 and serving[0]["metadata"]["labels"]["controller-revision-hash"] != first

    pods.until("the update is over", is_over)
    assert min(ready) >= 1
