"""The Pods that are made from a template: their names."""

from typing import cast

import pytest

from reconciler.model.kinds import ReplicaSet
from reconciler.model.observed import ClusterInfo, ObservedState
from reconciler.model.plan import Reason
from reconciler.model.policy import Policy
from reconciler.planner.view import View
from reconciler.planner.workloads.create import create_pod
from tests.planner.reading import read, stored

TEMPLATE = (
    "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}"
)


@pytest.mark.parametrize(
    ("owner", "begins"),
    [
        ("web", "web-"),
        ("w" * 57, "w" * 57 + "-"),
        ("w" * 58, "w" * 57 + "-"),
        ("w" * 253, "w" * 57 + "-"),
        ("w" * 55 + "-.x", "w" * 55 + "-"),
    ],
)
def test_a_pods_name_is_that_of_a_host(owner: str, begins: str) -> None:
    """At most 63 characters: the name of its owner is cut off after a letter or digit. Each has another one."""
    one = stored(read("ReplicaSet", name=owner, metadata="uid: u", spec=TEMPLATE))
    view = View(ObservedState(cluster=ClusterInfo(id="t"), objects={one.ref: one}), Policy(), 0.0)
    template = cast(ReplicaSet, one.object).spec.template
    first, counter = create_pod(view, one, template, 0, Reason.SCALE_UP)
    second, last = create_pod(view, one, template, 0, Reason.SCALE_UP)
    assert (counter, last) == (1, 2) and first is not None and second is not None
    names = {first.ref.name, second.ref.name}
    assert len(names) == 2
    assert {(name[: len(begins)], len(name)) for name in names} == {(begins, len(begins) + 5)}
    assert len(begins) + 5 <= 63
