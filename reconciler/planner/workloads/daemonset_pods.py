"""The Pods of a DaemonSet: which node each is meant for, which nodes fit, and what a daemon's Pod bears. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model.base import Value
from reconciler.model.kinds import (
    Affinity,
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Toleration,
)
from reconciler.model.observed import StoredObject
from reconciler.model.times import seconds
from reconciler.planner.scheduling.fit import selects, tolerates
from reconciler.planner.tolerations import NOT_READY, UNREACHABLE
from reconciler.planner.view import replace
from reconciler.planner.workloads.job_tally import delay_after, ended_at
from reconciler.planner.workloads.revisions import REVISION_LABEL

# How often in a row the Pod of a node has ended before this one: it makes the next one wait longer.
FAILURES = "reconciler.dev/daemon-failures"
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MAX_S = 900.0
_NODE_FIELD = "metadata.name"
_BORNE: tuple[tuple[str, str], ...] = (
    (NOT_READY, "NoExecute"),
    (UNREACHABLE, "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
# A node that is not ready, or not reached, counts as one that is to have its Pod: unavailable, not unwanted.
_UNHEARD = ((NOT_READY, "NoSchedule"), (UNREACHABLE, "NoSchedule"))
_BORNE_ON_THE_HOST = ("node.kubernetes.io/network-unavailable", "NoSchedule")


class DaemonPods(Value):
    """The nodes, the Pods that are meant for each, the nodes that are silent, and the hash of the newest revision."""

    nodes: Mapping[str, Node] = {}
    pods: Mapping[str, list[StoredObject]] = {}
    silent: frozenset[str] = frozenset()
    revision: str = ""


class Fit(Value):
    """Whether a node is to have a daemon's Pod, and whether one that is there may stay."""

    must: bool = False
    may: bool = False


def fit_of(template: PodTemplateSpec, node: Node) -> Fit:
    """Return whether a daemon's Pod is to run on a node, as its taints and the Pod's choice of nodes have it."""
    spec = daemon_spec(template.spec)
    if spec.node_name not in ("", node.metadata.name) or not _is_chosen(spec, node):
        return Fit()
    taints = (one for one in node.spec.taints if (one.key, one.effect) not in _UNHEARD)
    open_taints = [one.effect for one in taints if not any(tolerates(t, one) for t in spec.tolerations)]
    must = not any(effect in ("NoSchedule", "NoExecute") for effect in open_taints)
    return Fit(must=must, may="NoExecute" not in open_taints)


def are_alike(old: Node, new: Node) -> bool:
    """Whether a node that has changed is to run the same daemons: their choice is by labels, and they bear taints."""
    return old.metadata.labels == new.metadata.labels and old.spec.taints == new.spec.taints


def node_as_before(before: Node | None, node: Node) -> Node:
    """Return a node as it was when it last changed in what daemons look at: what follows from it holds on."""
    return before if before is not None and (before is node or are_alike(before, node)) else node


def _is_chosen(spec: PodSpec, node: Node) -> bool:
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    chosen = spec.node_selector.items() <= node.metadata.labels.items()
    return chosen and (required is None or selects(required, node))


def daemon_spec(spec: PodSpec) -> PodSpec:
    """Return a Pod's spec with the taints that every daemon bears."""
    borne = (*_BORNE, _BORNE_ON_THE_HOST) if spec.host_network else _BORNE
    added = [Toleration(key=key, operator="Exists", effect=effect) for key, effect in borne]  # type: ignore[arg-type]
    return replace(spec, tolerations=(*spec.tolerations, *(one for one in added if one not in spec.tolerations)))


def pinned_template(template: PodTemplateSpec, node: str) -> PodTemplateSpec:
    """Return the template for one node: the scheduler can place the Pod there and nowhere else."""
    spec = daemon_spec(template.spec)
    return replace(template, spec=replace(spec, affinity=pinned(spec.affinity, node)))


def pinned(affinity: Affinity, node: str) -> Affinity:
    """Return an affinity that needs exactly this node; wishes stay."""
    only = NodeSelectorRequirement(key=_NODE_FIELD, operator="In", values=(node,))
    needed = NodeSelector(node_selector_terms=(NodeSelectorTerm(match_fields=(only,)),))
    inner = replace(affinity.node_affinity, required_during_scheduling_ignored_during_execution=needed)
    return replace(affinity, node_affinity=inner)


def target_node(pod: Pod) -> str:
    """Return the node that a daemon's Pod is on, or is meant for."""
    if pod.spec.node_name:
        return pod.spec.node_name
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms if required is not None else ():
        for one in term.match_fields:
            if one.key == _NODE_FIELD and one.operator == "In" and len(one.values) == 1:
                return one.values[0]
    return ""


def by_age(pods: list[StoredObject]) -> list[StoredObject]:
    """Return Pods that are placed before others, and older before younger ones."""
    return sorted(pods, key=_age)


def _age(stored: StoredObject) -> tuple[bool, float, str]:
    pod = cast(Pod, stored.object)
    return (not pod.spec.node_name, seconds(pod.metadata.creation_timestamp), pod.metadata.name)


def revision_of(stored: StoredObject) -> str:
    """Return the hash of the revision that a Pod came from."""
    return stored.object.metadata.labels.get(REVISION_LABEL, "")


def has_ended(pod: Pod) -> bool:
    """Whether a Pod has ended, however it did: a daemon never should."""
    return pod.status.phase in ("Succeeded", "Failed")


def is_on_its_way_out(pod: Pod) -> bool:
    """Whether a Pod has ended and is going: its node may have the next one."""
    return has_ended(pod) and pod.metadata.deletion_timestamp is not None


def failures_before(pod: Pod) -> int:
    """Return how many Pods of its node have ended in a row before this one; one that ran for long begins anew."""
    text = pod.metadata.annotations.get(FAILURES, "")
    began = seconds(pod.status.start_time or pod.metadata.creation_timestamp)
    has_run_long = ended_at(pod) - began > 2 * BACK_OFF_MAX_S
    return int(text) if text.isascii() and text.isdigit() and not has_run_long else 0


def back_off_until(pod: Pod) -> float:
    """Return when a Pod that has ended may be replaced: at once, then after 1 s, doubled up to 15 min."""
    return ended_at(pod) + delay_after(failures_before(pod), BACK_OFF_FIRST_S, BACK_OFF_MAX_S)
