"""The control group of a Pod while the host changes under it: groups that vanish, memory in use, calls that fail."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.executors.container import drivers, labels
from reconciler.executors.container.owned import Owned
from reconciler.executors.container.podcgroup import PodCgroupError
from reconciler.executors.container.sandbox import create_sandbox
from reconciler.executors.engine import Engine as RealEngine
from reconciler.executors.systemd import SystemdError
from reconciler.executors.transport import Deadline
from reconciler.model.errors import StaleError, TransientError
from reconciler.model.granted import granted_to_pod
from tests.executors.container import build
from tests.executors.container.test_podcgroup import (
    GROUP,
    SLICE,
    UID,
    Engine,
    content,
    of_version_1,
    of_version_2,
    spec,
)


def uses(root: Path, memory_bytes: int) -> None:
    """Have the processes of the Pod's group use memory."""
    for folder in root.glob(f"*{GROUP}"):
        for name in ("memory.current", "memory.usage_in_bytes"):
            (folder / name).write_text(f"{memory_bytes}\n")
        (folder / "memory.stat").write_text("inactive_file 0\ntotal_inactive_file 0\n")


def test_a_group_that_vanishes_while_it_is_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel lets its files be opened, and then says that there is no such device."""
    groups = of_version_1(tmp_path)
    with groups.entered(UID, spec(memory="64Mi")):
        pass

    def gone(self: Path, *_: Any) -> str:
        if self.name == "memory.limit_in_bytes":
            raise OSError(errno.ENODEV, "No such device")
        return self.read_bytes().decode()

    monkeypatch.setattr(Path, "read_text", gone)
    assert groups.observed(UID) is None


def test_a_container_that_starts_anew_does_not_take_memory_from_the_others(tmp_path: Path) -> None:
    """They use more than the Pod may have by now: the kernel would kill one of them."""
    groups = of_version_2(tmp_path)
    with groups.entered(UID, spec(memory="128Mi")):
        pass
    uses(tmp_path, 100 << 20)
    before = content(tmp_path)
    with pytest.raises(TransientError) as refused, groups.entered(UID, spec(memory="64Mi")):
        raise AssertionError("nothing is started")
    assert refused.value.reason == "MemoryInUse"
    assert content(tmp_path) == before
    with groups.entered(UID, spec(memory="128Mi")):
        pass


def test_what_has_no_group_is_not_resized(tmp_path: Path) -> None:
    """None is made that nothing would be in."""
    groups = of_version_1(tmp_path)
    for wanted in (spec(memory="64Mi"), spec(cpu="1")):
        with pytest.raises(StaleError, match="no control group"):
            groups.resize(UID, granted_to_pod(wanted))
    assert list(tmp_path.glob(f"*{GROUP}")) == []


def test_the_engine_is_asked_once_for_each_full_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer takes it a while, and is the same for every Pod."""
    asked: list[str] = []
    monkeypatch.setattr(Engine, "info", lambda self: asked.append(self.cgroup_driver) or self)
    groups = of_version_1(tmp_path)
    for _ in range(3):
        with groups.entered(UID, spec(memory="64Mi")):
            groups.observed(UID)
    assert len(asked) == 1
    groups.sweep({UID})
    groups.observed(UID)
    assert len(asked) == 2


def test_a_service_manager_that_does_not_answer_is_asked_once_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question would hold up the look at the host."""
    asked: list[str] = []

    def silent(name: str) -> None:
        asked.append(name)
        raise SystemdError("systemctl stop did not end within 20 s")

    monkeypatch.setattr(drivers, "remove_slice", silent)
    groups = of_version_2(tmp_path, SLICE, "systemd")
    (tmp_path / "all" / f"{SLICE.removesuffix('.slice').lstrip('/')}0.slice").mkdir()
    groups.sweep(())
    assert len(asked) == 1


def test_groups_of_the_engines_driver_before_are_swept(tmp_path: Path) -> None:
    """The Engine was set up otherwise since."""
    groups = of_version_2(tmp_path, SLICE, "systemd")
    left = tmp_path / "all" / GROUP.lstrip("/")
    left.mkdir(parents=True)
    groups.sweep({UID})
    assert left.exists()
    groups.sweep({"other"})
    assert not left.exists()


class Running:
    """An Engine in which the sandbox runs already: an earlier try started it and was interrupted."""

    socket_path = "/run/docker.sock"

    def __init__(self) -> None:
        self.removed: list[str] = []

    def inspect_container(self, identity: str) -> dict[str, Any]:
        """Return the sandbox."""
        return {
            "Id": "s1",
            "Name": f"/{identity}",
            "State": {"Running": True, "Status": "running", "Pid": 42},
            "Config": {"Labels": {labels.CLUSTER: "c", labels.POD_UID: UID}},
            "HostConfig": {"CgroupParent": GROUP},
        }

    def remove_container(self, identity: str, *, force: bool, timeout_s: float) -> None:
        """Note that it was removed."""
        self.removed.append(identity)


def test_what_an_interrupted_try_started_is_looked_at_too(tmp_path: Path) -> None:
    """It may run outside of its limits."""
    groups, engine = of_version_1(tmp_path), Running()
    (tmp_path / "proc" / "42").mkdir()
    (tmp_path / "proc" / "42" / "cgroup").write_text("9:memory:/docker/4f4f\n4:cpu,cpuacct:/docker/4f4f\n")
    pod = build.pod(resources={"limits": {"memory": "64Mi"}})
    owned = Owned(cast(RealEngine, engine), labels.Owner(cluster="c", node="n"))
    with pytest.raises(PodCgroupError, match="not below"):
        create_sandbox(cast(RealEngine, engine), owned, groups, build.sandbox(pod), "", Deadline(5.0))
    assert engine.removed == ["s1"]
