"""`reconciler doctor` says what volumes cannot be had on a host, and what would help."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.checks import Grade, storage
from reconciler.config import Settings

SETTINGS: Any = Settings


@pytest.mark.parametrize(
    ("helper", "kernel", "expected"),
    [
        (None, True, (Grade.WARN, "apt-get install nfs-common")),
        ("/sbin/mount.nfs", False, (Grade.WARN, "modprobe nfs")),
        ("/sbin/mount.nfs", True, (Grade.OK, "")),
    ],
)
def test_what_shares_need_is_told(
    monkeypatch: pytest.MonkeyPatch, helper: str | None, kernel: bool, expected: tuple[Grade, str]
) -> None:
    """The helper of the distribution, then the kernel's client; neither keeps other Pods from running."""
    monkeypatch.setattr(storage.shutil, "which", lambda name, path: helper)
    monkeypatch.setattr(storage, "_kernel_has", lambda names, module: kernel)
    (found,) = storage.check_nfs(SETTINGS)
    assert (found.grade, found.fix) == expected


def test_what_block_devices_need_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no loop devices."""
    monkeypatch.setattr(Path, "exists", lambda self: False)
    (found,) = storage.check_block(SETTINGS)
    assert (found.grade, found.fix) == (Grade.WARN, "modprobe loop")
    monkeypatch.setattr(Path, "exists", lambda self: True)
    assert storage.check_block(SETTINGS)[0].grade is Grade.OK
