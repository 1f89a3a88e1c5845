"""Several nodes in stories: workloads that are spread over them, and persons who take nodes out of service."""

from collections.abc import Collection
from typing import Any, cast

from reconciler.model.kinds import Node, Pod, Taint
from reconciler.model.refs import ObjectRef
from reconciler.planner.workloads.podgc import OUT_OF_SERVICE
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.bounds import Evictors, budget_for
from tests.simulation.cluster.repository import Document
from tests.simulation.cluster.sets import SetsRepository

ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"
MAINTENANCE = "example.com/maintenance"
_PRIORITIES = {"urgent": 1000, "idle": -10}


class NodesRepository(SetsRepository):
    """A repository whose workloads say where they may run, what they need there, and who goes first."""

    def add(self) -> str:
        """Add a budget, or something else; priorities are there before."""
        if self._one("PriorityClass") is None:
            for name in _PRIORITIES:
                self._put(self._priority(name))
        if self.dice.random() < 0.15:
            self._numbers += 1
            target = self._one("Deployment", "StatefulSet")
            app = target["metadata"]["name"] if target is not None else "nobody"
            return self._put(budget_for(f"{self.source}-{self._numbers}", app, self.dice))
        return super().add()

    def scale(self) -> str:
        """Change a number of replicas, or what a workload asks of nodes."""
        document = self._one("Deployment", "StatefulSet")
        if document is None or self.dice.random() < 0.6:
            return super().scale()
        self._place(document)
        return f"have {document['metadata']['name']} run elsewhere"

    def heal(self, everything: set[str]) -> None:
        """Leave only what fits on any number of nodes."""
        super().heal(everything)
        for document in self.documents.values():
            if document["kind"] in ("Deployment", "StatefulSet"):
                _loosen(document, everything)

    def _put(self, document: Document) -> str:
        key = f"{document['kind'].lower()}/{document['metadata']['name']}"
        self.documents[key] = document
        return f"add {key}"

    def _priority(self, name: str) -> Document:
        return {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": f"{name}-{self.source}"},
            "value": _PRIORITIES[name],
            "preemptionPolicy": "PreemptLowerPriority",
        }

    def _deployment(self, number: str) -> Document:
        document = super()._deployment(number)
        document["spec"]["progressDeadlineSeconds"] = self.dice.choice((20, 60, 600))
        document["spec"]["replicas"] = self.dice.randint(0, 5)
        self._place(document)
        return document

    def _set(self, name: str) -> Document:
        document = super()._set(name)
        self._place(document)
        return document

    def _place(self, document: Document) -> None:
        """Say where a workload's Pods may run."""
        dice, spec = self.dice, document["spec"]["template"]["spec"]
        chosen = {"matchLabels": document["spec"]["selector"]["matchLabels"]}
        for name in ("affinity", "topologySpreadConstraints", "priorityClassName", "tolerations"):
            spec.pop(name, None)
        container = spec["containers"][0]
        container.pop("ports", None)
        container.pop("resources", None)
        if dice.random() < 0.3:
            spec["topologySpreadConstraints"] = [
                {
                    "maxSkew": dice.choice((1, 1, 2)),
                    "topologyKey": dice.choice((ZONE, HOSTNAME)),
                    "whenUnsatisfiable": dice.choice(("DoNotSchedule", "ScheduleAnyway")),
                    "labelSelector": chosen,
                }
            ]
        if dice.random() < 0.2 and document["kind"] == "Deployment":
            # A set does not go on before its newest Pod is well: old ones would bar it from every node for ever.
            term = {"topologyKey": dice.choice((HOSTNAME, HOSTNAME, ZONE)), "labelSelector": chosen}
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        if dice.random() < 0.15:
            container["ports"] = [{"containerPort": 80, "hostPort": dice.choice((8080, 8081))}]
        if dice.random() < 0.6:
            container["resources"] = {"requests": {"cpu": dice.choice(("200m", "1200m", "1900m", "3500m"))}}
        priority = self._one("PriorityClass")
        if priority is not None and dice.random() < 0.6:
            spec["priorityClassName"] = priority["metadata"]["name"]
        if dice.random() < 0.6:
            spec["tolerations"] = [
                {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", **_for(seconds)}
                for key, seconds in (("unreachable", dice.choice((0, 5, 60, None))), ("not-ready", 30))
            ]
        claim = self._one("PersistentVolumeClaim")
        if claim is not None and document["kind"] == "Deployment" and dice.random() < 0.25:
            source = {"claimName": claim["metadata"]["name"]}
            spec["volumes"] = [*_without_claims(spec), {"name": "data", "persistentVolumeClaim": source}]


def _for(seconds: int | None) -> Document:
    return {} if seconds is None else {"tolerationSeconds": seconds}


def _without_claims(spec: Document) -> list[Document]:
    return [one for one in spec.get("volumes", []) if "persistentVolumeClaim" not in one]


def _loosen(document: Document, everything: set[str]) -> None:
    """Take from a workload what some number of nodes could not give it."""
    spec = document["spec"]["template"]["spec"]
    for container in spec["containers"]:
        container.pop("ports", None)
        container.pop("resources", None)
    for one in spec.get("topologySpreadConstraints", []):
        one["whenUnsatisfiable"] = "ScheduleAnyway"
    spec.pop("affinity", None)
    if f"priorityclass/{spec.get('priorityClassName')}" not in everything:
        spec.pop("priorityClassName", None)
    if "volumes" in spec:
        # A claim may be another Pod's alone.
        spec["volumes"] = _without_claims(spec)
    if document["kind"] == "Deployment":
        # Old Pods may bar new ones from every node, and a strategy may keep them for ever then.
        document["spec"]["strategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"},
        }
        document["spec"]["progressDeadlineSeconds"] = 600


class Operators(Evictors):
    """Persons who cordon, drain and taint nodes, evict Pods, and say that a node which is off is gone."""

    def __init__(self, seed: int, cluster: SimulatedCluster, off: Collection[str]) -> None:
        super().__init__(seed, cluster)
        self.off = off

    def begin(self) -> str:
        """Say in which zones the nodes are."""
        zones = {name: f"zone-{self.dice.choice('ab')}" for name in sorted(self.cluster.hosts)}
        for name, zone in zones.items():
            ref = ObjectRef(kind="Node", name=name)
            if ref in self.cluster.observed.objects:
                self._write(ref, labels={ZONE: zone})
        return "label " + ", ".join(f"{name} {zone}" for name, zone in zones.items())

    def act(self) -> str:
        """Do one thing, where there is something to do it to."""
        if self.off and self.dice.random() < 0.6:
            return self._declare_gone()
        acts = (self._cordon, self._drain, self._taint, self._untaint, super().act, self._delete, self._restart)
        return self.dice.choices(acts, (3, 3, 2, 2, 4, 1, 1))[0]()

    def release(self) -> None:
        """Let every node be used again."""
        super().release()
        for ref, one in list(self.cluster.observed.overrides.items()):
            if one.taints:
                self._write(ref, taints=())

    def returned(self, node: str) -> None:
        """Take back that a node is gone."""
        self._set_taints(node, OUT_OF_SERVICE, None)

    def _drain(self) -> str:
        ref = self._one("Node")
        if ref is None:
            return "no node to drain"
        self._write(ref, unschedulable=True)
        pods = [cast(Pod, one.object) for other, one in sorted(self._objects.items()) if other.kind == "Pod"]
        there = [pod for pod in pods if pod.spec.node_name == ref.name and not pod.metadata.deletion_timestamp]
        return "; ".join((f"drain {ref}", *(self._evict_one(pod) for pod in there)))

    def _taint(self) -> str:
        ref = self._one("Node")
        if ref is None:
            return "no node to taint"
        self._set_taints(ref.name, MAINTENANCE, Taint(key=MAINTENANCE, effect="NoExecute"))
        return f"taint {ref} {MAINTENANCE}:NoExecute"

    def _untaint(self) -> str:
        ref = self._one("Node")
        if ref is None:
            return "no node to taint"
        self._set_taints(ref.name, MAINTENANCE, None)
        return f"taint {ref} {MAINTENANCE}-"

    def _declare_gone(self) -> str:
        node = self.dice.choice(sorted(self.off))
        self._set_taints(node, OUT_OF_SERVICE, Taint(key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute"))
        return f"taint {node} {OUT_OF_SERVICE}=nodeshutdown:NoExecute"

    def _set_taints(self, node: str, key: str, taint: Taint | None) -> None:
        ref = ObjectRef(kind="Node", name=node)
        if ref not in self._objects:
            return
        override = self.cluster.observed.overrides.get(ref)
        others = tuple(one for one in (override.taints or () if override else ()) if one.key != key)
        self._write(ref, taints=(*others, *(() if taint is None else (taint,))))

    @property
    def _objects(self) -> Any:
        return self.cluster.observed.objects


def node_of(cluster: SimulatedCluster, name: str) -> Node | None:
    """Return a Node object by its name."""
    stored = cluster.observed.objects.get(ObjectRef(kind="Node", name=name))
    return None if stored is None else cast(Node, stored.object)
