"""Quotas and limits: what may be made, what is said where it may not, and what is told before."""

from typing import Any

import pytest

from reconciler.model.kinds import Pod, ResourceRequirements
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.model.quantity import amount_text, parse_quantity
from tests.planner.world import Cluster

POD_SPEC = "containers: [{name: main, image: web, resources: {requests: {cpu: 200m}}}]"
FULL = "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2"


def quota(hard: str, name: str = "few", rest: str = "") -> str:
    """Return the manifest of a quota."""
    return f"""
---
apiVersion: v1
kind: ResourceQuota
metadata: {{name: {name}}}
spec: {{hard: {{{hard}}}{rest}}}
"""


def limits(*items: str) -> str:
    """Return the manifest of a LimitRange."""
    return f"""
---
apiVersion: v1
kind: LimitRange
metadata: {{name: usual}}
spec: {{limits: [{", ".join(items)}]}}
"""


def workload(kind: str = "Deployment", replicas: int = 3, spec: str = POD_SPEC, rest: str = "") -> str:
    """Return the manifest of a workload called web."""
    version = "v1" if kind == "ReplicationController" else "apps/v1"
    selector = "{app: web}" if kind == "ReplicationController" else "{matchLabels: {app: web}}"
    wanted = "" if kind == "DaemonSet" else f"replicas: {replicas}"
    return f"""
---
apiVersion: {version}
kind: {kind}
metadata: {{name: web}}
spec:
  {wanted}
  {rest}
  selector: {selector}
  template: {{metadata: {{labels: {{app: web}}}}, spec: {{{spec}}}}}
"""


def object(kind: str, name: str, rest: str = "") -> str:
    """Return the manifest of something else."""
    return f"""
---
apiVersion: v1
kind: {kind}
metadata: {{name: {name}}}
{rest}
"""


def used(cluster: Cluster, name: str = "few") -> Any:
    """Return what a quota says is used."""
    return cluster.of("ResourceQuota")[name].status.used  # type: ignore[union-attr]


def blocked(answer: Plan) -> dict[str, tuple[Reason, str]]:
    """Return what is blocked, and why."""
    return {str(one.object): (one.reason, one.message) for one in answer.verdicts if one.decision is Decision.BLOCKED}


def condition(object: Any, type_: str) -> Any:
    """Return a condition of a status, or None."""
    return next((one for one in object.status.conditions if one.type == type_), None)


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"])
def test_an_owner_makes_as_many_pods_as_there_is_room_for(kind: str) -> None:
    """It says so in Kubernetes' words, once; and makes the rest as soon as there is room."""
    cluster = Cluster()
    rest = "serviceName: web" if kind == "StatefulSet" else ""
    cluster.push(quota("pods: 2") + workload(kind, rest=rest))
    plans = cluster.settle()
    assert len(cluster.of("Pod")) == 2
    assert used(cluster) == {"pods": "2"}
    owner = next(iter(cluster.of("ReplicaSet" if kind == "Deployment" else kind).values()))
    failed = condition(owner, "ReplicaFailure")
    assert (failed.status, failed.reason) == ("True", "FailedCreate")
    assert failed.message.startswith('pods "web-')
    assert failed.message.endswith(f'" is forbidden: {FULL}')
    events = [one for answer in plans for one in answer.happenings if one.reason == "FailedCreate"]
    assert [(one.type, one.message) for one in events] == [("Warning", f"Error creating: {failed.message}")]
    assert (Reason.QUOTA_EXCEEDED, FULL) in blocked(cluster.plan()).values()
    cluster.push(quota("pods: 3") + workload(kind, rest=rest), commit="c2")
    cluster.settle()
    assert len(cluster.of("Pod")) == 3
    owner = next(iter(cluster.of("ReplicaSet" if kind == "Deployment" else kind).values()))
    assert condition(owner, "ReplicaFailure") is None
    assert not blocked(cluster.plan())


def test_a_deployment_says_what_its_replica_set_says() -> None:
    """ReplicaFailure is on the Deployment, too."""
    cluster = Cluster()
    cluster.push(quota("pods: 2") + workload())
    cluster.settle()
    assert FULL in condition(cluster.of("Deployment")["web"], "ReplicaFailure").message


def test_daemon_sets_and_jobs_are_held_back() -> None:
    """Whatever makes Pods."""
    cluster = Cluster(nodes=("node-1", "node-2", "node-3"))
    cluster.tick()
    cluster.push(quota("pods: 2") + workload("DaemonSet"))
    cluster.settle()
    assert len(cluster.of("Pod")) == 2
    assert FULL in condition(cluster.of("DaemonSet")["web"], "ReplicaFailure").message
    other = Cluster()
    spec = "{parallelism: 3, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}"
    other.push(quota("pods: 2") + object("Job", "task", f"spec: {spec}").replace("v1", "batch/v1", 1))
    other.settle()
    assert len(other.of("Pod")) == 2
    assert FULL in condition(other.of("Job")["task"], "ReplicaFailure").message


def test_a_cron_job_waits_for_room_for_its_job() -> None:
    """The run stays due."""
    cluster = Cluster()
    task = "{spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}"
    text = object("CronJob", "often", f'spec: {{schedule: "* * * * *", jobTemplate: {task}}}')
    cluster.push(quota("count/jobs.batch: 0") + text.replace("v1", "batch/v1", 1))
    cluster.settle()
    cluster.now += 90
    cluster.report()
    answer = cluster.tick()
    assert not cluster.of("Job")
    (event,) = [one for one in answer.happenings if one.reason == "FailedCreate"]
    assert "exceeded quota: few, requested: count/jobs.batch=1, used: count/jobs.batch=0" in event.message
    assert not cluster.tick().happenings
    cluster.push(quota("count/jobs.batch: 1") + text.replace("v1", "batch/v1", 1), commit="c2")
    cluster.tick()
    assert len(cluster.of("Job")) == 1


def test_declared_objects_wait_for_room() -> None:
    """In the order of their names, each with the words of Kubernetes; nothing is written of what waits."""
    cluster = Cluster()
    text = quota("configmaps: 1, secrets: 0, services: 1, count/pods: 1")
    both = object("ConfigMap", "a") + object("ConfigMap", "b") + object("Secret", "s")
    pods = object("Pod", "p", f"spec: {{{POD_SPEC}}}") + object("Pod", "q", f"spec: {{{POD_SPEC}}}")
    cluster.push(text + both + object("Service", "one") + object("Service", "two") + pods)
    cluster.settle()
    waiting = blocked(cluster.plan())
    assert waiting["configmap/default/b"] == (
        Reason.QUOTA_EXCEEDED,
        "exceeded quota: few, requested: configmaps=1, used: configmaps=1, limited: configmaps=1",
    )
    assert set(waiting) == {
        "configmap/default/b",
        "secret/default/s",
        "service/default/two",
        "pod/default/q",
    }
    assert used(cluster) == {"configmaps": "1", "secrets": "0", "services": "1", "count/pods": "1"}


def test_freed_room_is_used_at_the_next_look() -> None:
    """A Pod that ends makes room for the next, and one that has finished counts no more."""
    cluster = Cluster()
    cluster.push(quota("pods: 1") + object("Pod", "a", f"spec: {{{POD_SPEC}, restartPolicy: Never}}"))
    cluster.settle()
    both = object("Pod", "a", f"spec: {{{POD_SPEC}, restartPolicy: Never}}") + object(
        "Pod", "b", f"spec: {{{POD_SPEC}}}"
    )
    cluster.push(quota("pods: 1") + both, commit="c2")
    cluster.settle()
    assert set(cluster.of("Pod")) == {"a"}
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.name == "a" else "Running"
    cluster.report()
    cluster.settle()
    assert set(cluster.of("Pod")) == {"a", "b"}
    assert used(cluster) == {"pods": "1"}


def test_claims_count_by_class_and_size() -> None:
    """What StatefulSets claim, and what is declared; the default class counts for those that name none."""
    cluster = Cluster()
    names = "requests.storage: 5Gi, local.storageclass.storage.k8s.io/requests.storage: 3Gi, persistentvolumeclaims: 9"
    size = "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}"
    mounted = "volumes: [{name: v, persistentVolumeClaim: {claimName: a}}]"
    user = object("Pod", "user", f"spec: {{{POD_SPEC}, {mounted}}}")
    claims = object("PersistentVolumeClaim", "a", size) + object("PersistentVolumeClaim", "b", size)
    cluster.push(quota(names) + claims + user)
    cluster.settle()
    assert blocked(cluster.plan())["persistentvolumeclaim/default/b"][1] == (
        "exceeded quota: few, requested: local.storageclass.storage.k8s.io/requests.storage=2Gi, "
        "used: local.storageclass.storage.k8s.io/requests.storage=2Gi, "
        "limited: local.storageclass.storage.k8s.io/requests.storage=3Gi"
    )
    assert used(cluster)["requests.storage"] == "2Gi"
    larger = size.replace("2Gi", "4Gi")
    cluster.push(quota(names) + object("PersistentVolumeClaim", "a", larger) + user, commit="c2")
    assert blocked(cluster.plan())["persistentvolumeclaim/default/a"][1].startswith(
        "exceeded quota: few, requested: local.storageclass.storage.k8s.io/requests.storage=2Gi"
    )


def test_a_set_waits_for_room_for_its_claims() -> None:
    """No Pod is made without its claim."""
    cluster = Cluster()
    claim = "{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}"
    rest = f"serviceName: web\n  volumeClaimTemplates: [{claim}]"
    cluster.push(quota("persistentvolumeclaims: 1") + workload("StatefulSet", rest=rest))
    cluster.settle()
    assert set(cluster.of("Pod")) == {"web-0"}
    assert set(cluster.of("PersistentVolumeClaim")) == {"data-web-0"}
    assert blocked(cluster.plan())["statefulset/default/web"][0] is Reason.QUOTA_EXCEEDED


def test_a_quota_on_cpu_wants_every_container_to_say_how_much() -> None:
    """As Kubernetes does, with the names of the containers; a LimitRange can say it for them."""
    cluster = Cluster()
    silent = "containers: [{name: one, image: web}, {name: two, image: web, resources: {limits: {cpu: 1}}}]"
    text = quota("requests.cpu: 4, limits.memory: 4Gi") + workload(spec=silent, replicas=1)
    cluster.push(text)
    cluster.settle()
    why = "failed quota: few: must specify limits.memory for: one,two; requests.cpu for: one"
    assert (Reason.QUOTA_EXCEEDED, why) in blocked(cluster.plan()).values()
    cluster.push(text + limits("{type: Container, default: {cpu: 500m, memory: 1Gi}}"), commit="c2")
    cluster.settle()
    assert used(cluster) == {"limits.memory": "2Gi", "requests.cpu": "1500m"}


@pytest.mark.parametrize(
    ("scope", "counted"),
    [
        (", scopes: [BestEffort]", "1"),
        (", scopes: [NotBestEffort]", "2"),
        (", scopes: [Terminating]", "1"),
        (", scopes: [NotTerminating]", "2"),
        (", scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}", "2"),
        (", scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: NotIn, values: [high]}]}", "1"),
    ],
)
def test_scopes_choose_what_counts(scope: str, counted: str) -> None:
    """Also by a class that a Pod has only because it is the default."""
    cluster = Cluster()
    classes = (
        object("PriorityClass", "high", "value: 9\nglobalDefault: true").replace("v1", "scheduling.k8s.io/v1", 1)
        + object("PriorityClass", "low", "value: 1").replace("v1", "scheduling.k8s.io/v1", 1)
    ).replace("metadata: {name", "metadata: {namespace: '', name")
    pods = (
        object("Pod", "best", "spec: {containers: [{name: a, image: b}]}")
        + object("Pod", "bound", f"spec: {{{POD_SPEC}, activeDeadlineSeconds: 600}}")
        + object("Pod", "low", f"spec: {{{POD_SPEC}, priorityClassName: low}}")
    )
    cluster.push(classes + quota("pods: 5", rest=scope) + pods)
    cluster.settle()
    assert used(cluster) == {"pods": counted}


def test_a_quota_that_comes_later_ends_nothing() -> None:
    """What is there stays; nothing more comes."""
    cluster = Cluster()
    cluster.push(workload(replicas=3))
    cluster.settle()
    cluster.push(workload(replicas=3) + quota("pods: 2"), commit="c2")
    cluster.settle()
    assert len(cluster.of("Pod")) == 3
    assert used(cluster) == {"pods": "3"}


# What is told before


def test_the_plan_tells_which_quota_will_be_exceeded_and_by_how_much() -> None:
    """Before anything fails, also where a rollout would only come to it later."""
    cluster = Cluster()
    cluster.push(quota("pods: 2, requests.cpu: 1") + workload(replicas=7))
    assert cluster.plan().warnings == (
        "resourcequota/default/few will be exceeded: pods 7 wanted of 2, 5 too much, "
        "requests.cpu 1400m wanted of 1, 400m too much",
    )
    cluster.push(quota("pods: 7, requests.cpu: 2") + workload(replicas=7), commit="c2")
    assert not cluster.plan().warnings


def test_a_rollout_that_finds_no_room_is_told() -> None:
    """One Pod more is needed for a moment, and there is no room for it."""
    cluster = Cluster()
    cluster.push(quota("pods: 2") + workload(replicas=2))
    assert cluster.plan().warnings == (
        "deployment/default/web cannot roll within resourcequota/default/few without maxUnavailable: "
        "pods 3 wanted of 2, 1 too much",
    )
    recreate = workload(replicas=2, rest="strategy: {type: Recreate}")
    cluster.push(quota("pods: 2") + recreate, commit="c2")
    assert not cluster.plan().warnings


# Limits


def test_pods_get_what_they_do_not_say_and_templates_stay_as_they_are() -> None:
    """A LimitRange that changes rolls nothing (P26)."""
    cluster = Cluster()
    item = "{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m, memory: 64Mi}, max: {cpu: 2}}"
    cluster.push(workload(replicas=1) + limits(item))
    cluster.settle()
    (pod,) = cluster.of("Pod").values()
    resources = pod.spec.containers[0].resources  # type: ignore[union-attr]
    assert (dict(resources.requests), dict(resources.limits)) == (
        {"cpu": "200m", "memory": "64Mi"},
        {"memory": "1Gi", "cpu": "2" if isinstance(resources.limits["cpu"], str) else 2},
    )
    note = pod.metadata.annotations["kubernetes.io/limit-ranger"]
    assert note == ("LimitRanger plugin set: memory request for container main; cpu, memory limit for container main")
    (replica_set,) = cluster.of("ReplicaSet").values()
    assert not replica_set.spec.template.spec.containers[0].resources.limits  # type: ignore[union-attr]
    cluster.push(workload(replicas=1) + limits(item.replace("1Gi", "2Gi")), commit="c2")
    cluster.settle()
    assert set(cluster.of("Pod")) == {pod.metadata.name}


def test_a_declared_pod_keeps_what_it_was_given() -> None:
    """Neither another LimitRange, another label nor another request makes it anew; another command does."""
    cluster = Cluster()
    item = "{type: Container, default: {memory: 1Gi}}"
    pod = object("Pod", "a", f"spec: {{{POD_SPEC}}}")
    cluster.push(pod + limits(item))
    cluster.settle()
    before = cluster.of("Pod")["a"].metadata.uid
    labelled = pod.replace("{name: a}", "{name: a, labels: {tier: back}}")
    cluster.push(labelled + limits(item.replace("1Gi", "2Gi")), commit="c2")
    cluster.settle()
    kept: Any = cluster.of("Pod")["a"]
    assert (kept.metadata.uid, kept.metadata.labels) == (before, {"tier": "back"})
    assert kept.spec.containers[0].resources.limits == {"memory": "1Gi"}
    cluster.push(labelled.replace("200m", "300m") + limits(item.replace("1Gi", "2Gi")), commit="c3")
    cluster.settle()
    resized: Any = cluster.of("Pod")["a"]
    resources = resized.spec.containers[0].resources
    assert resized.metadata.uid == before
    assert (resources.requests["cpu"], resources.limits) == ("300m", {"memory": "1Gi"})
    changed_text = labelled.replace("200m", "300m").replace("name: main", "name: main, workingDir: /srv")
    cluster.push(changed_text + limits(item.replace("1Gi", "2Gi")), commit="c4")
    cluster.settle()
    changed: Any = cluster.of("Pod")["a"]
    assert changed.metadata.uid != before
    assert changed.spec.containers[0].resources.limits == {"memory": "2Gi"}


def test_what_a_limit_range_does_not_allow_is_not_made() -> None:
    """Every fault is told, in Kubernetes' words, of a workload as of a declared Pod."""
    cluster = Cluster()
    item = "{type: Container, min: {cpu: 500m}, max: {memory: 1Gi}, maxLimitRequestRatio: {memory: 2}}"
    spec = "containers: [{name: a, image: b, resources: {requests: {cpu: 200m, memory: 1Gi}, limits: {memory: 3Gi}}}]"
    cluster.push(limits(item) + workload(spec=spec, replicas=1) + object("Pod", "alone", f"spec: {{{spec}}}"))
    cluster.settle()
    why = (
        "[minimum cpu usage per Container is 500m, but request is 200m, "
        "maximum memory usage per Container is 1Gi, but limit is 3Gi, "
        "memory max limit to request ratio per Container is 2, but provided ratio is 3.000000]"
    )
    assert not cluster.of("Pod")
    assert blocked(cluster.plan())["pod/default/alone"] == (Reason.LIMIT_EXCEEDED, why)
    message = condition(cluster.of("Deployment")["web"], "ReplicaFailure").message
    assert message.startswith('pods "web-')
    assert message.endswith(f'" is forbidden: {why}')


def test_limits_of_whole_pods_and_claims() -> None:
    """All containers together; the size of a claim."""
    cluster = Cluster()
    one = "image: b, resources: {limits: {cpu: 1}}"
    two = f"containers: [{{name: a, {one}}}, {{name: c, {one}}}]"
    size = "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}"
    items = ("{type: Pod, max: {cpu: 1500m}}", "{type: PersistentVolumeClaim, max: {storage: 1Gi}}")
    cluster.push(
        limits(*items) + object("Pod", "two", f"spec: {{{two}}}") + object("PersistentVolumeClaim", "big", size)
    )
    cluster.settle()
    assert {name: words for name, (_, words) in blocked(cluster.plan()).items()} == {
        "pod/default/two": "maximum cpu usage per Pod is 1500m, but limit is 2",
        "persistentvolumeclaim/default/big": "maximum storage usage per PersistentVolumeClaim is 1Gi, but "
        "request is 2Gi",
    }


@pytest.mark.parametrize(
    ("value", "binary", "text"),
    [
        ("1024", False, "1024"),
        ("1024", True, "1Ki"),
        ("2Gi", True, "2Gi"),
        ("1000", True, "1k"),
        ("1.5", True, "1500m"),
    ],
)
def test_amounts_are_shown_in_their_own_family(value: str, binary: bool, text: str) -> None:
    """Bytes in binary multiples where that is shorter, counts never."""
    assert amount_text(parse_quantity(value), binary=binary) == text


def test_a_pod_that_should_be_gone_counts_no_more_whatever_else_there_is() -> None:
    """Twice its time to end has passed, and nothing else has happened: what was counted before is counted anew."""
    cluster = Cluster()
    cluster.push(quota("pods: 5") + workload(replicas=2))
    cluster.settle()
    cluster.ends = lambda _: False
    cluster.push(quota("pods: 5") + workload(replicas=1), commit="c2")
    cluster.settle()
    assert used(cluster) == {"pods": "2"}
    cluster.settle()
    cluster.now += 120
    cluster.report()
    cluster.settle()
    assert used(cluster) == {"pods": "1"}


def test_a_limit_range_may_give_requests_alone() -> None:
    """To containers that state nothing: they have no limit, but a request."""
    cluster = Cluster()
    cluster.push(limits("{type: Container, defaultRequest: {cpu: 100m}}"))
    cluster.settle()
    bare = "containers: [{name: a, image: i}]"
    cluster.push(
        limits("{type: Container, defaultRequest: {cpu: 100m}}") + workload(replicas=1, spec=bare), commit="c2"
    )
    cluster.settle()
    (pod,) = cluster.of("Pod").values()
    assert isinstance(pod, Pod)
    assert pod.spec.containers[0].resources == ResourceRequirements(requests={"cpu": "100m"})
