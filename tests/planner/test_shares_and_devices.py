"""Claims on shares of NFS servers, and claims of volumeMode Block: bound, made, handed to nodes, released."""

import math

import msgspec
import pytest

from reconciler.model.kinds import PersistentVolume
from reconciler.model.node import Assignment
from reconciler.model.observed import NodeState
from reconciler.model.plan import Decision, Reason
from reconciler.model.storage import NfsShare, StorageFact
from reconciler.planner.project import project_assignment
from tests.planner.volumes import bindings, claim, on, phases, places, pod, storage_class, volume
from tests.planner.world import Cluster

replace = msgspec.structs.replace
PARAMETERS = {"server": "files", "share": "/data"}
FILES = storage_class("files", "reconciler.dev/nfs", parameters=PARAMETERS, mountOptions=["nfsvers=4.1"])
SHARE = NfsShare(server="files", path="/data", options=("nfsvers=4.1",))


class Trashing(Cluster):
    """A cluster whose nodes tell which directories of shares they have trashed."""

    def __init__(self, *nodes: str) -> None:
        self.trashed: dict[str, tuple[str, ...]] = {}
        super().__init__(nodes or ("node-1",))

    def _state(self, node: str) -> NodeState:
        state = super()._state(node)
        assert state.observation is not None
        facts = replace(state.observation.facts, storage=StorageFact(trashed=self.trashed.get(node, ())))
        return replace(state, observation=replace(state.observation, facts=facts))


def made(cluster: Cluster, name: str = "data") -> PersistentVolume:
    """The volume of a claim."""
    found = cluster.of("PersistentVolume")[bindings(cluster)[name]]
    assert isinstance(found, PersistentVolume)
    return found


def assigned(cluster: Cluster, node: str = "node-1") -> Assignment:
    """What a node is to run."""
    return project_assignment(cluster.observed, cluster.policy, node)


@pytest.mark.parametrize("provisioner", ["reconciler.dev/nfs", "nfs.csi.k8s.io"])
def test_a_class_makes_a_directory_on_a_share(provisioner: str) -> None:
    """Every node reaches it: its Pods go anywhere, and each node mounts the share and finds the directory."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    of = storage_class("files", provisioner, parameters=PARAMETERS, mountOptions=["nfsvers=4.1"])
    many = claim(modes="ReadWriteMany", storageClassName="files")
    cluster.push(of + many + pod("a", "data", **on("node-1")) + pod("b", "data", **on("node-2")))
    cluster.settle()
    assert places(cluster) == {"a": "node-1", "b": "node-2"}
    spec = made(cluster).spec
    name = made(cluster).metadata.name
    assert spec.nfs is not None and (spec.nfs.server, spec.nfs.path) == ("files", f"/data/{name}")
    assert spec.node_affinity.required is None and spec.mount_options == ("nfsvers=4.1",)
    for node in ("node-1", "node-2"):
        (binding,) = assigned(cluster, node).pods[0].claims
        assert (binding.share, binding.path, binding.provisioned) == (SHARE, name, True)
        assert assigned(cluster, node).volumes == ()
    assert not cluster.plan().changes


@pytest.mark.parametrize(
    ("template", "share", "expected"),
    [
        ("${pvc.metadata.namespace}/${pvc.metadata.name}", "/data", "/data/default/data"),
        ("all/${pv.metadata.name}", "/", "/all/{name}"),
        ("fixed", "/data/", "/data/fixed"),
    ],
)
def test_where_a_directory_is_made(template: str, share: str, expected: str) -> None:
    """As with the NFS driver of Kubernetes: names of claim, namespace and volume."""
    cluster = Cluster()
    parameters = {**PARAMETERS, "share": share, "subDir": template}
    now = storage_class("files", "reconciler.dev/nfs", parameters=parameters, volumeBindingMode="Immediate")
    cluster.push(now + claim(storageClassName="files"))
    cluster.settle()
    source = made(cluster).spec.nfs
    assert source is not None and source.path == expected.format(name=made(cluster).metadata.name)


def test_a_volume_that_a_person_made_is_the_whole_share() -> None:
    """Its own path is mounted, with its options; nothing is ever made or moved on it."""
    cluster = Cluster()
    source = {"server": "files", "path": "/data/own", "readOnly": True}
    cluster.push(
        claim(storageClassName="", volumeName="own")
        + volume("own", storageClassName="", nfs=source, mountOptions=["soft"])
        + pod("a", "data")
    )
    cluster.settle()
    (binding,) = assigned(cluster).pods[0].claims
    assert binding.share == NfsShare(server="files", path="/data/own", options=("soft", "ro"))
    assert (binding.path, binding.provisioned) == ("", False)


def test_where_a_volume_lies_is_never_changed() -> None:
    """Its options may be; another directory would be other data under the same name."""
    cluster = Cluster()
    source = {"server": "files", "path": "/data/own"}
    cluster.push(volume("own", nfs=source))
    cluster.settle()
    cluster.push(volume("own", nfs=source, mountOptions=["soft"]), commit="c2")
    cluster.settle()
    stored = cluster.of("PersistentVolume")["own"]
    assert isinstance(stored, PersistentVolume) and stored.spec.mount_options == ("soft",)
    cluster.push(volume("own", nfs={**source, "path": "/data/other"}, mountOptions=["soft"]), commit="c3")
    verdict = next(one for one in cluster.plan().verdicts if one.object.name == "own")
    assert (verdict.decision, verdict.reason) == (Decision.BLOCKED, Reason.IMMUTABLE_FIELD)
    assert "spec.nfs" in verdict.message


def test_a_released_directory_is_trashed_by_one_node_that_is_heard() -> None:
    """P29: with reclaim policy Delete; another node does it when the first falls silent. Then the volume is gone."""
    cluster = Trashing("node-1", "node-2")
    cluster.push(FILES + claim(storageClassName="files") + pod("a", "data", **on("node-2")))
    cluster.settle()
    name = made(cluster).metadata.name
    cluster.push(FILES)
    for _ in range(3):
        cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert phases(cluster) == {name: "Released"}
    (asked,) = assigned(cluster, "node-1").volumes
    assert (asked.name, asked.path, asked.trash, asked.share) == (name, name, True, SHARE)
    assert assigned(cluster, "node-2").volumes == ()
    cluster.trashed["node-2"] = (name,)
    cluster.settle()
    assert phases(cluster) == {name: "Released"}
    cluster.trashed = {"node-1": (name,)}
    cluster.report()
    cluster.settle()
    assert phases(cluster) == {}


def test_a_retained_directory_stays() -> None:
    """It is nobody's until a person says so."""
    cluster = Trashing()
    kept = storage_class("files", "reconciler.dev/nfs", parameters=PARAMETERS, reclaimPolicy="Retain")
    cluster.push(kept + claim(storageClassName="files") + pod("a", "data"))
    cluster.settle()
    name = made(cluster).metadata.name
    cluster.push(kept)
    for _ in range(3):
        cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert phases(cluster) == {name: "Released"}
    assert assigned(cluster).volumes == ()


def test_a_block_claim_gets_a_file_of_its_size() -> None:
    """On one node, which attaches it; a claim that grows has the file grow."""
    cluster = Cluster()
    cluster.push(claim(size="1500M", volumeMode="Block") + pod("a", "data"))
    cluster.settle()
    spec = made(cluster).spec
    assert (spec.volume_mode, spec.local is not None) == ("Block", True)
    (binding,) = assigned(cluster).pods[0].claims
    (kept,) = assigned(cluster).volumes
    assert (binding.device, kept.size, kept.path) == ("file", 1_500_000_000, binding.path)
    cluster.push(claim(size="1.6G", volumeMode="Block") + pod("a", "data"), commit="c2")
    cluster.settle()
    assert assigned(cluster).volumes[0].size == math.ceil(1.6e9)


def test_modes_of_claims_and_volumes_have_to_be_the_same() -> None:
    """A device is no directory, nor the other way round; a device of a person is given as it is."""
    cluster = Cluster()
    cluster.push(
        claim("raw", storageClassName="", volumeMode="Block")
        + claim("files", storageClassName="")
        + claim("named", storageClassName="", volumeName="device")
        + volume("directory", storageClassName="")
        + volume("device", node="node-1", storageClassName="", volumeMode="Block")
        + pod("a", "raw")
    )
    cluster.settle()
    assert bindings(cluster) == {"raw": "device", "files": "directory", "named": "device"}
    told = [one.message for one in cluster.plan().verdicts if one.object.name == "named"]
    assert told == ["volume device does not exist or belongs to another claim"]
    (binding,) = assigned(cluster).pods[0].claims
    assert (binding.device, binding.path, assigned(cluster).volumes) == ("device", "/mnt/device", ())


def test_a_named_volume_of_the_other_mode_is_not_bound() -> None:
    """upstream's words."""
    cluster = Cluster()
    cluster.push(claim(storageClassName="", volumeName="v", volumeMode="Block") + volume("v", storageClassName=""))
    cluster.settle()
    told = [one.message for one in cluster.plan().verdicts if one.object.name == "data"]
    assert told == ["volume v cannot be bound: incompatible volumeMode"]


def test_a_share_has_no_block_devices() -> None:
    """The claim says why it waits; with a Pod, no node has what it needs."""
    cluster = Cluster()
    now = FILES.replace("WaitForFirstConsumer", "Immediate")
    cluster.push(now + claim(storageClassName="files", volumeMode="Block"))
    cluster.settle()
    told = next(one.message for one in cluster.plan().verdicts if one.object.name == "data")
    assert told == "class files makes directories on a share, and no block devices (volumeMode: Block)"


def test_directories_that_classes_name_are_told_to_nodes() -> None:
    """Each once; the built-in class has its own, and a share is no directory of a node."""
    cluster = Cluster()
    fast = {"path": "/mnt/fast/"}
    cluster.push(storage_class("a", parameters=fast) + storage_class("b", parameters=fast) + FILES + storage_class("c"))
    cluster.settle()
    assert assigned(cluster).class_paths == ("/mnt/fast",)
