"""What is asked for, what fits, and what would no longer fit. Pure; nothing is decided here and nothing written."""

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec.structs import replace

from reconciler.model.capacity import Amounts, Capacity, NodeCapacity, QuotaCapacity, WorkloadCapacity
from reconciler.model.desired import DesiredState
from reconciler.model.forecast import Refusal, Unplaced
from reconciler.model.kinds import Container, Node, Pod, PodSpec, ResourceQuota
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.podresources import pod_limits
from reconciler.model.policy import Policy
from reconciler.model.quantity import bytes_of, cpu_millis, in_units
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from reconciler.planner.nodes_needed import nodes_needed
from reconciler.planner.plan import plan
from reconciler.planner.scheduling.bind import candidates_of, choice_of
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.room import Room, requested
from reconciler.planner.scheduling.words import texts_of
from reconciler.planner.view import View, ref_for
from reconciler.planner.wanted_pods import Wanted, wanted_pods

Candidates = dict[str, Candidate]

_OWN_TAINT = "node.kubernetes.io/"


def capacity(
    desired: Mapping[str, DesiredState],
    observed: ObservedState,
    policy: Policy,
    now: float,
    assumptions: tuple[str, ...] = (),
) -> Capacity:
    """Return the room of the cluster with these revisions: requests, limits, what is free, and what fits where."""
    after = apply_plan(observed, plan(desired, observed, policy, now))
    view = View(_with_all_declared(after, desired), policy, now)
    candidates = candidates_of(view)
    wanted = wanted_pods(view)
    return Capacity(
        revisions={name: desired[name].revision for name in sorted(desired)},
        observed_at=now,
        assumptions=assumptions,
        workloads=tuple(_workload(one) for one in wanted),
        nodes=tuple(_node(view, name, candidates) for name in sorted(candidates)),
        waiting=_waiting(view, candidates),
        needed=nodes_needed(view, wanted, candidates),
        quotas=_quotas(view),
    )


def _with_all_declared(observed: ObservedState, desired: Mapping[str, DesiredState]) -> ObservedState:
    """Return the state with what still waits for others to come first."""
    declared = {
        one.ref: StoredObject(ref=one.ref, object=one.object, manager=f"source/{name}")
        for name, state in sorted(desired.items())
        for one in state.objects
    }
    return replace(observed, objects={**declared, **observed.objects})


def _workload(wanted: Wanted) -> WorkloadCapacity:
    specs = [pod.spec for pod in wanted.pods]
    return WorkloadCapacity(
        object=wanted.owner,
        pods=len(specs),
        requests=_sum(requested(spec) for spec in specs),
        limits=_sum(limited(spec) for spec in specs),
        unlimited=sum(not _is_limited(spec) for spec in specs),
    )


def _node(view: View, name: str, candidates: Candidates) -> NodeCapacity:
    candidate = candidates[name]
    has, used = candidate.has, candidate.used
    free = Room(
        cpu_millis=has.cpu_millis - used.cpu_millis,
        memory_bytes=has.memory_bytes - used.memory_bytes,
        pods=has.pods - used.pods,
    )
    return NodeCapacity(
        name=name,
        allocatable=_amounts(has),
        requests=_amounts(used),
        limits=_sum(limited(pod.spec) for pod in candidate.pods),
        daemons=_sum(requested(pod.spec) for pod in candidate.pods if is_daemon(pod)),
        free=_amounts(free),
        lost=_lost(view, name, candidates),
        closed=_closed(candidate.node),
    )


def _closed(node: Node) -> tuple[str, ...]:
    """Return what Kubernetes' own taints keep new Pods away for, such as `unreachable` or `disk-pressure`."""
    taints = (one for one in node.spec.taints if one.effect != "PreferNoSchedule")
    return tuple(sorted({one.key.removeprefix(_OWN_TAINT) for one in taints if one.key.startswith(_OWN_TAINT)}))


def _lost(view: View, name: str, candidates: Candidates) -> tuple[Unplaced, ...]:
    """Place the Pods of one node on the others, and return those that do not fit."""
    rest = choice_of(view, {other: candidate for other, candidate in candidates.items() if other != name})
    found = []
    for pod in sorted(candidates[name].pods, key=_turn):
        if is_daemon(pod) or pod.metadata.deletion_timestamp is not None:
            continue
        moved = replace(pod, spec=replace(pod.spec, node_name=""))
        best = rest.best(moved)
        if best:
            rest.place(moved, best)
        else:
            found.append(_unplaced(pod, texts_of(rest.misfits(moved))))
    return tuple(found)


def _waiting(view: View, candidates: Candidates) -> tuple[Unplaced, ...]:
    """Return the Pods that exist and have no node."""
    found = []
    choice = choice_of(view, candidates)
    for stored in view.of_kind("Pod"):
        pod = cast(Pod, stored.object)
        if not pod.spec.node_name and pod.metadata.deletion_timestamp is None:
            found.append(_unplaced(pod, texts_of(choice.misfits(pod))))
    return tuple(found)


def _unplaced(pod: Pod, refused: Mapping[str, str]) -> Unplaced:
    nodes = tuple(Refusal(node=name, why=why) for name, why in refused.items())
    return Unplaced(pod=ref_for(pod), message="" if nodes else "no other node is known", nodes=nodes)


def _turn(pod: Pod) -> tuple[int, str, str]:
    return (-(pod.spec.priority or 0), pod.metadata.namespace, pod.metadata.name)


def is_daemon(pod: Pod) -> bool:
    """Whether a Pod belongs to its node: no other one takes it over."""
    return any(owner.controller and owner.kind == "DaemonSet" for owner in pod.metadata.owner_references)


def limited(spec: PodSpec) -> Room:
    """Return the sum of the limits of a Pod's containers and sidecars, or the Pod's own; none counts nothing."""
    found = Room(pods=1)
    for container in _lasting(spec):
        limits = container.resources.limits
        found = found.plus(
            Room(cpu_millis=cpu_millis(limits.get("cpu", 0)), memory_bytes=bytes_of(limits.get("memory", 0)))
        )
    whole = pod_limits(spec)
    return replace(
        found,
        cpu_millis=in_units(whole["cpu"], -3) if "cpu" in whole else found.cpu_millis,
        memory_bytes=in_units(whole["memory"], 0) if "memory" in whole else found.memory_bytes,
    )


def _is_limited(spec: PodSpec) -> bool:
    return "memory" in pod_limits(spec) or all("memory" in container.resources.limits for container in _lasting(spec))


def _lasting(spec: PodSpec) -> tuple[Container, ...]:
    return (*spec.containers, *(one for one in spec.init_containers if one.restart_policy == "Always"))


def _sum(rooms: Iterable[Room]) -> Amounts:
    total = Room()
    for room in rooms:
        total = total.plus(room)
    return _amounts(total)


def _amounts(room: Room) -> Amounts:
    return Amounts(cpu_millis=room.cpu_millis, memory_bytes=room.memory_bytes, pods=room.pods)


def _quotas(view: View) -> tuple[QuotaCapacity, ...]:
    found = []
    for stored in view.of_kind("ResourceQuota"):
        quota = cast(ResourceQuota, stored.object)
        hard, used = quota.spec.hard, quota.status.used
        found.append(
            QuotaCapacity(
                object=ObjectRef.of("ResourceQuota", stored.ref.namespace, stored.ref.name),
                hard={name: str(hard[name]) for name in sorted(hard)},
                used={name: str(used.get(name, "0")) for name in sorted(hard)},
            )
        )
    return tuple(found)
