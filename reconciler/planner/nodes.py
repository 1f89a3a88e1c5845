"""Node objects, served from what nodes report. Pure."""

from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Condition, Node
from reconciler.model.node import HostFact
from reconciler.model.observed import NodeState, StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.health import condition
from reconciler.planner.overrides import node_spec
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.deployment_status import with_times
from reconciler.planner.workloads.pods import is_silent


def observe_nodes(view: View) -> None:
    """Create and update Node objects from the latest reports; a silent node stays, as unknown."""
    for name in sorted(view.observed.nodes):
        state = view.observed.nodes[name]
        stored = view.get(ObjectRef(kind="Node", name=name)) or _create(view, name)
        # Where nothing was to be written for this report before, there is nothing now, whatever the time.
        key, inputs = ("node", name), (stored, state.observation, view.overrides.get(stored.ref))
        silent = is_silent(view, state)
        if view.memo.known(key, inputs) is not silent:
            _update(view, stored, state)
        if view.get(stored.ref) is stored:
            view.memo.keep(key, inputs, silent)
        if state.heartbeat_at is not None:
            view.look_again(state.heartbeat_at + view.policy.node_lease_s + 0.001)


def _create(view: View, name: str) -> StoredObject:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    node = Node(metadata=k.ObjectMeta(name=name, labels=labels))
    return view.create(node, manager=SYSTEM, reason=Reason.STATUS)


def _update(view: View, stored: StoredObject, state: NodeState) -> None:
    stored = _as_wanted(view, stored)
    node = cast(Node, stored.object)
    observation = state.observation
    if observation is not None:
        host = observation.facts.host
        labels = {**node.metadata.labels, "kubernetes.io/arch": _arch(host.architecture)}
        node = replace(node, metadata=replace(node.metadata, labels=labels))
        stored = view.update(stored, node, reason=Reason.STATUS, judged=False)
        node = replace(node, status=_status(node, host))
    conditions = _conditions(view, node, state)
    view.set_status(stored, replace(node.status, conditions=conditions))


def _as_wanted(view: View, stored: StoredObject) -> StoredObject:
    """Write what persons say of the node into its spec."""
    node = cast(Node, stored.object)
    spec = node_spec(view, stored)
    if spec.unschedulable != node.spec.unschedulable:
        word = "NodeNotSchedulable" if spec.unschedulable else "NodeSchedulable"
        view.happened(stored, word, f"node {stored.ref.name} status is now: {word}")
    return view.update(stored, replace(node, spec=spec), reason=Reason.STATUS, judged=False)


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
    )
    return replace(node.status, capacity=room, allocatable=room, addresses=addresses, node_info=info)


def _conditions(view: View, node: Node, state: NodeState) -> tuple[Condition, ...]:
    observation = state.observation
    if is_silent(view, state):
        ready = Condition(type="Ready", status="Unknown", reason="NodeStatusUnknown", message="the node is silent")
    elif observation is None or not observation.facts.complete:
        why = observation.facts.engine_error if observation else "no report yet"
        ready = Condition(type="Ready", status="False", reason="EngineSilent", message=why)
    else:
        ready = Condition(type="Ready", status="True", reason="AgentReady", message="the agent reports the Engine well")
    return (
        with_times(view, node.status.conditions, replace(ready, last_heartbeat_time=_heartbeat(node, ready, state))),
    )


def _heartbeat(node: Node, ready: Condition, state: NodeState) -> str | None:
    """Return when the node was heard; in between its changes the controller refreshes it (P09)."""
    before = condition(node.status.conditions, ready.type)
    if before is not None and before.status == ready.status:
        told: str | None = before.last_heartbeat_time
        return told
    return rfc3339(state.heartbeat_at) if state.heartbeat_at is not None else None
