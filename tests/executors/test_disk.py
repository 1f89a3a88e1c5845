"""What Pods hold on a disk, measured on a real one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.executors.disk import DiskMeter
from reconciler.executors.transport import EngineSilent
from reconciler.model.node_report import ContainerFact

KIB = 1024


class Running:
    """Two Pods: `a` with two containers, one of them twice, `b` with one."""

    def __init__(self) -> None:
        self.sizes = {"a1": 10, "a2": 5, "a3": 1, "b1": 7, "foreign": 100, "a-box": 9}
        self.silent = False

    def facts(self) -> tuple[ContainerFact, ...]:
        """Its containers."""
        names = (("a1", "a", "web"), ("a2", "a", "web"), ("a3", "a", "log"), ("b1", "b", "web"), ("x", "", "web"))
        return tuple(
            ContainerFact(id=id, name=id, role="app", pod_uid=uid, container=name, state="running")
            for id, uid, name in names
        )

    def written_sizes(self, timeout_s: float) -> Mapping[str, int]:
        """What they wrote."""
        if self.silent:
            raise EngineSilent("no word")
        return self.sizes


def write(path: Path, kib: int) -> Path:
    """Write a file of so many KiB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(kib * KIB))
    return path


@pytest.fixture
def meter(tmp_path: Path) -> DiskMeter:
    """A meter of this directory."""
    return DiskMeter(tmp_path / "pods", Running(), lambda: str(tmp_path / "engine"))


def test_volumes_layers_and_logs_are_counted_by_pod(meter: DiskMeter, tmp_path: Path) -> None:
    """Logs with what was rotated away, and every start of a container; no container that is nobody's."""
    write(tmp_path / "pods/a/volumes/cache/deep/er/file", 64)
    write(tmp_path / "pods/a/volumes/tmp/file", 32)
    write(tmp_path / "pods/other/volumes/tmp/file", 32)
    write(tmp_path / "pods/a/containers/web/0.message", 4)
    write(tmp_path / "engine/containers/a1/a1-json.log", 8)
    write(tmp_path / "engine/containers/a1/a1-json.log.1", 16)
    write(tmp_path / "engine/containers/a1/config.v2.json", 16)
    meter.look()
    assert sorted(meter.latest) == ["a", "b"]
    held = meter.latest["a"]
    assert held.volumes["cache"] >= 64 * KIB
    assert 32 * KIB <= held.volumes["tmp"] <= 48 * KIB
    assert held.layers == {"log": 1, "web": 15}
    assert held.logs["web"] == pytest.approx(24 * KIB, abs=8 * KIB)
    assert held.files == 4
    assert (meter.latest["b"].volumes, meter.latest["b"].total) == ({}, 7)


def test_a_file_with_two_names_counts_once_and_links_are_not_followed(meter: DiskMeter, tmp_path: Path) -> None:
    """What is linked to may be anything."""
    file = write(tmp_path / "pods/a/volumes/v/file", 64)
    (file.parent / "again").hardlink_to(file)
    (file.parent / "elsewhere").symlink_to(write(tmp_path / "big", 512))
    (file.parent / "folder").symlink_to(tmp_path)
    meter.look()
    assert 64 * KIB <= meter.latest["a"].volumes["v"] <= 96 * KIB


def test_an_engine_that_is_silent_leaves_what_was_found_before(meter: DiskMeter) -> None:
    """Unknown is not nothing."""
    meter.look()
    before = meter.latest
    running = meter._containers
    assert isinstance(running, Running)
    running.silent = True
    with pytest.raises(EngineSilent):
        meter.look()
    assert meter.latest is before


def test_a_meter_starts_once_and_ends(meter: DiskMeter) -> None:
    """Whoever watches twice has one thread."""
    meter.start()
    meter.start()
    meter.stop()
    assert not meter._thread.is_alive()
