"""Stories of Pods that share claims: one Pod for ReadWriteOncePod, one node for ReadWriteOnce, data where it is.

Safety is looked at after every step: what really runs, whatever the plans say. In the end everybody who can have a
volume has one, and the next plan is empty (P09).
"""

import random
from typing import cast

import pytest

from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim, Pod
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.plan import plan
from reconciler.planner.references import claims_of
from reconciler.planner.storage.volumes import is_reachable
from reconciler.simulation.cluster import SimulatedCluster
from tests.planner.volumes import claim, pod, storage_class, volume
from tests.planner.world import desired
from tests.simulation.cluster.repository import REGISTRY
from tests.simulation.cluster.sharing import Sharing

NODES = ("node-1", "node-2", "node-3")
CLAIMS = ("alone", "moving", "disk-a", "disk-b", "made")
GROUND = (
    storage_class("disks", "kubernetes.io/no-provisioner")
    + volume("v-moving")
    + volume("v-2", "5Gi", "node-2", storageClassName="disks")
    + volume("v-3", "5Gi", "node-3", storageClassName="disks")
    + claim("alone", modes="ReadWriteOncePod")
    + claim("moving", storageClassName="", volumeName="v-moving")
    + claim("disk-a", storageClassName="disks")
    + claim("disk-b", storageClassName="disks")
    + claim("made")
)


class Story:
    """One seed: which Pods use which claims, who crashes when."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.commits = 0
        self.pods: dict[str, str] = {}
        policy = Policy(digest_key="00" * 16, prune_min=1000)
        self.cluster = SimulatedCluster(
            NODES, ("main",), REGISTRY, policy, choose=self.dice.randrange, planned=self._planned
        )
        self.sharing = Sharing(self.cluster)

    def _planned(self, _: ObservedState, answer: Plan) -> None:
        """Every Pod that has a node reaches its volumes there, and no volume is two claims'."""
        self.sharing.remember(self.cluster.observed, tuple(self.cluster.observed.objects))
        for one in self._of("Pod"):
            placed = cast(Pod, one)
            for name in claims_of(placed.spec) if placed.spec.node_name else ():
                self._check_reach(placed, name)
        bound = [cast(PersistentVolumeClaim, one).spec.volume_name for one in self._of("PersistentVolumeClaim")]
        taken = [name for name in bound if name]
        assert len(taken) == len(set(taken)), (self.cluster.now, taken)

    def _check_reach(self, placed: Pod, name: str) -> None:
        objects = self.cluster.observed.objects
        found = cast(PersistentVolumeClaim, objects[ObjectRef.of("PersistentVolumeClaim", "default", name)].object)
        node = cast(Node, objects[ObjectRef.of("Node", "", placed.spec.node_name)].object)
        its = objects.get(ObjectRef.of("PersistentVolume", "", found.spec.volume_name))
        assert its is not None, (self.cluster.now, placed.metadata.name, name)
        assert is_reachable(cast(PersistentVolume, its.object), node), (placed.metadata.name, node.metadata.name)

    def _of(self, kind: str) -> list[object]:
        return [one.object for ref, one in sorted(self.cluster.observed.objects.items()) if ref.kind == kind]

    def run(self) -> None:
        """Push, crash and wait, then come to rest."""
        for _ in range(12):
            self._turn()
            for _ in range(self.dice.randint(1, 40)):
                self.cluster.run_for(0.5)
                assert not (fault := self.sharing.fault()), (self.cluster.now, fault)
        self.cluster.run_for(600.0)
        answer = plan(self.cluster.daemon.desired, self.cluster.observed, self.cluster.policy, self.cluster.now)  # type: ignore[union-attr]
        assert not answer.changes, answer.changes[:3]
        self._check_rest()

    def _turn(self) -> None:
        match self.dice.randrange(8):
            case 0:
                self.cluster.crash_daemon()
                self.cluster.start_daemon()
                self._push()
            case 1:
                host = self.dice.choice(sorted(self.cluster.hosts.values(), key=lambda one: one.name))
                host.crash_agent()
                host.start_agent()
            case 2 | 3 if self.pods:
                del self.pods[self.dice.choice(sorted(self.pods))]
                self._push()
            case _:
                name = f"p{self.commits}"
                node = {"nodeSelector": {"kubernetes.io/hostname": self.dice.choice(NODES)}}
                spec = node if self.dice.random() < 0.3 else {}
                self.pods[name] = pod(name, *self.dice.sample(CLAIMS, self.dice.choice((1, 1, 2))), **spec)
                self._push()

    def _push(self) -> None:
        self.commits += 1
        text = GROUND + "".join(self.pods.values()).replace('"a:1"', '"shop/web:1"')
        self.cluster.push(desired(text, commit=f"c{self.commits}"))

    def _check_rest(self) -> None:
        """Nobody waits for a claim that nobody else has: Pods that may go anywhere and use one claim are placed."""
        pods = [cast(Pod, one) for one in self._of("Pod")]
        used = {name for one in pods if one.spec.node_name for name in claims_of(one.spec)}
        for one in pods:
            names = claims_of(one.spec)
            if not one.spec.node_name and not one.spec.node_selector and len(names) == 1:
                assert used & set(names), (one.metadata.name, names)


@pytest.mark.parametrize("seed", range(12))
def test_pods_share_claims_only_as_they_may(seed: int) -> None:
    """P29: two writers never meet, and nobody runs away from its data."""
    Story(seed).run()
