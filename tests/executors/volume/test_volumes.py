"""Volumes on a real file system: written atomically, in memory where a Secret is in them, removed without harm."""

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.executors.volume import VolumeExecutor
from reconciler.executors.volume.mounts import bind, held, is_in_memory, is_mount_point, mount_tmpfs, unmount
from reconciler.executors.volume.paths import MountError
from reconciler.model.details import Detail, ProvisionVolume, PublishVolumes, TrashVolume, UnpublishVolumes
from reconciler.model.kinds import HostPathType, PodSpec
from reconciler.model.node import ClaimBinding, ConfigMaterial, Materials, PodAssignment
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef

pytestmark = pytest.mark.real
UID = "01234567-89ab-cdef-0123-456789abcdef"
FS_GROUP = {"securityContext": {"fsGroup": 4321}}
DONE, UNCHANGED, FAILED = OutcomeStatus.DONE, OutcomeStatus.UNCHANGED, OutcomeStatus.FAILED


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[VolumeExecutor]:
    """An executor whose data is on disk and whose runtime directory is in memory."""
    made = VolumeExecutor(tmp_path / "data", Path("/run/reconciler-test") / uuid.uuid4().hex)
    yield made
    do(made, UnpublishVolumes(pod_uid=UID))


def do(executor: VolumeExecutor, detail: Detail, *materials: ConfigMaterial) -> Outcome:
    """Carry out one action."""
    action = Action(
        key="k",
        executor=Executor.VOLUME,
        verb=Verb.CREATE,
        object=ObjectRef.of("Pod", "shop", "web"),
        reason=Reason.POD_ASSIGNED,
        detail=detail,
    )
    return executor.execute(action, Materials(configuration=materials))


def pod(*volumes: dict[str, Any], claims: tuple[ClaimBinding, ...] = (), **spec: Any) -> PodAssignment:
    """A Pod with these volumes, in JSON's spelling."""
    document = {"containers": [{"name": "main", "image": "x"}], "volumes": list(volumes), **spec}
    return PodAssignment(
        uid=UID,
        namespace="shop",
        name="web",
        labels={"app": "web"},
        claims=claims,
        spec=msgspec.convert(document, PodSpec),
    )


def publish(of: PodAssignment, version: str = "v1") -> PublishVolumes:
    """Publish a Pod's volumes."""
    return PublishVolumes(pod=of, version=version, node="n1", pod_ip="10.42.0.7", host_ip="192.0.2.1")


def config(name: str = "settings", kind: str = "ConfigMap", **data: str) -> ConfigMaterial:
    """The values of a ConfigMap or Secret."""
    values = {key: value.encode() for key, value in data.items()}
    return ConfigMaterial(kind=kind, namespace="shop", name=name, version="1", data=values)


def test_configuration_is_written_and_replaced_in_one_step(executor: VolumeExecutor) -> None:
    """P21: a changed ConfigMap changes the files in place, all at once, for those who have them mounted."""
    of = pod({"name": "c", "configMap": {"name": "settings", "defaultMode": 0o640}})
    directory = executor.volume_path(UID, of.spec.volumes[0])
    assert do(executor, publish(of), config(a="1", b="2")).status is DONE
    assert do(executor, publish(of), config(a="1", b="2")).status is UNCHANGED
    assert (directory / "a").read_text() == "1" and (directory / "a").readlink() == Path("..data/a")
    assert stat.S_IMODE((directory / "a").stat().st_mode) == 0o640
    first = (directory / "..data").readlink()
    assert do(executor, publish(of, "v2"), config(a="one", c="3")).status is DONE
    assert sorted(p.name for p in directory.iterdir() if not p.name.startswith("..")) == ["a", "c"]
    assert (directory / "..data").readlink() != first and not (directory / first).exists()
    assert (directory / "a").read_text() == "one"
    assert [(f.pod_uid, f.version) for f in executor.facts()] == [(UID, "v2")]


def test_a_write_that_was_killed_is_completed(executor: VolumeExecutor) -> None:
    """P17: leftovers of a killed update neither show nor stay."""
    of = pod({"name": "c", "configMap": {"name": "settings"}})
    do(executor, publish(of), config(a="1"))
    directory = executor.volume_path(UID, of.spec.volumes[0])
    (directory / "..2020_01_01_00_00_00.000000").mkdir()
    (directory / "..data_tmp").symlink_to("..2020_01_01_00_00_00.000000")
    assert (directory / "a").read_text() == "1"
    do(executor, publish(of, "v2"), config(a="2"))
    assert (directory / "a").read_text() == "2"
    inner = {entry.name for entry in directory.iterdir() if entry.name.startswith("..")}
    assert inner == {"..data", (directory / "..data").readlink().name}


class _Killed(BaseException):
    """Ends what runs, as a kill does: nothing handles it."""


@pytest.mark.parametrize("change", ["chmod", "rename", "fchown"])
def test_directories_whose_making_was_killed_are_open_to_their_users(
    executor: VolumeExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """P17: an empty directory and a claim's have mode and group, wherever their making ended the first time."""
    path = tmp_path / "volumes" / "pv-1"
    steps = (ProvisionVolume(name="pv-1", path=str(path)), publish(pod({"name": "e", "emptyDir": {}}, **FS_GROUP)))

    def killed(*_: object, **__: object) -> None:
        raise _Killed

    for step in steps:
        with monkeypatch.context() as patched:
            patched.setattr(os if change == "fchown" else Path, change, killed)
            with contextlib.suppress(_Killed):
                do(executor, step)
        assert do(executor, step).status in (DONE, UNCHANGED)
    empty = executor.volume_path(UID, steps[1].pod.spec.volumes[0])
    assert (stat.S_IMODE(empty.stat().st_mode), empty.stat().st_gid) == (0o2777, 4321)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777
    assert [one.name for one in path.parent.iterdir()] == ["pv-1"]
    assert [one.name for one in empty.parent.iterdir()] == ["e"]


def test_secrets_are_only_ever_in_memory(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P22: no file on disk has a secret's value, also where the runtime directory is on disk."""
    of = pod(
        {"name": "s", "secret": {"secretName": "keys", "items": [{"key": "a", "path": "deep/er", "mode": 0o400}]}},
        {"name": "p", "projected": {"sources": [{"secret": {"name": "keys"}}, {"configMap": {"name": "settings"}}]}},
    )
    on_disk = VolumeExecutor(tmp_path / "data", Path("/var/lib/reconciler-test"))
    for each in (executor, on_disk):
        assert do(each, publish(of), config("keys", "Secret", a="hunter2"), config(b="2")).status is DONE
        secret, projected = (each.volume_path(UID, volume) for volume in of.spec.volumes)
        assert (secret / "deep/er").read_text() == "hunter2" == (projected / "a").read_text()
        assert (projected / "b").read_text() == "2"
        assert is_in_memory(secret) and is_in_memory(projected)
    holders = [p for p in (tmp_path / "data").rglob("*") if p.is_file() and b"hunter2" in p.read_bytes()]
    assert holders == []
    assert do(on_disk, UnpublishVolumes(pod_uid=UID)).status is DONE
    assert not on_disk.paths.pod_in_memory(UID).exists()
    unmount(on_disk.paths.memory)


def test_what_vanished_from_memory_is_published_again(executor: VolumeExecutor) -> None:
    """P22, P27: after a reboot, or when the memory is gone, a Pod's Secrets are no longer told as published."""
    of = pod({"name": "s", "secret": {"secretName": "keys"}})
    do(executor, publish(of), config("keys", "Secret", a="1"))
    assert [f.version for f in executor.facts()] == ["v1"]
    shutil.rmtree(executor.paths.pod_in_memory(UID))
    assert [f.version for f in executor.facts()] == [""]
    assert do(executor, publish(of), config("keys", "Secret", a="1")).status is DONE
    assert [f.version for f in executor.facts()] == ["v1"]
    marker = executor.paths.pod(UID) / "volumes.json"
    marker.write_text(marker.read_text().replace('"bootID":"', '"bootID":"another-'))
    assert "another-" in marker.read_text() and [f.version for f in executor.facts()] == [""]


def test_what_is_missing_is_named(executor: VolumeExecutor) -> None:
    """A missing object or key is a failure to try again; an optional one is an empty directory."""
    of = pod({"name": "s", "secret": {"secretName": "keys"}})
    failed = do(executor, publish(of))
    assert (failed.status, failed.reason, failed.retry) == (FAILED, "FailedMount", "transient")
    assert failed.message == "secret 'keys' not found"
    optional = pod({"name": "s", "secret": {"secretName": "keys", "optional": True}})
    assert do(executor, publish(optional)).status is DONE
    assert [f.version for f in executor.facts()] == ["v1"]


def test_a_pod_reads_about_itself(executor: VolumeExecutor) -> None:
    """Files of the downward API, and the group that may read them."""
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "ip", "fieldRef": {"fieldPath": "status.podIP"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}},
    ]
    of = pod(
        {"name": "d", "downwardAPI": {"items": items, "defaultMode": 0o600}},
        securityContext={"fsGroup": 4321},
        containers=[{"name": "main", "image": "x", "resources": {"limits": {"cpu": "250m"}}}],
    )
    assert do(executor, publish(of)).status is DONE
    directory = executor.volume_path(UID, of.spec.volumes[0])
    assert {p: (directory / p).read_text() for p in ("labels", "ip", "cpu")} == {
        "labels": 'app="web"',
        "ip": "10.42.0.7",
        "cpu": "250",
    }
    state = (directory / "ip").stat()
    assert (state.st_gid, stat.S_IMODE(state.st_mode)) == (4321, 0o640)
    assert do(executor, publish(of)).status is UNCHANGED


def test_an_empty_directory_keeps_its_content_until_the_pod_ends(executor: VolumeExecutor) -> None:
    """Publishing again keeps what is in it; one in memory has its size; removing removes both."""
    of = pod(
        {"name": "disk", "emptyDir": {"sizeLimit": "1Mi"}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        securityContext={"fsGroup": 4321},
    )
    assert do(executor, publish(of)).status is DONE
    disk, memory = (executor.volume_path(UID, volume) for volume in of.spec.volumes)
    (disk / "kept").write_bytes(b"x" * 8192)
    assert do(executor, publish(of, "v2")).status is DONE
    assert (disk / "kept").exists() and stat.S_IMODE(disk.stat().st_mode) == 0o2777 and disk.stat().st_gid == 4321
    assert is_mount_point(memory) and is_in_memory(memory)
    assert os.statvfs(memory).f_blocks * os.statvfs(memory).f_frsize == 1 << 20
    assert executor.usage(of) == {"disk": 8192}
    assert do(executor, UnpublishVolumes(pod_uid=UID)).status is DONE
    assert do(executor, UnpublishVolumes(pod_uid=UID)).status is UNCHANGED
    assert not disk.exists() and not memory.exists() and executor.facts() == ()


def test_a_full_disk_has_a_reason_of_its_own(tmp_path: Path) -> None:
    """A full disk is told as such and tried again."""
    (tmp_path / "data").mkdir()
    mount_tmpfs(tmp_path / "data", "size=64k")
    full = VolumeExecutor(tmp_path / "data", Path("/run/reconciler-test") / uuid.uuid4().hex)
    of = pod({"name": "c", "configMap": {"name": "settings"}})
    failed = do(full, publish(of), config(a="x" * 200_000))
    assert (failed.status, failed.reason, failed.retry) == (FAILED, "DiskFull", "transient")
    assert full.facts() == () or full.facts()[0].version == ""
    assert do(full, publish(of), config(a="x" * 2000)).status is DONE
    unmount(tmp_path / "data")


@pytest.mark.parametrize(
    ("kind", "make", "reason"),
    [
        ("", None, ""),
        ("DirectoryOrCreate", None, ""),
        ("FileOrCreate", None, ""),
        ("Directory", None, "FailedMount"),
        ("Directory", "directory", ""),
        ("File", "directory", "FailedMount"),
        ("Socket", "file", "FailedMount"),
        ("BlockDevice", None, "FailedMount"),
    ],
)
def test_paths_of_the_host_are_checked(
    executor: VolumeExecutor, tmp_path: Path, kind: str, make: str | None, reason: str
) -> None:
    """Each type of hostPath is checked, or made where it says so."""
    path = tmp_path / "host"
    if make == "directory":
        path.mkdir()
    elif make == "file":
        path.touch()
    outcome = do(executor, publish(pod({"name": "h", "hostPath": {"path": str(path), "type": kind}})))
    assert (outcome.reason, path.exists()) == (reason, make is not None or not reason)


@pytest.mark.parametrize(
    ("kind", "reason"), [("DirectoryOrCreate", ""), ("", ""), ("Directory", "FailedMount"), (None, "FailedMount")]
)
def test_a_claim_of_a_host_path_is_made_where_its_volume_says_so(
    executor: VolumeExecutor, tmp_path: Path, kind: HostPathType | None, reason: str
) -> None:
    """A PersistentVolume of source hostPath follows its type; any other directory must be there. Owners stay."""
    path = tmp_path / "host"
    of = pod(
        {"name": "v", "persistentVolumeClaim": {"claimName": "c"}},
        claims=(ClaimBinding(claim="c", volume="by-hand", path=str(path), host_path_type=kind),),
        securityContext={"fsGroup": 4321},
    )
    assert do(executor, publish(of)).reason == reason
    assert path.exists() is not bool(reason)
    assert not path.exists() or path.stat().st_gid == 0


def test_removing_a_pod_never_touches_what_is_mounted_or_linked(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P29: a claim's data survives a bind mount and a link inside the Pod's directory."""
    data = tmp_path / "claim"
    data.mkdir()
    (data / "precious").write_text("data")
    of = pod({"name": "e", "emptyDir": {}})
    do(executor, publish(of))
    directory = executor.volume_path(UID, of.spec.volumes[0])
    (directory / "link").symlink_to(data)
    part = executor.paths.sub_paths(UID, "main") / "0"
    part.mkdir(parents=True)
    (part / "0").mkdir()
    with held(os.open(data, os.O_PATH)) as source:
        bind(source, part / "0")
    assert do(executor, UnpublishVolumes(pod_uid=UID)).status is DONE
    assert (data / "precious").read_text() == "data" and not executor.paths.pod(UID).exists()


def test_a_mount_that_appears_late_stops_the_removal(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P29: the removal itself never enters another mount, whatever the table of mounts said before."""
    from reconciler.executors.volume import removal

    victim, data = tmp_path / "pod", tmp_path / "claim"
    (victim / "inner").mkdir(parents=True)
    data.mkdir()
    (data / "precious").write_text("data")
    with held(os.open(data, os.O_PATH)) as source:
        bind(source, victim / "inner")
    with held(os.open(tmp_path, os.O_RDONLY)) as parent, pytest.raises(removal.StillMounted):
        removal._remove(parent, "pod", "pod")
    with pytest.raises(removal.StillMounted):
        removal.remove_tree(victim)
    unmount(victim / "inner")
    assert (data / "precious").exists() and removal.remove_tree(victim)


def test_deep_directories_are_removed(executor: VolumeExecutor) -> None:
    """A container cannot make a directory that is too deep to remove."""
    of = pod({"name": "e", "emptyDir": {}})
    do(executor, publish(of))
    directory = executor.volume_path(UID, of.spec.volumes[0])
    here = os.open(directory, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    assert do(executor, UnpublishVolumes(pod_uid=UID)).status is DONE
    assert not directory.exists()


def test_a_part_of_a_volume_cannot_lead_out_of_it(executor: VolumeExecutor, tmp_path: Path) -> None:
    """A link that a container put into a volume does not show the host's files."""
    (tmp_path / "secret").write_text("host")
    of = pod({"name": "e", "emptyDir": {}})
    do(executor, publish(of))
    volume = of.spec.volumes[0]
    directory = executor.volume_path(UID, volume)
    (directory / "out").symlink_to(tmp_path)
    (directory / "inside").symlink_to("made/deep")
    with pytest.raises(MountError):
        executor.mount_source(of, volume, "main", 0, 0, "out/secret")
    source = executor.mount_source(of, volume, "main", 0, 1, "made/deep")
    (directory / "made/deep/file").write_text("x")
    assert (Path(source) / "file").read_text() == "x"
    assert executor.mount_source(of, volume, "main", 0, 1, "made/deep") == source
    file = executor.mount_source(of, volume, "main", 0, 2, "inside/file")
    assert Path(file).read_text() == "x"
    executor.release_parts(UID, "main", 1)
    assert not Path(source).exists() and (directory / "made/deep/file").exists()


def test_claims_are_used_where_they_are_and_outlive_the_pod(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P29: a claim's directory gets the Pod's group, and stays when the Pod goes."""
    path = tmp_path / "volumes" / "pv-1"
    provision = ProvisionVolume(name="pv-1", path=str(path))
    assert do(executor, provision).status is DONE and do(executor, provision).status is UNCHANGED
    assert executor.directories() == (str(path),)
    (path / "f").write_text("x")
    of = pod(
        {"name": "v", "persistentVolumeClaim": {"claimName": "c"}},
        claims=(ClaimBinding(claim="c", volume="pv-1", path=str(path)),),
        securityContext={"fsGroup": 4321},
    )
    assert do(executor, publish(of)).status is DONE
    assert (path / "f").stat().st_gid == 4321 and (path / "f").stat().st_mode & 0o060 == 0o060
    assert executor.paths.source(of, of.spec.volumes[0]) == path
    assert do(executor, UnpublishVolumes(pod_uid=UID)).status is DONE
    assert (path / "f").read_text() == "x"
    unbound = pod(*({"name": "v", "persistentVolumeClaim": {"claimName": "c"}},))
    assert do(executor, publish(unbound)).message == "claim 'c' is not bound"


def test_a_class_on_a_disk_that_is_not_there_makes_nothing(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P29: volumes of a disk that is not mounted do not end up on another one; they are made once it is there."""
    disk = tmp_path / "disk2"
    provision = ProvisionVolume(name="pv-1", path=str(disk / "pv-1"), base=str(disk))
    refused = do(executor, provision)
    assert (refused.status, refused.reason) == (FAILED, "FailedMount") and str(disk) in refused.message
    assert not disk.exists() and executor.directories() == ()
    disk.mkdir()
    assert do(executor, provision).status is DONE and executor.directories() == (str(disk / "pv-1"),)


def test_a_released_volume_goes_to_the_trash_with_its_data(executor: VolumeExecutor, tmp_path: Path) -> None:
    """P29: trash is a dated move; what we did not make is never moved."""
    path = tmp_path / "volumes" / "pv-1"
    do(executor, ProvisionVolume(name="pv-1", path=str(path)))
    (path / "f").write_text("x")
    trash = TrashVolume(name="pv-1", path=str(path))
    assert do(executor, trash).status is DONE and do(executor, trash).status is UNCHANGED
    (kept,) = executor.paths.trash.iterdir()
    assert kept.name.endswith("_pv-1") and (kept / "f").read_text() == "x"
    assert executor.directories() == ()
    theirs = tmp_path / "volumes" / "theirs"
    theirs.mkdir()
    assert do(executor, ProvisionVolume(name="theirs", path=str(theirs))).status is UNCHANGED
    assert executor.directories() == (str(theirs),)
    refused = do(executor, TrashVolume(name="theirs", path=str(theirs)))
    assert (refused.status, refused.reason) == (FAILED, "NotOurs") and theirs.is_dir()
