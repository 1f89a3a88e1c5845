"""Whether other nodes may still lead to a Pod that ends, or know one that has gone: until each told otherwise. Pure.

A Pod leaves the Services of the network view the moment it is to end, and its policies once it has. Every node tells
the generation of the view that its kernel's tables and its names were made from. The Pod's own node ends its containers
once the others have told one that is new enough, and waits for nobody longer than it allows itself; and it gives no
address that a Pod has left to another before the others have told a view without that Pod, however long that takes:
whoever had it would be let through in its place. Nodes whose lease has expired are not waited for.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.node import Assignment, NetworkView, PodAssignment
from reconciler.model.observed import NodeState


class Departures:
    """Keeps with which generation Pods left the view. Owned by who sends the documents; losing it is safe.

    The first view that is sent afterwards is without the Pods that end, and without those that have gone, so its
    generation stands for all of them.
    """

    def __init__(self) -> None:
        self._view: NetworkView | None = None
        self._generation = 0
        self._left: dict[str, int] = {}
        self._pods: dict[str, tuple[PodAssignment, ...]] = {}
        self._gone: dict[str, int] = {}
        self._assignments: Mapping[str, Assignment] = {}
        self._ending: dict[str, frozenset[str]] = {}

    def mark(
        self,
        view: NetworkView,
        generation: int,
        assignments: Mapping[str, Assignment],
        nodes: Mapping[str, NodeState],
        now: float,
        lease_s: float,
    ) -> dict[str, Assignment]:
        """Return the assignments, marked where a live node other than their own may still know Pods that leave.

        `generation` is the one with which `view` is sent to those that do not have it yet.
        """
        if view is not self._view or assignments is not self._assignments:
            self._take_in(view, generation, assignments)
        told = sorted(_told(nodes, now, lease_s))
        marked = {}
        for node, assignment in assignments.items():
            slowest = next((generation for generation, name in told if name != node), None)
            if slowest is None:
                marked[node] = assignment
                continue
            still = frozenset(uid for uid in self._ending[node] if slowest < self._left[uid])
            marked[node] = _marked(assignment, still, slowest < self._gone[node])
        return marked

    def _take_in(self, view: NetworkView, generation: int, assignments: Mapping[str, Assignment]) -> None:
        """Note who leaves, and has gone, with which view."""
        if self._view is None or view != self._view:
            self._generation = generation
        if self._view is None or view.term != self._view.term:
            # Another daemon may have led since, and placed Pods that have gone.
            self._pods = {}
        self._view, self._assignments = view, assignments
        self._ending = {node: frozenset(_ending(one)) for node, one in assignments.items()}
        # What has ended is forgotten here.
        self._left = {
            uid: self._left.get(uid, self._generation)
            for node in sorted(self._ending)
            for uid in sorted(self._ending[node])
        }
        self._note_gone(assignments)

    def _note_gone(self, assignments: Mapping[str, Assignment]) -> None:
        """Note with which view the last Pod has gone from each node: what was before us is not known."""
        for node, assignment in assignments.items():
            before = self._pods.get(node)
            if before is None or (before is not assignment.pods and _uids(before) - _uids(assignment.pods)):
                self._gone[node] = self._generation
        self._pods = {node: assignment.pods for node, assignment in assignments.items()}
        self._gone = {node: self._gone[node] for node in self._pods}


def _uids(pods: tuple[PodAssignment, ...]) -> frozenset[str]:
    return frozenset(pod.uid for pod in pods)


def _ending(assignment: Assignment) -> list[str]:
    return [pod.uid for pod in assignment.pods if pod.deletion_requested_at is not None and not pod.finished]


def _told(nodes: Mapping[str, NodeState], now: float, lease_s: float) -> list[tuple[int, str]]:
    """Return of every live node which view its maps were made from."""
    return [
        (state.observation.view_generation, name)
        for name, state in nodes.items()
        if state.observation is not None and not state.is_silent(now, lease_s)
    ]


def _marked(assignment: Assignment, still: frozenset[str], lingering: bool) -> Assignment:
    if not still:
        return replace(assignment, lingering=True) if lingering else assignment
    pods = tuple(replace(pod, still_served=True) if pod.uid in still else pod for pod in assignment.pods)
    return replace(assignment, pods=pods, lingering=lingering)
