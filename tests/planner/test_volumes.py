"""What a volume is by itself: where it is, how large, and whether it is to be moved to the trash."""

import pytest

from reconciler.planner.storage.volumes import device_source, is_trash, path_of, size_of, wanted_size
from tests.planner.reading import read
from tests.planner.test_storage_rules import DELETE, KEEP, LOCAL, OURS, volume


@pytest.mark.parametrize(
    ("phase", "policy", "trash"),
    [
        ("Released", DELETE, True),
        ("Released", KEEP, False),
        ("Bound", DELETE, False),
        ("Available", DELETE, False),
        ("Failed", DELETE, False),
    ],
)
def test_only_what_is_released_and_to_be_deleted_is_trash(phase: str, policy: str, *, trash: bool) -> None:
    """P29: data that is in use, or to be kept, is moved nowhere."""
    assert is_trash(volume(OURS, policy, phase)) == trash


@pytest.mark.parametrize(
    ("annotations", "spec", "path", "device"),
    [
        ("", LOCAL, "/mnt/v1", ""),
        ("", "hostPath: {path: /data}", "/data", ""),
        ("", "csi: {driver: d, volumeHandle: h}", "", ""),
        ("", f"{LOCAL}, volumeMode: Block", "/mnt/v1", "device"),
        (OURS, f"{LOCAL}, volumeMode: Block", "/mnt/v1", "file"),
        (OURS, f"{LOCAL}, volumeMode: Filesystem", "/mnt/v1", ""),
    ],
)
def test_what_a_volume_is_on_its_node(annotations: str, spec: str, path: str, device: str) -> None:
    """A directory, a block device that is there, or a file that is made one; what a driver has is nowhere."""
    one = volume(annotations, spec)
    assert (path_of(one), device_source(one)) == (path, device)


def test_what_tells_no_size_has_none() -> None:
    """A volume that holds nothing is large enough for nobody, and a claim that asks for nothing needs none."""
    modes = "accessModes: [ReadWriteOnce]"
    assert size_of(read("PersistentVolume", spec=f"{modes}, capacity: {{}}")) == 0
    assert wanted_size(read("PersistentVolumeClaim", spec=f"{modes}, resources: {{}}")) == 0
