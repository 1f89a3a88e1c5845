"""The control group of a Pod, in files as the kernel shows them: version 1 and 2, and slices of systemd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.executors.container import drivers
from reconciler.executors.container.podcgroup import PodCgroupError, PodCgroups
from reconciler.executors.container.slices import properties
from reconciler.model.errors import TransientError
from reconciler.model.granted import Granted, granted_to_pod, is_alike
from reconciler.model.kinds import PodSpec
from tests.executors.container import build

CLUSTER = "01234567-89ab-cdef-0123-456789abcdef"
UID = build.UID
GROUP = f"/docker/reconciler-0123456789ab-{UID}"
SLICE = f"/system.slice/system-reconciler_0123456789ab_{UID.replace('-', '_')}.slice"


class Engine:
    """What an Engine says of its control groups."""

    def __init__(self, driver: str, version: str) -> None:
        self.cgroup_driver, self.cgroup_version = driver, version

    def info(self) -> Engine:
        """Return what it says."""
        return self


def spec(**limits: str) -> PodSpec:
    """Return a Pod with limits."""
    return build.pod(resources={"limits": limits}).spec


def host(root: Path, *mounts: tuple[str, str], driver: str = "cgroupfs", version: str = "1") -> PodCgroups:
    """Return a host with these hierarchies: name of the mount, and its options."""
    kind = "cgroup2" if version == "2" else "cgroup"
    lines = [f"29 25 0:25 / {root}/{name} rw - {kind} {kind} rw,{options}" for name, options in mounts]
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "mountinfo").write_text("\n".join(lines) + "\n")
    for name, _ in mounts:
        (root / name / "docker").mkdir(parents=True)
    engine: Any = Engine(driver, version)
    return PodCgroups(engine, CLUSTER, root / "proc")


def of_version_1(root: Path) -> PodCgroups:
    """Return a host with control groups of version 1."""
    return host(root, ("memory", "memory"), ("cpu", "cpu,cpuacct"), ("pids", "pids"))


def of_version_2(root: Path, group: str = GROUP, driver: str = "cgroupfs") -> PodCgroups:
    """Return a host with control groups of version 2, on which groups have the files that the kernel makes."""
    made = host(root, ("all", "nsdelegate"), driver=driver, version="2")
    for folder in (root / "all", root / "all" / "docker", root / "all" / group.lstrip("/")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.subtree_control").write_text("cpu pids memory\n")
    return made


def content(root: Path, group: str = GROUP) -> dict[str, str]:
    """Return the files of a group in all hierarchies."""
    return {file.name: file.read_text() for file in root.glob(f"*{group}/*") if not file.name.startswith("cgroup.")}


def test_limits_of_version_1(tmp_path: Path) -> None:
    """In the hierarchies of memory and processors; what is not limited is left."""
    with of_version_1(tmp_path).entered(UID, spec(memory="64Mi", cpu="500m")) as parent:
        assert parent == GROUP
    assert content(tmp_path) == {
        "memory.limit_in_bytes": str(64 << 20),
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "cpu.shares": "512",
    }


def test_limits_of_version_2(tmp_path: Path) -> None:
    """Bytes are whole pages, shares a weight."""
    with of_version_2(tmp_path).entered(UID, spec(memory="64M", cpu="1")) as parent:
        assert parent == GROUP
    pages = str(64_000_000 // 4096 * 4096)
    assert content(tmp_path) == {"memory.max": pages, "cpu.max": "100000 100000", "cpu.weight": "39"}


@pytest.mark.parametrize("version", [of_version_1, of_version_2])
def test_what_a_group_allows_is_read_and_changed(tmp_path: Path, version: Callable[[Path], PodCgroups]) -> None:
    """Less memory than is in use is refused; what the kernel can give back at once is not in use."""
    groups, small, large = version(tmp_path), spec(memory="64Mi", cpu="500m"), spec(memory="128Mi", cpu="1")
    with groups.entered(UID, large):
        shown = groups.observed(UID)
    assert shown is not None and is_alike(shown, granted_to_pod(large))
    for folder in tmp_path.glob(f"*{GROUP}"):
        for name in ("memory.current", "memory.usage_in_bytes"):
            (folder / name).write_text(f"{70 << 20}\n")
        (folder / "memory.stat").write_text("inactive_file 0\ntotal_inactive_file 0\n")
    with pytest.raises(TransientError) as refused:
        groups.resize(UID, granted_to_pod(small))
    assert refused.value.reason == "MemoryInUse"
    for folder in tmp_path.glob(f"*{GROUP}"):
        (folder / "memory.stat").write_text(f"inactive_file {10 << 20}\ntotal_inactive_file {10 << 20}\n")
    groups.resize(UID, granted_to_pod(small))
    shown = groups.observed(UID)
    assert shown is not None and is_alike(shown, granted_to_pod(small))


def test_a_group_without_limits_allows_everything(tmp_path: Path) -> None:
    """As the kernel spells that; who has no group at all is told apart."""
    groups = of_version_2(tmp_path)
    assert groups.observed(UID) is None
    for name, text in (("memory.max", "max"), ("cpu.max", "max 100000"), ("cpu.weight", "100")):
        (tmp_path / "all" / GROUP.lstrip("/") / name).write_text(f"{text}\n")
    shown = groups.observed(UID)
    assert shown is not None and (shown.memory_bytes, shown.cpu_quota_us) == (0, 0)


def test_a_pod_without_resources_has_no_group(tmp_path: Path) -> None:
    """Its containers are the Engine's to place; the host is not looked at."""
    with of_version_1(tmp_path).entered(UID, build.pod().spec) as parent:
        assert parent == ""
    assert content(tmp_path) == {}


@pytest.mark.parametrize(("driver", "version"), [("none", "2"), ("systemd", "1"), ("", "")])
def test_what_an_engine_cannot_do_is_refused(tmp_path: Path, driver: str, version: str) -> None:
    """Rather than run without limits."""
    groups = host(tmp_path, ("memory", "memory"), ("cpu", "cpu"), driver=driver, version=version)
    with pytest.raises(PodCgroupError, match="driver"), groups.entered(UID, spec(cpu="1")):
        raise AssertionError("nothing is started")


def test_a_host_without_the_controllers_is_refused(tmp_path: Path) -> None:
    """Memory alone is not enough."""
    with (
        pytest.raises(PodCgroupError, match="controllers"),
        host(tmp_path, ("m", "memory")).entered(UID, spec(cpu="1")),
    ):
        raise AssertionError("nothing is started")


def test_limits_that_do_not_stay_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read back is what counts, whatever was answered."""
    monkeypatch.setattr(drivers, "set_slice", lambda name, given: None)
    groups = of_version_2(tmp_path, SLICE, "systemd")
    with pytest.raises(PodCgroupError, match="not in force"), groups.entered(UID, spec(cpu="1")):
        raise AssertionError("nothing is started")


def test_a_slice_is_set_once_and_named_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside those of other containers; asked again, it holds already."""
    asked: list[str] = []

    def set_slice(name: str, given: Granted) -> None:
        asked.append(name)
        folder = tmp_path / "all" / SLICE.lstrip("/")
        (folder / "memory.max").write_text(f"{given.memory_bytes}\n")
        (folder / "cpu.weight").write_text("1\n")

    monkeypatch.setattr(drivers, "set_slice", set_slice)
    groups = of_version_2(tmp_path, SLICE, "systemd")
    for _ in range(2):
        with groups.entered(UID, spec(memory="64Mi")) as parent:
            assert parent == Path(SLICE).name
    assert asked == [Path(SLICE).name]


def test_limits_as_systemd_spells_them() -> None:
    """Processors in hundredths, with a tenth of one."""
    whole = granted_to_pod(spec(memory="64Mi", cpu="125m"))
    assert properties(whole) == ("CPUWeight=5", "CPUQuota=12.5%", f"MemoryMax={64 << 20}")
    assert properties(Granted(cpu_shares=1024)) == ("CPUWeight=39",)


@pytest.mark.parametrize(
    ("group", "is_refused"),
    [(f"{GROUP}/4f4f", False), ("/docker/4f4f", True), (f"/elsewhere{GROUP}/4f4f", True)],
)
def test_a_container_outside_of_its_pods_group_is_told(tmp_path: Path, group: str, is_refused: bool) -> None:
    """In any hierarchy that limits; who has ended is nowhere, and used too little to tell."""
    groups = of_version_1(tmp_path)
    (tmp_path / "proc" / "42").mkdir()
    (tmp_path / "proc" / "42" / "cgroup").write_text(f"9:memory:{group}\n4:cpu,cpuacct:{GROUP}/4f4f\n")
    groups.check(UID, 43)
    if is_refused:
        with pytest.raises(PodCgroupError, match="not below"):
            groups.check(UID, 42)
    else:
        groups.check(UID, 42)


def test_groups_without_a_pod_are_swept(tmp_path: Path) -> None:
    """In every hierarchy; not that of another cluster, of a Pod that is there, or of one that is being started."""
    groups = of_version_1(tmp_path)
    empty = tmp_path / "pids" / GROUP.lstrip("/")
    foreign = tmp_path / "pids" / "docker" / f"reconciler-999999999999-{UID}"
    inhabited = tmp_path / "memory" / "docker" / "reconciler-0123456789ab-other" / "4f4f"
    for folder in (empty, foreign, inhabited):
        folder.mkdir(parents=True)
    groups.sweep({UID})
    assert empty.exists()
    with groups.entered("other", build.pod().spec):
        groups.sweep(())
    assert not empty.exists() and foreign.exists() and inhabited.exists()
    inhabited.rmdir()
    with groups.entered("new", spec(memory="1Mi")):
        for file in tmp_path.glob("*/docker/*-new/*"):
            # The kernel's files go with their directory.
            file.unlink()
        groups.sweep(())
        assert list(tmp_path.glob("*/docker/*-new"))
    groups.sweep(())
    assert list(tmp_path.glob("*/docker/*-new")) == []
    assert not inhabited.parent.exists()
