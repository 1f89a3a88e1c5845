"""DaemonSets: one Pod on every node that fits. Pure; semantics of Kubernetes' DaemonSet controller.

A silent node is left alone: unknown is not absent (P20). Nothing starts or ends there, and it counts as unavailable.
"""

from dataclasses import dataclass
from functools import partial
from typing import cast

from reconciler.model.kinds import DaemonSet, DaemonSetSpec, Node, Pod, PodTemplateSpec
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.node_selector import on_nodes_of_namespace
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.adoption import adopt_fitting, release_strangers
from reconciler.planner.workloads.configuration import bound_template
from reconciler.planner.workloads.create import create_pod, tell_created
from reconciler.planner.workloads.daemonset_pods import (
    FAILURES,
    DaemonPods,
    Fit,
    back_off_until,
    by_age,
    failures_before,
    fit_of,
    has_ended,
    is_on_its_way_out,
    node_as_before,
    pinned_template,
    revision_of,
    target_node,
)
from reconciler.planner.workloads.daemonset_status import daemon_set_status
from reconciler.planner.workloads.daemonset_update import Update, is_some, old_pods_to_end, share_of, surge
from reconciler.planner.workloads.pods import is_silent
from reconciler.planner.workloads.podview import is_available, is_ready
from reconciler.planner.workloads.replicaset import delete_pod
from reconciler.planner.workloads.revisions import REVISION_LABEL, Revisions, forget_revisions, sync_revisions


@dataclass(slots=True)
class _Turn:
    """What the steps for one DaemonSet share.

    `placed` is the template with the nodes of the namespace; `made` counts the Pods it ever made.
    """

    view: View
    owner: StoredObject
    spec: DaemonSetSpec
    template: PodTemplateSpec
    placed: PodTemplateSpec
    revision: str
    made: int

    def fit(self, node: Node) -> Fit:
        """Return whether the Pod is to run on a node."""
        key = ("daemon fit", self.owner.ref, node.metadata.name)
        return self.view.memo.get(key, (self.placed, node.metadata, node.spec), partial(fit_of, self.placed, node))

    def pods(self) -> DaemonPods:
        """Return the Pods as they are by now."""
        return pods_of(self.view, self.owner.object.metadata.uid, self.revision)

    def wanted(self, found: DaemonPods) -> frozenset[str]:
        """Return the names of the nodes that are to have the Pod."""
        return frozenset(name for name, node in found.nodes.items() if self.fit(node).must)

    def start(self, node: str, reason: Reason, *, failures: int = 0) -> None:
        """Start the Pod of a node."""
        pod, self.made = create_pod(
            self.view,
            self.owner,
            pinned_template(self.template, node),
            self.made,
            reason,
            labels={REVISION_LABEL: self.revision},
            annotations={FAILURES: str(failures)} if failures else {},
        )
        tell_created(self.view, self.owner, pod)

    def end(self, stored: StoredObject, reason: Reason, message: str = "") -> None:
        """End a Pod."""
        delete_pod(self.view, self.view.latest(stored), reason, message)


def sync_daemon_sets(view: View) -> None:
    """Advance every DaemonSet by what may be done now, and write its status."""
    free = view.unmanaged("Pod")
    for stored in view.of_kind("DaemonSet"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored, free)


def _sync(view: View, stored: StoredObject, free: list[StoredObject]) -> None:
    daemon_set = cast(DaemonSet, stored.object)
    claim_pods(view, stored, free)
    template = bound_template(view, stored, daemon_set.spec.template)
    revisions = sync_revisions(view, stored, template, "")
    revision, made = hash_of(revisions.update), daemon_set.status.pods_created
    turn = _Turn(view, stored, daemon_set.spec, template, _placed(view, stored, template), revision, made)
    _settle_nodes(turn)
    if turn.spec.update_strategy.type == "RollingUpdate":
        _roll(turn)
    found = turn.pods()
    status = daemon_set_status(view, daemon_set, found, turn.wanted(found))
    collisions = revisions.collisions or daemon_set.status.collision_count
    view.set_status(stored, replace(status, collision_count=collisions, pods_created=turn.made))
    _forget(turn, revisions)


def _placed(view: View, stored: StoredObject, template: PodTemplateSpec) -> PodTemplateSpec:
    namespace = view.get(ObjectRef(kind="Namespace", name=stored.ref.namespace))

    def place() -> PodTemplateSpec:
        return replace(template, spec=on_nodes_of_namespace(view, stored.ref.namespace, template.spec))

    return view.memo.get(
        ("placed daemon", stored.ref), (template, namespace and namespace.object.metadata, view.policy), place
    )


def claim_pods(view: View, stored: StoredObject, free: list[StoredObject]) -> None:
    """Let go the Pods whose labels no longer fit, and take in those of `free` that do."""
    selector = cast(DaemonSet, stored.object).spec.selector
    release_strangers(view, stored, "Pod", selector)
    if free:
        adopt_fitting(view, stored, "Pod", free, selector)


def hash_of(revision: StoredObject) -> str:
    """Return the letters by which Pods name their revision: the end of its name."""
    return revision.ref.name.rpartition("-")[2]


def pods_of(view: View, uid: str, revision: str) -> DaemonPods:
    """Return the nodes, and the Pods that are meant for each; those that have ended and are going do not count."""
    nodes: dict[str, Node] = view.kept_for_pass("daemon nodes", lambda: _nodes(view))
    pods: dict[str, list[StoredObject]] = {}
    for one in view.owned_by(uid, "Pod"):
        if not is_on_its_way_out(cast(Pod, one.object)):
            pods.setdefault(target_node(cast(Pod, one.object)), []).append(one)
    silent = frozenset(name for name in nodes if is_silent(view, view.observed.nodes.get(name)))
    return DaemonPods(nodes=nodes, pods=pods, silent=silent, revision=revision)


def _nodes(view: View) -> dict[str, Node]:
    """Return the nodes, each as it was when it last changed in what daemons look at."""
    known: dict[str, Node] = view.memo.kept("daemon nodes", dict)
    found = {
        one.ref.name: node_as_before(known.get(one.ref.name), cast(Node, one.object)) for one in view.of_kind("Node")
    }
    known.clear()
    known.update(found)
    return found


# One Pod on each node


def _settle_nodes(turn: _Turn) -> None:
    found = turn.pods()
    for name in sorted(found.nodes.keys() - found.silent):
        pods, fit = found.pods.get(name, []), turn.fit(found.nodes[name])
        if fit.must and not pods:
            turn.start(name, Reason.NODE_FITS)
        elif fit.may:
            _settle_node(turn, name, pods, must_run=fit.must)
        else:
            for one in pods:
                turn.end(one, Reason.NODE_UNFIT, f"{name} does not fit any more")
    for name in sorted(found.pods.keys() - found.nodes.keys()):
        for one in found.pods[name]:
            if not cast(Pod, one.object).spec.node_name:
                turn.end(one, Reason.NODE_UNFIT, f"there is no node {name}")


def _settle_node(turn: _Turn, name: str, pods: list[StoredObject], *, must_run: bool) -> None:
    """Replace what has ended, and leave one Pod; two only where the new one of an update is not available yet."""
    staying = [one for one in by_age(pods) if one.object.metadata.deletion_timestamp is None]
    running = [one for one in staying if not has_ended(cast(Pod, one.object))]
    for one in staying:
        if has_ended(cast(Pod, one.object)):
            _replace_ended(turn, name, one, again=must_run and len(pods) == 1)
    for one in _too_many(turn, running):
        turn.end(one, Reason.SCALE_DOWN, f"{name} has one already")


def _replace_ended(turn: _Turn, name: str, one: StoredObject, *, again: bool) -> None:
    pod = cast(Pod, one.object)
    until = back_off_until(pod)
    if until > turn.view.now:
        turn.view.look_again(until)
        return
    failed = pod.status.phase == "Failed"
    event = "FailedDaemonPod" if failed else "SucceededDaemonPod"
    turn.view.happened(turn.owner, event, f"pod {one.ref.name} on {name} has ended and is replaced", warning=failed)
    reason = Reason.POD_FAILED if failed else Reason.POD_FINISHED
    turn.end(one, reason)
    if again:
        turn.start(name, reason, failures=failures_before(pod) + 1)


def _too_many(turn: _Turn, running: list[StoredObject]) -> list[StoredObject]:
    if not is_some(turn.spec.update_strategy.rolling_update.max_surge):
        return running[1:]
    new = [one for one in running if revision_of(one) == turn.revision]
    old = [one for one in running if revision_of(one) != turn.revision]
    surplus = [*new[1:], *old[1:]]
    if new and old:
        newest, oldest = cast(Pod, new[0].object), cast(Pod, old[0].object)
        if not is_ready(oldest) or is_available(newest, turn.spec.min_ready_seconds, turn.view.now):
            surplus.append(old[0])
    return surplus


# Updates


def _roll(turn: _Turn) -> None:
    """Bring Pods of the newest template to the nodes, as many at a time as the limits allow."""
    found, rolling = turn.pods(), turn.spec.update_strategy.rolling_update
    wanted = turn.wanted(found)
    nodes = sorted(wanted | found.pods.keys())
    update = Update(found=found, min_ready_s=turn.spec.min_ready_seconds, now=turn.view.now)
    surge_max = share_of(rolling.max_surge, len(wanted))
    if surge_max == 0:
        unavailable_max = max(share_of(rolling.max_unavailable, len(wanted)), 1)
        for one in old_pods_to_end(update, nodes, unavailable_max):
            turn.end(one, Reason.OLD_REVISION)
        return
    ending, beside = surge(update, nodes, surge_max)
    for one in ending:
        turn.end(one, Reason.OLD_REVISION)
    for name in beside:
        turn.start(name, Reason.ROLLOUT)


def _forget(turn: _Turn, revisions: Revisions) -> None:
    owned = turn.view.owned_by(turn.owner.object.metadata.uid, "Pod")
    used = (f"{turn.owner.ref.name}-{revision_of(one)}" for one in owned)
    live = frozenset({revisions.update.ref.name, *used})
    forget_revisions(turn.view, turn.owner, live, turn.spec.revision_history_limit)
