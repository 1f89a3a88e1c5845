"""Node objects, served from what nodes report. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Condition, Node, Taint
from reconciler.model.node_report import HostFact, Observation
from reconciler.model.observed import NodeState, StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.health import condition
from reconciler.planner.node_conditions import node_conditions, readiness
from reconciler.planner.node_faults import fault_conditions
from reconciler.planner.node_taints import condition_taints, evicting_nodes, evicting_taints
from reconciler.planner.numbers import allocation_key, node_cidr, node_numbers
from reconciler.planner.overrides import node_labels, node_spec
from reconciler.planner.provided_nodes import provided_id, provided_labels, read_of_provider, route_condition
from reconciler.planner.storage.capacity import noted_room
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.deployment_status import with_times
from reconciler.planner.workloads.pods import is_silent


def observe_nodes(view: View) -> None:
    """Create and update Node objects from the latest reports; a silent node stays, as unknown."""
    numbers = node_numbers(view.observed.nodes, view.observed.allocations)
    found = {name: _stored(view, name) for name in sorted(view.observed.nodes)}
    evicting = _evicting(view, found)
    for name, stored in found.items():
        state = view.observed.nodes[name]
        _remember_number(view, name, numbers[name])
        # Where nothing was to be written for this report before, there is nothing now, whatever the time.
        key, inputs = ("node", name), (*_read_by(view, stored, state), numbers[name])
        standing = (is_silent(view, state), name in evicting, _said_by(state.observation))
        if view.memo.known(key, inputs) != standing:
            _update(view, stored, state, numbers[name], evicts=name in evicting)
        if view.get(stored.ref) is stored:
            view.memo.keep(key, inputs, standing)


def _read_by(view: View, stored: StoredObject, state: NodeState) -> tuple[object, ...]:
    return stored, view.overrides.get(stored.ref), *read_of_provider(view, stored.ref.name)


def _said_by(observation: Observation | None) -> tuple[object, ...]:
    """Return what of a report is written into the node."""
    if observation is None:
        return ()
    facts = observation.facts
    return (
        facts.complete,
        facts.engine_error,
        observation.pressures,
        observation.faults,
        facts.host,
        facts.storage.rooms,
        facts.largest_images,
    )


def _stored(view: View, name: str) -> StoredObject:
    known = view.get(ObjectRef(kind="Node", name=name))
    if known is not None:
        return known
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    node = Node(metadata=k.ObjectMeta(name=name, labels=labels))
    return view.create(node, manager=SYSTEM, reason=Reason.STATUS)


def _evicting(view: View, found: Mapping[str, StoredObject]) -> frozenset[str]:
    """Return the nodes that evict their Pods because they are not ready."""
    states = view.observed.nodes
    ready = {name: readiness(states[name], silent=is_silent(view, states[name])) == "True" for name in found}
    if all(ready.values()):
        return frozenset()
    evicting = evicting_nodes({name: cast(Node, one.object) for name, one in found.items()}, ready, view.now)
    if evicting.next_at is not None:
        view.look_again(evicting.next_at)
    return evicting.nodes


def _remember_number(view: View, name: str, number: int) -> None:
    key = allocation_key(name)
    if key not in view.observed.allocations:
        view.allocations[key] = str(number)


def _update(view: View, stored: StoredObject, state: NodeState, number: int, *, evicts: bool) -> None:
    node = cast(Node, stored.object)
    before = node.status.conditions
    silent = is_silent(view, state)
    troubles = fault_conditions(state, before, route_condition(view, stored), silent=silent)
    conditions = tuple(
        with_times(view, before, replace(one, last_heartbeat_time=_heartbeat(node, one, state)))
        for one in (*troubles, *node_conditions(state, before, silent=silent))
    )
    _tell_readiness(view, stored, before, conditions)
    own = (*condition_taints(conditions), *(evicting_taints(conditions) if evicts else ()))
    stored = _as_wanted(view, stored, node_cidr(view.observed.cluster, number), own)
    node = cast(Node, stored.object)
    if state.observation is not None:
        facts = state.observation.facts
        host = facts.host
        labels = with_former_labels({**node.metadata.labels, "kubernetes.io/arch": _arch(host.architecture)})
        annotations = noted_room(node.metadata.annotations, facts.storage.rooms, view.policy.volumes_dir)
        node = replace(node, metadata=replace(node.metadata, labels=labels, annotations=annotations))
        stored = view.update(stored, node, reason=Reason.STATUS)
        node = replace(node, status=_status(node, host))
        if facts.complete:
            node = replace(node, status=replace(node.status, images=facts.largest_images))
    view.set_status(stored, replace(node.status, conditions=conditions))


def _tell_readiness(
    view: View, stored: StoredObject, before: tuple[Condition, ...], after: tuple[Condition, ...]
) -> None:
    """Tell that a node has become ready, or is so no longer; of a new one there is nothing to tell."""
    was, now = condition(before, "Ready"), condition(after, "Ready")
    if was is None or now is None or (was.status == "True") == (now.status == "True"):
        return
    word = "NodeReady" if now.status == "True" else "NodeNotReady"
    view.happened(stored, word, f"node {stored.ref.name} status is now: {word}")


def _as_wanted(view: View, stored: StoredObject, pod_cidr: str, own: tuple[Taint, ...]) -> StoredObject:
    """Write into the node the range of its Pods, what persons say of it, and the taints it has by itself."""
    node = cast(Node, stored.object)
    spec = node_spec(view, stored)
    if spec.unschedulable != node.spec.unschedulable:
        word = "NodeNotSchedulable" if spec.unschedulable else "NodeSchedulable"
        view.happened(stored, word, f"node {stored.ref.name} status is now: {word}")
    taints = tuple(_dated(view, node, one) for one in (*spec.taints, *own))
    spec = replace(spec, taints=taints, pod_cidr=pod_cidr, pod_cidrs=(pod_cidr,))
    metadata = replace(node.metadata, labels={**node_labels(view, stored), **provided_labels(view, stored.ref.name)})
    spec = replace(spec, provider_id=spec.provider_id or provided_id(view, stored.ref.name))
    return view.update(stored, replace(node, spec=spec, metadata=metadata), reason=Reason.STATUS)


def _dated(view: View, node: Node, taint: Taint) -> Taint:
    """Return a taint with the time at which it came, which those that evict Pods have to tell."""
    if taint.effect != "NoExecute" or taint.time_added is not None:
        return taint
    known = (one.time_added for one in node.spec.taints if (one.key, one.effect) == (taint.key, taint.effect))
    return replace(taint, time_added=next(known, None) or view.timestamp)


def with_former_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return a node's labels with system and architecture under their former names too, as upstream keeps them."""
    former = {f"beta.{key}": labels[key] for key in ("kubernetes.io/os", "kubernetes.io/arch") if key in labels}
    return {**labels, **former}


def _arch(machine: str) -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _status(node: Node, host: HostFact) -> k.NodeStatus:
    room = {
        "cpu": f"{host.cpu_millis}m" if host.cpu_millis % 1000 else str(host.cpu_millis // 1000),
        "memory": f"{host.memory_bytes // 1024}Ki",
        "pods": str(host.pods_max),
    }
    if host.disk_bytes:
        room["ephemeral-storage"] = f"{host.disk_bytes // 1024}Ki"
    hostname = k.NodeAddress(type="Hostname", address=host.hostname or node.metadata.name)
    addresses = (k.NodeAddress(type="InternalIP", address=host.address), hostname) if host.address else (hostname,)
    info = k.NodeSystemInfo(
        machine_id=host.machine_id,
        system_uuid=host.system_uuid,
        boot_id=host.boot_id,
        kernel_version=host.kernel,
        os_image=host.os_image,
        container_runtime_version=f"docker://{host.engine_version}",
        kubelet_version=host.agent_version,
        operating_system="linux",
        architecture=_arch(host.architecture),
        swap=k.NodeSwapStatus(capacity=host.swap_bytes) if host.swap_bytes else None,
    )
    features = k.NodeFeatures(supplemental_groups_policy=True)
    return replace(node.status, capacity=room, allocatable=room, addresses=addresses, node_info=info, features=features)


def _heartbeat(node: Node, now: Condition, state: NodeState) -> str | None:
    """Return when the node was heard; in between its changes the controller refreshes it (P09)."""
    before = condition(node.status.conditions, now.type)
    if before is not None and before.status == now.status:
        told: str | None = before.last_heartbeat_time
        return told
    return rfc3339(state.heartbeat_at) if state.heartbeat_at is not None else None
