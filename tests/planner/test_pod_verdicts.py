"""What a plan says of Pods that nothing is done about: that they are in sync, or what they wait for."""

import pytest

from reconciler.model.plan import Decision, Plan, Reason
from reconciler.model.refs import ObjectRef
from tests.planner.world import Cluster, replace

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {MOREcontainers: [{name: c, image: i}]}\n"
NEEDS = "volumes: [{name: v, configMap: {name: settings}}], "
REF = ObjectRef.of("Pod", "default", "p")


def settled(more: str = "") -> Cluster:
    """Return a cluster with the Pod as far as it gets."""
    cluster = Cluster()
    cluster.push(POD.replace("MORE", more))
    cluster.settle()
    return cluster


def said(answer: Plan) -> tuple[Decision, Reason, str]:
    """Return what a plan says of the Pod."""
    (found,) = [one for one in answer.verdicts if one.object == REF]
    return found.decision, found.reason, found.message


def ending(cluster: Cluster) -> Cluster:
    """Return the cluster after somebody asked the Pod to end, which it does not."""
    cluster.ends = lambda _: False
    stored = cluster.observed.objects[REF]
    metadata = replace(stored.object.metadata, deletion_timestamp="2027-01-15T08:00:00Z")
    gone = replace(stored, object=replace(stored.object, metadata=metadata))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, REF: gone})
    cluster.report()
    return cluster


@pytest.mark.parametrize(
    ("more", "later_s", "expected"),
    [
        ("", 0, (Decision.UNCHANGED, Reason.IN_SYNC, "")),
        (NEEDS, 0, (Decision.BLOCKED, Reason.MISSING_REFERENCE, "configmap/default/settings does not exist")),
        ("", 900, (Decision.BLOCKED, Reason.NODE_SILENT, "node-1 is silent: unknown is not absent")),
    ],
)
def test_a_pod_says_what_it_waits_for(more: str, later_s: float, expected: tuple[Decision, Reason, str]) -> None:
    """What it refers to, or a word of its node."""
    cluster = settled(more)
    cluster.now += later_s
    assert said(cluster.plan()) == expected


def test_a_pod_that_ends_says_so() -> None:
    """And when its node cannot be asked whether it has."""
    cluster = ending(settled())
    assert said(cluster.plan()) == (Decision.DELETE, Reason.POD_TERMINATING, "is ending")
    cluster.now += 900
    assert said(cluster.plan()) == (Decision.DELETE, Reason.POD_TERMINATING, "is ending; node-1 is silent")
