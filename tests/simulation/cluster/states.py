"""Which states stories come through: what a cluster looks like, told without names and times, as a number."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from reconciler.model.refs import ObjectRef
from reconciler.simulation.cluster import SimulatedCluster

_COUNTS = ("replicas", "updated_replicas", "ready_replicas", "available_replicas", "active", "succeeded", "failed")


class States:
    """Tells the states of a cluster; what is told of an object is kept until it changes."""

    def __init__(self) -> None:
        self._told: dict[ObjectRef, str] = {}

    def of(self, cluster: SimulatedCluster, changed: Sequence[ObjectRef]) -> int:
        """Return a number that is the same wherever objects, Pods and processes are in the same states."""
        for ref in changed:
            stored = cluster.observed.objects.get(ref)
            if stored is None:
                self._told.pop(ref, None)
            else:
                self._told[ref] = _told(ref, stored.object)
        return _number(cluster, sorted(self._told.values()))


def _number(cluster: SimulatedCluster, objects: list[str]) -> int:
    hosts = sorted((host.agent.is_alive, host.link.is_connected) for host in cluster.hosts.values())
    text = repr((objects, hosts, cluster.daemon is None))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _told(ref: ObjectRef, object: Any) -> str:
    status = getattr(object, "status", None)
    facts = [ref.kind, "ends" if object.metadata.deletion_timestamp else ""]
    if ref.kind == "Pod":
        ready = any(one.type == "Ready" and one.status == "True" for one in status.conditions)
        facts += [status.phase, object.spec.node_name or "", "ready" if ready else ""]
    elif status is not None:
        facts += [str(getattr(status, name, "")) for name in _COUNTS]
        facts.append(str(getattr(object.spec, "replicas", "")) if hasattr(object, "spec") else "")
    return "\t".join(facts)
