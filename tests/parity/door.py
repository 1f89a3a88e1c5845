"""Pods whose affinity is malformed: upstream's plugins refuse them late, here nobody may declare them."""

from typing import Any

from tests.parity.test_parity_validation import problems_of


def is_refused_at_the_door(pod: Any) -> bool:
    """Whether a Pod that is plain but for this one's affinity is refused, and for nothing else than that."""
    spec = {"containers": [{"name": "a", "image": "b"}], "affinity": pod["spec"]["affinity"]}
    found = problems_of({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    return bool(found) and all(one.pointer.startswith("/spec/affinity/") for one in found)
