"""The control group of a Pod with resources of its own: the limits that hold for all of its containers together.

Effect, idempotent by name. The Engine puts the Pod's containers below it; the limits are read back, also after a
start, so that nothing runs without them. With the Engine's driver `cgroupfs` the group is a directory beside those of
other containers, with `systemd` it is a slice there.
"""

import logging
import os
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.executors.container.hierarchies import (
    UNIFIED,
    Hierarchy,
    delegate,
    groups_of,
    hierarchies,
    holders,
    holds,
    memory_used,
    observed,
    settings,
)
from reconciler.executors.container.slices import remove_slice, set_slice
from reconciler.executors.engine import Engine, EngineInfo
from reconciler.model.errors import TransientError
from reconciler.model.granted import Granted, granted_to_pod
from reconciler.model.kinds import PodSpec
from reconciler.model.podresources import has_pod_resources

log = logging.getLogger(__name__)

# Where the Engine puts containers that say nothing: there, a Pod's group has its part of the processors beside theirs.
_ABOVE = {"cgroupfs": "/docker", "systemd": "/system.slice"}
_V2 = "2"


class PodCgroupError(TransientError):
    """The limits of a Pod cannot be made to hold on this host, so that it is not started."""

    reason = "PodLimitsNotSet"


class PodCgroups:
    """Makes and removes the groups of one cluster's Pods on one host. Safe to use from many threads."""

    def __init__(self, engine: Engine, cluster: str, proc: Path = Path("/proc")) -> None:
        self._engine = engine
        # Without dashes: in the name of a slice they say what it lies in.
        self._cluster = cluster.replace("-", "")[:12]
        self._proc = proc
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()

    @contextmanager
    def entered(self, uid: str, spec: PodSpec) -> Iterator[str]:
        """Make a Pod's group and yield what the Engine is to be told of it, nothing for a Pod without resources.

        The group stays while a container is made in it. Raises `PodCgroupError` where its limits do not hold.
        """
        if not has_pod_resources(spec):
            yield ""
            return
        with self._lock:
            self._busy[uid] += 1
        try:
            yield self._made(uid, granted_to_pod(spec))
        finally:
            with self._lock:
                self._busy[uid] -= 1

    def check(self, uid: str, pid: int) -> None:
        """Raise `PodCgroupError` when a process of a Pod is not in the Pod's group."""
        info = self._engine.info()
        group = self._group(info, uid)
        found = groups_of(pid, self._proc)
        for controller in self._holders(info):
            inside = found.get(UNIFIED if info.cgroup_version == _V2 else controller)
            if found and (inside is None or not inside.startswith(f"{group}/")):
                raise PodCgroupError(f"the Engine started a container in {inside}, not below {group}: it was ended")

    def observed(self, uid: str) -> Granted | None:
        """Return what the containers of a Pod may use together; None for a Pod without a group that can be read."""
        info = self._engine.info()
        try:
            group, needed = self._group(info, uid), self._holders(info)
        except PodCgroupError:
            return None
        unified = info.cgroup_version == _V2
        return observed(needed["memory"].folder(group), needed["cpu"].folder(group), unified=unified)

    def resize(self, uid: str, given: Granted) -> None:
        """Let the containers of a Pod use something else together; never less memory than they do, as with kubelet."""
        info = self._engine.info()
        folder = self._holders(info)["memory"].folder(self._group(info, uid))
        used = memory_used(folder, unified=info.cgroup_version == _V2) if given.memory_bytes else 0
        if used > given.memory_bytes:
            raise TransientError(
                f"the Pod uses {used} bytes of memory: its limit cannot be {given.memory_bytes}", reason="MemoryInUse"
            )
        self._made(uid, given)

    def sweep(self, alive: Collection[str]) -> None:
        """Remove the groups of Pods that have no container any more."""
        found = set()
        for driver, above in _ABOVE.items():
            prefix, suffix = self._affixes(driver)
            for one in self._mounted():
                with suppress(OSError):
                    names = [entry.name for entry in os.scandir(one.folder(above)) if entry.name.startswith(prefix)]
                    found |= {_uid_of(name.removeprefix(prefix).removesuffix(suffix)) for name in names}
        for uid in sorted(found.difference(alive)):
            self.remove(uid)

    def remove(self, uid: str) -> None:
        """Remove a Pod's group once nothing is in it and nothing is about to be."""
        info = self._engine.info()
        with self._lock:
            if self._busy[uid]:
                return
            del self._busy[uid]
            group = self._group(info, uid)
            folders = [one.folder(group) for one in self._mounted()]
            if any(_has_children(folder) for folder in folders):
                return
            if info.cgroup_driver == "systemd" and any(folder.exists() for folder in folders):
                _remove_slice(Path(group).name)
            for folder in folders:
                # Gone already, or somebody else has put something in it.
                with suppress(OSError):
                    folder.rmdir()

    def _made(self, uid: str, given: Granted) -> str:
        info = self._engine.info()
        group, unified = self._group(info, uid), info.cgroup_version == _V2
        needed = self._holders(info)
        try:
            if info.cgroup_driver == "systemd":
                if not self._all_hold(group, needed, given, unified=unified):
                    set_slice(Path(group).name, given)
            else:
                _set_files(group, needed, given, unified=unified)
        except (OSError, TransientError) as error:
            raise PodCgroupError(f"the limits of the Pod cannot be set at {group}: {error}") from error
        if not self._all_hold(group, needed, given, unified=unified):
            raise PodCgroupError(f"the limits of the Pod were set at {group} and are not in force there")
        return Path(group).name if info.cgroup_driver == "systemd" else group

    def _all_hold(self, group: str, needed: dict[str, Hierarchy], given: Granted, *, unified: bool) -> bool:
        return all(
            holds(one.folder(group), setting)
            for controller, one in needed.items()
            for setting in settings(controller, given, unified=unified)
        )

    def _group(self, info: EngineInfo, uid: str) -> str:
        prefix, suffix = self._affixes(info.cgroup_driver)
        name = uid.replace("-", "_") if suffix else uid
        return f"{_ABOVE.get(info.cgroup_driver, '')}/{prefix}{name}{suffix}"

    def _affixes(self, driver: str) -> tuple[str, str]:
        """Return what a group's name begins and ends with; in a slice's name, dashes say what it lies in."""
        if driver == "systemd":
            return f"system-reconciler_{self._cluster}_", ".slice"
        return f"reconciler-{self._cluster}-", ""

    def _holders(self, info: EngineInfo) -> dict[str, Hierarchy]:
        unified = info.cgroup_version == _V2
        if info.cgroup_driver not in _ABOVE or (info.cgroup_driver == "systemd" and not unified):
            raise PodCgroupError(
                f"resources of a whole Pod need an Engine with control groups: its driver is"
                f" {info.cgroup_driver or 'unknown'}, of version {info.cgroup_version or 'unknown'}"
            )
        found = holders(self._mounted(), unified)
        if len(found) < 2:
            raise PodCgroupError("resources of a whole Pod need the controllers cpu and memory, which are not mounted")
        return found

    def _mounted(self) -> tuple[Hierarchy, ...]:
        return hierarchies((self._proc / "self" / "mountinfo").read_text())


def _set_files(group: str, needed: dict[str, Hierarchy], given: Granted, *, unified: bool) -> None:
    for controller, one in needed.items():
        folder = one.folder(group)
        if unified:
            delegate(one, str(Path(group).parent))
            folder.mkdir(exist_ok=True)
            delegate(one, group)
        else:
            folder.mkdir(parents=True, exist_ok=True)
        for setting in settings(controller, given, unified=unified):
            if not holds(folder, setting):
                (folder / setting.file).write_text(setting.value)


def _remove_slice(name: str) -> None:
    try:
        remove_slice(name)
    except TransientError as error:
        # It is empty, and looked for again.
        log.warning("a slice is not removed", extra={"slice": name, "reason": str(error)})


def _has_children(folder: Path) -> bool:
    try:
        return any(entry.is_dir(follow_symlinks=False) for entry in os.scandir(folder))
    except FileNotFoundError:
        return False


def _uid_of(name: str) -> str:
    return name.replace("_", "-")
