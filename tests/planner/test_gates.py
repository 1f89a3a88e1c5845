"""Scheduling gates: a Pod with one is not placed, and says so."""

from reconciler.model.plan import Decision, Reason
from tests.planner.world import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: web}]
"""
GATED = POD + "  schedulingGates: [{name: example.com/permission}]\n"


def test_a_gated_pod_is_placed_when_its_gates_are_gone() -> None:
    """Until then it is pending, for the reason that Kubernetes gives."""
    cluster = Cluster()
    cluster.push(GATED)
    verdicts = {v.object.kind: v for v in [*cluster.settle(), cluster.plan()][-1].verdicts if v.object.name == "web"}
    pod = cluster.of("Pod")["web"]
    (scheduled,) = [one for one in pod.status.conditions if one.type == "PodScheduled"]
    assert (pod.spec.node_name, pod.status.phase) == ("", "Pending")
    assert (scheduled.status, scheduled.reason) == ("False", "SchedulingGated")
    assert (verdicts["Pod"].decision, verdicts["Pod"].reason) == (Decision.BLOCKED, Reason.SCHEDULING_GATED)
    cluster.push(POD, commit="c2")
    cluster.settle()
    assert cluster.of("Pod")["web"].spec.node_name
