"""Volumes of the CSI driver of NFS: shares like any other."""

import json
from typing import Any

from reconciler.model.kinds import CSIVolumeSource, Volume
from reconciler.model.node import ClaimBinding
from reconciler.model.storage import NfsShare
from reconciler.planner.project import project_assignment
from tests.planner.node.host import Host
from tests.planner.node.host import pod as assigned_pod
from tests.planner.volumes import bindings, claim, pod
from tests.planner.world import Cluster

ATTRIBUTES = {"server": "files", "share": "/data/", "subdir": "own"}


def driven(**spec: Any) -> str:
    """A volume of the driver."""
    csi = {"driver": "nfs.csi.k8s.io", "volumeHandle": "h", "volumeAttributes": ATTRIBUTES, "readOnly": True}
    wanted = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "csi": csi, **spec}
    document = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "own"}, "spec": wanted}
    return json.dumps(document) + "\n---\n"


def bound(**spec: Any) -> ClaimBinding:
    """What a node is told of a claim that is bound to a volume of the driver."""
    cluster = Cluster()
    cluster.push(driven(**spec) + claim(storageClassName="", volumeName="own") + pod("a", "data"))
    cluster.settle()
    assert bindings(cluster) == {"data": "own"}
    (binding,) = project_assignment(cluster.observed, cluster.policy, "node-1").pods[0].claims
    return binding


def test_a_volume_of_the_nfs_driver_is_a_share() -> None:
    """What its attributes name is mounted, with the options of the volume."""
    binding = bound(mountOptions=["soft"])
    assert binding.share == NfsShare(server="files", path="/data/own", options=("soft", "ro"))
    assert (binding.path, binding.message) == ("", "")


def test_a_pod_mounts_a_share_of_its_own_by_the_driver() -> None:
    """Before its volumes are published."""
    source = CSIVolumeSource(driver="nfs.csi.k8s.io", volume_attributes=ATTRIBUTES)
    host = Host(assigned_pod("a", volumes=(Volume(name="files", csi=source),)))
    host.settle()
    assert host.ready("a")
    assert host.world.storage.mounts == {NfsShare(server="files", path="/data/own").key}
