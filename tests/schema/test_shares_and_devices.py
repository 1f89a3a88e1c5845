"""Shares of NFS servers, mount options, classes that make directories on a share, and block devices are judged."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def errors(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Return place and code of every error in a manifest."""
    manifest = {"metadata": {"name": "x"}, **document}
    found = validate([SourceFile("a.json", json.dumps(manifest).encode())]).problems
    return [(one.pointer, one.code) for one in found if one.is_error]


def places(document: dict[str, Any]) -> list[str]:
    """Return the places of the errors in a manifest."""
    return [place for place, _ in errors(document)]


def pod(volumes: list[dict[str, Any]], **container: Any) -> dict[str, Any]:
    """A Pod with volumes and one container."""
    spec = {"containers": [{"name": "a", "image": "b", **container}], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec}


def volume(**spec: Any) -> dict[str, Any]:
    """A volume of the cluster."""
    wanted = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "spec": wanted}


def of_class(provisioner: str = "reconciler.dev/nfs", parameters: dict[str, str] | None = None, **rest: Any) -> Any:
    """A storage class."""
    given = {"server": "files", "share": "/data"} if parameters is None else parameters
    document = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": provisioner}
    return {**document, "parameters": given, **rest}


NFS = {"server": "files.example", "path": "/data"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (NFS, []),
        ({"server": "fd00::1", "path": "/", "readOnly": True}, []),
        ({"server": "files", "path": "data"}, ["path"]),
        ({"server": "files", "path": "/data/../etc"}, ["path"]),
        ({"server": "-o x", "path": "/data"}, ["server"]),
        ({"server": "-files", "path": "/data"}, ["server"]),
        ({"server": "files/..", "path": "/data"}, ["server"]),
    ],
)
def test_a_share_has_a_server_and_an_absolute_path(source: dict[str, Any], expected: list[str]) -> None:
    """In a Pod and in the cluster alike."""
    assert places(pod([{"name": "v", "nfs": source}])) == [f"/spec/volumes/0/nfs/{one}" for one in expected]
    assert places(volume(nfs=source)) == [f"/spec/nfs/{one}" for one in expected]


def test_options_are_for_what_is_mounted() -> None:
    """One in each item; a directory of a node takes none, nor does a class that makes such."""
    assert errors(volume(nfs=NFS, mountOptions=["nfsvers=4.1", "soft"])) == []
    assert places(volume(nfs=NFS, mountOptions=["ro,soft", "", "a b"])) == [f"/spec/mountOptions/{n}" for n in range(3)]
    assert errors(volume(hostPath={"path": "/a"}, mountOptions=["ro"])) == [("/spec/mountOptions", "not-implemented")]
    assert errors(of_class(mountOptions=["soft"])) == []
    local = of_class("reconciler.dev/local", {}, mountOptions=["soft"])
    assert errors(local) == [("/mountOptions", "not-implemented")]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"server": "files", "share": "/data"}, []),
        ({"server": "files", "share": "/", "subDir": "${pvc.metadata.namespace}/${pvc.metadata.name}"}, []),
        ({"server": "files"}, ["/parameters"]),
        ({}, ["/parameters", "/parameters"]),
        ({"server": "a b", "share": "data"}, ["/parameters/server", "/parameters/share"]),
        ({"server": "files", "share": "/data", "onDelete": "retain"}, ["/parameters/onDelete"]),
        ({"server": "files", "share": "/data", "subDir": "../${pv.metadata.name}"}, ["/parameters/subDir"]),
        ({"server": "files", "share": "/data", "subDir": "/abs"}, ["/parameters/subDir"]),
        ({"server": "files", "share": "/data", "subDir": "a//b"}, ["/parameters/subDir"]),
        ({"server": "files", "share": "/data", "subDir": ".reconciler-trash/x"}, ["/parameters/subDir"]),
        ({"server": "files", "share": "/data", "subDir": "${pvc.uid}"}, ["/parameters/subDir"]),
    ],
)
def test_classes_on_a_share_say_where(parameters: dict[str, str], expected: list[str]) -> None:
    """Under our name and under that of Kubernetes' driver; what leads out of the share is refused."""
    for provisioner in ("reconciler.dev/nfs", "nfs.csi.k8s.io"):
        assert places(of_class(provisioner, parameters)) == expected


DISK = [{"name": "disk", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "tmp", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("devices", "mounts", "expected"),
    [
        ([("disk", "/dev/xvda")], [("tmp", "/tmp")], []),
        ([("none", "/dev/xvda")], [], ["0/name"]),
        ([("tmp", "/dev/xvda")], [], ["0/name"]),
        ([("disk", "/dev/../x")], [], ["0/devicePath"]),
        ([("disk", "/dev/a")], [("disk", "/mnt")], ["0/name"]),
        ([("disk", "/tmp")], [("tmp", "/tmp")], ["0/devicePath"]),
        ([("disk", "/dev/a"), ("disk", "/dev/b")], [], ["1/name"]),
    ],
)
def test_devices_are_claims_and_stand_alone(
    devices: list[tuple[str, str]], mounts: list[tuple[str, str]], expected: list[str]
) -> None:
    """Kubernetes' rules on volumeDevices."""
    document = pod(
        DISK,
        volumeDevices=[{"name": name, "devicePath": path} for name, path in devices],
        volumeMounts=[{"name": name, "mountPath": path} for name, path in mounts],
    )
    assert places(document) == [f"/spec/containers/0/volumeDevices/{one}" for one in expected]


def test_two_devices_need_two_paths() -> None:
    """The second one is named."""
    more = [*DISK, {"name": "other", "persistentVolumeClaim": {"claimName": "d"}}]
    same = [{"name": "disk", "devicePath": "/dev/a"}, {"name": "other", "devicePath": "/dev/a"}]
    assert places(pod(more, volumeDevices=same)) == ["/spec/containers/0/volumeDevices/1/devicePath"]


def test_a_share_is_no_block_device() -> None:
    """A path of a node may be one."""
    assert places(volume(nfs=NFS, volumeMode="Block")) == ["/spec/volumeMode"]
    assert places(volume(hostPath={"path": "/dev/sdb"}, volumeMode="Block")) == []


@pytest.mark.parametrize("source", ["awsElasticBlockStore", "cephfs", "iscsi", "rbd", "gitRepo", "image"])
def test_volumes_that_nothing_here_makes_are_refused_by_name(source: str) -> None:
    """P30: in a Pod by their name and place, before anything is made."""
    found = errors(pod([{"name": "v", source: {"a": "b"}}]))
    assert found == [(f"/spec/volumes/0/{source}", "not-implemented")]
