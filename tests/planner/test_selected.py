"""Pods are found by a selector: looked up by the labels that it fixes, gone through where it fixes none."""

import pytest

from reconciler.model.kinds import (
    Container,
    LabelSelector,
    LabelSelectorRequirement,
    ObjectMeta,
    Pod,
    PodSpec,
    ref_of,
)
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.planner.view import View

LABELS = {"a": {"app": "web", "tier": "front"}, "b": {"app": "web"}, "c": {"app": "db"}, "d": {}}


def view() -> View:
    """Return a view of Pods with labels, and of one like them elsewhere."""
    objects = {}
    for namespace, names in (("shop", LABELS), ("other", {"a": LABELS["a"]})):
        for name, labels in names.items():
            metadata = ObjectMeta(name=name, namespace=namespace, uid=f"{namespace}-{name}", labels=labels)
            one = Pod(metadata=metadata, spec=PodSpec(containers=(Container(name="c", image="i"),)))
            objects[ref_of(one)] = StoredObject(ref=ref_of(one), object=one, manager="api")
    return View(ObservedState(cluster=ClusterInfo(id="test"), objects=objects), Policy(), 0.0)


def part(key: str, operator: str, *values: str) -> LabelSelectorRequirement:
    """Return one expression of a selector."""
    return LabelSelectorRequirement(key=key, operator=operator, values=values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        (LabelSelector(match_labels={"app": "web"}), ["a", "b"]),
        (LabelSelector(match_labels={"app": "web"}, match_expressions=(part("tier", "DoesNotExist"),)), ["b"]),
        (LabelSelector(match_expressions=(part("app", "In", "db"),)), ["c"]),
        (LabelSelector(match_expressions=(part("app", "In", "db", "web"),)), ["a", "b", "c"]),
        (LabelSelector(match_labels={"app": "web"}, match_expressions=(part("app", "In", "db"),)), []),
        (LabelSelector(), ["a", "b", "c", "d"]),
        (None, []),
    ],
)
def test_a_selector_finds_the_pods_of_its_namespace(selector: LabelSelector | None, names: list[str]) -> None:
    """However they are looked up."""
    found = view().selected("shop", selector)
    assert [(one.ref.namespace, one.ref.name) for one in found] == [("shop", name) for name in names]
