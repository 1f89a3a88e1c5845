"""Which Pods of a ReplicaSet go first when there are too many."""

from collections import Counter
from typing import Any

from reconciler.model.kinds import Pod, decode_object
from reconciler.model.times import rfc3339
from reconciler.planner.workloads.replicaset import first_out

NOW = 1_700_000_000.0


def ready(name: str, node: str, for_s: float, **annotations: str) -> Pod:
    """A Pod on a node that has been ready for so long."""
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(NOW - for_s)}
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "creationTimestamp": rfc3339(NOW - 3600), "annotations": annotations},
        "spec": {"nodeName": node, "containers": [{"name": "a", "image": "b"}]},
        "status": {"phase": "Running", "conditions": [condition]},
    }
    pod = decode_object(document)
    assert isinstance(pod, Pod)
    return pod


def order(*pods: Pod, min_ready_s: int = 0, crowds: dict[str, int] | None = None) -> list[str]:
    """Return the names in the order in which they go."""
    return [one.metadata.name for one in first_out(list(pods), Counter(crowds or {}), min_ready_s, NOW)]


CROWDED = {"node-1": 2, "node-2": 1}


def test_one_that_crowds_goes_before_one_that_is_younger() -> None:
    """As upstream, while both are available."""
    pods = ready("old", "node-1", 100), ready("new", "node-2", 3)
    assert order(*pods, crowds=CROWDED) == ["old", "new"]


def test_one_that_is_not_available_yet_goes_before_one_that_crowds() -> None:
    """What counts for availability is kept while there is another one to end."""
    pods = ready("old", "node-1", 100), ready("new", "node-2", 3)
    assert order(*pods, min_ready_s=5, crowds=CROWDED) == ["new", "old"]
    assert order(*pods, min_ready_s=3, crowds=CROWDED) == ["old", "new"]


def test_what_a_pod_says_of_itself_comes_first() -> None:
    """The cheapest goes, available or not."""
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-1"}
    pods = ready("cheap", "node-2", 100, **cost), ready("new", "node-2", 3)
    assert order(*pods, min_ready_s=5, crowds=CROWDED) == ["cheap", "new"]
