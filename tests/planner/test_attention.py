"""Planning again looks only at what may have changed, and finds what looking at everything would."""

import random
from typing import cast

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Pod
from reconciler.model.observed import NodeState
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from tests.planner.test_daemonset import daemon_set
from tests.planner.test_deployment import web
from tests.planner.test_job import job
from tests.planner.test_statefulset import db
from tests.planner.world import Cluster, replace

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
CONFIGURATION = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {key: first}
"""
READER = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: reader
  annotations: {reconciler.dev/restart-on-configuration-change: "true"}
spec:
  replicas: 2
  selector: {matchLabels: {app: reader}}
  template:
    metadata: {labels: {app: reader}}
    spec:
      containers:
      - name: reader
        image: reader
        envFrom: [{configMapRef: {name: settings}}]
"""
CONTROLLER = """
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec:
  replicas: 2
  selector: {app: old}
  template:
    metadata: {labels: {app: old}}
    spec: {containers: [{name: old, image: old}]}
"""
AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 2
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
"""
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {pods: "6"}}
"""
PARTS = (
    web(),
    web("2", 3),
    web("2").replace("web", "api"),
    SERVICE,
    CONFIGURATION,
    CONFIGURATION.replace("first", "second"),
    READER,
    CONTROLLER,
    AUTOSCALER,
    BUDGET,
    QUOTA,
    db(replicas=2),
    daemon_set(),
    job(),
)
EVENTS = ("push", "tick", "tick", "unready", "ready", "silence", "speak", "later", "earlier", "delete", "strip", "lose")


def happen(cluster: Cluster, event: str, dice: random.Random) -> None:
    """Let one thing happen in the cluster."""
    pods = sorted(ref for ref in cluster.observed.objects if ref.kind == "Pod")
    match event:
        case "push":
            parts = {_named(part): part for part in dice.sample(PARTS, 5)}
            cluster.push("---\n".join(parts.values()), commit=f"c{dice.random()}")
        case "unready" | "ready":
            one = dice.choice(pods).name if pods and event == "unready" else ""
            cluster.ready = lambda pod: pod.metadata.name != one
            cluster.report()
        case "silence":
            cluster.now += 1000
        case "speak":
            cluster.report()
        case "later" | "earlier":
            cluster.now += 30 if event == "later" else -30
        case "delete" if pods:
            uid = cluster.observed.objects[pods[0]].object.metadata.uid
            override = Override(ref=pods[0], uid=uid, by="admin", at=cluster.now, delete_at=cluster.now)
            cluster.observed = replace(cluster.observed, overrides={pods[0]: override})
        case "strip" if pods:
            _change(cluster, pods[-1], labels={"app": "other"})
        case "lose":
            cluster.observed = replace(cluster.observed, nodes={"node-1": NodeState(name="node-1")})
        case _:
            cluster.tick()


def _named(part: str) -> tuple[str, str]:
    document = next(yaml.safe_load_all(part))
    return document["kind"], document["metadata"]["name"]


def _change(cluster: Cluster, ref: ObjectRef, labels: dict[str, str]) -> None:
    stored = cluster.observed.objects[ref]
    pod = cast(Pod, stored.object)
    changed = replace(stored, object=replace(pod, metadata=replace(pod.metadata, labels=labels)))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: changed})


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(EVENTS), min_size=4, max_size=25))
def test_what_is_remembered_never_shows_in_a_plan(dice: random.Random, story: list[str]) -> None:
    """Whatever happens in whatever order, `Cluster.plan` finds the plans with and without memory equal."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    happen(cluster, "push", dice)
    for event in ("tick", "tick", "tick", *story):
        happen(cluster, event, dice)
        # One of these plans is never carried out: what it wrote into the view must not stay there.
        cluster.plan()
        if dice.random() < 0.7:
            cluster.observed = apply_plan(cluster.observed, cluster.plan())


def test_only_what_changes_and_what_depends_on_it_is_looked_at() -> None:
    """One Pod's readiness wakes its ReplicaSet, its Deployment and its Service; nothing of another Deployment."""
    cluster = Cluster()
    cluster.push("---\n".join((web(), SERVICE, web().replace("web", "api"))))
    cluster.settle()
    cluster.report()
    cluster.settle()
    awake = cluster.memo.attention.awake
    kinds = ("Deployment", "ReplicaSet", "Pod", "Service", "Endpoints", "EndpointSlice")
    assert not any(awake[kind] for kind in kinds)
    one = next(name for name in cluster.of("Pod") if name.startswith("web-"))
    cluster.ready = lambda pod: pod.metadata.name != one
    cluster.report()
    cluster.plan()
    assert [ref.name for ref in awake["Pod"]] == [one]
    assert [ref.name for ref in awake["Deployment"]] == ["web"]
    assert [ref.name for ref in awake["Service"]] == ["web"]


CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}, namespace: default}}
spec: {{storageClassName: fast, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}
"""
CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: reconciler.dev/local
volumeBindingMode: Immediate
"""


def test_claims_that_have_their_volumes_are_not_looked_at() -> None:
    """Although those volumes bear finalizers; one that goes wakes its own claim."""
    cluster = Cluster()
    cluster.push("---\n".join((CLASS, CLAIM.format(name="one"), CLAIM.format(name="other"))))
    cluster.settle()
    cluster.settle()
    awake = cluster.memo.attention.awake
    assert len(cluster.of("PersistentVolume")) == 2
    assert not awake["PersistentVolume"] and not awake["PersistentVolumeClaim"]
    gone = next(one for one in cluster.of("PersistentVolume").values() if one.spec.claim_ref.name == "one")
    left = {ref: one for ref, one in cluster.observed.objects.items() if one.object is not gone}
    cluster.observed = replace(cluster.observed, objects=left)
    cluster.plan()
    assert [ref.name for ref in awake["PersistentVolumeClaim"]] == ["one"]
    cluster.tick()
    phases = {name: one.status.phase for name, one in cluster.of("PersistentVolumeClaim").items()}
    assert phases == {"one": "Lost", "other": "Bound"}
