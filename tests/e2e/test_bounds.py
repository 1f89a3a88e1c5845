"""What bounds a namespace, on a real host: budgets of disruption, quotas, limits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import docker
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, manifest, pod_spec, stage, workload

pytestmark = pytest.mark.real

BUDGET = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
LIMITS = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}


def web(replicas: int) -> str:
    """A Deployment whose Pods say nothing of what they need."""
    return workload("Deployment", "web", pod_spec(container("app")), replicas=replicas)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host with two Pods and a budget that keeps one of them."""
    with stage(tmp_path_factory.mktemp("bounds")) as one:
        budget = manifest("PodDisruptionBudget", "web", "policy/v1", spec=BUDGET)
        one.put(limits=manifest("LimitRange", "usual", spec={"limits": [LIMITS]}), web=web(2), budget=budget)
        one.host.settle()
        yield one


def ready(cluster: Stage) -> list[dict[str, Any]]:
    """Return the Pods of the Deployment that are ready and stay."""
    return [
        one
        for one in cluster.host.pods()
        if one["metadata"]["labels"].get("app") == "web"
        and "deletionTimestamp" not in one["metadata"]
        and any(each["type"] == "Ready" and each["status"] == "True" for each in one["status"].get("conditions", ()))
    ]


@pytest.mark.skipif(not found(), reason="needs kubectl")
@pytest.mark.parametrize("version", sorted(found()))
def test_a_drain_leaves_what_the_budget_keeps(cluster: Stage, tmp_path: Path, version: str) -> None:
    """One Pod goes; the other may not, as nothing takes its place; afterwards all is well again."""
    config = tmp_path / "config"
    config.write_text(cluster.host.run("kubeconfig").out)
    kubectl = Kubectl(found()[version], config, tmp_path)
    cluster.until("both are ready", lambda: len(ready(cluster)) == 2)
    allowed = "jsonpath={.status.disruptionsAllowed}"
    cluster.until("one may go", lambda: kubectl.out("get", "pdb", "web", "-o", allowed) == "1")
    try:
        drained = kubectl.run("drain", "node-1", "--ignore-daemonsets", "--timeout=4s")
        assert drained.code == 1, drained
        assert "Cannot evict pod as it would violate the pod's disruption budget." in drained.err
        assert len(ready(cluster)) == 1
        status = json.loads(kubectl.out("get", "pdb", "web", "-o", "json"))["status"]
        assert (status["currentHealthy"], status["desiredHealthy"], status.get("disruptionsAllowed", 0)) == (1, 1, 0)
        assert "InsufficientPods" in kubectl.out("describe", "pdb", "web") + json.dumps(status)
    finally:
        kubectl.out("uncordon", "node-1")
    cluster.until("both are ready again", lambda: len(ready(cluster)) == 2)


def test_containers_get_what_the_limit_range_says(cluster: Stage) -> None:
    """In the Engine too; and a LimitRange that changes rolls nothing (P26)."""
    cluster.until("both are ready", lambda: len(ready(cluster)) == 2)
    before = {one["metadata"]["uid"] for one in ready(cluster)}
    limits = ready(cluster)[0]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"memory": "64Mi"}
    assert cluster.engine("web", "app")["HostConfig"]["Memory"] == 64 * 2**20
    changed = {**LIMITS, "default": {"memory": "96Mi"}}
    cluster.put(limits=manifest("LimitRange", "usual", spec={"limits": [changed]}))
    cluster.host.settle()
    cluster.nothing_to_do()
    assert {one["metadata"]["uid"] for one in ready(cluster)} == before


def test_a_quota_holds_back_what_is_too_much(cluster: Stage) -> None:
    """The push is told, the owner says so in Kubernetes' words, and more room lets it go on."""
    quota = manifest("ResourceQuota", "few", spec={"hard": {"pods": "2"}})
    cluster.put(quota=quota)
    pushed = cluster.host.push({**cluster.files, "web.yaml": web(3)}, wait=False)
    assert "resourcequota/default/few" in pushed.out + pushed.err
    words = "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2"
    cluster.until("it says so", lambda: words in cluster.host.run("status").out)
    cluster.until("an event says so", lambda: f"is forbidden: {words}" in cluster.host.run("events").out)
    assert len(ready(cluster)) == 2
    cluster.nothing_to_do()
    cluster.put(web=web(3), quota=manifest("ResourceQuota", "few", spec={"hard": {"pods": "3"}}))
    cluster.until("the third runs", lambda: len(ready(cluster)) == 3)
    listing = ("ps", "-q", "--filter", "label=reconciler.dev/container=app")
    cluster.until("three containers run", lambda: len(docker(*listing).split()) == 3)
