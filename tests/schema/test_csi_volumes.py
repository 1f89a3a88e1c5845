"""Volumes of CSI drivers are judged: what every driver needs, what the NFS driver needs, and no other driver."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate

NFS = {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "files", "share": "/data"}}
OTHER = {"driver": "disk.example.com", "volumeHandle": "d-1"}


def found(document: dict[str, Any], *, errors: bool = True) -> list[tuple[str, str]]:
    """Return place and code of every error, or warning, in a manifest."""
    content = json.dumps({"apiVersion": "v1", "metadata": {"name": "x"}, **document}).encode()
    problems = validate([SourceFile("a.json", content)]).problems
    return [(one.pointer, one.code) for one in problems if one.is_error == errors]


def volume(csi: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A volume of the cluster."""
    wanted = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "csi": csi, **spec}
    return {"kind": "PersistentVolume", "spec": wanted}


def pod(csi: dict[str, Any]) -> dict[str, Any]:
    """A Pod with a volume."""
    return {
        "kind": "Pod",
        "spec": {"containers": [{"name": "a", "image": "b"}], "volumes": [{"name": "v", "csi": csi}]},
    }


def test_a_volume_of_the_nfs_driver_is_a_share() -> None:
    """In the cluster, with options, and in a Pod."""
    assert found(volume({**NFS, "volumeHandle": "h"}, mountOptions=["nfsvers=4.1"])) == []
    assert found(pod(NFS)) == []
    assert found(pod(NFS), errors=False) == []


@pytest.mark.parametrize("missing", ["server", "share"])
def test_the_nfs_driver_needs_a_share(missing: str) -> None:
    """It cannot mount what is not named."""
    attributes = {name: text for name, text in {"server": "files", "share": "/data"}.items() if name != missing}
    assert found(pod({**NFS, "volumeAttributes": attributes})) == [("/spec/volumes/0/csi", "missing-field")]


def test_a_share_is_no_block_device() -> None:
    """Nothing on a server of files can be one."""
    assert [place for place, _ in found(volume({**NFS, "volumeHandle": "h"}, volumeMode="Block"))] == [
        "/spec/volumeMode"
    ]


def test_another_driver_is_refused_by_name() -> None:
    """No node has it: a Pod that used the volume would wait for ever."""
    assert found(volume(OTHER)) == [("/spec/csi/driver", "unknown-driver")]
    assert found(pod({"driver": "disk.example.com"})) == [("/spec/volumes/0/csi/driver", "unknown-driver")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"driver": "-disk"}, "/spec/csi/driver"),
        ({"driver": "d" * 64}, "/spec/csi/driver"),
        ({"volumeHandle": ""}, "/spec/csi/volumeHandle"),
        ({"nodeStageSecretRef": {"name": "s"}}, "/spec/csi/nodeStageSecretRef"),
        ({"nodeExpandSecretRef": {"name": "S", "namespace": "n"}}, "/spec/csi/nodeExpandSecretRef/name"),
    ],
)
def test_what_every_driver_needs(change: dict[str, Any], place: str) -> None:
    """A name, the volume's name at the driver, Secrets with their namespaces."""
    assert [where for where, _ in found(volume({**NFS, "volumeHandle": "h", **change}))] == [place]


def test_a_secret_of_a_pods_volume_has_a_name() -> None:
    """It is one of the Pod's namespace."""
    csi = {**NFS, "nodePublishSecretRef": {}}
    assert found(pod(csi)) == [("/spec/volumes/0/csi/nodePublishSecretRef", "missing-field")]
