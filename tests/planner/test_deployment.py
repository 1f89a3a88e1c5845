"""Deployments: rollouts that follow from what is observed."""

from typing import Any

import pytest

from reconciler.model.plan import Decision, Reason
from tests.planner.world import Cluster

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:VERSION"}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


def web(version: str = "1", replicas: int = 3) -> str:
    """Return the manifests of a web Deployment with its Service."""
    return WEB.replace("VERSION", version).replace("REPLICAS", str(replicas))


def test_one_pass_goes_from_deployment_to_placed_pods() -> None:
    """A first tick creates ReplicaSet, Pods, bindings and Service address at once."""
    cluster = Cluster()
    cluster.push(web())
    answer = cluster.tick()
    created = [verdict.object.kind for verdict in answer.verdicts if verdict.decision is Decision.CREATE]
    assert created.count("Pod") == 3
    assert {"Deployment", "ReplicaSet", "Service"} <= set(created)
    assert len(answer.actions) == 3
    assert cluster.of("Service")["web"].spec.cluster_ip.startswith("10.43.")


def test_plan_after_apply_is_empty() -> None:
    """P09: once settled, planning again changes nothing."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    answer = cluster.plan()
    assert answer.is_empty
    assert not answer.changes
    assert cluster.of("Deployment")["web"].status.available_replicas == 3


def test_rolling_update_never_goes_below_what_the_strategy_allows() -> None:
    """With maxUnavailable 0 there are always three ready Pods, with maxSurge 1 never more than four."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    cluster.push(web("2"), commit="c2")
    for _ in range(40):
        cluster.tick()
        cluster.now += 1
        pods = [pod for pod in cluster.of("Pod").values() if not pod.metadata.deletion_timestamp]
        ready = [pod for pod in pods if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)]
        assert len(ready) >= 3
        assert len(pods) <= 4
    images = {pod.spec.containers[0].image for pod in cluster.of("Pod").values()}
    assert images == {"web:2"}
    assert cluster.plan().is_empty


def test_what_serves_no_more_is_seen_before_old_pods_go() -> None:
    """The rollout goes on as the new Pod ceases to be ready: the three old ones stay, in that very pass."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    held = web("2").replace("  replicas:", "  paused: true\n  replicas:")
    cluster.ready = lambda pod: pod.spec.containers[0].image == "web:1"
    cluster.push(web("2"), commit="c2")
    cluster.settle()
    cluster.ready = lambda _: True
    cluster.push(held, commit="c3")
    cluster.settle()
    assert cluster.of("Deployment")["web"].status.available_replicas == 4
    cluster.ready = lambda pod: pod.spec.containers[0].image == "web:1"
    cluster.report()
    cluster.push(web("2"), commit="c4")
    cluster.tick()
    assert sorted(one.spec.replicas for one in cluster.of("ReplicaSet").values()) == [1, 3]


def test_a_broken_new_version_stops_the_rollout_and_keeps_the_old_pods() -> None:
    """Pods of the new template never become ready: the old ones stay, and the deadline is reported (P06)."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    cluster.ready = lambda pod: pod.spec.containers[0].image == "web:1"
    cluster.push(web("bad"), commit="c2")
    for _ in range(20):
        cluster.tick()
        cluster.now += 40
    pods = cluster.of("Pod").values()
    assert sum(pod.spec.containers[0].image == "web:1" for pod in pods) == 3
    conditions = {c.type: c for c in cluster.of("Deployment")["web"].status.conditions}
    assert conditions["Progressing"].reason == "ProgressDeadlineExceeded"


@pytest.mark.parametrize(("limit", "kept"), [(0, "4"), (1, "34"), (10, "1234")])
def test_so_many_old_sets_are_kept_as_are_asked_for(limit: int, kept: str) -> None:
    """The newest of them, once a rollout is complete."""
    cluster = Cluster()
    for version in "1234":
        cluster.push(
            web(version, 1).replace("replicas: 1", f"replicas: 1\n  revisionHistoryLimit: {limit}"), commit=version
        )
        cluster.settle()
    sets: dict[str, Any] = cluster.of("ReplicaSet")
    assert {one.spec.template.spec.containers[0].image for one in sets.values()} == {f"web:{one}" for one in kept}


def test_only_the_changed_deployment_is_touched() -> None:
    """P26: another Deployment of the same revision stays as it is."""
    other = web().replace("web", "api")
    cluster = Cluster()
    cluster.push(web() + "---" + other)
    cluster.settle()
    cluster.push(web("2") + "---" + other, commit="c2")
    answer = cluster.plan()
    touched = {verdict.object.name for verdict in answer.verdicts if verdict.decision is not Decision.UNCHANGED}
    assert not [name for name in touched if name.startswith("api")]
    update = next(v for v in answer.verdicts if v.object.kind == "Deployment" and v.object.name == "web")
    assert update.changes[0].path == "spec.template.spec.containers[web].image"
    assert (update.changes[0].old, update.changes[0].new) == ("web:1", "web:2")


def test_removing_a_deployment_lists_everything_that_goes() -> None:
    """P04: ReplicaSet and Pods are in the plan with the reason that their owner goes."""
    cluster = Cluster()
    keep = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(10))
    cluster.push(web() + "---\n" + keep)
    cluster.settle()
    cluster.push(keep, commit="c2")
    answer = cluster.plan()
    gone = {(v.object.kind, v.reason) for v in answer.verdicts if v.decision is Decision.DELETE}
    assert ("Deployment", Reason.NO_LONGER_DECLARED) in gone
    assert ("ReplicaSet", Reason.OWNER_DELETED) in gone
    assert ("Pod", Reason.OWNER_DELETED) in gone
    cluster.settle()
    assert not cluster.of("Pod")
    assert not cluster.of("ReplicaSet")


def test_scaling_keeps_the_pods_that_remain() -> None:
    """Scaling down and up again touches only the difference."""
    cluster = Cluster()
    cluster.push(web(replicas=2))
    cluster.settle()
    before = set(cluster.of("Pod"))
    cluster.push(web(replicas=4), commit="c2")
    cluster.settle()
    assert before < set(cluster.of("Pod"))
    cluster.push(web(replicas=1), commit="c3")
    cluster.settle()
    assert len(cluster.of("Pod")) == 1


def test_recreate_stops_the_old_before_it_starts_the_new() -> None:
    """With strategy Recreate old and new Pods never run together."""
    cluster = Cluster()
    text = web("1").replace(
        "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}", "strategy: {type: Recreate}"
    )
    cluster.push(text)
    cluster.settle()
    cluster.push(text.replace("web:1", "web:2"), commit="c2")
    for _ in range(10):
        cluster.tick()
        cluster.now += 1
        assert len({pod.spec.containers[0].image for pod in cluster.of("Pod").values()}) <= 1
    assert {pod.spec.containers[0].image for pod in cluster.of("Pod").values()} == {"web:2"}


def test_recreate_goes_on_when_the_size_changes_in_the_middle_of_a_rollout() -> None:
    """A rolling update that stopped half-way, then another strategy, size and template: it ends, and is complete."""
    rolling = "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"
    cluster = Cluster()
    cluster.ready = lambda pod: pod.spec.containers[0].image != "web:2"
    cluster.push(web("1"))
    cluster.settle()
    cluster.push(web("2"), commit="c2")
    cluster.tick()
    cluster.push(web("3", 5).replace(rolling, "strategy: {type: Recreate}"), commit="c3")
    cluster.settle()
    assert [pod.spec.containers[0].image for pod in cluster.of("Pod").values()] == ["web:3"] * 5
    assert cluster.of("Deployment")["web"].status.available_replicas == 5


def test_going_back_uses_the_old_replica_set_again() -> None:
    """A template that was there before gets its ReplicaSet back, with a new revision number."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    cluster.push(web("2"), commit="c2")
    cluster.settle()
    cluster.push(web("1"), commit="c3")
    cluster.settle()
    sets = cluster.of("ReplicaSet").values()
    assert len(sets) == 2
    current = next(one for one in sets if one.spec.replicas == 3)
    assert current.spec.template.spec.containers[0].image == "web:1"
    assert current.metadata.annotations["deployment.kubernetes.io/revision"] == "3"


@pytest.mark.parametrize(("ready_for_s", "stays"), [(2, False), (5, True)])
def test_an_old_pod_that_is_ready_but_not_yet_available_goes_first(ready_for_s: int, *, stays: bool) -> None:
    """As upstream: before `minReadySeconds` it counts for no floor; once available it stays until others are."""
    texts = [web(version, 1).replace("replicas: 1", "replicas: 1\n  minReadySeconds: 5") for version in "123"]
    cluster = Cluster()
    cluster.ready = lambda pod: pod.spec.containers[0].image == "web:1"
    cluster.push(texts[0])
    cluster.tick()
    cluster.push(texts[1], commit="c2")
    cluster.tick()
    cluster.now += ready_for_s
    cluster.push(texts[2], commit="c3")
    cluster.tick()
    old = [pod for pod in cluster.of("Pod").values() if pod.spec.containers[0].image == "web:1"]
    assert [pod.metadata.deletion_timestamp is None for pod in old] == [stays]


def test_a_deployment_that_is_paused_from_the_start_waits() -> None:
    """It makes no Pod and hinders nothing; once it is no longer paused, it rolls out."""
    cluster = Cluster()
    cluster.push(web().replace("replicas:", "paused: true\n  replicas:", 1))
    cluster.settle()
    assert not cluster.of("ReplicaSet")
    assert cluster.of("Service")["web"].spec.cluster_ip
    cluster.push(web(), commit="c2")
    cluster.settle()
    assert cluster.of("Deployment")["web"].status.available_replicas == 3
