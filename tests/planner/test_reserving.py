"""What is written down for the claims of a Pod when its node is chosen."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Node, PersistentVolumeClaim, Pod
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.volumes import choose_volumes, reserve
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.volumes import SELECTED_NODE
from reconciler.planner.view import View
from tests.planner.volumes import claim, pod, storage_class, volume
from tests.planner.world import Cluster, replace

STATIC = "kubernetes.io/no-provisioner"


@pytest.mark.parametrize(
    ("disks", "written"),
    [(("node-1", "node-1"), {"a", "b"}), (("node-1",), set()), (("node-1", "node-2"), set()), ((), set())],
)
def test_a_pod_gets_all_of_its_volumes_on_a_node_or_none(disks: tuple[str, ...], written: set[str]) -> None:
    """A claim that has got its volume there would hold the Pod to a node on which the other one never finds any."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    made = "".join(
        volume(f"v{number}", "5Gi", node, storageClassName="disks") for number, node in enumerate(disks, start=1)
    )
    claims = "".join(claim(name, storageClassName="disks") for name in ("a", "b"))
    cluster.push(storage_class("disks", STATIC) + made + claims + pod("p", "a", "b", schedulingGates=[{"name": "g"}]))
    cluster.settle()
    view = View(cluster.observed, cluster.policy, cluster.now)
    reserve(view, cast(Pod, view.objects[ObjectRef.of("Pod", "default", "p")].object), "node-1")
    changed = [new for _, new in view.journal if new is not None]
    assert {_claim_of(one.object) for one in changed if one.ref.kind == "PersistentVolume"} == written


def _claim_of(volume: Any) -> str:
    return str(volume.spec.claim_ref.name)


def test_a_claim_that_is_to_be_made_on_a_node_holds_its_pods_there() -> None:
    """Its volume is on the way: on any other node it would never be had."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(claim("a") + claim("b"))
    cluster.settle()
    view = View(cluster.observed, cluster.policy, cluster.now)
    one, other = (cast(PersistentVolumeClaim, cluster.of("PersistentVolumeClaim")[name]) for name in ("a", "b"))
    held = replace(one, metadata=replace(one.metadata, annotations={SELECTED_NODE: "node-2"}))
    found = {
        name: choose_volumes(view, Catalogue(view), (held, other), cast(Node, node))
        for name, node in cluster.of("Node").items()
    }
    assert {name: choice.is_complete for name, choice in found.items()} == {"node-1": False, "node-2": True}
    assert [made.metadata.name for made in found["node-2"].provisioned] == ["a", "b"]
