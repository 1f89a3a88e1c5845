"""Pods that leave a node because of its taints with the effect NoExecute, each once its time there is over. Pure.

Semantics of Kubernetes' taint eviction controller, with one difference (P20): a node that is not reached, or not
ready, keeps the Pods that could run twice, or nowhere else, under the same name or on the same data. A person's taint
evicts those as well.
"""

from collections.abc import Iterable
from typing import cast

from reconciler.model.kinds import Condition, Node, PersistentVolumeClaim, Pod, Taint
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.node_taints import is_automatic
from reconciler.planner.overrides import taint_words
from reconciler.planner.references import claims_of
from reconciler.planner.tolerations import FOREVER, borne_s
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition

EVICTED = "DeletionByTaintManager"
_MOVABLE_OWNERS = frozenset({"ReplicaSet", "ReplicationController", "Job"})
_MANY_WRITERS = frozenset({"ReadWriteMany", "ReadOnlyMany"})


def evict_tainted_pods(view: View) -> None:
    """End the Pods whose time on a tainted node is over; note when that of the others will be."""
    for node in view.of_kind("Node"):
        taints = tuple(one for one in cast(Node, node.object).spec.taints if one.effect == "NoExecute")
        for stored in view.on_node(node.ref.name) if taints else ():
            _evict_when_due(view, stored, node.ref.name, taints)


def _evict_when_due(view: View, stored: StoredObject, node: str, taints: tuple[Taint, ...]) -> None:
    pod = cast(Pod, stored.object)
    if pod.metadata.deletion_timestamp is not None or pod.status.phase in ("Succeeded", "Failed"):
        return
    counting = tuple(one for one in taints if not is_automatic(one) or is_movable(view, pod))
    until, taint = _until(pod, counting, view.now)
    if taint is None:
        return
    if until > view.now:
        view.look_again(until)
        return
    _evict(view, stored, pod, f"{node} has the taint {taint_words(taint)}")


def _until(pod: Pod, taints: Iterable[Taint], now: float) -> tuple[float, Taint | None]:
    """Return when the first taint is no longer borne, and which; none where all are borne for ever.

    It is borne since it came, or since the Pod came to a node that had it already.
    """
    found: tuple[float, Taint | None] = FOREVER, None
    placed = condition(pod.status.conditions, "PodScheduled")
    placed_at = unix(placed.last_transition_time) if placed is not None else None
    for taint in taints:
        tainted_at = unix(taint.time_added)
        since = max((at for at in (tainted_at, placed_at) if at is not None), default=now)
        until = since + borne_s(pod.spec.tolerations, taint)
        if until < found[0]:
            found = until, taint
    return found


def is_movable(view: View, pod: Pod) -> bool:
    """Whether a second Pod may run elsewhere while nobody knows whether this one still does.

    Not one that is known by its name (of a StatefulSet, or of Git), and not one that alone writes to its volume.
    """
    owner = next((one for one in pod.metadata.owner_references if one.controller), None)
    if owner is None or owner.kind not in _MOVABLE_OWNERS:
        return False
    return not any(_has_one_writer(view, pod.metadata.namespace, name) for name in claims_of(pod.spec))


def _has_one_writer(view: View, namespace: str, name: str) -> bool:
    claim = view.typed(PersistentVolumeClaim, namespace, name)
    return claim is None or not _MANY_WRITERS.intersection(claim.spec.access_modes)


def _evict(view: View, stored: StoredObject, pod: Pod, why: str) -> None:
    message = "Taint manager: deleting due to NoExecute taint"
    evicted = Condition(type="DisruptionTarget", status="True", reason=EVICTED, message=message)
    conditions = with_condition(view, pod.status.conditions, evicted)
    view.happened(stored, "TaintManagerEviction", f"Marking for deletion Pod {stored.ref.namespace}/{stored.ref.name}")
    stored = view.set_status(stored, replace(pod.status, conditions=conditions))
    view.terminate(stored, Reason.NODE_TAINTED, why, grace_s=pod.spec.termination_grace_period_seconds)
