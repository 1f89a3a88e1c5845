"""The Engine's drivers of control groups: what the group of a Pod is called with each, and how it is made and left.

Effect. With `cgroupfs` a group is a directory beside those of other containers, with `systemd` it is a slice there: it
has its part of the processors beside theirs.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reconciler.executors.container.hierarchies import Hierarchy, delegate, holds, settings
from reconciler.executors.container.slices import remove_slice, set_slice
from reconciler.executors.systemd import SystemdError
from reconciler.model.granted import Granted

log = logging.getLogger(__name__)


class Driver(Protocol):
    """One way to keep the groups of Pods. `above` is where the Engine puts containers that say nothing."""

    above: str
    needs_version_2: bool

    def name(self, cluster: str, uid: str) -> str:
        """Return what the group of a Pod is called."""
        ...

    def uid(self, cluster: str, name: str) -> str:
        """Return the Pod whose group is called so; empty when it is none of a cluster's Pods."""
        ...

    def told(self, group: str) -> str:
        """Return what the Engine is told of a group, for the containers in it."""
        ...

    def make(self, group: str, needed: Mapping[str, Hierarchy], given: Granted, *, unified: bool) -> None:
        """Make a group with limits; raise OSError or SystemdError."""
        ...

    def leave(self, group: str) -> bool:
        """Forget an empty group, before its directories are removed; return whether the host could do that."""
        ...


class Directories:
    """The driver `cgroupfs`."""

    above = "/docker"
    needs_version_2 = False

    def name(self, cluster: str, uid: str) -> str:
        """Return the directory's name."""
        return f"reconciler-{cluster}-{uid}"

    def uid(self, cluster: str, name: str) -> str:
        """Return the end of the name."""
        return _after(name, f"reconciler-{cluster}-")

    def told(self, group: str) -> str:
        """Return the path from the top."""
        return group

    def make(self, group: str, needed: Mapping[str, Hierarchy], given: Granted, *, unified: bool) -> None:
        """Make the directories, and write what is not there yet."""
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

    def leave(self, group: str) -> bool:
        """Do nothing: the directories are all there is."""
        return True


class Slices:
    """The driver `systemd`. In a slice's name, dashes say what it lies in."""

    above = "/system.slice"
    needs_version_2 = True

    def name(self, cluster: str, uid: str) -> str:
        """Return the unit's name."""
        return f"system-reconciler_{cluster}_{uid.replace('-', '_')}.slice"

    def uid(self, cluster: str, name: str) -> str:
        """Return the end of the name, spelled as it was."""
        return _after(name.removesuffix(".slice"), f"system-reconciler_{cluster}_").replace("_", "-")

    def told(self, group: str) -> str:
        """Return the unit."""
        return Path(group).name

    def make(self, group: str, needed: Mapping[str, Hierarchy], given: Granted, *, unified: bool) -> None:
        """Have the service manager make it."""
        set_slice(self.told(group), given)

    def leave(self, group: str) -> bool:
        """Have the service manager stop it."""
        try:
            remove_slice(self.told(group))
        except SystemdError as error:
            # It is empty, and looked for again.
            log.warning("a slice is not removed", extra={"slice": self.told(group), "reason": str(error)})
            return False
        return True


DRIVERS: Mapping[str, Driver] = {"cgroupfs": Directories(), "systemd": Slices()}


def _after(name: str, prefix: str) -> str:
    return name.removeprefix(prefix) if name.startswith(prefix) else ""
