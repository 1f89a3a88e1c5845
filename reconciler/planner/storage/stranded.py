"""Data that no node can reach that takes Pods: said before somebody needs it. Pure.

A volume of one node's disk keeps its Pods there. While that node is cordoned (to be drained, or taken out of service),
and when the cluster no longer knows it, they have nowhere else to go.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from reconciler.model.kinds import Node, PersistentVolume
from reconciler.planner.storage.volumes import is_reachable, node_of
from reconciler.planner.view import View

_NAMED_MAX = 5


def warn_of_stranded(view: View) -> None:
    """Warn of every bound claim whose data is only on nodes that take no Pods, or that are gone; node by node."""
    marks = view.memo.picture.marks
    view.warnings += view.memo.get("stranded", (marks["Node"], marks["PersistentVolume"]), lambda: tuple(_told(view)))


def _told(view: View) -> Iterator[str]:
    nodes = {one.ref.name: cast(Node, one.object) for one in view.of_kind("Node")}
    away = {name for name, node in nodes.items() if node.spec.unschedulable}
    stranded: dict[str, list[str]] = {}
    for stored in view.of_kind("PersistentVolume"):
        volume = cast(PersistentVolume, stored.object)
        ref = volume.spec.claim_ref
        if ref is None or volume.status.phase != "Bound" or volume.spec.node_affinity.required is None:
            continue
        if not away and node_of(volume) in nodes:
            continue
        if (place := _place_without_pods(volume, nodes, away)) is not None:
            stranded.setdefault(place, []).append(f"{ref.namespace}/{ref.name}")
    for place in sorted(stranded):
        where = f"node/{place} is cordoned" if place in nodes else f"node/{place} is not known any more"
        yield f"{where}: the data of {listed(stranded[place])} is on it alone, and Pods that use it can go nowhere else"


def listed(claims: Iterable[str]) -> str:
    """Return claims in words, the first of many by name."""
    names = sorted(claims)
    word = "claim" if len(names) == 1 else "claims"
    rest = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"{word} {', '.join(names[:_NAMED_MAX])}{rest}"


def _place_without_pods(volume: PersistentVolume, nodes: Mapping[str, Node], away: set[str]) -> str | None:
    """Return the node that a volume is on when none that reaches it takes Pods; None: one does."""
    reaching = [name for name, node in nodes.items() if is_reachable(volume, node)]
    if any(name not in away for name in reaching):
        return None
    return reaching[0] if reaching else node_of(volume) or None
