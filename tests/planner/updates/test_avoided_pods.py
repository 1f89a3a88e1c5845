"""The annotation of Nodes that names Pods to be spared: what Kubernetes refuses in it."""

import json
from typing import Any

import pytest

from reconciler.model.kinds import Node, ObjectMeta
from reconciler.planner.updates.avoided_pods import ANNOTATION
from reconciler.planner.updates.node import node_faults

OWNED = {"podController": {"kind": "ReplicaSet", "name": "web", "controller": True}}


def faults(text: str) -> list[str]:
    """Return the fields that are at fault in a Node with the annotation."""
    node = Node(metadata=ObjectMeta(name="n", annotations={ANNOTATION: text}))
    return [fault.field.removeprefix(f"metadata.annotations[{ANNOTATION}]") for fault in node_faults(node, node)]


@pytest.mark.parametrize(
    ("entries", "at_fault"),
    [
        ([], []),
        ([{"podSignature": OWNED, "reason": "old"}], []),
        ([{"reason": "no signature"}], [".preferAvoidPods[0].podSignature"]),
        (
            [{"podSignature": OWNED}, {"podSignature": {"podController": {"controller": False}}}],
            [".preferAvoidPods[1].podSignature.podController.controller"],
        ),
    ],
)
def test_pods_to_be_spared_are_named_by_their_controller(entries: list[Any], at_fault: list[str]) -> None:
    """Each entry, and none for an empty list."""
    assert faults(json.dumps({"preferAvoidPods": entries})) == at_fault


def test_what_is_no_json_is_refused() -> None:
    """The annotation as a whole is at fault; without one there is nothing to judge."""
    assert faults("nothing") == [""]
    assert faults("") == []
