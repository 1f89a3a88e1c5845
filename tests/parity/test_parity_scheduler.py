"""Which Pods wait for a node and which are counted on one, as Pods come, change and go."""

from collections.abc import Iterable
from typing import Any, cast

from reconciler.model.kinds import Node, NodeSpec, ObjectMeta, Pod
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState
from reconciler.model.policy import Policy
from reconciler.planner.memo import Memo
from reconciler.planner.scheduling.bind import candidates_of, place_pods
from reconciler.planner.view import View
from tests.parity.rows import NotTranslated, compare
from tests.parity.spelling import spelled_pod
from tests.parity.test_parity_deployment import stored
from tests.parity.test_parity_validation import problems_of

Case = dict[str, Any]
_NOW = 1_800_000_000.0
_NODES = ("node", "node1", "node2")


class Seen:
    """What a scheduler has in mind after it has seen one state of the Pods after the other; no node takes more."""

    def __init__(self, *states: Iterable[Pod]) -> None:
        memo = Memo()
        for pods in states:
            nodes = [Node(metadata=ObjectMeta(name=name), spec=NodeSpec(unschedulable=True)) for name in _NODES]
            objects = {one.ref: one for one in map(stored, (*nodes, *pods))}
            known = {name: NodeState(name=name, heartbeat_at=_NOW) for name in _NODES}
            memo.next_pass()
            view = View(
                ObservedState(cluster=ClusterInfo(id="test"), objects=objects, nodes=known), Policy(), _NOW, memo
            )
            place_pods(view)
            view.settle()
        self.waiting = [_plain(cast(Pod, view.objects[one.object].object)) for one in view.blocked]
        self.counted = [_plain(pod) for one in candidates_of(view).values() for pod in one.pods]


def _plain(pod: Pod) -> tuple[object, ...]:
    return pod.metadata, pod.spec


def pod_of(row: Any) -> Pod:
    """Return a row's Pod; upstream's tests give their own scheduler a name."""
    spec = {name: value for name, value in row["spec"].items() if name != "schedulerName"}
    return spelled_pod({**row, "spec": spec})


def _let_in(row: Any) -> tuple[Pod, ...]:
    """Return a row's Pod where the API lets it in: one of another scheduler it does not."""
    name = row["spec"].get("schedulerName", "")
    if name == "other-scheduler":
        spec = {"containers": [{"name": "a", "image": "b"}], "schedulerName": name}
        if problems_of({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}):
            return ()
    return (pod_of(row),)


def _is_seen(case: Case, seen: Seen) -> bool:
    wanted = [[_plain(pod_of(case[name]))] if case.get(name) else [] for name in ("expectInQueue", "expectInCache")]
    return [seen.waiting, seen.counted] == wanted


def added(case: Case) -> bool:
    """Judge a row with a Pod that comes."""
    pod = pod_of(case["pod"])
    expected = {name: case["pod"] for name in ("expectInQueue", "expectInCache") if case.get(name)}
    return _is_seen(expected, Seen((), (pod,)))


def changed(case: Case) -> bool:
    """Judge a row with a Pod that changes. What upstream takes for bound until it hears of it is bound with us."""
    new = pod_of(case["newPod"])
    if "assumedPod" in case and not new.spec.node_name and new.metadata.deletion_timestamp is None:
        raise NotTranslated  # no Pod of ours is without its node again
    states = [_let_in(case[name]) for name in ("oldPod", "assumedPod", "newPod") if name in case]
    if not states[-1] and "expectInCache" in case:
        raise NotTranslated  # no scheduler besides ours has placed anything
    return _is_seen(case, Seen(*states))


def changed_there(case: Case) -> bool:
    """Judge a row with a Pod that changes on its node."""
    return changed({**case, "expectInCache": case["newPod"]})


def gone(case: Case) -> bool:
    """Judge a row with a Pod that goes; nothing of it is kept in mind."""
    return _is_seen({}, Seen(_let_in(case["initialPod"]), ()))


def refused(case: Case) -> bool:
    """Judge a row with a Pod that fits nowhere, and that changes or goes while that is found out."""
    pod = pod_of({"metadata": {"name": "test-pod", "namespace": "default"}, "spec": {}, "status": {}})
    then = (pod_of(case["expect"]),) if "expect" in case else ()
    return Seen((pod,), then).waiting == [_plain(one) for one in then]


def test_pods_are_kept_in_mind_as_upstreams_scheduler_does() -> None:
    """Those without a node wait, those with one take room there, and of those that are gone nothing is left."""
    tables = {
        "TestAddPod": added,
        "TestUpdatePod": changed,
        "TestDeletePod": gone,
        "TestUpdateAssignedPodInCache": changed_there,
        "TestFailureHandler": refused,
    }
    compare("pkg_scheduler", tables)
