"""Shares of NFS servers and block devices, on one shared host.

The kernel of a lab host has no NFS: `mount -t nfs` is real, and finds a helper `mount.nfs` that shows a folder instead
of asking a server. Everything around it is as it is anywhere.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import Host
from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import Stage, container, manifest, pod, stage

pytestmark = pytest.mark.real

HELPER = """#!/bin/sh
echo "$@" >> {folder}/calls
path=${{1#*:}}
[ -d "{folder}/exports$path" ] || {{ echo "mount.nfs: access denied by server while mounting $1"; exit 32; }}
exec mount --bind "{folder}/exports$path" "$2"
"""
BLOCK = {"accessModes": ["ReadWriteOnce"], "volumeMode": "Block"}
BOTH = {"accessModes": ["ReadWriteMany"]}


def sized(spec: dict[str, object], size: str) -> dict[str, object]:
    """Return the spec of a claim with a size."""
    return {**spec, "resources": {"requests": {"storage": size}}}


def device_pod(name: str, claim: str) -> str:
    """Return a Pod that has a claim as a device."""
    one = container("app", volumeDevices=[{"name": "disk", "devicePath": "/dev/disk"}])
    return pod(name, one, volumes=[{"name": "disk", "persistentVolumeClaim": {"claimName": claim}}])


def share_pod(name: str, volume: dict[str, object], script: str = SLEEPER) -> str:
    """Return a Pod that has a volume at /share."""
    one = container("app", script, volumeMounts=[{"name": "share", "mountPath": "/share"}])
    return pod(name, one, volumes=[{"name": "share", **volume}])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the helper shows, and where it notes how it was called."""
    made = tmp_path_factory.mktemp("nfs")
    (made / "exports" / "data").mkdir(parents=True)
    (made / "exports" / "data" / "file").write_text("from the server")
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """One host for all; loop devices are the whole machine's, so none is left to it."""
    with stage(tmp_path_factory.mktemp("storage")) as one:
        yield one
        one.host.stop()
        for file in loops(one.host):
            found = subprocess.run(
                ["losetup", "--noheadings", "--output", "NAME", "--associated", file],
                capture_output=True,
                text=True,
                check=True,
            )
            subprocess.run(["losetup", "--detach", found.stdout.strip()], check=True)


@pytest.fixture(scope="module")
def helper(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put a helper of `mount` where a package of the distribution would, on this lab host alone."""
    layers = tmp_path_factory.mktemp("sbin")
    subprocess.run(["mount", "-t", "tmpfs", "layers", str(layers)], check=True)
    (layers / "upper").mkdir()
    (layers / "work").mkdir()
    (layers / "upper" / "mount.nfs").write_text(HELPER.format(folder=folder))
    (layers / "upper" / "mount.nfs").chmod(0o755)
    options = f"lowerdir=/usr/sbin,upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "helper", "/usr/sbin"], check=True)
    yield
    subprocess.run(["umount", "--lazy", "/usr/sbin"], check=True)
    subprocess.run(["umount", "--lazy", str(layers)], check=True)


def end(shared: Stage, *names: str) -> None:
    """Push without these, and confirm that they go."""
    shared.drop(*names)
    shared.host.run("apply", "--ack")


def loops(host: Host) -> list[str]:
    """Return the files of the host's data directory that are attached as devices."""
    listed = subprocess.run(
        ["losetup", "--list", "--noheadings", "--raw", "--output", "BACK-FILE"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in listed.stdout.splitlines() if line.startswith(str(host.data))]


def mounts(host: Host) -> list[str]:
    """Return the places of the host's data directory where shares are mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split()[4] for line in lines]
    return [place for place in places if place.startswith(f"{host.data}/mounts/")]


def test_a_block_device_is_attached_grows_and_is_detached(shared: Stage) -> None:
    """A container has a claim of volumeMode Block as a device; what was written outlives Pod and daemon."""
    shared.put(
        disk=manifest("PersistentVolumeClaim", "disk", spec=sized(BLOCK, "8Mi")), writer=device_pod("writer", "disk")
    )
    shared.ready("writer")
    assert shared.shell("writer", "blockdev --getsize64 /dev/disk") == str(8 << 20)
    assert "error" not in shared.shell("writer", "echo kept | dd of=/dev/disk conv=fsync 2>&1; sync")
    attached = loops(shared.host)
    assert len(attached) == 1
    shared.host.restart()
    shared.ready("writer")
    assert loops(shared.host) == attached
    shared.put(disk=manifest("PersistentVolumeClaim", "disk", spec=sized(BLOCK, "16Mi")))
    shared.until("it has grown", lambda: shared.shell("writer", "blockdev --getsize64 /dev/disk") == str(16 << 20))
    end(shared, "writer")
    shared.until("it is detached", lambda: not loops(shared.host))
    shared.put(reader=device_pod("reader", "disk"))
    shared.ready("reader")
    assert shared.shell("reader", "head -c 4 /dev/disk") == "kept"
    end(shared, "reader")
    shared.until("it is detached", lambda: not loops(shared.host))


def test_a_device_that_is_mounted_as_a_directory_is_refused(shared: Stage) -> None:
    """The kubelet's words say which of both the claim is."""
    shared.put(
        raw=manifest("PersistentVolumeClaim", "raw", spec=sized(BLOCK, "1Mi")),
        wrong=share_pod("wrong", {"persistentVolumeClaim": {"claimName": "raw"}}),
    )
    told = "volume share has volumeMode Block, but is specified in volumeMounts"
    shared.until("it is told", lambda: told in shared.host.run("events").out)
    end(shared, "wrong", "raw")


def test_a_class_on_a_disk_of_its_own_has_its_own_room(shared: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The host looks at the disk that the class names; what does not fit there says so, and waits."""
    disk = tmp_path_factory.mktemp("disk")
    shared.put(
        fast=manifest(
            "StorageClass",
            "fast",
            "storage.k8s.io/v1",
            provisioner="reconciler.dev/local",
            parameters={"path": str(disk)},
            volumeBindingMode="WaitForFirstConsumer",
        ),
        fits=manifest("PersistentVolumeClaim", "fits", spec=sized({**BOTH, "storageClassName": "fast"}, "1Mi")),
        huge=manifest("PersistentVolumeClaim", "huge", spec=sized({**BOTH, "storageClassName": "fast"}, "9Pi")),
        small=share_pod("small", {"persistentVolumeClaim": {"claimName": "fits"}}),
        large=share_pod("large", {"persistentVolumeClaim": {"claimName": "huge"}}),
    )
    shared.ready("small")
    assert len(list(disk.iterdir())) == 1
    told = "1 node(s) did not have enough free storage"
    shared.until(
        "it is told",
        lambda: any(told in one.get("message", "") for one in shared.status("large").get("conditions", ())),
    )
    end(shared, "small", "large", "huge")


def test_a_share_without_helper_says_what_to_install(shared: Stage) -> None:
    """A node that cannot mount says so, and how it could."""
    source = {"nfs": {"server": "files.example", "path": "/data"}}
    shared.put(early=share_pod("early", source))
    shared.until("it is told", lambda: "apt install nfs-common" in shared.host.run("events").out)
    end(shared, "early")


def test_a_share_is_mounted_once_for_all_and_unmounted_with_the_last(shared: Stage, folder: Path, helper: None) -> None:
    """Two Pods and a volume of the cluster share one mount; it outlives the daemon, and goes with the last Pod."""
    source = {"nfs": {"server": "files.example", "path": "/data"}}
    spec = {"capacity": {"storage": "1Gi"}, "storageClassName": "", **BOTH, **source}
    claimed = sized({**BOTH, "storageClassName": "", "volumeName": "shared"}, "1Gi")
    shared.put(
        one=share_pod("one", source),
        two=share_pod("two", source),
        volume=manifest("PersistentVolume", "shared", spec=spec),
        claim=manifest("PersistentVolumeClaim", "shared", spec=claimed),
        three=share_pod("three", {"persistentVolumeClaim": {"claimName": "shared"}}),
    )
    shared.ready("one", "two", "three")
    assert shared.shell("one", "cat /share/file") == "from the server"
    shared.shell("two", "echo more > /share/more")
    assert shared.shell("three", "cat /share/more") == "more"
    assert len(mounts(shared.host)) == 1
    assert (folder / "calls").read_text().count("files.example:/data") == 1
    shared.host.restart()
    shared.ready("one")
    end(shared, "one", "three")
    shared.until("they are gone", lambda: not shared.pod("one") and not shared.pod("three"))
    assert len(mounts(shared.host)) == 1
    end(shared, "two")
    shared.until("it is unmounted", lambda: not mounts(shared.host))
    assert (folder / "exports" / "data" / "more").read_text() == "more\n"


def test_a_class_makes_directories_on_a_share_and_trashes_them(shared: Stage, folder: Path, helper: None) -> None:
    """One directory for each claim, where the class says; one that goes is in the dated trash of the share (P29)."""
    fields = {"server": "files.example", "share": "/data", "subDir": "${pvc.metadata.namespace}/${pvc.metadata.name}"}
    shared.put(
        kind=manifest(
            "StorageClass", "files", "storage.k8s.io/v1", provisioner="reconciler.dev/nfs", parameters=fields
        ),
        asked=manifest("PersistentVolumeClaim", "asked", spec=sized({**BOTH, "storageClassName": "files"}, "1Gi")),
        user=share_pod("user", {"persistentVolumeClaim": {"claimName": "asked"}}, f"echo hi > /share/f; {SLEEPER}"),
    )
    shared.ready("user")
    made = folder / "exports" / "data" / "default" / "asked"
    shared.until("it is written", lambda: (made / "f").exists())
    end(shared, "user")
    shared.until("it is unmounted", lambda: not mounts(shared.host))
    assert (made / "f").read_text() == "hi\n"
    end(shared, "asked")
    trash = folder / "exports" / "data" / ".reconciler-trash"
    shared.until("it is in the trash", lambda: trash.is_dir() and any(trash.glob("*_default_asked_*/f")))
    assert not made.exists()
    shared.until("its volume is gone", lambda: "files" not in shared.host.run("get", "pv").out)
