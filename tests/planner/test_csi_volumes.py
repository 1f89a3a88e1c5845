"""Volumes of CSI drivers: that of NFS is a share like any other; those of others are bound, and their Pods wait."""

import json
from typing import Any

from reconciler.model.kinds import CSIVolumeSource, PersistentVolumeClaimVolumeSource, Volume
from reconciler.model.node import ClaimBinding
from reconciler.model.storage import NfsShare
from reconciler.planner.project import project_assignment
from tests.planner.node.host import Host
from tests.planner.node.host import pod as assigned_pod
from tests.planner.volumes import bindings, claim, pod
from tests.planner.world import Cluster

ATTRIBUTES = {"server": "files", "share": "/data/", "subdir": "own"}


def driven(driver: str, **spec: Any) -> str:
    """A volume of a driver."""
    csi = {"driver": driver, "volumeHandle": "h", "volumeAttributes": ATTRIBUTES, "readOnly": True}
    wanted = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "csi": csi, **spec}
    document = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "own"}, "spec": wanted}
    return json.dumps(document) + "\n---\n"


def bound(driver: str, **spec: Any) -> ClaimBinding:
    """What a node is told of a claim that is bound to a volume of a driver."""
    cluster = Cluster()
    cluster.push(driven(driver, **spec) + claim(storageClassName="", volumeName="own") + pod("a", "data"))
    cluster.settle()
    assert bindings(cluster) == {"data": "own"}
    (binding,) = project_assignment(cluster.observed, cluster.policy, "node-1").pods[0].claims
    return binding


def test_a_volume_of_the_nfs_driver_is_a_share() -> None:
    """What its attributes name is mounted, with the options of the volume."""
    binding = bound("nfs.csi.k8s.io", mountOptions=["soft"])
    assert binding.share == NfsShare(server="files", path="/data/own", options=("soft", "ro"))
    assert (binding.path, binding.message) == ("", "")


def test_a_volume_of_another_driver_is_bound_and_leads_nowhere() -> None:
    """As in Kubernetes, where a driver is not installed; the binding says so."""
    binding = bound("disk.example.com")
    assert (binding.share, binding.path) == (None, "")
    assert binding.message == "volume own is driver disk.example.com's, and no node has that driver"


def test_a_pod_waits_for_a_driver_that_no_node_has() -> None:
    """It tells which volume it waits for, of its own or of a claim, and starts nothing."""
    claimed = Volume(name="data", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data"))
    why = "volume own is driver disk.example.com's, and no node has that driver"
    binding = ClaimBinding(claim="data", volume="own", message=why)
    scratch = Volume(name="scratch", csi=CSIVolumeSource(driver="disk.example.com"))
    host = Host(assigned_pod("a", volumes=(claimed,), claims=(binding,)), assigned_pod("b", volumes=(scratch,)))
    host.settle()
    assert host.node.last is not None
    assert {one.message for one in host.node.last.plan.blocked} == {why, why.replace("own", "scratch")}
    assert [one for one in host.done() if one.startswith("createContainer")] == []


def test_a_pod_mounts_a_share_of_its_own_by_the_driver() -> None:
    """Before its volumes are published."""
    source = CSIVolumeSource(driver="nfs.csi.k8s.io", volume_attributes=ATTRIBUTES)
    host = Host(assigned_pod("a", volumes=(Volume(name="files", csi=source),)))
    host.settle()
    assert host.ready("a")
    assert host.world.storage.mounts == {NfsShare(server="files", path="/data/own").key}
