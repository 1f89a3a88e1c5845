"""What must hold at every step of every story, checked independently of how the planner decides."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from reconciler.model.details import RemoveSandbox, StopContainer, TrashVolume
from reconciler.model.kinds import Deployment, Node, Pod
from reconciler.model.node_report import ContainerFact
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Action, Plan
from reconciler.model.refs import ObjectRef
from reconciler.planner.node.images import full_name
from reconciler.planner.workloads.podgc import OUT_OF_SERVICE
from reconciler.simulation.cluster import SimulatedCluster, SimulatedHost
from reconciler.simulation.engine import SimulatedContainer
from tests.simulation.cluster.ordering import fault_in_order, fault_side_by_side
from tests.simulation.cluster.rollouts import Rollouts
from tests.simulation.cluster.sharing import Sharing
from tests.simulation.cluster.unsafe import Unsafe, is_disrupted

FOREIGN = "grafana"
# What an image that was wanted began may end so many seconds after another one is wanted.
_BEGUN_S = 60.0


class Safety:
    """Watches a cluster; `disturbed` are the uids of Pods that the story itself harmed: those may be restarted."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.disturbed: set[str] = set()
        self.acknowledged: set[ObjectRef] = set()
        self._sharing = Sharing(cluster)
        self._rollouts = Rollouts(cluster)
        self._deleted: list[tuple[float, str]] = []
        # The images that a Pod's containers were to have at some time, and when that was said.
        self._asked: dict[str, dict[tuple[str, str], float]] = {}
        for host in cluster.hosts.values():
            host.world.engine.containers[FOREIGN] = _foreign(cluster.now)

    # Every step

    def between(self) -> None:
        """Check what the hosts did since last asked."""
        busy = [host for host in self.cluster.hosts.values() if host.world.executed]
        for host in busy:
            actions, host.world.executed = host.world.executed, []
            for action in actions:
                self._check_action(host, action)
                if action.uid not in self.disturbed and (fault := fault_in_order(host, action)):
                    raise Unsafe(fault)
            if fault := fault_side_by_side(host):
                raise Unsafe(fault)
        if busy:
            self._check_containers()
            if fault := self._sharing.fault():
                raise Unsafe(fault)

    def disturb(self, host: SimulatedHost) -> None:
        """Note that every Pod of a host may be restarted."""
        self.disturbed |= {one.fact.pod_uid for one in host.world.engine.containers.values()}

    def _check_action(self, host: SimulatedHost, action: Action) -> None:
        detail = action.detail
        if isinstance(detail, (StopContainer, RemoveSandbox)):
            uid = action.uid
            is_wanted = self._may_end(host, uid) or self._has_another_image(host, uid, detail.name)
            if not (uid in self.disturbed or is_wanted or _is_sick(host, uid)):
                raise Unsafe(f"{host.name}: {action.verb} {action.object} {detail.name} ({action.reason}) for no cause")
        if isinstance(detail, TrashVolume):
            raise Unsafe(f"{host.name}: data of {detail.path} is moved away though its class retains it")

    def _has_another_image(self, host: SimulatedHost, uid: str, name: str) -> bool:
        """Whether a container runs from another image than its Pod is to have, or was to have a moment ago."""
        assigned = host.agent.assigned(uid)
        wanted = (
            {(one.name, full_name(one.image)) for one in assigned.spec.containers} if assigned is not None else set()
        )
        asked = self._asked.get(uid, {})
        wanted |= {one for one, at in asked.items() if at > self.cluster.now - _BEGUN_S}
        return any(
            container == one.fact.container and image != full_name(one.fact.image)
            for one in host.world.engine.containers.values()
            if one.fact.name == name and one.fact.role != "sandbox"
            for container, image in wanted
        )

    def _may_end(self, host: SimulatedHost, uid: str) -> bool:
        assigned = host.agent.assigned(uid)
        if assigned is None or assigned.deletion_requested_at is not None:
            return True
        known = host.agent.memory.pods.get(uid)
        return known is not None and bool(known.finished)

    def _check_containers(self) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        addresses: Counter[str] = Counter()
        for host in self.cluster.hosts.values():
            foreign = host.world.engine.containers.get(FOREIGN)
            if foreign is None or foreign.fact.state != "running":
                raise Unsafe(f"{host.name}: the container {FOREIGN}, which is not ours, was touched")
            for one in host.world.engine.containers.values():
                if one.fact.state != "running" or not one.fact.pod_uid:
                    continue
                counts[one.fact.pod_uid, one.fact.container] += 1
                if one.fact.role == "sandbox":
                    addresses[str(one.fact.labels.get("reconciler.dev/pod-ip", ""))] += 1
        for (uid, container), count in counts.items():
            if count > 1:
                raise Unsafe(f"{count} containers {container} of Pod {uid} run at the same time")
        for address, count in addresses.items():
            if count > 1 and address:
                raise Unsafe(f"{count} Pods have the address {address} at the same time")

    def watch_readiness(self) -> None:
        """Check that what really serves never falls below what a rollout may take; only where nothing else harms."""
        self._rollouts.watch_readiness()

    # Every plan

    def planned(self, before: ObservedState, changed: Sequence[ObjectRef], answer: Plan) -> None:
        """Check one committed plan; `changed` is what it made, changed or took away."""
        after = self.cluster.observed
        self._rollouts.remember(after, changed)
        self._remember_images(answer)
        self._sharing.remember(after, changed)
        self._check_removed_pods(before, after, changed)
        self._check_deletions(before, after, changed, answer)
        self._check_dependencies(before, after, changed)
        self._rollouts.check(before, after, changed, self._running)

    def _remember_images(self, answer: Plan) -> None:
        for change in answer.changes:
            if isinstance(change.object, Pod):
                asked = self._asked.setdefault(change.object.metadata.uid, {})
                names = ((one.name, full_name(one.image)) for one in change.object.spec.containers)
                asked.update(dict.fromkeys(names, self.cluster.now))

    def _check_removed_pods(self, before: ObservedState, after: ObservedState, changed: Sequence[ObjectRef]) -> None:
        """A Pod is forgotten only when nothing of it runs anywhere."""
        for ref in changed:
            if ref.kind == "Pod" and ref in before.objects:
                uid = before.objects[ref].object.metadata.uid
                if not _same(after, ref, uid) and uid in self._running():
                    raise Unsafe(f"{ref} was forgotten while it runs")

    def _running(self) -> set[str]:
        return {
            one.fact.pod_uid
            for host in self.cluster.hosts.values()
            for one in host.world.engine.containers.values()
            if one.fact.state == "running"
        }

    def _check_deletions(
        self, before: ObservedState, after: ObservedState, changed: Sequence[ObjectRef], answer: Plan
    ) -> None:
        daemon = self.cluster.daemon
        assert daemon is not None
        old = before.objects
        owned = [ref for ref in changed if ref in old and old[ref].manager.startswith("source/")]
        begun = {ref for ref in owned if _began_to_end(before, after, ref) and not _is_driven_away(before, after, ref)}
        if not begun:
            return
        declared = {one.ref for state in daemon.desired.values() for one in state.objects}
        held = {ref for hold in answer.holds for ref in hold.objects}
        pruned = {ref for ref in begun if ref not in declared}
        unread = before.sources.keys() - daemon.desired.keys()
        if pruned and unread:
            raise Unsafe(f"{sorted(map(str, pruned))} end although {sorted(unread)} was not read")
        kept = {ref for ref in begun - pruned if ref.kind != "Pod"}
        if kept:
            raise Unsafe(f"{sorted(map(str, kept))} end although they are declared")
        if pruned & held:
            raise Unsafe(f"{sorted(map(str, pruned & held))} end although they are held")
        for manager in sorted({before.objects[ref].manager for ref in pruned}):
            mine = {ref for ref in pruned if before.objects[ref].manager == manager}
            if not mine <= self.acknowledged:
                self._check_limit(before, mine, manager)
            self._deleted += [(self.cluster.now, manager)] * len(mine)

    def _check_limit(self, before: ObservedState, pruned: set[ObjectRef], manager: str) -> None:
        owned = sum(1 for one in before.objects.values() if one.manager == manager)
        recent = sum(1 for at, whose in self._deleted if at > self.cluster.now - 3600 and whose == manager)
        limit = max(3, min(math.floor(0.3 * (owned + recent)), 50))
        if len(pruned) + recent > limit:
            raise Unsafe(f"{len(pruned)} objects end at once, {recent} before, limit {limit}: nobody was asked")
        if len(pruned) == owned:
            raise Unsafe("everything ends and nobody was asked")
        for ref in pruned:
            if ref.kind == "PersistentVolumeClaim" and cast(Any, before.objects[ref].object).status.phase == "Bound":
                raise Unsafe(f"{ref} ends although it holds data, and nobody was asked")

    def _check_dependencies(self, before: ObservedState, after: ObservedState, changed: Sequence[ObjectRef]) -> None:
        for ref in changed:
            stored, old = after.objects.get(ref), before.objects.get(ref)
            text = stored.object.metadata.annotations.get("reconciler.dev/depends-on", "") if stored is not None else ""
            if not text or (stored is not None and old is not None and old.declared_digest == stored.declared_digest):
                continue
            name = text.rpartition("/")[2]
            needed = before.objects.get(ObjectRef(kind="Deployment", namespace="default", name=name))
            if needed is None or not _is_available(cast(Deployment, needed.object)):
                raise Unsafe(f"{ref} changed before {text} was healthy")


def _foreign(now: float) -> SimulatedContainer:
    fact = ContainerFact(id="foreign", name=FOREIGN, role="", pod_uid="", state="running", started_at=now)
    return SimulatedContainer(fact)


def _is_sick(host: SimulatedHost, uid: str) -> bool:
    """Whether something of a Pod failed by itself: its containers may then be restarted."""
    assigned = host.agent.assigned(uid)
    return assigned is not None and any(
        one.fact.pod_uid == uid and one.fact.role == "sandbox" and one.fact.state != "running"
        for one in host.world.engine.containers.values()
    )


def _is_driven_away(before: ObservedState, after: ObservedState, ref: ObjectRef) -> bool:
    new = after.objects.get(ref)
    if ref in before.overrides or ref.kind != "Pod":
        return ref in before.overrides
    if new is None:
        # Driven away and taken for gone in one pass: a person has said that its node is out of service.
        node = after.objects.get(ObjectRef(kind="Node", name=cast(Pod, before.objects[ref].object).spec.node_name))
        return node is not None and any(one.key == OUT_OF_SERVICE for one in cast(Node, node.object).spec.taints)
    return is_disrupted(before, cast(Pod, new.object))


def _is_available(deployment: Deployment) -> bool:
    status, wanted = deployment.status, deployment.spec.replicas
    return status.updated_replicas >= wanted and status.available_replicas >= wanted


def _same(after: ObservedState, ref: ObjectRef, uid: str) -> bool:
    found = after.objects.get(ref)
    return found is not None and found.object.metadata.uid == uid


def _began_to_end(before: ObservedState, after: ObservedState, ref: ObjectRef) -> bool:
    old, new = before.objects[ref], after.objects.get(ref)
    if old.object.metadata.deletion_timestamp:
        return False
    return new is None or new.object.metadata.deletion_timestamp is not None
