"""What is told of nodes that fall silent and are heard again: events of theirs and of their Pods, and verdicts."""

from reconciler.model.observed import NodeState
from reconciler.model.plan import Plan, Reason
from tests.planner.world import Cluster, replace


def silent_tick(cluster: Cluster, last: NodeState) -> Plan:
    """Tick while all that is known of this node is its last report."""
    cluster.report()
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, last.name: last})
    return cluster.tick()


def test_a_node_that_falls_silent_and_is_heard_again_is_told_once_each() -> None:
    """By events of the node and, when it falls silent, of the Pods there that were ready; an ended one is no matter."""
    cluster = Cluster(nodes=("a", "b"))
    pods = ("lasting", "restartPolicy: Always"), ("ended", "restartPolicy: Never")
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {nodeName: a, HOW, containers: [C]}\n"
    cluster.push(
        "---\n".join(
            text.replace("NAME", name).replace("HOW", how).replace("C]", "{name: c, image: i}]") for name, how in pods
        )
    )
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.name == "ended" else "Running"
    cluster.settle()
    cluster.now += 60.0
    was = cluster.observed.nodes["a"]
    plan, again = (silent_tick(cluster, was) for _ in range(2))
    told = {(str(one.object), one.type, one.reason, one.message) for one in plan.happenings}
    assert told == {
        ("node/a", "Normal", "NodeNotReady", "node a status is now: NodeNotReady"),
        ("pod/default/lasting", "Warning", "NodeNotReady", "Node is not ready"),
    }
    assert [str(one.object) for one in plan.verdicts if one.reason is Reason.NODE_SILENT] == ["pod/default/lasting"]
    assert again.happenings == ()
    told = {(str(one.object), one.reason) for one in cluster.tick().happenings}
    assert told == {("node/a", "NodeReady")}
    assert cluster.tick().happenings == ()
