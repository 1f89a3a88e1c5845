"""Pods and their volumes come together: on which node, and why on none."""

from tests.planner.volumes import bindings, claim, on, phases, places, pod, storage_class, volume, why
from tests.planner.world import Cluster

SELECTED = "volume.kubernetes.io/selected-node"
STATIC = "kubernetes.io/no-provisioner"


def two_nodes() -> Cluster:
    """Return a cluster of two nodes."""
    return Cluster(nodes=("node-1", "node-2"))


def test_a_claim_waits_for_its_first_pod_and_is_made_on_its_node() -> None:
    """The chosen node is noted on the claim; the Pod that comes next has to go there."""
    cluster = two_nodes()
    cluster.push(claim())
    cluster.settle()
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Pending"}
    cluster.push(claim() + pod("first", "data", **on("node-2")), commit="c2")
    cluster.settle()
    noted = cluster.of("PersistentVolumeClaim")["data"].metadata.annotations
    assert noted[SELECTED] == "node-2" and phases(cluster, "PersistentVolumeClaim") == {"data": "Bound"}
    more = pod("next", "data") + pod("wrong", "data", **on("node-1"))
    cluster.push(claim() + pod("first", "data", **on("node-2")) + more, commit="c3")
    cluster.settle()
    assert places(cluster) == {"first": "node-2", "next": "node-2", "wrong": ""}
    assert "1 node(s) didn't match PersistentVolume's node affinity" in why(cluster, "wrong")
    # What is noted outlives changes of the declaration.
    cluster.push(claim(size="2Gi") + pod("first", "data", **on("node-2")) + more, commit="c4")
    cluster.settle()
    assert cluster.of("PersistentVolumeClaim")["data"].metadata.annotations[SELECTED] == "node-2"


def test_pods_go_where_volumes_are_and_do_not_take_the_same_one() -> None:
    """Two Pods in one pass, one volume on each node: each gets one; a third finds none."""
    cluster = two_nodes()
    disks = volume("v1", "5Gi", "node-1", storageClassName="disks") + volume(
        "v2", "5Gi", "node-2", storageClassName="disks"
    )
    names = ("a", "b", "c")
    claims = "".join(claim(name, storageClassName="disks") for name in names)
    cluster.push(storage_class("disks", STATIC) + disks + claims + "".join(pod(name, name) for name in names))
    cluster.tick()
    cluster.settle()
    bound = bindings(cluster)
    assert sorted(bound.values()) == ["", "v1", "v2"]
    for name, node in places(cluster).items():
        assert node == {"v1": "node-1", "v2": "node-2", "": ""}[bound[name]]
    waits = next(name for name, one in bound.items() if not one)
    assert "2 node(s) didn't find available persistent volumes to bind" in why(cluster, waits)


def test_the_tightest_volumes_are_used_first() -> None:
    """Of nodes alike the one whose free volume is hardly larger than what is asked for."""
    cluster = two_nodes()
    disks = volume("v1", "100Gi", "node-1", storageClassName="disks") + volume(
        "v2", "6Gi", "node-2", storageClassName="disks"
    )
    cluster.push(
        storage_class("disks", STATIC) + disks + claim(size="5Gi", storageClassName="disks") + pod("p", "data")
    )
    cluster.settle()
    assert bindings(cluster) == {"data": "v2"} and places(cluster) == {"p": "node-2"}


def test_volumes_are_made_where_their_class_allows() -> None:
    """`allowedTopologies` binds the first Pod."""
    cluster = two_nodes()
    there = [{"matchLabelExpressions": [{"key": "kubernetes.io/hostname", "values": ["node-2"]}]}]
    disk = storage_class("disk", allowedTopologies=there)
    cluster.push(disk + claim(storageClassName="disk") + pod("p", "data"))
    cluster.settle()
    assert places(cluster) == {"p": "node-2"}


def test_what_a_pod_waits_for_is_said_in_kubernetes_words() -> None:
    """Claims that are missing, unbound, or ending."""
    cluster = Cluster()
    unbound = claim("unbound", storageClassName="")
    cluster.push(unbound + pod("a", "gone") + pod("b", "unbound"))
    cluster.settle()
    assert 'persistentvolumeclaim "gone" not found' in why(cluster, "a")
    assert "pod has unbound immediate PersistentVolumeClaims" in why(cluster, "b")
    cluster.push(unbound + volume("v1") + pod("a", "gone") + pod("b", "unbound"), commit="c2")
    cluster.settle()
    assert places(cluster) == {"a": "", "b": "node-1"}


def test_no_pod_is_placed_with_a_claim_that_ends() -> None:
    """A claim in use stays until its Pod has ended; a Pod that comes meanwhile waits."""
    cluster = Cluster()
    cluster.ends = lambda _: False
    filler = "".join(pod(f"f{number}") for number in range(20))
    cluster.push(filler + claim() + pod("first", "data"))
    cluster.settle()
    cluster.push(filler + pod("first", "data"), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    cluster.push(filler + pod("first", "data") + pod("next", "data"), commit="c3")
    cluster.settle()
    assert places(cluster)["next"] == "" and 'persistentvolumeclaim "data" is being deleted' in why(cluster, "next")
    assert "data" in cluster.of("PersistentVolumeClaim")


def test_one_pod_alone_uses_a_claim_for_one_pod() -> None:
    """ReadWriteOncePod: the second Pod waits until the first has ended, also on the same node and in the same pass."""
    cluster = two_nodes()
    alone = claim(modes="ReadWriteOncePod")
    cluster.push(alone + pod("a", "data") + pod("b", "data"))
    cluster.tick()
    cluster.settle()
    assert sorted(map(bool, places(cluster).values())) == [False, True]
    waits = next(name for name, node in places(cluster).items() if not node)
    assert "already in-use by another pod" in why(cluster, waits)
    cluster.push(alone + pod(waits, "data"), commit="c2")
    cluster.settle()
    assert set(places(cluster)) == {waits} and places(cluster)[waits]


def test_a_volume_for_one_node_is_used_on_one_node() -> None:
    """ReadWriteOnce on storage that every node reaches: whoever comes second goes to the first, or waits."""
    cluster = two_nodes()
    shared = volume("v1") + claim(storageClassName="")
    first = pod("a", "data", **on("node-1"))
    cluster.push(shared + first)
    cluster.settle()
    cluster.push(shared + first + pod("b", "data") + pod("c", "data", **on("node-2")), commit="c2")
    cluster.settle()
    assert places(cluster) == {"a": "node-1", "b": "node-1", "c": ""}
    assert "in use on another node" in why(cluster, "c")
    # With its users gone it moves.
    cluster.push(shared + pod("c", "data", **on("node-2")), commit="c3")
    cluster.settle()
    assert places(cluster) == {"c": "node-2"}


def test_a_volume_for_many_nodes_is_used_on_many() -> None:
    """ReadWriteMany binds nobody."""
    cluster = two_nodes()
    shared = volume("v1", modes="ReadWriteMany") + claim(modes="ReadWriteMany", storageClassName="")
    cluster.push(shared + pod("a", "data", **on("node-1")) + pod("b", "data", **on("node-2")))
    cluster.settle()
    assert places(cluster) == {"a": "node-1", "b": "node-2"}
