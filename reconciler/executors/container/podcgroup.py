"""The control group of a Pod with resources of its own: the limits that hold for all of its containers together.

Effect, idempotent by name. The Engine puts the Pod's containers below it; the limits are read back, also after a
start, so that nothing runs without them.
"""

import os
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.executors.container.drivers import DRIVERS, Driver
from reconciler.executors.container.hierarchies import (
    UNIFIED,
    Hierarchy,
    groups_of,
    hierarchies,
    holders,
    holds,
    memory_used,
    observed,
    settings,
)
from reconciler.executors.engine import Engine
from reconciler.executors.systemd import SystemdError
from reconciler.model.base import Value
from reconciler.model.errors import StaleError, TransientError
from reconciler.model.granted import Granted, granted_to_pod
from reconciler.model.kinds import PodSpec
from reconciler.model.podresources import has_pod_resources

_V2 = "2"
_SEE = "reconciler doctor says what this host can hold"


class PodCgroupError(TransientError):
    """The limits of a Pod cannot be made to hold on this host, so that it is not started."""

    reason = "PodLimitsNotSet"


class _Host(Value):
    """How the Engine keeps control groups, whether they are of version 2, and which hierarchies limit what."""

    driver: Driver
    unified: bool
    holders: Mapping[str, Hierarchy]


class PodCgroups:
    """Makes and removes the groups of one cluster's Pods on one host. Safe to use from many threads."""

    def __init__(self, engine: Engine, cluster: str, proc: Path = Path("/proc")) -> None:
        self._engine = engine
        # Without dashes: in the name of a slice they say what it lies in.
        self._cluster = cluster.replace("-", "")[:12]
        self._proc = proc
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        # The same for every Pod, and slow to ask for; a full look at the host asks anew.
        self._known: _Host | None = None

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
                if not self._busy[uid]:
                    del self._busy[uid]

    def check(self, uid: str, pid: int) -> None:
        """Raise `PodCgroupError` when a process of a Pod is not in the Pod's group."""
        host = self._host()
        group = self._group(host.driver, uid)
        found = groups_of(pid, self._proc)
        for controller in host.holders:
            inside = found.get(UNIFIED if host.unified else controller)
            if found and (inside is None or not inside.startswith(f"{group}/")):
                raise PodCgroupError(f"the Engine started a container in {inside}, not below {group}: it was ended")

    def observed(self, uid: str) -> Granted | None:
        """Return what the containers of a Pod may use together; None for a Pod without a group that can be read."""
        try:
            host = self._host()
        except PodCgroupError:
            return None
        group, needed = self._group(host.driver, uid), host.holders
        return observed(needed["memory"].folder(group), needed["cpu"].folder(group), unified=host.unified)

    def resize(self, uid: str, given: Granted) -> None:
        """Let the containers of a Pod use something else together."""
        if self.observed(uid) is None:
            raise StaleError(f"Pod {uid} has no control group any more: there is nothing to resize")
        self._made(uid, given)

    def sweep(self, alive: Collection[str]) -> None:
        """Remove the groups of Pods that have no container any more, also of an Engine that was set up otherwise."""
        self._known = None
        mounted = self._mounted()
        for driver in DRIVERS.values():
            found = set()
            for one in mounted:
                with suppress(OSError):
                    found |= {driver.uid(self._cluster, entry.name) for entry in os.scandir(one.folder(driver.above))}
            for uid in sorted(found.difference(alive, ("",))):
                if not self._remove(uid, driver, mounted):
                    return

    def remove(self, uid: str) -> None:
        """Remove a Pod's group once nothing is in it and nothing is about to be."""
        mounted = self._mounted()
        for driver in DRIVERS.values():
            self._remove(uid, driver, mounted)

    def _remove(self, uid: str, driver: Driver, mounted: Iterable[Hierarchy]) -> bool:
        """Remove a group; return whether the host could do that, so that it is worth while to go on with others."""
        with self._lock:
            if uid in self._busy:
                return True
            group = self._group(driver, uid)
            folders = [folder for one in mounted if (folder := one.folder(group)).exists()]
            if not folders or any(map(_has_children, folders)):
                return True
            could = driver.leave(group)
            for folder in folders:
                # Gone already, or somebody else has put something in it.
                with suppress(OSError):
                    folder.rmdir()
        return could

    def _made(self, uid: str, given: Granted) -> str:
        """Have a Pod's group, with limits; it gets never less memory than is in use, as with kubelet."""
        host = self._host()
        group, needed = self._group(host.driver, uid), host.holders
        if not _all_hold(group, needed, given, unified=host.unified):
            _require_unused(needed["memory"].folder(group), given, unified=host.unified)
            try:
                host.driver.make(group, needed, given, unified=host.unified)
            except (OSError, SystemdError) as error:
                raise PodCgroupError(f"the limits of the Pod cannot be set at {group}: {error}") from error
            if not _all_hold(group, needed, given, unified=host.unified):
                raise PodCgroupError(f"the limits of the Pod were set at {group} and are not in force there")
        return host.driver.told(group)

    def _group(self, driver: Driver, uid: str) -> str:
        return f"{driver.above}/{driver.name(self._cluster, uid)}"

    def _host(self) -> _Host:
        known = self._known
        if known is None:
            info = self._engine.info()
            known = _host_of(info.cgroup_driver, info.cgroup_version, self._mounted())
            self._known = known
        return known

    def _mounted(self) -> tuple[Hierarchy, ...]:
        return hierarchies((self._proc / "self" / "mountinfo").read_text())


def _host_of(name: str, version: str, mounted: tuple[Hierarchy, ...]) -> _Host:
    """Return how groups are kept; raise `PodCgroupError` where limits cannot be set."""
    driver, unified = DRIVERS.get(name), version == _V2
    if driver is None or (driver.needs_version_2 and not unified):
        raise PodCgroupError(
            f"resources of a whole Pod need an Engine with control groups: its driver is {name or 'unknown'},"
            f" of version {version or 'unknown'}; {_SEE}"
        )
    found = holders(mounted, unified)
    if len(found) < 2:
        raise PodCgroupError(
            f"resources of a whole Pod need the controllers cpu and memory, which are not mounted; {_SEE}"
        )
    return _Host(driver=driver, unified=unified, holders=found)


def _all_hold(group: str, needed: Mapping[str, Hierarchy], given: Granted, *, unified: bool) -> bool:
    return all(
        holds(one.folder(group), setting)
        for controller, one in needed.items()
        for setting in settings(controller, given, unified=unified)
    )


def _require_unused(memory: Path, given: Granted, *, unified: bool) -> None:
    used = memory_used(memory, unified=unified) if given.memory_bytes else 0
    if used > given.memory_bytes:
        raise TransientError(
            f"the Pod uses {used} bytes of memory: its limit cannot be {given.memory_bytes}", reason="MemoryInUse"
        )


def _has_children(folder: Path) -> bool:
    try:
        return any(entry.is_dir(follow_symlinks=False) for entry in os.scandir(folder))
    except FileNotFoundError:
        return False
    except OSError:
        # Not known: then it is left.
        return True
