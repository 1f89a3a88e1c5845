"""The update of a DaemonSet: which old Pods end, and which nodes get a second Pod, within the limits. Pure."""

from typing import cast

from reconciler.model.base import Value
from reconciler.model.kinds import Pod
from reconciler.model.observed import StoredObject
from reconciler.planner.workloads.daemonset_pods import DaemonPods, revision_of
from reconciler.planner.workloads.podview import is_available
from reconciler.planner.workloads.rolling import count_of


class Update(Value):
    """What the update of a DaemonSet decides from: its Pods, how long one must be ready, and the time."""

    found: DaemonPods
    min_ready_s: int
    now: float

    def is_available(self, stored: StoredObject) -> bool:
        """Whether a Pod has been ready for long enough."""
        return is_available(cast(Pod, stored.object), self.min_ready_s, self.now)

    def pair(self, node: str) -> tuple[StoredObject | None, StoredObject | None] | None:
        """Return the new and the old Pod of a node; None where there are several of one sort."""
        pods = [one for one in self.found.pods.get(node, []) if one.object.metadata.deletion_timestamp is None]
        new = [one for one in pods if revision_of(one) == self.found.revision]
        old = [one for one in pods if revision_of(one) != self.found.revision]
        if len(new) > 1 or len(old) > 1:
            return None
        return (new[0] if new else None, old[0] if old else None)


def share_of(limit: int | str, nodes: int) -> int:
    """Return a number or percentage of the nodes as a number; a share is rounded up."""
    return count_of(limit, nodes, up=True)


def is_some(limit: int | str) -> bool:
    """Whether a number or percentage is more than none."""
    return bool(int(str(limit).rstrip("%")))


def old_pods_to_end(update: Update, nodes: list[str], unavailable_max: int) -> list[StoredObject]:
    """Return the old Pods to end now: those that are not available anyhow, then as many as the limit leaves."""
    unavailable = 0
    sick: list[StoredObject] = []
    well: list[StoredObject] = []
    for name in nodes:
        pair = update.pair(name)
        new, old = pair or (None, None)
        if name in update.found.silent or (new is None) == (old is None):
            # Nothing is decided here: the node is silent, or has to be put in order first.
            unavailable += 1
        elif new is not None:
            unavailable += not update.is_available(new)
        elif old is not None and update.is_available(old):
            well.append(old)
        elif old is not None:
            sick.append(old)
            unavailable += 1
    return sick + well[: max(unavailable_max - unavailable, 0)]


def surge(update: Update, nodes: list[str], surge_max: int) -> tuple[list[StoredObject], list[str]]:
    """Return the old Pods to end, since the new one is available, and the nodes that get a new one beside the old."""
    ending: list[StoredObject] = []
    sick: list[str] = []
    well: list[str] = []
    surging = 0
    for name in nodes:
        pair = update.pair(name)
        new, old = pair or (None, None)
        if name in update.found.silent or pair is None:
            surging += 1
        elif old is None:
            continue
        elif new is None:
            (well if update.is_available(old) else sick).append(name)
        elif update.is_available(new):
            ending.append(old)
        else:
            surging += 1
    return ending, sick + well[: max(surge_max - surging, 0)]
