"""What becomes of a Pod that waits when something is not what it is said to be: "not-a-pod" where a Pod should be.

Upstream's plugins answer such an event with an error, and the Pod is looked at again for safety. Here the pass fails,
and the one after it begins with nothing in mind, as the daemon's loop begins one after every failure.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ConfigMap, Node, NodeSpec, ObjectMeta, Pod
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.memo import Memo
from reconciler.planner.scheduling.bind import place_pods
from reconciler.planner.view import View, ref_for

_NOW = 1_800_000_000.0
_CORDONED = Node(metadata=ObjectMeta(name="cordoned"), spec=NodeSpec(unschedulable=True))
_NODES = {"cordoned": NodeState(name="cordoned", heartbeat_at=_NOW)}


def is_broken(row: Any) -> bool:
    """Whether this stands for an object of no type at all."""
    return isinstance(row, str) or row == {}


def fails_and_looks_again(pod: Pod, kind: str) -> bool:
    """Whether a pass fails that finds such an object, and the next one looks at a Pod that nothing else concerns."""
    metadata = ObjectMeta(name="waiting", namespace="default", uid="waiting")
    waiting = _stored(replace(pod, metadata=metadata))
    ref = ObjectRef(kind=kind, namespace="default" if kind == "Pod" else "", name="broken")
    broken = StoredObject(ref=ref, object=ConfigMap(metadata=replace(metadata, name="broken")), manager="api")
    memo = Memo()
    there = {one.ref: one for one in (waiting, _stored(_CORDONED))}
    for _ in range(2):
        there = _pass(there, memo).there
    is_left_alone = waiting.ref not in _pass(there, memo).due
    with pytest.raises((AssertionError, AttributeError)):
        _pass({**there, ref: broken}, memo)
    return is_left_alone and waiting.ref in _pass(there, Memo()).due


class _Pass(NamedTuple):
    """What was looked at in a pass, and what is there after it."""

    due: frozenset[ObjectRef]
    there: dict[ObjectRef, StoredObject]


def _pass(objects: Mapping[ObjectRef, StoredObject], memo: Memo) -> _Pass:
    memo.next_pass()
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects=objects, nodes=_NODES)
    view = View(observed, Policy(), _NOW, memo)
    due = frozenset(one.ref for one in view.due("Pod"))
    place_pods(view)
    view.settle()
    return _Pass(due, dict(view.objects))


def _stored(object: Any) -> StoredObject:
    return StoredObject(ref=ref_for(object), object=object, manager="api")
