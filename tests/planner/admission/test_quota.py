"""What a quota says to an object that changes: only what it takes more than before counts."""

import pytest

from reconciler.model.plan import Decision, Reason
from tests.planner.test_quotas import quota
from tests.planner.world import Cluster

POD = """---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {v: LABEL}}
spec: {containers: [{name: c, image: i}]}
"""
SERVICE = "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: TYPE, ports: [{port: 80}]}\n"


@pytest.mark.parametrize(
    ("bounds", "before", "after", "decision"),
    [
        # It is all that may be, and stays it.
        ("pods: 1", POD.replace("LABEL", "a"), POD.replace("LABEL", "b"), Decision.UPDATE),
        # What it did not take at all before.
        (
            "services.nodeports: 0",
            SERVICE.replace("TYPE", "ClusterIP"),
            SERVICE.replace("TYPE", "NodePort"),
            Decision.BLOCKED,
        ),
        (
            "services.nodeports: 1",
            SERVICE.replace("TYPE", "ClusterIP"),
            SERVICE.replace("TYPE", "NodePort"),
            Decision.UPDATE,
        ),
    ],
)
def test_a_change_is_weighed_by_what_it_adds(bounds: str, before: str, after: str, decision: Decision) -> None:
    """An object that a full quota holds can change in other ways."""
    cluster = Cluster()
    cluster.push(quota(bounds) + before)
    cluster.settle()
    cluster.push(quota(bounds) + after, commit="c2")
    (found,) = (one for one in cluster.plan().verdicts if one.object.kind in ("Pod", "Service"))
    assert found.decision is decision
    assert (found.reason is Reason.QUOTA_EXCEEDED) == (decision is Decision.BLOCKED)
