"""What rollouts of Deployments must keep at every step: how many Pods serve, how many there are, and who goes first."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, cast

from reconciler.model.kinds import Deployment, Pod
from reconciler.model.node_report import PodReport
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.unsafe import (
    Unsafe,
    is_active,
    is_disrupted,
    is_preempted_now,
    owned_by,
    pod_is_available,
    ref_of_pod,
    was_active,
)


class Rollouts:
    """Watches the Deployments of a cluster."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._crashing: set[str] = set()
        self._reached: dict[str, tuple[int, int, int]] = {}
        self._sets: dict[str, str] = {}
        self._owner_of_set: dict[str, str] = {}
        # The objects and reports that readiness was last told from.
        self._seen: tuple[object, ...] = ()

    def remember(self, after: ObservedState, changed: Sequence[ObjectRef]) -> None:
        """Take in whose the Pods and ReplicaSets are."""
        for ref in changed:
            stored = after.objects.get(ref)
            if stored is None:
                continue
            owners = stored.object.metadata.owner_references
            if ref.kind == "Pod" and owners:
                self._sets[stored.object.metadata.uid] = owners[0].uid
            elif ref.kind == "ReplicaSet" and owners:
                self._owner_of_set[stored.object.metadata.uid] = owners[0].uid

    def check(
        self,
        before: ObservedState,
        after: ObservedState,
        changed: Sequence[ObjectRef],
        running: Callable[[], set[str]],
    ) -> None:
        """Check one committed plan; `running` are the uids of Pods of which something runs."""
        if not any(_is_more_than_told(before, after, ref) for ref in changed):
            return
        for ref, stored in after.objects.items():
            if ref.kind == "Deployment":
                self._check_deployment(before, after, stored, running)

    def watch_readiness(self) -> None:
        """Check that what really serves never falls below what a rollout may take; only where nothing else harms."""
        seen = (self.cluster.observed.objects, *(host.agent.reports for host in self.cluster.hosts.values()))
        if len(seen) == len(self._seen) and all(map(is_, seen, self._seen)):
            return
        self._seen = seen
        ending = self._ending()
        serving = Counter(
            self._owner_of_set.get(self._sets.get(report.uid, ""), "")
            for host in self.cluster.hosts.values()
            for report in host.agent.reports
            if _reports_ready(report) and report.uid not in ending
        )
        for ref, stored in self.cluster.observed.objects.items():
            if ref.kind == "Deployment":
                self._check_floor(cast(Deployment, stored.object), serving[stored.object.metadata.uid])

    def _ending(self) -> set[str]:
        objects = self.cluster.observed.objects.items()
        return {
            one.object.metadata.uid
            for ref, one in objects
            if ref.kind == "Pod" and not is_active(cast(Pod, one.object))
        }

    def _check_floor(self, deployment: Deployment, serving: int) -> None:
        """From when a number of replicas was once available, as many serve: whatever is rolled out.

        Each new size begins anew: it is shared out in proportion, and that does not ask who is available, as upstream.
        Pods that are ready, but for less than `minReadySeconds`, are unavailable: as upstream they go first.
        """
        uid = deployment.metadata.uid
        if any("crash" in one.image for one in deployment.spec.template.spec.containers):
            self._crashing.add(uid)
        if uid in self._crashing or deployment.spec.strategy.type == "Recreate":
            return
        floor = deployment.spec.replicas - _limits(deployment)[1]
        if self._reached.get(uid) != _sizes(deployment):
            if serving >= floor and self._available(deployment) >= floor:
                self._reached[uid] = _sizes(deployment)
        elif serving < floor:
            raise Unsafe(f"deployment/{deployment.metadata.name}: {serving} Pods serve, the strategy keeps {floor}")

    def _available(self, deployment: Deployment) -> int:
        observed, min_ready_s = self.cluster.observed, deployment.spec.min_ready_seconds
        sets = owned_by(observed, "ReplicaSet", deployment.metadata.uid)
        pods = (pod for one in sets for pod in owned_by(observed, "Pod", one.metadata.uid))
        return sum(1 for pod in pods if is_active(pod) and pod_is_available(pod, min_ready_s, self.cluster.now))

    def _check_deployment(
        self, before: ObservedState, after: ObservedState, stored: StoredObject, running: Callable[[], set[str]]
    ) -> None:
        deployment = cast(Deployment, stored.object)
        sets = owned_by(after, "ReplicaSet", deployment.metadata.uid)
        pods = [pod for one in sets for pod in owned_by(after, "Pod", one.metadata.uid)]
        created = [pod for pod in pods if ref_of_pod(pod) not in before.objects]
        # What a person deletes, or a node or a more urgent Pod drives away, is not the rollout's choice.
        ended = [
            pod
            for pod in pods
            if pod.metadata.deletion_timestamp and was_active(before, pod) and not is_disrupted(before, pod)
        ]
        surge, unavailable = _limits(deployment)
        active = [pod for pod in pods if is_active(pod)]
        most, asked_before = (
            deployment.spec.replicas + surge,
            _size(owned_by(before, "ReplicaSet", deployment.metadata.uid)),
        )
        # Sets that were larger, from when more was wanted, only fill up what they lost; but none grows.
        if created and len(active) > max(most, asked_before):
            raise Unsafe(f"{stored.ref}: {len(active)} Pods for {deployment.spec.replicas} and a surge of {surge}")
        if _size(sets) > max(most, asked_before):
            raise Unsafe(
                f"{stored.ref}: its sets grow to {_size(sets)}, {deployment.spec.replicas} and {surge} are wanted"
            )
        if created and deployment.spec.strategy.type == "Recreate":
            started = {owner for pod in _pods(before) for owner in [self._sets.get(pod.metadata.uid)]}
            began = [pod for pod in created if self._sets[pod.metadata.uid] not in started]
            self._check_recreate(stored.ref, deployment, began, running())
        self._check_choice(stored.ref, ended, active)
        now = self.cluster.now
        min_ready_s = deployment.spec.min_ready_seconds
        lost = [pod for pod in ended if pod_is_available(pod, min_ready_s, now)]
        # Whom a more urgent Pod drives away in this very plan was there when the workload chose.
        preempted = [pod for pod in pods if was_active(before, pod) and is_preempted_now(before, pod)]
        left = sum(1 for pod in (*active, *preempted) if pod_is_available(pod, min_ready_s, now))
        old = before.objects.get(stored.ref)
        # A new size is shared out in proportion, and that does not ask who is available: as upstream.
        is_resized = old is None or _sizes(cast(Deployment, old.object)) != _sizes(deployment)
        if (
            lost
            and not is_resized
            and deployment.spec.strategy.type != "Recreate"
            and left < deployment.spec.replicas - unavailable
        ):
            floor = deployment.spec.replicas - unavailable
            raise Unsafe(f"{stored.ref}: {len(lost)} available Pods end, {left} are left, floor {floor}")

    def _check_choice(self, ref: ObjectRef, ended: list[Pod], active: list[Pod]) -> None:
        """Of equal Pods the ready ones go last."""
        sick = {self._sets[pod.metadata.uid] for pod in active if not pod_is_available(pod, 0, self.cluster.now)}
        for pod in ended:
            if self._sets[pod.metadata.uid] in sick and pod_is_available(pod, 0, self.cluster.now):
                raise Unsafe(f"{ref}: {pod.metadata.name} ends though it is ready and an equal one is not")

    def _check_recreate(self, ref: ObjectRef, deployment: Deployment, created: list[Pod], running: set[str]) -> None:
        new = {self._sets[pod.metadata.uid] for pod in created}
        for uid in running if new else ():
            its_set = self._sets.get(uid, "")
            if self._owner_of_set.get(its_set) == deployment.metadata.uid and its_set not in new:
                raise Unsafe(f"{ref}: an old Pod runs while a new one is created, and it recreates")


def _is_more_than_told(before: ObservedState, after: ObservedState, ref: ObjectRef) -> bool:
    """Whether more than the status of a part of a rollout is another one."""
    if ref.kind not in ("Deployment", "ReplicaSet", "Pod"):
        return False
    old, new = before.objects.get(ref), after.objects.get(ref)
    if old is None or new is None:
        return True
    was, now = cast(Any, old.object), cast(Any, new.object)
    return was.metadata is not now.metadata or was.spec is not now.spec


def _reports_ready(report: PodReport) -> bool:
    return any(one.type == "ContainersReady" and one.status == "True" for one in report.conditions)


def _limits(deployment: Deployment) -> tuple[int, int]:
    if deployment.spec.strategy.type == "Recreate":
        return 0, deployment.spec.replicas
    rolling, replicas = deployment.spec.strategy.rolling_update, deployment.spec.replicas
    surge = _count(rolling.max_surge, replicas, math.ceil)
    unavailable = _count(rolling.max_unavailable, replicas, math.floor)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _count(value: int | str, replicas: int, rounded: Any) -> int:
    return value if isinstance(value, int) else int(rounded(int(value.rstrip("%")) * replicas / 100))


def _sizes(deployment: Deployment) -> tuple[int, int, int]:
    return (deployment.spec.replicas, *_limits(deployment))


def _size(sets: list[Any]) -> int:
    return sum(one.spec.replicas for one in sets if one.metadata.deletion_timestamp is None)


def _pods(state: ObservedState) -> list[Pod]:
    return [cast(Pod, one.object) for ref, one in state.objects.items() if ref.kind == "Pod"]
