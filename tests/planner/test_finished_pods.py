"""A Pod ends once and for ever."""

from typing import cast

from reconciler.model.kinds import Pod
from reconciler.planner.project import project_assignment
from tests.planner.world import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: task}
spec: {restartPolicy: Never, containers: [{name: task, image: "task:1"}]}
"""


def test_a_finished_pod_stays_finished_whatever_its_node_says() -> None:
    """P10: a node that lost its memory reports it as running; its phase stays, and the node is told so."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.phase = lambda _: "Succeeded"
    cluster.settle()
    cluster.phase = lambda _: "Running"
    cluster.report()
    cluster.settle()
    assert cast(Pod, cluster.of("Pod")["task"]).status.phase == "Succeeded"
    assert project_assignment(cluster.observed, cluster.policy, "node-1").pods[0].finished == "Succeeded"
