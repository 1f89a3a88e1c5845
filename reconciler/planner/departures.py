"""Whether other nodes may still lead to a Pod that ends: until each has told that its maps are made without it. Pure.

A Pod leaves the network view the moment it is to end. Every node tells the generation of the view that its kernel's
table and its names were made from; the Pod's own node ends its containers once the others have told one that is new
enough. Nodes whose lease has expired are not waited for, and nobody is waited for longer than the Pod's node allows.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.node import Assignment, NetworkView
from reconciler.model.observed import NodeState


class Departures:
    """Keeps with which generation each ending Pod left the view. Owned by who sends the documents; losing it is safe.

    The first view that is sent afterwards is without the Pods that end, so its generation stands for all of them.
    """

    def __init__(self) -> None:
        self._view: NetworkView | None = None
        self._generation = 0
        self._left: dict[str, int] = {}

    def mark(
        self,
        view: NetworkView,
        generation: int,
        assignments: Mapping[str, Assignment],
        nodes: Mapping[str, NodeState],
        now: float,
        lease_s: float,
    ) -> dict[str, Assignment]:
        """Return the assignments, each ending Pod marked that a live node other than its own may still lead to.

        `generation` is the one with which `view` is sent to those that do not have it yet.
        """
        if self._view is None or view != self._view:
            self._generation = generation
        self._view = view
        ending = {node: frozenset(_ending(one)) for node, one in assignments.items()}
        # What has ended is forgotten here.
        self._left = {
            uid: self._left.get(uid, self._generation) for node in sorted(ending) for uid in sorted(ending[node])
        }
        if not self._left:
            return dict(assignments)
        told = sorted(_told(nodes, now, lease_s))
        marked = {}
        for node, assignment in assignments.items():
            slowest = next((generation for generation, name in told if name != node), None)
            still = frozenset(uid for uid in ending[node] if slowest is not None and slowest < self._left[uid])
            marked[node] = _marked(assignment, still) if still else assignment
        return marked


def _ending(assignment: Assignment) -> list[str]:
    return [pod.uid for pod in assignment.pods if pod.deletion_requested_at is not None and not pod.finished]


def _told(nodes: Mapping[str, NodeState], now: float, lease_s: float) -> list[tuple[int, str]]:
    """Return of every live node which view its maps were made from."""
    return [
        (state.observation.view_generation, name)
        for name, state in nodes.items()
        if state.observation is not None and not state.is_silent(now, lease_s)
    ]


def _marked(assignment: Assignment, still: frozenset[str]) -> Assignment:
    pods = tuple(replace(pod, still_served=True) if pod.uid in still else pod for pod in assignment.pods)
    return replace(assignment, pods=pods)
