"""Data that is only on nodes that take no Pods is named before somebody misses it."""

import msgspec

from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.stranded import listed
from tests.planner.volumes import claim, on, pod, volume
from tests.planner.world import Cluster

replace = msgspec.structs.replace


def warnings(cluster: Cluster) -> list[str]:
    """Return what a plan warns of about nodes."""
    return [one for one in cluster.plan().warnings if one.startswith("node/")]


def cordon(cluster: Cluster, *nodes: str) -> None:
    """Cordon exactly these nodes, as a person does."""
    marked = {}
    for name in nodes:
        ref = ObjectRef(kind="Node", name=name)
        uid = cluster.of("Node")[name].metadata.uid
        marked[ref] = Override(ref=ref, uid=uid, unschedulable=True, by="ada", at=cluster.now)
    cluster.observed = replace(cluster.observed, overrides=marked)
    cluster.settle()


def test_a_cordoned_node_with_the_only_copy_of_data_is_warned_of() -> None:
    """By the claims that are bound; what another node reaches too, and free volumes, are not meant."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    everywhere = volume("shared", storageClassName="", claimRef={"namespace": "default", "name": "both"})
    cluster.push(
        claim("data")
        + claim("both", storageClassName="")
        + everywhere
        + volume("free", node="node-1", storageClassName="")
        + pod("db", "data", "both", **on("node-1"))
    )
    cluster.settle()
    assert warnings(cluster) == []
    cordon(cluster, "node-2")
    assert warnings(cluster) == []
    cordon(cluster, "node-1")
    end = "is on it alone, and Pods that use it can go nowhere else"
    assert warnings(cluster) == [f"node/node-1 is cordoned: the data of claim default/data {end}"]
    cordon(cluster)
    assert warnings(cluster) == []


def test_a_node_that_is_gone_is_warned_of_for_its_data() -> None:
    """The claim stays bound, and its Pods can be placed nowhere; whose node is there is not meant."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    kept = volume("a", node="node-2", storageClassName="", claimRef={"namespace": "default", "name": "kept"})
    cluster.push(kept + claim("kept", storageClassName="") + claim("data") + pod("db", "data", **on("node-1")))
    cluster.settle()
    gone = {ref: one for ref, one in cluster.observed.objects.items() if (ref.kind, ref.name) != ("Node", "node-1")}
    nodes = {name: state for name, state in cluster.observed.nodes.items() if name != "node-1"}
    cluster.observed = replace(cluster.observed, objects=gone, nodes=nodes)
    (told,) = warnings(cluster)
    assert told.startswith("node/node-1 is not known any more: the data of claim default/data is")


def test_many_claims_are_counted() -> None:
    """Five by name, the others by number."""
    assert listed(["a/1"]) == "claim a/1"
    assert listed(f"a/{number}" for number in range(5, 0, -1)) == "claims a/1, a/2, a/3, a/4, a/5"
    assert listed(f"a/{number}" for number in range(1, 8)) == "claims a/1, a/2, a/3, a/4, a/5 and 2 more"
