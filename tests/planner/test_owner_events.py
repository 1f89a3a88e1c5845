"""What an owner's events tell of the Pods that it makes and ends."""

import pytest

from tests.planner.world import Cluster

POD = "spec: {containers: [{name: c, image: shop/web:1}]}"
SET = f"""
apiVersion: apps/v1
kind: %s
metadata: {{name: w}}
spec:
  replicas: %d
  selector: {{matchLabels: {{app: w}}}}
  template: {{metadata: {{labels: {{app: w}}}}, {POD}}}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: w}
spec:
  completions: 2
  parallelism: 2
  completionMode: Indexed
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: shop/task:1}]}}
"""


def told(cluster: Cluster, text: str, kind: str) -> list[tuple[str, str]]:
    """Return the events about objects of a kind that one pass leads to."""
    cluster.push(text)
    return [(one.reason, one.message) for one in cluster.tick().happenings if one.object.kind == kind]


def test_a_replica_set_names_the_first_of_its_new_pods() -> None:
    """In one event for all that a pass makes, however many."""
    cluster = Cluster()
    [(reason, message)] = told(cluster, SET % ("ReplicaSet", 6), "ReplicaSet")
    names = {ref.name for ref in cluster.observed.objects if ref.kind == "Pod"}
    assert reason == "SuccessfulCreate"
    assert message.startswith("created pods w-") and message.endswith(" and 2 more")
    assert set(message.removeprefix("created pods ").removesuffix(" and 2 more").split(", ")) < names
    cluster.settle()
    [(reason, message)] = told(cluster, SET % ("ReplicaSet", 5), "ReplicaSet")
    assert (reason, message.removeprefix("deleted pod ") in names) == ("SuccessfulDelete", True)


def test_a_deployment_tells_of_the_sizes_of_its_replica_sets() -> None:
    """As in Kubernetes, where `kubectl describe deployment` shows how far a rollout is."""
    reasons = [reason for reason, _ in told(Cluster(), SET % ("Deployment", 2), "Deployment")]
    assert sorted(reasons) == ["NewReplicaSet", "ScalingReplicaSet"]


def test_a_stateful_set_tells_of_each_pod() -> None:
    """When it is made, and once when it ends."""
    cluster = Cluster()
    assert told(cluster, SET % ("StatefulSet", 1), "StatefulSet") == [("SuccessfulCreate", "created pod w-0")]
    cluster.settle()
    assert told(cluster, SET % ("StatefulSet", 0), "StatefulSet") == [("SuccessfulDelete", "deleted pod w-0")]
    assert told(cluster, SET % ("StatefulSet", 0), "StatefulSet") == []


@pytest.mark.parametrize("text", [JOB, JOB.replace("completionMode: Indexed", "")])
def test_a_job_tells_of_each_pod(text: str) -> None:
    """With an index or without."""
    found = told(Cluster(), text, "Job")
    assert [reason for reason, _ in found] == ["SuccessfulCreate"] * 2
    assert all(message.startswith("created pod w-") for _, message in found)
