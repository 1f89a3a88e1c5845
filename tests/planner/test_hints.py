"""Pods that wait are looked at again when a change may have helped them, and are placed as if they were each time."""

import random
from typing import Any

import pytest
import yaml

from reconciler.model.kinds import Taint
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from reconciler.planner.plan import plan
from tests.planner.world import Cluster, replace

ZONE = "topology.kubernetes.io/zone"
NODES = ("node-1", "node-2", "node-3")


def apart(app: str, key: str = ZONE) -> dict[str, Any]:
    """Return what keeps a Pod away from others."""
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_term(app, key)]}}


def near(app: str, key: str = ZONE) -> dict[str, Any]:
    """Return what keeps a Pod near others."""
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_term(app, key)]}}


def _term(app: str, key: str) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}


def _even(app: str) -> list[dict[str, Any]]:
    selector = {"matchLabels": {"app": app}}
    return [{"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]


SPECS: tuple[dict[str, Any], ...] = (
    {},
    {"cpu": "3"},
    {"cpu": "5"},
    {"cpu": "5", "priorityClassName": "high"},
    {"cpu": "8", "priorityClassName": "high"},
    {"port": 80},
    {"port": 80, "cpu": "5", "priorityClassName": "high"},
    {"nodeSelector": {"disk": "fast"}},
    {"nodeSelector": {"disk": "fast"}, "cpu": "5"},
    {"tolerations": [{"key": "dedicated", "operator": "Exists"}], "cpu": "5"},
    {"affinity": apart("a")},
    {"affinity": apart("b", "kubernetes.io/hostname")},
    {"affinity": near("a")},
    {"affinity": near("b")},
    {"topologySpreadConstraints": _even("a")},
    {"topologySpreadConstraints": _even("b")},
    {"claim": "disk"},
    {"claim": "shared"},
    {"claim": "shared", "cpu": "5"},
)
OTHERS = (
    """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
""",
    """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
""",
    """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {storageClassName: late, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""",
    """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared}
spec: {storageClassName: late, accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Gi}}}
""",
    *(
        f"""
apiVersion: v1
kind: PersistentVolume
metadata: {{name: volume-{number}}}
spec:
  storageClassName: late
  accessModes: [ReadWriteOnce, ReadWriteOncePod]
  capacity: {{storage: 1Gi}}
  local: {{path: /mnt}}
  nodeAffinity:
    required:
      nodeSelectorTerms: [{{matchExpressions: [{{key: disk, operator: In, values: [{kind}]}}]}}]
"""
        for number, kind in ((1, "fast"), (2, "slow"))
    ),
)
EVENTS = ("push", "push", "cordon", "taint", "label", "label", "end", "silence", "speak", "later", "tick", "relabel")


def manifest(name: str, app: str, spec: dict[str, Any]) -> str:
    """Return a Pod."""
    rest = dict(spec)
    container: dict[str, Any] = {"name": "a", "image": "b"}
    container["resources"] = {"requests": {"cpu": rest.pop("cpu", "100m")}}
    if port := rest.pop("port", None):
        container["ports"] = [{"containerPort": port, "hostPort": port}]
    if claim := rest.pop("claim", None):
        rest["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]
    metadata = {"name": name, "labels": {"app": app}}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **rest}}
    return yaml.safe_dump(document)


class World:
    """A cluster in which things happen that decide about placing."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.cluster = Cluster(nodes=NODES)
        self.pods: dict[str, str] = {}
        self.ended: set[str] = set()
        self.cluster.phase = lambda pod: "Succeeded" if pod.metadata.name in self.ended else "Running"
        self.commits = 0

    def happen(self, event: str) -> None:
        """Let one thing happen."""
        dice, cluster = self.dice, self.cluster
        match event:
            case "push":
                self.push()
            case "end":
                self.ended = {name for name in self.pods if dice.random() < 0.2}
                cluster.report()
            case "silence":
                cluster.now += 1000
            case "speak":
                cluster.report()
            case "later":
                cluster.now += dice.choice((1, 40))
            case "relabel":
                refs = sorted(ref for ref in cluster.observed.objects if ref.kind == "Pod")
                if refs:
                    self.change(dice.choice(refs), labels={"app": dice.choice("ab")})
            case "cordon" | "taint" | "label":
                self.change_node(event)
            case _:
                cluster.tick()

    def push(self) -> None:
        """Declare other Pods."""
        dice = self.dice
        kept = {name: text for name, text in self.pods.items() if dice.random() < 0.8}
        for _ in range(dice.randrange(5)):
            self.commits += 1
            spec = dice.choice(SPECS)
            kept[f"p{self.commits}"] = manifest(f"p{self.commits}", dice.choice("ab"), spec)
        self.pods = kept
        others = [one for one in OTHERS if dice.random() < 0.9]
        self.cluster.push("---\n".join([*others, *kept.values()]), commit=f"c{dice.random()}")

    def change(self, ref: ObjectRef, labels: dict[str, str]) -> None:
        """Give an object other labels."""
        stored = self.cluster.observed.objects[ref]
        object: Any = stored.object
        changed = replace(stored, object=replace(object, metadata=replace(object.metadata, labels=labels)))
        self.set(ref, changed)

    def change_node(self, event: str) -> None:
        """Cordon, taint or label a node, or take it back."""
        ref = ObjectRef(kind="Node", name=self.dice.choice(NODES))
        stored = self.cluster.observed.objects.get(ref)
        if stored is None:
            return
        node: Any = stored.object
        if event == "label":
            some = {ZONE: self.dice.choice(("z1", "z2", "")), "disk": self.dice.choice(("fast", "slow", ""))}
            labels = {**node.metadata.labels, **some}
            self.change(ref, {key: value for key, value in labels.items() if value})
            return
        before = self.cluster.observed.overrides.get(ref) or Override(ref=ref, uid=node.metadata.uid)
        if event == "taint":
            taint = Taint(key="dedicated", effect="NoSchedule")
            override(self.cluster, replace(before, taints=None if before.taints else (taint,)))
        else:
            override(self.cluster, replace(before, unschedulable=not before.unschedulable))

    def set(self, ref: ObjectRef, stored: Any) -> None:
        """Have something else observed."""
        cluster = self.cluster
        cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: stored})

    def step(self) -> None:
        """Plan, and carry out what the planner says that remembers."""
        cluster = self.cluster
        cluster.plan()
        known = plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
        if self.dice.random() < 0.8:
            cluster.observed = apply_plan(cluster.observed, known)
            cluster.report()


def override(cluster: Cluster, one: Override) -> None:
    """Have a person say something of a node."""
    cluster.observed = replace(cluster.observed, overrides={**cluster.observed.overrides, one.ref: one})


@pytest.mark.parametrize("seed", range(30))
def test_who_is_not_looked_at_would_not_have_been_placed(seed: int) -> None:
    """Whatever happens, `Cluster.plan` finds that a planner that remembers nothing places the same Pods."""
    dice = random.Random(seed)
    world = World(dice)
    for event in ("push", "tick", "label", "label", "label", "push", "tick", *dice.choices(EVENTS, k=20)):
        world.happen(event)
        world.step()


def _waiting(*specs: dict[str, Any]) -> Cluster:
    """Return a cluster of one node with such Pods, named p0 and so on, told why they wait."""
    cluster = Cluster()
    texts = [manifest(f"p{number}", "a", spec) for number, spec in enumerate(specs)]
    cluster.push("---\n".join([OTHERS[0], *texts]))
    cluster.settle()
    return cluster


def _place(cluster: Cluster, name: str) -> str:
    pod: Any = cluster.of("Pod")[name]
    place: str = pod.spec.node_name
    return place


def test_a_pod_that_waits_sleeps_until_room_is_there() -> None:
    """It is not looked at while nothing changes that may help it, still blocks the plan, and is placed at once."""
    cluster = _waiting({"cpu": "5"}, {"cpu": "5"})
    assert _place(cluster, "p0")
    assert not _place(cluster, "p1")
    assert not cluster.memo.attention.awake["Pod"]
    assert [one.object.name for one in cluster.plan().blocked] == ["p1"]
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.name == "p0" else "Running"
    cluster.report()
    cluster.tick()
    assert _place(cluster, "p1") == "node-1"


def test_a_pod_that_ends_does_not_help_one_that_lacks_a_label() -> None:
    """Room is not what it was refused for."""
    cluster = _waiting({"cpu": "5"}, {"nodeSelector": {"disk": "fast"}})
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.name == "p0" else "Running"
    cluster.report()
    cluster.tick()
    asleep = ObjectRef(kind="Pod", namespace="default", name="p1")
    assert asleep not in cluster.memo.attention.awake["Pod"]


def test_what_is_told_of_a_pod_is_brought_up_to_date_after_half_a_minute() -> None:
    """A change that cannot help shows in the sentence later: the plan says when to look again."""
    cluster = _waiting({"cpu": "5"}, {"cpu": "5"})
    uid = cluster.of("Node")["node-1"].metadata.uid
    override(cluster, Override(ref=ObjectRef(kind="Node", name="node-1"), uid=uid, unschedulable=True))
    answer = plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
    assert "Insufficient cpu" in answer.blocked[0].message
    assert answer.look_again_at is not None
    assert answer.look_again_at <= cluster.now + 30
    cluster.now += 30
    answer = plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
    assert "were unschedulable" in answer.blocked[0].message
