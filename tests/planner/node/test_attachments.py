"""Shares and block devices of a node's Pods: attached once, held by every user, released after the last."""

import msgspec
import pytest

from reconciler.model.attachments import attachments_of
from reconciler.model.details import MountShare
from reconciler.model.kinds import NFSVolumeSource, PersistentVolumeClaimVolumeSource, Volume
from reconciler.model.node import ClaimBinding, PodAssignment
from reconciler.model.storage import DeviceFact, NfsShare, RoomFact
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import IMAGE, Host, pod, volume

replace = msgspec.structs.replace
SHARE = NfsShare(server="files", path="/data")
FILES = Volume(name="files", nfs=NFSVolumeSource(server="files", path="/data"))
CLAIMED = (Volume(name="data", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
DISK = ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1", device="file")


def sharing(name: str) -> PodAssignment:
    """A Pod with the share."""
    return pod(name, volumes=(FILES,))


def with_claim(name: str, **binding: object) -> PodAssignment:
    """A Pod with a claim that is bound to pv-1."""
    bound = replace(ClaimBinding(claim="data", volume="pv-1"), **binding)
    return pod(name, volumes=CLAIMED, claims=(bound,))


def verbs(host: Host, *of: str) -> list[str]:
    """What was executed since last asked, of these sorts."""
    return [one for one in host.done() if one.startswith(of)]


def test_a_share_is_mounted_before_its_volumes_and_unmounted_after_the_last_pod() -> None:
    """Two Pods use one mount; the first that goes leaves it."""
    host = Host(sharing("a"), sharing("b"))
    host.settle()
    done = host.done()
    assert host.ready("a") and host.ready("b")
    assert done.index("mountShare a") < done.index("publishVolumes a")
    assert [one for one in done if one.startswith("mountShare")] == ["mountShare a"]
    assert host.world.storage.mounts == {SHARE.key}
    host.assign(sharing("b"))
    host.settle()
    assert verbs(host, "unmount") == []
    host.assign()
    host.settle()
    done = host.done()
    assert done.index("unpublishVolumes b") < done.index("unmountShare node-1")
    assert host.world.storage.mounts == set()


def test_a_pod_that_has_ended_lets_its_share_go() -> None:
    """Though it is still assigned: its volumes are gone, and it never runs again."""
    host = Host(pod("a", volumes=(FILES,), restart_policy="Never"), images={IMAGE: Behaviour(exit_after_s=5.0)})
    host.settle()
    assert host.node.report("a").phase == "Succeeded"
    assert host.world.storage.mounts == set()


def test_a_share_that_is_gone_is_mounted_again_and_nothing_is_restarted() -> None:
    """Somebody unmounted it: what starts next finds it there."""
    host = Host(sharing("a"))
    host.settle()
    host.done()
    host.world.storage.mounts.clear()
    host.settle()
    assert host.done() == ["mountShare a", "publishVolumes a"]


def test_a_mount_that_nobody_answers_for_is_not_made_again() -> None:
    """Whether the server answers is not asked: what is mounted is mounted."""
    host = Host(sharing("a"))
    host.settle()
    host.done()
    host.assign(sharing("a"), sharing("b"))
    host.settle()
    assert verbs(host, "mount") == []


def test_a_failed_mount_is_told_of_the_pod_and_tried_again() -> None:
    """As an event FailedMount with what is missing, later each time; the Pod does not start without."""
    host = Host()
    host.settle()
    host.world.fail("mountShare", times=2, message="mount.nfs is not installed", reason="FailedMount")
    host.assign(sharing("a"))
    host.node.run_for(0.1)
    assert not host.ready("a")
    host.settle()
    assert host.ready("a")
    told = [(one.pod, one.reason, one.message) for one in host.node.events if one.type == "Warning"]
    assert told[0][:2] == ("a", "FailedMount")
    assert "mount.nfs is not installed" in told[0][2]


@pytest.mark.parametrize(
    ("size", "known", "expected"),
    [(8, 8, []), (9, 8, ["provisionVolume pv-1"]), (7, 8, [])],
    ids=["as it is", "grows", "never shrinks"],
)
def test_a_block_volume_grows_with_its_size(size: int, known: int, expected: list[str]) -> None:
    """What is attached stays attached."""
    using = with_claim("a", path="/volumes/pv-1", device="file")
    host = Host(using, volumes=(volume(size=known),))
    host.settle()
    host.done()
    host.assign(using, volumes=(volume(size=size),))
    host.settle()
    assert host.done() == expected
    assert host.world.storage.devices["pv-1"].size == max(size, known)


def test_a_block_volume_is_made_attached_published_and_detached() -> None:
    """In this order; without users it is a file again, and stays."""
    using = with_claim("a", path="/volumes/pv-1", device="file")
    host = Host(using, volumes=(volume(size=8),))
    host.settle()
    done = host.done()
    steps = ["provisionVolume pv-1", "attachDevice a", "publishVolumes a"]
    assert [done.index(one) for one in steps] == sorted(done.index(one) for one in steps)
    host.assign(volumes=(volume(size=8),))
    host.settle()
    assert verbs(host, "detach")[-1] == "detachDevice pv-1"
    fact = host.world.storage.devices["pv-1"]
    assert fact == DeviceFact(volume="pv-1", path="/volumes/pv-1", size=8)


def test_what_a_pod_needs_attached() -> None:
    """Each thing once; a volume made on a share brings its directory, one that was there does not."""
    made = replace(DISK, device="", share=SHARE, path="dir", provisioned=True)
    found = attachments_of(pod("a", volumes=(FILES, replace(FILES, name="more")), claims=(made, DISK)))
    assert [(one.key, one.volume, one.path) for one in found] == [
        (SHARE.key, "", ""),
        (SHARE.key, "pv-1", "dir"),
        ("pv-1", "pv-1", "/volumes/pv-1"),
    ]
    assert attachments_of(pod("a", claims=(replace(DISK, device="device"),))) == ()
    static = replace(made, provisioned=False)
    assert [one.volume for one in attachments_of(pod("a", claims=(static,)))] == [""]


def test_shares_are_told_apart_by_server_path_and_options() -> None:
    """Equal ones are one mount; an address of IPv6 stands in brackets."""
    others = [
        NfsShare(server="other", path="/data"),
        NfsShare(server="files", path="/other"),
        NfsShare(server="files", path="/data", options=("ro",)),
    ]
    assert len({SHARE.key, *(one.key for one in others)}) == 4
    assert NfsShare(server="files", path="/data").key == SHARE.key
    assert (SHARE.source, NfsShare(server="fd00::1", path="/d").source) == ("files:/data", "[fd00::1]:/d")


def test_the_directory_of_a_class_on_a_share_is_made_once_per_node() -> None:
    """Also where the share is mounted already; it is trashed once, until the cluster has heard it."""
    using = with_claim("a", path="dir", share=SHARE, provisioned=True)
    host = Host(sharing("b"))
    host.settle()
    host.done()
    host.assign(sharing("b"), using)
    host.settle()
    mounts = [one.detail for one in host.world.executed if isinstance(one.detail, MountShare)]
    assert [(one.volume, one.directory) for one in mounts] == [("pv-1", "dir")]
    released = volume(trash=True, share=SHARE)
    host.assign(sharing("b"), volumes=(released,))
    host.settle()
    assert "trashVolume pv-1" in host.done()
    host.assign(sharing("b"), volumes=(released,))
    host.settle()
    assert verbs(host, "trash") == []


def test_the_room_of_directories_that_classes_name_is_asked_for() -> None:
    """Once; and no longer when no class names them."""
    host = Host(class_paths=("/mnt/a", "/mnt/b"))
    host.settle()
    assert verbs(host, "watchRooms") == ["watchRooms node-1"]
    assert set(host.world.storage.rooms) == {"/mnt/a", "/mnt/b"}
    own = RoomFact(path="/own")
    host.world.storage.rooms["/own"] = own
    host.assign(class_paths=("/mnt/a", "/mnt/b"))
    host.settle()
    assert verbs(host, "watchRooms") == []
    host.assign(class_paths=("/mnt/a",))
    host.settle()
    assert verbs(host, "watchRooms") == ["watchRooms node-1"]
