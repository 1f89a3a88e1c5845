"""Why a Pod is not placed, in kube-scheduler's words and order. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from reconciler.planner.scheduling.alike import Alike
from reconciler.planner.scheduling.framework import Misfit

NO_NODES = "no nodes available to schedule pods"


def why_unplaced(alike: Alike, nodes: int) -> str:
    """Return how many of the nodes have what against Pods."""
    if not nodes:
        return NO_NODES
    against = " ".join(alike.everywhere.reasons) if alike.everywhere is not None else counted(alike.reasons())
    return none_available(nodes, against)


def texts_of(misfits: Mapping[str, Misfit | None]) -> dict[str, str]:
    """Return what each node has against a Pod as text; an empty one: it fits."""
    return {name: ", ".join(misfit.reasons) if misfit is not None else "" for name, misfit in misfits.items()}


def none_available(nodes: int, against: str) -> str:
    """Return the sentence about a Pod that none of the nodes takes."""
    return f"0/{nodes} nodes are available: {against}."


def no_room_made(misfits: Iterable[Misfit], nodes: int) -> str:
    """Return what the nodes have against making room on them."""
    reasons = Counter(reason for misfit in misfits for reason in misfit.reasons)
    return f"preemption: {none_available(nodes, counted(reasons))}"


def counted(reasons: Counter[str]) -> str:
    """Return reasons with how often they hold, in the order of that text."""
    return ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
