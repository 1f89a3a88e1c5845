"""Counters of containers, read from files as the kernel shows them: control groups of version 1, 2 and both."""

from pathlib import Path

import pytest

from reconciler.executors.usage import UsageReader, host_cpu_seconds, host_memory_bytes
from reconciler.model.node_report import ContainerFact

ID = "4f" * 32


def write(file: Path, text: str) -> None:
    """Write a file of the kernel."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def fact(**fields: object) -> ContainerFact:
    """A running container."""
    said = {"id": ID, "name": "rc_app", "role": "app", "pod_uid": "u", "state": "running", "pid": 42, "started_at": 7.0}
    return ContainerFact(**{**said, "pod_name": "web", "container": "app", **fields})  # type: ignore[arg-type]


def version_2(root: Path, group: str = f"/system.slice/docker-{ID}.scope", mounted: str = "/") -> UsageReader:
    """A host with control groups of version 2."""
    proc, point = root / "proc", root / "cgroup"
    write(proc / "self" / "mountinfo", f"30 25 0:26 {mounted} {point} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n")
    write(proc / "42" / "cgroup", f"0::{group}\n")
    folder = point / group.lstrip("/") if mounted == "/" else point / group.removeprefix(mounted).lstrip("/")
    write(folder / "cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
    write(folder / "memory.current", "9000\n")
    write(folder / "memory.stat", "anon 1\ninactive_file 1000\n")
    return UsageReader(proc)


def version_1(root: Path) -> UsageReader:
    """A host with control groups of version 1, beside an empty tree of version 2."""
    proc = root / "proc"
    mounts = [
        f"29 25 0:25 / {root}/cpu rw - cgroup cgroup rw,cpu,cpuacct",
        f"31 25 0:27 / {root}/memory rw - cgroup cgroup rw,memory",
        f"32 25 0:28 / {root}/unified rw - cgroup2 cgroup2 rw",
    ]
    write(proc / "self" / "mountinfo", "\n".join(mounts) + "\n")
    group = f"/docker/{ID}"
    write(proc / "42" / "cgroup", f"9:memory:{group}\n4:cpu,cpuacct:{group}\n1:name=systemd:{group}\n0::/\n")
    write(root / "cpu" / group.lstrip("/") / "cpuacct.usage", "2500000000\n")
    write(root / "memory" / group.lstrip("/") / "memory.usage_in_bytes", "9000\n")
    write(root / "memory" / group.lstrip("/") / "memory.stat", "inactive_file 5\ntotal_inactive_file 1000\n")
    return UsageReader(proc)


@pytest.mark.parametrize("host", [version_1, version_2])
def test_counters_of_a_container(host: object, tmp_path: Path) -> None:
    """Processor time in seconds; memory without what the kernel gives back at once."""
    [sample] = host(tmp_path).read([fact()])  # type: ignore[operator]
    assert (sample.cpu_seconds, sample.memory_bytes) == (2.5, 8000)
    assert (sample.id, sample.pod_name, sample.container, sample.started_at) == (ID, "web", "app", 7.0)
    assert sample.processes == 0


@pytest.mark.parametrize("host", [version_1, version_2])
def test_processes_of_a_container_are_counted_where_the_kernel_does(host: object, tmp_path: Path) -> None:
    """By the controller of process numbers, where it is there."""
    reader = host(tmp_path)  # type: ignore[operator]
    if host is version_1:
        known = (tmp_path / "proc" / "self" / "mountinfo").read_text()
        write(
            tmp_path / "proc" / "self" / "mountinfo",
            f"{known}33 25 0:29 / {tmp_path}/pids rw - cgroup cgroup rw,pids\n",
        )
        groups = (tmp_path / "proc" / "42" / "cgroup").read_text()
        write(tmp_path / "proc" / "42" / "cgroup", f"3:pids:/docker/{ID}\n{groups}")
        write(tmp_path / "pids" / "docker" / ID / "pids.current", "17\n")
    else:
        write(tmp_path / "cgroup" / "system.slice" / f"docker-{ID}.scope" / "pids.current", "17\n")
    [sample] = reader.read([fact()])
    assert sample.processes == 17


def test_a_hierarchy_of_which_only_a_part_is_mounted(tmp_path: Path) -> None:
    """As in a control group namespace that was entered late."""
    [sample] = version_2(tmp_path, f"/lab/docker/{ID}", "/lab").read([fact()])
    assert sample.cpu_seconds == 2.5


def test_what_is_not_measured(tmp_path: Path) -> None:
    """Sandboxes, what does not run, what has ended meanwhile, and a process number that somebody else has now."""
    reader = version_2(tmp_path)
    others = [fact(role="sandbox"), fact(state="exited"), fact(pid=0), fact(pid=43), fact(id="ab" * 32)]
    assert reader.read(others) == ()


def test_a_container_that_ends_is_forgotten(tmp_path: Path) -> None:
    """Its files are gone; the next one of that name is found anew."""
    reader = version_2(tmp_path)
    assert reader.read([fact()])
    (tmp_path / "cgroup" / "system.slice" / f"docker-{ID}.scope" / "cpu.stat").unlink()
    assert reader.read([fact()]) == ()


def test_what_a_host_uses(tmp_path: Path) -> None:
    """Working time of all processors, without waiting; memory that is not available."""
    write(tmp_path / "stat", "cpu  100 0 100 5000 70 0 100 0 9 9\ncpu0 1 1 1\n")
    write(tmp_path / "meminfo", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:  400 kB\n")
    assert host_cpu_seconds(tmp_path) == pytest.approx(3.0)
    assert host_memory_bytes(tmp_path) == 600 * 1024
