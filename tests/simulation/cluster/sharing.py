"""What no two Pods share on hosts, whatever the plans say: a name, and volumes that allow only one."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from reconciler.model.kinds import Pod
from reconciler.model.observed import ObservedState
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of
from reconciler.simulation.cluster import SimulatedCluster


class Sharing:
    """Remembers which claims Pods use, and looks at what really runs."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._claims: dict[str, tuple[ObjectRef, ...]] = {}
        self._modes: dict[ObjectRef, tuple[str, ...]] = {}

    def remember(self, after: ObservedState, changed: Sequence[ObjectRef]) -> None:
        """Take in what a plan made."""
        for ref in changed:
            stored = after.objects.get(ref)
            if stored is None:
                continue
            uid = stored.object.metadata.uid
            if ref.kind == "Pod" and uid not in self._claims:
                spec = cast(Pod, stored.object).spec
                self._claims[uid] = tuple(
                    ObjectRef(kind="PersistentVolumeClaim", namespace=ref.namespace, name=name)
                    for name in claims_of(spec)
                )
            elif ref.kind == "PersistentVolumeClaim":
                self._modes[ref] = tuple(cast(Any, stored.object).spec.access_modes)

    def fault(self) -> str:
        """Say what is shared and must not be; an empty text: nothing."""
        names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        users: defaultdict[ObjectRef, set[tuple[str, str]]] = defaultdict(set)
        for host in self.cluster.hosts.values():
            for one in host.world.engine.containers.values():
                fact = one.fact
                if fact.state != "running" or not fact.pod_uid:
                    continue
                names[fact.pod_namespace, fact.pod_name].add(fact.pod_uid)
                if fact.role != "sandbox":
                    for claim in self._claims.get(fact.pod_uid, ()):
                        users[claim].add((host.name, fact.pod_uid))
        for (_, name), uids in names.items():
            if name and len(uids) > 1:
                return f"{len(uids)} Pods of the name {name} run at the same time"
        for claim, who in users.items():
            if fault := self._fault_of(claim, who):
                return f"{claim} {fault}"
        return ""

    def _fault_of(self, claim: ObjectRef, who: set[tuple[str, str]]) -> str:
        modes = self._modes.get(claim, ())
        nodes = {node for node, _ in who}
        if modes == ("ReadWriteOncePod",) and len(who) > 1:
            return f"is used by {len(who)} Pods and allows one"
        if "ReadWriteOnce" in modes and len(nodes) > 1 and not {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
            return f"is used on {', '.join(sorted(nodes))} and allows one node"
        return ""
