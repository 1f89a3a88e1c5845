"""StatefulSets in stories: what a person does with them, and what must hold of them at every step."""

from collections.abc import Iterator
from typing import Any, cast

from reconciler.model.kinds import Pod, StatefulSet
from reconciler.model.observed import ObservedState
from reconciler.model.refs import ObjectRef
from reconciler.planner.workloads.podview import is_ready
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.repository import Document, Repository
from tests.simulation.cluster.unsafe import Unsafe, is_disrupted, is_preempted_now

_REVISION = "controller-revision-hash"


class SetsRepository(Repository):
    """A repository with StatefulSets: they grow, shrink, roll, go, and come back under the same name."""

    def add(self) -> str:
        """Add a set, or something else."""
        name = f"db-{self.source}-{self.dice.randint(1, 2)}"
        if self.dice.random() < 0.5 or f"statefulset/{name}" in self.documents:
            return super().add()
        document = self._set(name)
        self.documents[f"statefulset/{name}"] = document
        return f"add statefulset/{name} {document['spec']['podManagementPolicy']}"

    def scale(self) -> str:
        """Change a number of replicas, or the number of the first."""
        document = self._a_set()
        if document is None:
            return super().scale()
        if self.dice.random() < 0.15:
            document["spec"]["ordinals"] = {"start": self.dice.randint(0, 3)}
            return f"let {document['metadata']['name']} begin with {document['spec']['ordinals']['start']}"
        document["spec"]["replicas"] = self.dice.randint(0, 4)
        return f"scale statefulset/{document['metadata']['name']} to {document['spec']['replicas']}"

    def change_strategy(self) -> str:
        """Change how a set rolls."""
        document = self._a_set()
        if document is None:
            return super().change_strategy()
        document["spec"]["updateStrategy"] = self._set_strategy()
        return f"let statefulset/{document['metadata']['name']} roll by {document['spec']['updateStrategy']}"

    def heal(self, everything: set[str]) -> None:
        """Leave only what can become healthy: all Pods are to be new."""
        super().heal(everything)
        for document in self.documents.values():
            if document["kind"] == "StatefulSet":
                document["spec"]["updateStrategy"] = {"type": "RollingUpdate"}

    def _set_image(self, name: str) -> str:
        document = self._a_set()
        if document is None:
            return super()._set_image(name)
        image = f"shop/{name}:{self.dice.randint(1, 3)}"
        document["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return f"set statefulset/{document['metadata']['name']} to {image}"

    def _a_set(self) -> Document | None:
        return self._one("StatefulSet") if self.dice.random() < 0.6 else None

    def _set(self, name: str) -> Document:
        dice = self.dice
        labels = {"app": name}
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        return {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": dice.randint(0, 4),
                "serviceName": name,
                # What nobody may change is the same whenever the name comes back.
                "podManagementPolicy": "Parallel" if name.endswith("2") else "OrderedReady",
                "minReadySeconds": dice.choice((0, 0, 0, 4)),
                "revisionHistoryLimit": dice.choice((0, 1, 10)),
                "updateStrategy": self._set_strategy(),
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self._pod_spec(name)},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
        }

    def _set_strategy(self) -> Document:
        dice = self.dice
        if dice.random() < 0.15:
            return {"type": "OnDelete"}
        limits = {"partition": dice.choice((0, 0, 0, 1, 2)), "maxUnavailable": dice.choice((1, 1, 2, "50%"))}
        return {"type": "RollingUpdate", "rollingUpdate": limits}


class SetsSafety:
    """What must hold of StatefulSets, checked independently of how the planner decides."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._claims: dict[ObjectRef, str] = {}

    def planned(self, before: ObservedState) -> None:
        """Check one committed plan."""
        after = self.cluster.observed
        created = list(_created(before, after))
        self._check_names(created)
        self._check_claims(after)
        for ref, stored in after.objects.items():
            if ref.kind == "StatefulSet":
                self._check_set(before, after, created, cast(StatefulSet, stored.object))

    def unhealthy(self) -> str:
        """Say which set is not as it should be at rest."""
        for ref, stored in sorted(self.cluster.observed.objects.items()):
            if ref.kind == "StatefulSet":
                status, wanted = cast(StatefulSet, stored.object).status, cast(StatefulSet, stored.object).spec.replicas
                counts = (status.replicas, status.available_replicas, status.updated_replicas, status.current_replicas)
                if set(counts) != {wanted} or status.current_revision != status.update_revision:
                    return f"{ref} has {counts} of {wanted}"
        return ""

    def _check_names(self, created: list[Pod]) -> None:
        """P27: no Pod is made while anything of an earlier one of its name still runs."""
        if not created:
            return
        running = {
            (one.fact.pod_namespace, one.fact.pod_name): one.fact.pod_uid
            for host in self.cluster.hosts.values()
            for one in host.world.engine.containers.values()
            if one.fact.state == "running" and one.fact.pod_uid
        }
        for pod in created:
            uid = running.get((pod.metadata.namespace, pod.metadata.name))
            if uid is not None and uid != pod.metadata.uid:
                raise Unsafe(f"pod {pod.metadata.name} is made while an earlier one of that name runs")

    def _check_claims(self, after: ObservedState) -> None:
        """P29: a claim that a set has made keeps its volume for ever."""
        for ref, volume in self._claims.items():
            stored = after.objects.get(ref)
            if stored is None or cast(Any, stored.object).spec.volume_name != volume:
                raise Unsafe(f"{ref} lost its volume {volume}")
            if stored.object.metadata.deletion_timestamp:
                raise Unsafe(f"{ref} ends, and nobody said so")
        for ref, stored in after.objects.items():
            if ref.kind == "PersistentVolumeClaim" and ref.name.startswith("data-db-"):
                volume = cast(Any, stored.object).spec.volume_name
                if volume:
                    self._claims[ref] = volume

    def _check_set(
        self, before: ObservedState, after: ObservedState, created: list[Pod], stateful_set: StatefulSet
    ) -> None:
        pods = {_ordinal(pod): pod for pod in _pods(after, stateful_set)}
        start, spec = stateful_set.spec.ordinals.start, stateful_set.spec
        wanted = range(start, start + spec.replicas)
        for pod in created:
            if pod.metadata.owner_references and pod.metadata.owner_references[0].uid == stateful_set.metadata.uid:
                self._check_created(stateful_set, pods, wanted, pod)
        self._check_update(before, stateful_set, pods, wanted)

    def _check_created(self, stateful_set: StatefulSet, pods: dict[int, Pod], wanted: range, pod: Pod) -> None:
        if _ordinal(pod) not in wanted:
            raise Unsafe(f"{pod.metadata.name} is made and not wanted")
        if stateful_set.spec.pod_management_policy == "OrderedReady":
            for earlier in range(wanted.start, _ordinal(pod)):
                if earlier not in pods or not is_ready(pods[earlier]):
                    raise Unsafe(f"{pod.metadata.name} is made before number {earlier} is ready")

    def _check_update(
        self, before: ObservedState, stateful_set: StatefulSet, pods: dict[int, Pod], wanted: range
    ) -> None:
        """What served and was told to end for an update leaves as many as the strategy says."""
        ended = [
            ordinal
            for ordinal, pod in pods.items()
            if ordinal in wanted and pod.metadata.deletion_timestamp and _was_serving(before, pod)
        ]
        strategy = stateful_set.spec.update_strategy
        if ended and strategy.type == "OnDelete":
            raise Unsafe(f"{stateful_set.metadata.name}: {ended} end, and it rolls only by hand")
        lowest = wanted.start + strategy.rolling_update.partition
        if any(ordinal < lowest for ordinal in ended):
            raise Unsafe(f"{stateful_set.metadata.name}: {ended} end, below the partition {lowest}")
        # Whom a more urgent Pod drives away in this very plan was there when the workload chose.
        there = (pods[ordinal] for ordinal in wanted if ordinal in pods)
        serving = sum(1 for pod in there if _serves(pod) or (is_ready(pod) and is_preempted_now(before, pod)))
        if ended and serving < len(wanted) - _limit(stateful_set):
            raise Unsafe(f"{stateful_set.metadata.name}: {ended} end, {serving} of {len(wanted)} are left")


def _limit(stateful_set: StatefulSet) -> int:
    value = stateful_set.spec.update_strategy.rolling_update.max_unavailable
    return value if isinstance(value, int) else max(int(value.rstrip("%")) * stateful_set.spec.replicas // 100, 1)


def _created(before: ObservedState, after: ObservedState) -> Iterator[Pod]:
    for ref, stored in after.objects.items():
        old = before.objects.get(ref)
        if ref.kind == "Pod" and (old is None or old.object.metadata.uid != stored.object.metadata.uid):
            yield cast(Pod, stored.object)


def _pods(state: ObservedState, stateful_set: StatefulSet) -> Iterator[Pod]:
    for ref, stored in state.objects.items():
        owners = stored.object.metadata.owner_references
        if ref.kind == "Pod" and any(one.uid == stateful_set.metadata.uid for one in owners):
            yield cast(Pod, stored.object)


def _ordinal(pod: Pod) -> int:
    return int(pod.metadata.name.rpartition("-")[2])


def _serves(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and is_ready(pod)


def _was_serving(before: ObservedState, pod: Pod) -> bool:
    """Whether it still served when the plan was made: not ending then, and ready to this day."""
    ref = ObjectRef(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name)
    old = before.objects.get(ref)
    if old is None or old.object.metadata.deletion_timestamp or is_disrupted(before, pod):
        return False
    return is_ready(pod)
