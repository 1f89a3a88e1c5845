"""Shares whose servers answer, hang, or cannot be reached at all; on a real kernel."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from reconciler.executors.volume.mounts import mount_tmpfs, unmount
from reconciler.executors.volume.paths import MountError, VolumePaths
from reconciler.executors.volume.shares import Deadlines, Shares
from reconciler.model.details import MountShare, TrashVolume
from reconciler.model.storage import NfsShare

pytestmark = pytest.mark.real
SHARE = NfsShare(server="127.0.0.1", path="/data")
QUICK = Deadlines(mount_s=5.0, unmount_s=1.0, work_s=1.0, answer_s=1.0, rest_s=0.0, turn_s=0.1)


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[VolumePaths]:
    """A data directory on which nothing stays mounted."""
    made = VolumePaths(tmp_path / "data", tmp_path / "run")
    yield made
    for place in made.mounts.glob("*") if made.mounts.is_dir() else ():
        unmount(place)


@pytest.fixture
def hung(paths: VolumePaths) -> Iterator[Shares]:
    """A share whose server never says a word: a file system in user space that nobody serves."""
    shares = Shares(paths, QUICK)
    place = shares.place(SHARE.key)
    place.mkdir(parents=True)
    channel = os.open("/dev/fuse", os.O_RDWR)
    os.set_inheritable(channel, True)
    options = f"fd={channel},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(
        ["mount", "--internal-only", "-t", "fuse", "-o", options, "silent", str(place)],
        check=True,
        pass_fds=(channel,),
        timeout=20,
    )
    yield shares
    os.close(channel)


def test_a_server_that_hangs_holds_nobody(hung: Shares) -> None:
    """Every question ends in time with words; the share counts as mounted, and is not mounted over."""
    began = time.monotonic()
    with pytest.raises(MountError, match="has not answered for 1 s; it stays mounted"):
        hung.root_of(SHARE)
    with pytest.raises(MountError, match="has not answered"):
        hung.mount(MountShare(share=SHARE, volume="pv-1", directory="dir"))
    with pytest.raises(MountError, match="has not answered"):
        hung.trash(TrashVolume(name="pv-1", path="dir", share=SHARE))
    assert hung.mount(MountShare(share=SHARE)) is False
    assert hung.mounted() == (SHARE.key,)
    assert (hung.prepared(), hung.trashed()) == ((), ())
    assert time.monotonic() - began < 15


def test_a_server_that_hangs_leaves_room_for_others(hung: Shares, paths: VolumePaths) -> None:
    """Who was silent is not asked again at once; another server is, and nobody waits long for another's turn."""
    shares = Shares(paths, msgspec.structs.replace(QUICK, rest_s=60.0))
    with pytest.raises(MountError, match="has not answered for 1 s"):
        shares.root_of(SHARE)
    began = time.monotonic()
    with pytest.raises(MountError, match="it is asked again in"):
        shares.root_of(SHARE)
    other = NfsShare(server="127.0.0.2", path="/data")
    shares.place(other.key).mkdir()
    mount_tmpfs(shares.place(other.key), "mode=0755")
    assert shares.root_of(other) == shares.place(other.key)
    with hung._turn(SHARE.key), pytest.raises(MountError, match="takes long"):
        hung.mount(MountShare(share=SHARE))
    # Not as long as a mount may take.
    assert time.monotonic() - began < QUICK.mount_s


def test_a_share_that_hangs_can_be_let_go(hung: Shares) -> None:
    """It is taken out of sight without a question; its place is empty then, and goes too."""
    assert hung.unmount(SHARE.key) is True
    assert hung.mounted() == () and not hung.place(SHARE.key).exists()
    assert hung.unmount(SHARE.key) is False


def test_a_share_is_found_again_with_what_was_made_on_it(paths: VolumePaths) -> None:
    """An agent that starts anew asks the kernel; what is mounted elsewhere, or deeper, is not ours."""
    shares = Shares(paths, QUICK)
    place = shares.place(SHARE.key)
    place.mkdir(parents=True)
    mount_tmpfs(place, "mode=0755")
    (place / "deeper").mkdir()
    mount_tmpfs(place / "deeper", "mode=0755")
    assert shares.mount(MountShare(share=SHARE, volume="pv-1", directory="dir")) is True
    again = Shares(paths, QUICK)
    assert again.mounted() == (SHARE.key,) and again.prepared() == ("pv-1",)
    assert again.mount(MountShare(share=SHARE, volume="pv-1", directory="dir")) is False
    assert again.root_of(SHARE, "dir") == place
    with pytest.raises(MountError, match="other is not a directory"):
        again.root_of(SHARE, "other")
    assert again.trash(TrashVolume(name="pv-1", path="dir", share=SHARE)) is True
    assert again.trashed() == ("pv-1",)
    unmount(place / "deeper")
    assert again.unmount(SHARE.key) is True and again.prepared() == ()


def test_a_node_without_helper_says_what_to_install(paths: VolumePaths, tmp_path: Path) -> None:
    """Nothing is tried, and nothing is left."""
    shares = Shares(paths, QUICK, helpers=str(tmp_path))
    with pytest.raises(MountError, match="`apt install nfs-common` brings it"):
        shares.mount(MountShare(share=SHARE))
    assert not shares.place(SHARE.key).exists()


def test_a_real_server_is_mounted_written_to_and_unmounted(paths: VolumePaths, tmp_path: Path) -> None:
    """The contract with the kernel's own client and server, where there are any."""
    known = Path("/proc/filesystems").read_text().split()
    tools = [name for name in ("exportfs", "rpc.nfsd", "mount.nfs") if shutil.which(name, path="/usr/sbin") is None]
    lacking = [name for name in ("nfs4", "nfsd") if name not in known] + tools
    if lacking:
        pytest.skip(f"this host has no NFS: {', '.join(lacking)} not there (nfs-kernel-server, modprobe nfs nfsd)")
    exported = tmp_path / "exported"
    exported.mkdir()
    subprocess.run(["mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd"], check=False, capture_output=True)
    subprocess.run(["exportfs", "-o", "rw,no_root_squash,insecure,fsid=71", f"127.0.0.1:{exported}"], check=True)
    subprocess.run(["rpc.nfsd", "2"], check=True)
    share = NfsShare(server="127.0.0.1", path=str(exported), options=("nfsvers=4.2", "soft", "timeo=50"))
    shares = Shares(paths)
    try:
        assert shares.mount(MountShare(share=share, volume="pv-1", directory="dir")) is True
        (shares.root_of(share, "dir") / "dir" / "f").write_text("x")
        assert (exported / "dir" / "f").read_text() == "x"
        assert shares.unmount(share.key) is True
    finally:
        subprocess.run(["rpc.nfsd", "0"], check=False)
        subprocess.run(["exportfs", "-u", f"127.0.0.1:{exported}"], check=False)
